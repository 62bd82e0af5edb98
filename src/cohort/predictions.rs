//! What the two prediction logs say about one store, looked up by SKU and instant (SPEC 2 and 6).

use std::ops::RangeInclusive;

use super::{Money, Timestamp};

/// A row of the baseline log inside a line's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The instant.
    pub at: Timestamp,
    /// What would have been sold without the anomaly.
    pub baseline: Option<Money>,
    /// What was sold.
    pub actual: Option<Money>,
}

/// A row of the classifier's log at a line's tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The instant.
    pub at: Timestamp,
    /// The anomaly score; never NaN.
    pub score: Option<f64>,
}

/// The predictions of one store for one SKU: each instant at most once, ascending.
#[derive(Clone, Copy, Debug, Default)]
pub struct Series<'a> {
    /// From the baseline log.
    pub sales: &'a [Sale],
    /// From the classifier's log.
    pub scores: &'a [Score],
}

impl<'a> Series<'a> {
    /// The sales rows inside the window, both its ends included.
    pub fn sales_within(&self, window: RangeInclusive<Timestamp>) -> &'a [Sale] {
        let from = self.sales.partition_point(|sale| sale.at < *window.start());
        let to = self.sales.partition_point(|sale| sale.at <= *window.end());
        &self.sales[from..to.max(from)]
    }

    /// The classifier's score at the instant, where it has one.
    pub fn score_at(&self, at: Timestamp) -> Option<f64> {
        let i = self.scores.binary_search_by_key(&at, |score| score.at).ok()?;
        self.scores[i].score
    }
}

/// All predictions that a store's lines can use.
pub trait Predictions {
    /// The rows for this SKU, null equal to null.
    fn series(&self, sku: Option<&str>) -> Series<'_>;
}

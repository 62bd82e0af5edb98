//! The two prediction logs: their rows, which of two duplicates wins (SPEC 2), and what they say
//! about one store by SKU and instant (SPEC 6).

use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::RangeInclusive;

use super::doubles::compare;
use super::{Money, Timestamp};
use crate::contract::{BASELINE, CLASSIFIER, Log};

/// A prediction log.
pub trait PredictionLog: Debug + Send + Sync + 'static {
    /// What a row says besides its key.
    type Value: Copy + Debug + PartialEq + Send + 'static;
    /// A row of one store and SKU.
    type Row: Copy + Debug + Send + Sync + 'static;
    /// The contract's description.
    const LOG: &'static Log;
    /// The value columns.
    const VALUES: &'static [&'static str];

    /// The order of duplicates that were ingested at one instant: by the value columns in order,
    /// null smallest.
    fn order(a: &Self::Value, b: &Self::Value) -> Ordering;

    /// The row at an instant.
    fn row(at: Timestamp, value: Self::Value) -> Self::Row;

    /// The order of duplicates, of which the greatest wins: by `ingested_at`, then by the values.
    fn precedence(
        a: (Option<Timestamp>, &Self::Value),
        b: (Option<Timestamp>, &Self::Value),
    ) -> Ordering {
        a.0.cmp(&b.0).then_with(|| Self::order(a.1, b.1))
    }
}

/// `anomaly_classifier_model_prediction_log`.
#[derive(Debug)]
pub struct Scores;

/// `baseline_sales_model_prediction_log`.
#[derive(Debug)]
pub struct Sales;

impl PredictionLog for Scores {
    type Value = Option<f64>;
    type Row = Score;
    const LOG: &'static Log = &CLASSIFIER;
    const VALUES: &'static [&'static str] = &["anomaly_score"];

    fn order(a: &Self::Value, b: &Self::Value) -> Ordering {
        compare(*a, *b)
    }

    fn row(at: Timestamp, score: Self::Value) -> Score {
        Score { at, score }
    }
}

impl PredictionLog for Sales {
    type Value = (Option<Money>, Option<Money>);
    type Row = Sale;
    const LOG: &'static Log = &BASELINE;
    const VALUES: &'static [&'static str] = &["baseline_sales", "actual_sales"];

    fn order(a: &Self::Value, b: &Self::Value) -> Ordering {
        a.cmp(b)
    }

    fn row(at: Timestamp, (baseline, actual): Self::Value) -> Sale {
        Sale { at, baseline, actual }
    }
}

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

    /// The classifier's row at the instant, if there is one.
    pub fn score_at(&self, at: Timestamp) -> Option<&'a Score> {
        let i = self.scores.binary_search_by_key(&at, |score| score.at).ok()?;
        self.scores.get(i)
    }
}

/// All predictions that a store's lines can use.
pub trait Predictions {
    /// The rows for this SKU, null equal to null.
    fn series(&self, sku: Option<&str>) -> Series<'_>;
}

impl<P: Predictions + ?Sized> Predictions for &P {
    fn series(&self, sku: Option<&str>) -> Series<'_> {
        (**self).series(sku)
    }
}

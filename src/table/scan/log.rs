//! The two prediction logs: their value columns and the order between duplicates (SPEC 2).

use std::cmp::Ordering;
use std::fmt::Debug;

use arrow::array::RecordBatch;

use crate::cohort::report::doubles;
use crate::cohort::{Money, Sale, Score, Timestamp};
use crate::contract::{BASELINE, CLASSIFIER, Log};
use crate::table::columns::Columns;
use crate::table::values::{Amounts, Doubles};

/// A prediction log.
pub trait PredictionLog: Debug + Send + Sync + 'static {
    /// What a row says besides its key.
    type Value: Copy + Debug + PartialEq + Send + 'static;
    /// A row as the core wants it.
    type Row: Copy + Debug + Send + Sync + 'static;
    /// The contract's description.
    const LOG: &'static Log;
    /// The value columns.
    const VALUES: &'static [&'static str];

    /// The values of a batch, row by row. The error names a column whose amount is too large, and the row.
    ///
    /// # Errors
    /// Where an amount does not fit `decimal(18,4)`.
    fn values(
        columns: &Columns,
        batch: &RecordBatch,
    ) -> Result<Vec<Self::Value>, (&'static str, usize)>;

    /// Which of two duplicates ingested at one instant is the greater.
    fn order(a: &Self::Value, b: &Self::Value) -> Ordering;

    /// The row at an instant.
    fn row(at: Timestamp, value: Self::Value) -> Self::Row;
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

    fn values(
        columns: &Columns,
        batch: &RecordBatch,
    ) -> Result<Vec<Self::Value>, (&'static str, usize)> {
        let scores = Doubles::new(batch.column_by_name(columns.name("anomaly_score")));
        Ok((0..batch.num_rows()).map(|row| scores.get(row)).collect())
    }

    fn order(a: &Self::Value, b: &Self::Value) -> Ordering {
        doubles(*a, *b)
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

    fn values(
        columns: &Columns,
        batch: &RecordBatch,
    ) -> Result<Vec<Self::Value>, (&'static str, usize)> {
        let amounts = |name| Amounts::new(batch.column_by_name(columns.name(name)));
        let (baseline, actual) = (amounts("baseline_sales"), amounts("actual_sales"));
        let row = |row| {
            let baseline = baseline.get(row).map_err(|_| ("baseline_sales", row))?;
            Ok((baseline, actual.get(row).map_err(|_| ("actual_sales", row))?))
        };
        (0..batch.num_rows()).map(row).collect()
    }

    fn order(a: &Self::Value, b: &Self::Value) -> Ordering {
        a.cmp(b)
    }

    fn row(at: Timestamp, (baseline, actual): Self::Value) -> Sale {
        Sale { at, baseline, actual }
    }
}

//! A record batch of a prediction log as values (SPEC 2).

use super::Lookup;
use super::texts::Texts;
use super::values::{AmountColumn, Doubles, Instant, Instants};
use crate::predictions::{PredictionLog, Sales, Scores};
use crate::rejects::{Reason, judge_prediction};
use crate::{Money, Timestamp};

/// A prediction log that can be read from record batches.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::{ArrayRef, Float64Array};
/// use cohort_core::Scores;
/// use cohort_core::batch::ReadPredictions as _;
///
/// let scores: ArrayRef = Arc::new(Float64Array::from(vec![0.75, f64::NAN]));
/// let column = |name: &str| (name == "anomaly_score").then_some(&scores);
/// assert_eq!(Scores::values(&column, 2, |_, _| {}), [Some(0.75), None]);
/// ```
pub trait ReadPredictions: PredictionLog {
    /// The values of a batch, row by row. An amount that is out of range is null;
    /// `out_of_range` is told its row and its place among [`PredictionLog::VALUES`].
    fn values(
        column: Lookup<'_>,
        rows: usize,
        out_of_range: impl FnMut(usize, usize),
    ) -> Vec<Self::Value>;

    /// When each row of a batch was written.
    fn ingested_at(column: Lookup<'_>, rows: usize) -> Vec<Option<Timestamp>> {
        let ingested = Instants::new(column("ingested_at"));
        (0..rows).map(|row| ingested.get(row).map(Instant::nearest)).collect()
    }
}

impl ReadPredictions for Scores {
    fn values(
        column: Lookup<'_>,
        rows: usize,
        _out_of_range: impl FnMut(usize, usize),
    ) -> Vec<Option<f64>> {
        let scores = Doubles::new(column("anomaly_score"));
        (0..rows).map(|row| scores.get(row)).collect()
    }
}

impl ReadPredictions for Sales {
    fn values(
        column: Lookup<'_>,
        rows: usize,
        mut out_of_range: impl FnMut(usize, usize),
    ) -> Vec<(Option<Money>, Option<Money>)> {
        let columns =
            ["baseline_sales", "actual_sales"].map(|name| AmountColumn::new(column(name)));
        let mut amount = |row, place: usize| {
            columns[place].get(row).unwrap_or_else(|_| {
                out_of_range(row, place);
                None
            })
        };
        (0..rows).map(|row| (amount(row, 0), amount(row, 1))).collect()
    }
}

/// One batch of a prediction log, read row by row.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::TimestampMicrosecondArray as Instants;
/// use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
/// use cohort_core::Scores;
/// use cohort_core::batch::PredictionRows;
///
/// let stores: ArrayRef = Arc::new(StringArray::from(vec!["327", ""]));
/// let ticks: ArrayRef = Arc::new(Instants::from(vec![5, 5]));
/// let scores: ArrayRef = Arc::new(Float64Array::from(vec![0.75, 0.5]));
/// let columns = [("store_id", stores), ("tick_at", ticks), ("anomaly_score", scores)];
/// let batch = RecordBatch::try_from_iter(columns)?;
/// let rows =
///     PredictionRows::<Scores>::new(&|name| batch.column_by_name(name), batch.num_rows());
/// let first = rows.row(0).map(|row| (row.store_id, row.sku, row.at.as_us(), row.value));
/// assert_eq!(first, Ok(("327", None, 5, Some(0.75))));
/// assert_eq!(rows.row(1).unwrap_err().text(), "missing_store_id");
/// # Ok::<(), arrow::error::ArrowError>(())
/// ```
#[derive(Debug)]
pub struct PredictionRows<L: PredictionLog> {
    store_id: Texts,
    sku: Texts,
    tick_at: Instants,
    ingested_at: Vec<Option<Timestamp>>,
    values: Vec<L::Value>,
    /// (row, place among [`PredictionLog::VALUES`]) of each amount out of range, ascending.
    out_of_range: Vec<(usize, usize)>,
}

/// A row of a prediction log that takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction<'b, V> {
    /// Its store.
    pub store_id: &'b str,
    /// Its SKU.
    pub sku: Option<&'b str>,
    /// Its tick.
    pub at: Timestamp,
    /// When it was written.
    pub ingested_at: Option<Timestamp>,
    /// What it says.
    pub value: V,
}

impl<L: ReadPredictions> PredictionRows<L> {
    /// The rows of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>, rows: usize) -> Self {
        let mut out_of_range = Vec::new();
        let values = L::values(column, rows, |row, place| out_of_range.push((row, place)));
        Self {
            store_id: Texts::new(column("store_id")),
            sku: Texts::new(column("sku")),
            tick_at: Instants::new(column("tick_at")),
            ingested_at: L::ingested_at(column, rows),
            values,
            out_of_range,
        }
    }

    /// The row's tick, if it can be trusted.
    #[must_use]
    pub fn tick(&self, row: usize) -> Option<Timestamp> {
        self.tick_at.get(row).and_then(Instant::exact)
    }

    /// The row, if it takes part.
    ///
    /// # Errors
    /// The first reason to reject it.
    pub fn row(&self, row: usize) -> Result<Prediction<'_, L::Value>, Reason> {
        let store_id = self.store_id.get(row).filter(|id| !id.is_empty());
        let store_fault = self.store_id.fault(row);
        let has_store = store_id.is_some() || store_fault.is_some();
        let fault = [store_fault, self.sku.fault(row)].into_iter().flatten().min();
        let at = judge_prediction(has_store, self.tick_at.get(row), fault, None)?;
        Ok(Prediction {
            store_id: store_id.ok_or(Reason::MissingStore)?,
            sku: self.sku.get(row),
            at,
            ingested_at: self.ingested_at[row],
            value: self.values[row],
        })
    }

    /// The places among [`PredictionLog::VALUES`] of the row's amounts that are out of range.
    pub fn out_of_range(&self, row: usize) -> impl Iterator<Item = usize> {
        let first = self.out_of_range.partition_point(|&(other, _)| other < row);
        let of_row = self.out_of_range[first..].iter().take_while(move |&&(other, _)| other == row);
        of_row.map(|&(_, place)| place)
    }
}

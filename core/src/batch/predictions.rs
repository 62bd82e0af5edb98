//! A record batch of a prediction log as values (SPEC 2).

use super::Lookup;
use super::values::{AmountColumn, Doubles, Instant, Instants};
use crate::predictions::{PredictionLog, Sales, Scores};
use crate::{Money, Timestamp};

/// A prediction log that can be read from record batches.
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

//! A record batch of a prediction log as values (SPEC 2).

use super::values::{Amounts, Doubles, Instants};
use super::{Fault, Lookup};
use crate::predictions::{PredictionLog, Sales, Scores};
use crate::{Money, Timestamp};

/// A prediction log that can be read from record batches.
pub trait ReadPredictions: PredictionLog {
    /// The values of a batch, row by row.
    ///
    /// # Errors
    /// [`Fault::Amount`].
    fn values(column: Lookup<'_>, rows: usize) -> Result<Vec<Self::Value>, Fault>;

    /// When each row of a batch was written.
    ///
    /// # Errors
    /// [`Fault::Instant`].
    fn ingested_at(column: Lookup<'_>, rows: usize) -> Result<Vec<Option<Timestamp>>, Fault> {
        let ingested = Instants::new(column("ingested_at"));
        let at = |row| ingested.get(row).map_err(|_| Fault::Instant("ingested_at", row));
        (0..rows).map(at).collect()
    }
}

impl ReadPredictions for Scores {
    fn values(column: Lookup<'_>, rows: usize) -> Result<Vec<Option<f64>>, Fault> {
        let scores = Doubles::new(column("anomaly_score"));
        Ok((0..rows).map(|row| scores.get(row)).collect())
    }
}

impl ReadPredictions for Sales {
    fn values(
        column: Lookup<'_>,
        rows: usize,
    ) -> Result<Vec<(Option<Money>, Option<Money>)>, Fault> {
        let amounts = |name| Amounts::new(column(name));
        let (baseline, actual) = (amounts("baseline_sales"), amounts("actual_sales"));
        let row = |row| {
            let amount =
                |amounts: &Amounts, name| amounts.get(row).map_err(|_| Fault::Amount(name, row));
            Ok((amount(&baseline, "baseline_sales")?, amount(&actual, "actual_sales")?))
        };
        (0..rows).map(row).collect()
    }
}

//! The rows of both logs, store by store, as batches.

use arrow_array::RecordBatch;
use cohort_core::batch::{MelogBatch, MrchBatch};
use cohort_core::{
    ByCell, Candidates, Counts, Event, EventRows, Evidence, Interval, Predictions, Sale, Score,
    Series, Windows, store_rows,
};

use crate::error::Error;

/// One of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Mrch,
    Melog,
}

impl Written {
    /// What callers know it as.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mrch => "mrch",
            Self::Melog => "melog",
        }
    }
}

/// Who takes the batches.
pub(crate) type Emit<'e> = &'e mut dyn FnMut(Written, RecordBatch) -> Result<(), Error>;

/// One store: its events, and where its predictions are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store<'s> {
    pub id: &'s str,
    pub events: &'s [Event],
    pub windows: &'s Windows,
    pub sales: &'s ByCell<Sale>,
    pub scores: &'s ByCell<Score>,
    /// The cell of the store's first SKU.
    pub first_cell: usize,
}

impl Predictions for Store<'_> {
    fn series(&self, sku: Option<&str>) -> Series<'_> {
        self.windows.place(sku).map_or_else(Series::default, |place| {
            let cell = self.first_cell + place;
            Series { sales: self.sales.of(cell), scores: self.scores.of(cell) }
        })
    }
}

/// Both logs in the making.
#[derive(Debug)]
pub(crate) struct Output {
    interval: Interval,
    candidates: Candidates,
    mrch: MrchBatch,
    melog: MelogBatch,
    rows_max: usize,
    /// What was counted so far.
    pub counts: Counts,
}

impl Output {
    /// No rows yet. A batch gets at most `rows_max` of them.
    pub(crate) fn new(
        interval: Interval,
        candidates: Candidates,
        run_id: &str,
        rows_max: usize,
    ) -> Self {
        Self {
            interval,
            candidates,
            mrch: MrchBatch::new(run_id),
            melog: MelogBatch::new(run_id),
            rows_max,
            counts: Counts::default(),
        }
    }

    /// Writes the rows of a store.
    ///
    /// # Errors
    /// [`Error::Data`] for a sum that is too large, and whatever `emit` returns.
    pub(crate) fn store(&mut self, store: Store<'_>, emit: Emit<'_>) -> Result<(), Error> {
        let evidence =
            Evidence { store_id: store.id, predictions: &store, candidates: &self.candidates };
        let (mrch, melog, rows_max) = (&mut self.mrch, &mut self.melog, self.rows_max);
        let mut rows = EventRows::default();
        let counts = &mut self.counts;
        let interval = self.interval;
        store_rows(store.events, evidence, interval, &mut rows, counts, |names, event, rows| {
            mrch.push(names, event, rows, rows_max, |batch| emit(Written::Mrch, batch))?;
            melog.push(names, event, rows);
            if melog.rows() >= rows_max || melog.is_full() {
                emit(Written::Melog, melog.finish()?)?;
            }
            Ok(())
        })
    }

    /// Hands over what is left.
    ///
    /// # Errors
    /// Whatever `emit` returns.
    pub(crate) fn finish(&mut self, emit: Emit<'_>) -> Result<(), Error> {
        if self.mrch.rows() > 0 {
            emit(Written::Mrch, self.mrch.finish()?)?;
        }
        if self.melog.rows() > 0 {
            emit(Written::Melog, self.melog.finish()?)?;
        }
        Ok(())
    }
}

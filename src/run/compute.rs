//! Events and predictions to encoded parts, chunk by chunk on the workers.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use futures_util::future::try_join_all;

use super::{Error, Shell};
use crate::cohort::rows::Inputs;
use crate::cohort::{
    Candidates, Event, EventRows, Interval, Predictions, Sale, Score, Series, event_rows,
};
use crate::contract::MELOG;
use crate::layout::RunId;
use crate::lineage::Counts;
use crate::manifest::Manifest;
use crate::orchestrator::highlights::Highlights;
use crate::table::scan::points::ByCell;
use crate::table::scan::probe::{Cells, StoreEvents};
use crate::table::write::melog::MelogRows;
use crate::table::write::mrch::{MrchWriter, Names};
use crate::table::write::part::{PART_ROWS, Part, PartWriter};

/// Everything that a run writes but the rejects, and what it found.
pub struct Computed {
    /// MRCH.
    pub snapshots: Vec<Part>,
    /// MELOG.
    pub events: Vec<Part>,
    /// The counts of the lineage.
    pub counts: Counts,
    /// The events that people look at first.
    pub highlights: Highlights,
}

/// What the scans found, for all stores.
#[derive(Debug)]
pub struct AllPredictions {
    /// The cells.
    pub cells: Arc<Cells>,
    /// From the baseline log.
    pub sales: ByCell<Sale>,
    /// From the classifier's log.
    pub scores: ByCell<Score>,
}

/// The same for one store.
struct OfStore<'a> {
    all: &'a AllPredictions,
    store: usize,
}

impl Predictions for OfStore<'_> {
    fn series(&self, sku: Option<&str>) -> Series<'_> {
        match self.all.cells.of(self.store, sku) {
            Some(cell) => {
                Series { sales: self.all.sales.of(cell), scores: self.all.scores.of(cell) }
            }
            None => Series::default(),
        }
    }
}

/// What a chunk of stores gave.
struct Chunk {
    snapshots: Option<Part>,
    events: Vec<ArrayRef>,
    counts: Counts,
    highlights: Highlights,
}

impl Shell {
    /// Computes and encodes all rows of the interval.
    ///
    /// # Errors
    /// [`Error::Sum`] for a sum that does not fit its column.
    pub(super) async fn compute_parts(
        &self,
        manifest: &Manifest,
        stores: &Arc<Vec<StoreEvents>>,
        predictions: &Arc<AllPredictions>,
        candidates: &Arc<Candidates>,
    ) -> Result<Computed, Error> {
        let chunks = chunks(stores, manifest.interval).into_iter().map(|range| {
            let (stores, predictions, candidates) =
                (stores.clone(), predictions.clone(), candidates.clone());
            let (interval, run_id) = (manifest.interval, manifest.run_id.clone());
            self.workers
                .run(move || chunk(&stores, range, &predictions, &candidates, interval, run_id))
        });
        let chunks = try_join_all(chunks).await?;
        let mut computed = Computed {
            snapshots: Vec::new(),
            events: Vec::new(),
            counts: Counts::default(),
            highlights: Highlights::default(),
        };
        let mut events = PartWriter::new(&MELOG)?;
        for chunk in chunks {
            let chunk = chunk?;
            computed.snapshots.extend(chunk.snapshots);
            add(&mut computed.counts, &chunk.counts);
            computed.highlights.merge(chunk.highlights);
            if chunk.events.first().is_some_and(|column| !column.is_empty()) {
                events.write(chunk.events)?;
            }
            if events.rows() >= PART_ROWS as u64 {
                let full = std::mem::replace(&mut events, PartWriter::new(&MELOG)?);
                computed.events.push(full.finish()?);
            }
        }
        if events.rows() > 0 {
            computed.events.push(events.finish()?);
        }
        Ok(computed)
    }
}

/// The stores of each part: a part is closed after the store with which it passes its limit of rows.
fn chunks(stores: &[StoreEvents], interval: Interval) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut begin, mut rows) = (0, 0);
    for (i, (_, events)) in stores.iter().enumerate() {
        rows += events.iter().map(|event| rows_in(event, interval)).sum::<usize>();
        if rows >= PART_ROWS {
            chunks.push(begin..i + 1);
            (begin, rows) = (i + 1, 0);
        }
    }
    if begin < stores.len() {
        chunks.push(begin..stores.len());
    }
    chunks
}

/// Rows of MRCH that the event gives for the interval.
fn rows_in(event: &Event, interval: Interval) -> usize {
    let ticks = event
        .lines
        .iter()
        .flat_map(|line| &line.rows)
        .filter(|row| interval.contains(row.detected_at));
    ticks.count() + if interval.contains(event.closed_at) { event.lines.len() } else { 0 }
}

fn chunk(
    stores: &[StoreEvents],
    range: Range<usize>,
    predictions: &AllPredictions,
    candidates: &Candidates,
    interval: Interval,
    run_id: RunId,
) -> Result<Chunk, Error> {
    let mut snapshots = MrchWriter::new(run_id.clone())?;
    let mut registrations = MelogRows::new();
    let mut counts = Counts::default();
    let mut highlights = Highlights::default();
    for store in range {
        let (store_id, events) = &stores[store];
        let of_store = OfStore { all: predictions, store };
        let mut wrote = false;
        for event in events {
            counts.events_active += u64::from(event.closed_at >= interval.end);
            let inputs = Inputs { store_id, predictions: &of_store, candidates };
            let rows = event_rows(event, inputs, interval).map_err(|_| Error::Sum {
                store_id: store_id.to_string(),
                opened_at: event.opened_at,
            })?;
            if rows.cohorts.is_empty() {
                continue;
            }
            let names = Names::new(store_id, event);
            snapshots.write(store_id, &names, event, &rows)?;
            registrations.push(store_id, &names, event, &rows);
            count(&mut counts, &rows);
            highlights.add_rows(store_id, event, &rows);
            wrote = true;
        }
        counts.stores += u64::from(wrote);
    }
    let snapshots = snapshots.finish()?;
    let snapshots = (snapshots.rows > 0).then_some(snapshots);
    Ok(Chunk { snapshots, events: registrations.finish(&run_id), counts, highlights })
}

/// Adds an event's rows to the counts.
fn count(counts: &mut Counts, rows: &EventRows<'_>) {
    use crate::cohort::rows::Status;
    let mut lines = BTreeSet::new();
    let mut onsets = BTreeSet::new();
    for row in &rows.snapshots {
        lines.insert((row.line.onset, row.line.sku.as_deref()));
        onsets.insert(row.line.onset);
        if row.status != Status::Closed {
            counts.ticks_without_baseline += u64::from(!row.state.baselined);
            counts.ticks_without_score += u64::from(!row.state.scored);
        }
    }
    counts.lines += lines.len() as u64;
    counts.reports += onsets.len() as u64;
    counts.events_opened += rows.registrations.iter().filter(|row| !row.closing).count() as u64;
    counts.events_closed += rows.registrations.iter().filter(|row| row.closing).count() as u64;
}

fn add(all: &mut Counts, more: &Counts) {
    all.stores += more.stores;
    all.events_opened += more.events_opened;
    all.events_closed += more.events_closed;
    all.events_active += more.events_active;
    all.reports += more.reports;
    all.lines += more.lines;
    all.ticks_without_baseline += more.ticks_without_baseline;
    all.ticks_without_score += more.ticks_without_score;
}

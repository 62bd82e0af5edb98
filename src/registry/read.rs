//! Reads what the registry is made from.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use cohort_core::batch::{EVENT_COLUMNS, EventColumns, LINE_COLUMNS, LineColumns, RowFault};
use cohort_core::registry::{Edit, Events, Registry};
use cohort_core::{Duration, Id, Interval, Timestamp};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Semaphore;

use super::error::Error;
use super::recall::recall;
use crate::committed::{self, Committed, CommittedRuns, Selection, Wanted};
use crate::lineage::OutputFile;
use crate::manifest::Places;
use crate::objects::Objects;
use crate::parquet::edits;
use crate::run::Shell;
use crate::workers::Workers;

/// Parts that are read and decoded ahead, and their size. A larger part is read by itself.
const PARTS_AHEAD: usize = 16;
const AHEAD_KIB: u32 = 32 << 10;

/// How the registry is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// As it was for data and edits up to this instant.
    pub as_of: Option<Timestamp>,
    /// Edits that are not in the log yet.
    pub more: Vec<Edit>,
    /// With the SKUs of events that have a verdict.
    pub labels: bool,
}

/// The registry of the selected runs of a manifest, with the edits that the manifest names.
///
/// # Errors
/// [`Error`], whatever cannot be read.
pub(crate) async fn registry(
    shell: &Shell,
    places: &Places,
    selection: &Selection,
    options: Options,
) -> Result<Registry, Error> {
    let (objects, workers) = (&*shell.objects, &shell.workers);
    let runs = CommittedRuns::find(objects, &places.lineage, selection).await?.runs;
    let intervals: Vec<(Arc<str>, Interval)> = runs
        .iter()
        .map(|run| (Arc::from(run.lineage.run_id.as_str()), run.lineage.interval))
        .collect();
    let mut events = Events::new(&intervals, options.as_of);
    read_events(objects, workers, &runs, &mut events).await?;
    let mut edits = match &places.inputs.edits {
        Some(dataset) => edits::read(objects, dataset).await?,
        None => Vec::new(),
    };
    edits.extend(options.more);
    let mut registry = Registry::new(events, edits);
    if options.labels {
        registry = registry.with_labels();
    }
    read_lines(objects, workers, &runs, &mut registry).await?;
    registry.complete()?;
    recall(shell, places, &runs, &mut registry).await?;
    Ok(registry)
}

/// Takes in all rows of MELOG.
async fn read_events(
    objects: &dyn Objects,
    workers: &Workers,
    runs: &[Committed],
    events: &mut Events,
) -> Result<(), Error> {
    let parts = runs.iter().flat_map(|run| &run.lineage.outputs.melog.files);
    let columns = |batch: &RecordBatch| EventColumns::new(&|name| batch.column_by_name(name));
    each_batch(
        (objects, workers),
        parts,
        &EVENT_COLUMNS,
        || None,
        columns,
        |columns, rows| {
            rows.into_iter().try_for_each(|row| {
                events.add(&columns.row(row)?);
                Ok(())
            })
        },
    )
    .await
}

/// Takes in the rows of MRCH of open and merged events, from the runs that can have them.
async fn read_lines(
    objects: &dyn Objects,
    workers: &Workers,
    runs: &[Committed],
    registry: &mut Registry,
) -> Result<(), Error> {
    let wanted = WantedLines::new(registry, runs);
    let runs = runs.iter().filter(|run| wanted.may_be_in(run.lineage.interval));
    let parts = runs.flat_map(|run| &run.lineage.outputs.mrch.files);
    let rows = || Some(wanted.rows());
    let columns = |batch: &RecordBatch| LineColumns::new(&|name| batch.column_by_name(name));
    each_batch((objects, workers), parts, &LINE_COLUMNS, rows, columns, |columns, rows| {
        rows.into_iter().try_for_each(|row| {
            registry.add(&columns.row(row)?);
            Ok(())
        })
    })
    .await
}

/// Hands over the batches of parts, in the order of the parts, with the numbers of their rows.
///
/// Parts are read and decoded ahead: those of hourly runs are small, and to wait for one takes
/// longer than to decode it.
async fn each_batch<'p, T: Send + 'static>(
    (objects, workers): (&dyn Objects, &Workers),
    parts: impl Iterator<Item = &'p OutputFile>,
    names: &'static [&'static str],
    wanted: impl Fn() -> Option<Wanted>,
    columns: fn(&RecordBatch) -> T,
    mut with: impl FnMut(T, Range<usize>) -> Result<(), RowFault>,
) -> Result<(), Error> {
    let free_kib = Semaphore::new(AHEAD_KIB as usize);
    let free_kib = &free_kib;
    let decoded = parts.map(|part| {
        let wanted = wanted();
        async move {
            let kib = u32::try_from(part.bytes >> 10).unwrap_or(u32::MAX).min(AHEAD_KIB);
            // The semaphore is never closed.
            let held = free_kib.acquire_many(kib).await.ok();
            let bytes = committed::content(objects, part).await?;
            let of_part = part.clone();
            let batches = workers.run(move || {
                let batches = committed::batches(&of_part, bytes, names, wanted)?;
                let each = batches.iter().map(|batch| (columns(batch), 0..batch.num_rows()));
                Ok::<_, committed::Error>(each.collect::<Vec<_>>())
            });
            Ok::<_, Error>((held, part, batches.await??))
        }
    });
    let mut decoded = stream::iter(decoded).buffered(PARTS_AHEAD);
    while let Some(found) = decoded.next().await {
        let (_held, part, batches) = found?;
        for (columns, rows) in batches {
            with(columns, rows).map_err(|reason| wrong(part, reason))?;
        }
    }
    Ok(())
}

fn wrong(part: &OutputFile, reason: String) -> Error {
    committed::Error::Part { uri: part.uri.clone(), reason }.into()
}

/// Where rows of MRCH that matter can be.
struct WantedLines {
    /// The events.
    ids: Arc<BTreeSet<Id>>,
    /// Their stores, sorted.
    stores: Vec<String>,
    /// The first instants at which such rows can be, ascending, each with the greatest instant at
    /// which rows of this event or an earlier one can be.
    spans: Vec<(Timestamp, Timestamp)>,
}

impl WantedLines {
    fn new(registry: &Registry, runs: &[Committed]) -> Self {
        // No event is as long as two of the longest periods.
        let periods = runs.iter().map(|run| run.lineage.manifest.max_event_duration);
        let longest = periods.max().unwrap_or(Duration::from_us(0));
        let mut spans = Vec::new();
        let mut stores = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for event in registry.wanted() {
            let last = event.from.saturating_add(longest).saturating_add(longest);
            spans.push((event.from, event.to.unwrap_or(last)));
            stores.insert(event.store_id);
            ids.insert(event.event_id);
        }
        spans.sort_unstable();
        let mut latest = Timestamp::MIN;
        for (_, to) in &mut spans {
            latest = latest.max(*to);
            *to = latest;
        }
        let stores = stores.into_iter().map(str::to_owned).collect();
        Self { ids: Arc::new(ids), stores, spans }
    }

    /// Whether a run for this interval can have written such rows.
    fn may_be_in(&self, interval: Interval) -> bool {
        let before_end = self.spans.partition_point(|(from, _)| *from < interval.end);
        let last = before_end.checked_sub(1).map(|index| self.spans[index].1);
        last.is_some_and(|to| to >= interval.start)
    }

    fn rows(&self) -> Wanted {
        let ids = self.ids.clone();
        Wanted {
            stores: self.stores.clone(),
            column: "report_group_id",
            event: Box::new(move |id| Id::parse(id).is_none_or(|id| ids.contains(&id))),
        }
    }
}

//! Reads what the registry is made from.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use cohort_core::batch::registry::{EVENT_COLUMNS, EventColumns, LINE_COLUMNS, LineColumns};
use cohort_core::registry::{Edit, Events, Registry};
use cohort_core::{Duration, Id, Interval, Timestamp};
use futures_util::stream::{self, StreamExt as _};

use super::error::Error;
use super::recall::recall;
use crate::committed::{self, Committed, CommittedRuns, Selection, Wanted};
use crate::lineage::OutputFile;
use crate::manifest::Places;
use crate::objects::Objects;
use crate::parquet::edits;
use crate::run::Shell;
use crate::workers::Workers;

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
    let decoded = parts.map(|part| async move {
        let bytes = committed::content(objects, part).await?;
        let batches = decode(workers, part, bytes, &EVENT_COLUMNS, None, |batch| {
            (EventColumns::new(&|name| batch.column_by_name(name)), batch.num_rows())
        });
        Ok::<_, Error>((part, batches.await?))
    });
    let mut decoded = stream::iter(decoded).buffered(workers.count() + 1);
    while let Some(found) = decoded.next().await {
        let (part, batches) = found?;
        for (columns, rows) in batches {
            for row in 0..rows {
                events.add(&columns.row(row).map_err(|reason| wrong(part, reason))?);
            }
        }
    }
    Ok(())
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
    let parts: Vec<&OutputFile> = runs.flat_map(|run| &run.lineage.outputs.mrch.files).collect();
    let wanted = Arc::new(wanted);
    let decoded = parts.into_iter().map(|part| {
        let wanted = wanted.clone();
        async move {
            let bytes = committed::content(objects, part).await?;
            let rows = Some(wanted.rows());
            let batches = decode(workers, part, bytes, &LINE_COLUMNS, rows, |batch| {
                (LineColumns::new(&|name| batch.column_by_name(name)), batch.num_rows())
            });
            Ok::<_, Error>((part, batches.await?))
        }
    });
    let mut decoded = stream::iter(decoded).buffered(workers.count() + 1);
    while let Some(found) = decoded.next().await {
        let (part, batches) = found?;
        for (columns, rows) in batches {
            for row in 0..rows {
                registry.add(&columns.row(row).map_err(|reason| wrong(part, reason))?);
            }
        }
    }
    Ok(())
}

/// Decodes a part among the workers, and makes of each batch what is asked for.
async fn decode<T: Send + 'static>(
    workers: &Workers,
    part: &OutputFile,
    bytes: Bytes,
    columns: &'static [&'static str],
    rows: Option<Wanted>,
    made: fn(&RecordBatch) -> T,
) -> Result<Vec<T>, Error> {
    let part = part.clone();
    let decoded = workers.run(move || {
        let batches = committed::batches(&part, bytes, columns, rows)?;
        Ok::<_, committed::Error>(batches.iter().map(made).collect())
    });
    Ok(decoded.await??)
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

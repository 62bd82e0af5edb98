//! Events that committed runs have written, made again from the inputs as far as is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cohort_core::contract::Inputs;
use cohort_core::registry::Sku;
use cohort_core::{
    ByCell, Duration, Event, Id, Interval, Life, Line, PredictionLog as _, Sale, Sales, Timestamp,
};

use super::compute::AllPredictions;
use super::{Error, Shell};
use crate::manifest::Dataset;
use crate::objects::Uri;
use crate::parquet::Error as ParquetError;
use crate::parquet::dataset::{self, Source};
use crate::parquet::scan::cells::{Cells, StoreEvents};
use crate::parquet::scan::probe::Probe;

/// Spans that are this near to each other are read as one.
const NEAR: Duration = Duration::from_us(86_400_000_000);

/// An event that is to be made again.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The event.
    pub event_id: Id,
    /// Its store.
    pub store_id: Arc<str>,
    /// Its first tick.
    pub from: Timestamp,
    /// The last tick that counts.
    pub to: Timestamp,
    /// Whether it continues another event.
    pub continues: bool,
    /// The SKUs of which the sales are wanted.
    pub skus: BTreeSet<Sku>,
    /// What bounded it in the run that wrote it.
    pub life: Life,
    /// How old an onset could be there.
    pub max_lookback: Duration,
}

/// Events made again.
#[derive(Debug)]
pub(crate) struct RecalledEvents {
    /// The lines of each, without its carried columns.
    pub lines: BTreeMap<Id, Vec<Line>>,
    /// What the baseline log says of the SKUs that were asked for.
    pub predictions: AllPredictions,
}

/// A first and a last instant.
type Span = (Timestamp, Timestamp);

impl Shell {
    /// Makes events again from the inputs as they are now. What is not there has no rows.
    ///
    /// # Errors
    /// Whatever is wrong with a file.
    pub(crate) async fn recall(
        &self,
        inputs: &Inputs<Dataset>,
        asked: &[Asked],
    ) -> Result<RecalledEvents, Error> {
        let events = self.events_again(&inputs.reports, asked).await?;
        let mut by_store: BTreeMap<Arc<str>, Vec<Event>> = BTreeMap::new();
        let mut lines = BTreeMap::new();
        for (asked, event) in asked.iter().zip(events) {
            let Some(event) = event else { continue };
            let mut of_skus = event.clone();
            of_skus.lines.retain(|line| asked.skus.contains(&line.sku));
            by_store.entry(asked.store_id.clone()).or_default().push(of_skus);
            lines.insert(asked.event_id, event.lines);
        }
        let stores: Vec<StoreEvents> = by_store.into_iter().collect();
        let cells = Arc::new(Cells::new(&stores));
        let sales = match &inputs.sales {
            Some(dataset) => self.sales_again(inputs, dataset, &cells, &stores).await?,
            None => ByCell::none(cells.count()),
        };
        let scores = ByCell::none(cells.count());
        Ok(RecalledEvents { lines, predictions: AllPredictions { cells, sales, scores } })
    }

    /// The events, each in its place.
    async fn events_again(
        &self,
        reports: &Dataset,
        asked: &[Asked],
    ) -> Result<Vec<Option<Event>>, Error> {
        let mut events: Vec<Option<Event>> = vec![None; asked.len()];
        let ages: BTreeSet<Duration> = asked.iter().map(|asked| asked.max_lookback).collect();
        for age in ages {
            let of_age = || asked.iter().filter(|asked| asked.max_lookback == age);
            let stores: BTreeSet<_> = of_age().map(|asked| asked.store_id.clone()).collect();
            let stores: Arc<[Arc<str>]> = stores.into_iter().collect();
            let spans = joined(reports, of_age().map(|asked| (asked.from, asked.to)).collect());
            let rows = self.read_spans(reports, &stores, &spans, age).await;
            let rows = there(rows)?.unwrap_or_default();
            for (asked, event) in asked.iter().zip(&mut events) {
                let Some(rows) = rows.get(&asked.store_id) else { continue };
                if asked.max_lookback != age {
                    continue;
                }
                let rows = rows.lists.iter().flatten();
                let own = rows.filter(|row| (asked.from..=asked.to).contains(&row.detected_at));
                *event = Event::so_far(own.cloned().collect(), asked.life, asked.continues);
            }
        }
        Ok(events)
    }

    /// What the baseline log says in the windows of these events.
    async fn sales_again(
        &self,
        inputs: &Inputs<Dataset>,
        dataset: &Dataset,
        cells: &Arc<Cells>,
        stores: &[StoreEvents],
    ) -> Result<ByCell<Sale>, Error> {
        let probe = Probe::windows(cells, stores);
        let Some((start, end)) = probe.bounds else { return Ok(ByCell::none(cells.count())) };
        let lines = stores.iter().flat_map(|(_, events)| events).flat_map(|event| &event.lines);
        let mut sources: BTreeMap<Uri, Source> = BTreeMap::new();
        for (from, to) in joined(dataset, lines.map(Line::window).collect()) {
            let opened = dataset::open(&*self.objects, Sales::LOG, dataset, from, after(to)).await;
            let opened = there(opened.map_err(Error::from))?.unwrap_or_default();
            sources.extend(opened.into_iter().map(|one| (one.file.object.uri.clone(), one)));
        }
        let sources: Arc<Vec<Source>> = Arc::new(sources.into_values().collect());
        let interval = Interval { start, end: after(end) };
        let scan = self.scan_of::<Sales>(interval, &self.limits(inputs));
        Ok(scan.run(&sources, &Arc::new(probe)).await?.rows)
    }
}

fn after(at: Timestamp) -> Timestamp {
    at.saturating_add(Duration::from_us(1))
}

/// What was read; `None` if the dataset is not there.
fn there<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Parquet(ParquetError::MissingDataset { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The spans in which a dataset must be read, far enough apart that what is between them need not
/// be. Without partitions nothing is gained by several.
fn joined(dataset: &Dataset, mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if dataset.partitioning.is_none() || from <= last.1.saturating_add(NEAR) => {
                last.1 = last.1.max(to);
            }
            _ => joined.push((from, to)),
        }
    }
    joined
}

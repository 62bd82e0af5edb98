//! One event of a run, with everything that its rows follow from.

use std::sync::Arc;

use cohort_core::batch::Pass;
use cohort_core::{Candidates, Event, Lookback, Report, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::compute::AllPredictions;
use super::inputs::Read;
use super::reports::Reports;
use super::{Error, Shell};
use crate::manifest::Manifest;
use crate::objects::Uri;
use crate::parquet;
use crate::parquet::dataset::Source;
use crate::parquet::prune::{Wanted, candidate_rows, selection};
use crate::parquet::reports::{decode, roots};

/// An event and what its rows follow from.
#[derive(Debug)]
pub(crate) struct OneEvent {
    /// Its store.
    pub store_id: Arc<str>,
    /// The event.
    pub event: Event,
    /// The store's last tick before it, if it was read.
    pub tick_before: Option<Timestamp>,
    /// What the prediction logs say about it.
    pub predictions: AllPredictions,
    /// Campaigns and context.
    pub candidates: Candidates,
    /// The store's rows at its ticks, duplicates among them, in the order of files and rows.
    pub rows: Vec<PlacedReport>,
}

/// A row of MRDL, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct PlacedReport {
    /// What it says.
    pub report: Report,
    /// Its file.
    pub file: Uri,
    /// Its place in the file, from 0.
    pub row: u64,
}

impl Shell {
    /// The event of a store that opened at an instant, as a run sees it; `None` if the run sees no
    /// such event.
    ///
    /// # Errors
    /// As [`Shell::compute`].
    pub(crate) async fn one_event(
        &self,
        manifest: &Manifest,
        store_id: &str,
        opened_at: Timestamp,
    ) -> Result<Option<OneEvent>, Error> {
        let reports = self.read_reports(manifest).await?;
        let (.., candidates) = self.read_candidates(manifest).await?;
        let Reports { read, mut rows, begins, .. } = reports;
        let Some((store_id, rows)) = rows.remove_entry(store_id) else { return Ok(None) };
        let Some(&begin) = begins.get(&store_id) else { return Ok(None) };
        let ticks = rows.lists.iter().flatten().map(|row| row.detected_at);
        let tick_before = ticks.filter(|&tick| tick < opened_at).max();
        let lookback = Lookback { start: manifest.interval.start, life: manifest.life };
        let (events, _) = lookback.events(rows.lists.into_iter().flatten(), begin);
        let Some(event) = events.into_iter().find(|event| event.opened_at == opened_at) else {
            return Ok(None);
        };
        let rows = self.placed(manifest, &read, &store_id, &event).await?;
        let stores = Arc::new(vec![(store_id.clone(), vec![event.clone()])]);
        let (predictions, ..) = self.predictions(manifest, &stores).await?;
        Ok(Some(OneEvent { store_id, event, tick_before, predictions, candidates, rows }))
    }

    /// The store's rows from the event's first tick to its last, with their places.
    async fn placed(
        &self,
        manifest: &Manifest,
        read: &Read,
        store_id: &Arc<str>,
        event: &Event,
    ) -> Result<Vec<PlacedReport>, Error> {
        let stores: Arc<[Arc<str>]> = [store_id.clone()].into();
        let (first, last) = (event.opened_at, event.last_tick);
        let wanted = Wanted {
            ticks: (first, last),
            stores: Some(stores.clone()),
            rejects_in: None,
            any_text: false,
        };
        let pass = Pass {
            from: first,
            to: last.saturating_add(cohort_core::Duration::from_us(1)),
            stores: Some(stores),
            rejects_in: None,
            max_lookback: manifest.max_lookback,
            numbered: true,
        };
        let groups = (0..read.sources.len()).flat_map(|file| {
            let groups = read.sources[file].file.metadata().num_row_groups();
            (0..groups).map(move |group| (file, group))
        });
        let (wanted, pass) = (&wanted, &pass);
        let placed = stream::iter(groups)
            .map(|(file, group)| async move {
                let placed = async |source: &_| self.placed_in(source, group, wanted, pass).await;
                read.sources[file].read(placed).await
            })
            .buffered(self.workers.count() + 1);
        Ok(placed.try_collect::<Vec<_>>().await?.concat())
    }

    async fn placed_in(
        &self,
        source: &Source,
        group: usize,
        wanted: &Wanted,
        pass: &Pass,
    ) -> Result<Vec<PlacedReport>, parquet::Error> {
        let rows = candidate_rows(source, group, wanted, ("detected_at", "store_id"));
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let select = selection(&rows, source.file.group_rows(group));
        let roots = roots(source);
        let fetched = source.file.fetch_rows(&*self.objects, group, &roots, Some(&select)).await?;
        let (shared, pass) = (source.clone(), pass.clone());
        let decoded =
            self.workers.run(move || decode(&shared, group, &rows, fetched, &pass)).await??;
        let first = source.file.first_row(group);
        let of_store = decoded.rows.into_iter().flat_map(|(_, reports)| reports);
        let placed = of_store.zip(decoded.numbers).map(|(report, row)| PlacedReport {
            report,
            file: source.file.object.uri.clone(),
            row: first + row as u64,
        });
        Ok(placed.collect())
    }
}

//! The dry run: what a run would read and write, found without writing anything.
//!
//! It reads the reports and the small tables as a run does, since they say how far back a run
//! looks and which predictions it needs. Of the prediction logs it reads only the footers.

use std::sync::Arc;

use cohort_core::batch::ReadPredictions;
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Duration, Interval, Sales, Scores, Timestamp};
use serde::Serialize;

use super::inputs::{Read, files};
use super::reports::Reports;
use super::{Error, Shell, folders, scanned_from};
use crate::commit;
use crate::layout::{RunId, run_prefix};
use crate::lineage::{self, Lineage};
use crate::manifest::{Dataset, Manifest};
use crate::objects::Uri;
use crate::parquet::dataset::{self, Source};
use crate::parquet::scan::cells::{Cells, StoreEvents};
use crate::parquet::scan::probe::Probe;
use crate::text;

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DryRun {
    /// The run's name.
    pub run_id: RunId,
    /// What the run is for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The longest quiet time within one event.
    #[serde(with = "text")]
    pub gap: Duration,
    /// How far back the reports are read.
    pub lookback: lineage::LookbackRead,
    /// What is read.
    pub inputs: Inputs<ToRead>,
    /// Stores with events that can write a row in the interval or after it.
    pub stores: u64,
    /// Those events.
    pub events: u64,
    /// The folder of the run in each output.
    pub outputs: Outputs<Folder>,
    /// The lineage that is the commit.
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    /// What is committed under this name now.
    pub committed: Option<PriorRun>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ToRead {
    /// The prefix of its files.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// Its partitions in the time that is read, if it has partitions.
    pub partitions: Option<PartitionsRead>,
    /// The files that are opened, in the order of their URIs.
    pub files: Vec<lineage::InputFile>,
    /// Rows that are looked at, as far as statistics do not rule them out.
    pub rows: u64,
}

/// The partitions of one input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PartitionsRead {
    /// The first one, as the folder is called.
    pub first: String,
    /// The last one.
    pub last: String,
    /// How many there are from the first to the last.
    pub needed: u64,
    /// How many of them have files. One that is not there holds no rows.
    pub found: u64,
}

/// A prefix as its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Folder(#[serde(with = "text::uri")] pub Uri);

/// A committed run that this one would replace, unless it turns out the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PriorRun {
    /// What it was for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The digest of its content.
    pub content_sha256: String,
}

impl ToRead {
    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The files, and the rows to be looked at, of a dataset that is opened for `[from, to)`.
    fn new(
        sources: &[Source],
        rows: u64,
        dataset: &Dataset,
        from: Timestamp,
        to: Timestamp,
    ) -> Self {
        Self {
            uri: dataset.uri.clone(),
            partitions: partitions(sources, dataset, from, to),
            files: files(sources),
            rows,
        }
    }

    /// A dataset that is read whole.
    fn whole(read: Option<&Read>, dataset: Option<&Dataset>) -> Option<Self> {
        let (read, dataset) = (read?, dataset?);
        let (uri, files) = (dataset.uri.clone(), files(&read.sources));
        Some(Self { uri, partitions: None, files, rows: read.rows_read })
    }
}

impl Shell {
    /// Finds what a run of this manifest would do. Writes nothing.
    ///
    /// # Errors
    /// As [`Shell::run`], for what would fail it before it scans the predictions.
    pub(crate) async fn dry_run(&self, manifest: &Manifest) -> Result<DryRun, Error> {
        let folders = folders(manifest)?;
        let (observed, inputs) =
            tokio::join!(commit::observe(&*self.objects, &folders), self.inputs(manifest));
        let (observed, (inputs, lookback_start, stores)) = (observed?, inputs?);
        let committed = observed.lineage().map(|old| Lineage::parse(old, &folders.lineage_key));
        let committed = committed.transpose().map_err(commit::Error::from)?;
        let folder = |uri: &Uri| Folder(run_prefix(uri, &manifest.run_id));
        Ok(DryRun {
            run_id: manifest.run_id.clone(),
            interval: manifest.interval,
            gap: manifest.life.gap,
            lookback: lineage::LookbackRead { start: lookback_start },
            inputs,
            stores: stores.len() as u64,
            events: stores.iter().map(|(_, events)| events.len() as u64).sum(),
            outputs: manifest.outputs.as_ref().map(|_, uri| folder(uri)),
            lineage: folders.lineage_key.clone(),
            committed: committed
                .map(|old| PriorRun { interval: old.interval, content_sha256: old.content_sha256 }),
        })
    }

    /// What is read of every input, how far back, and the events that were found.
    async fn inputs(
        &self,
        manifest: &Manifest,
    ) -> Result<(Inputs<ToRead>, Timestamp, Vec<StoreEvents>), Error> {
        let (of, end) = (&manifest.inputs, manifest.interval.end);
        let Reports { read, rows, begins, lookback_start, .. } =
            self.read_reports(manifest).await?;
        let (campaigns, context, _) = self.read_candidates(manifest).await?;
        let (stores, _) = self.group(rows, begins, manifest).await?;
        let stores = Arc::new(stores);
        let (windows, ticks) = self.probes(&Arc::new(Cells::new(&stores)), &stores).await?;
        let (sales, scores) = tokio::try_join!(
            self.footers::<Sales>(manifest, of.sales.as_ref(), &windows),
            self.footers::<Scores>(manifest, of.scores.as_ref(), &ticks),
        )?;
        let from = read.opened_from.unwrap_or(lookback_start);
        let inputs = Inputs {
            reports: ToRead::new(&read.sources, read.rows_read, &of.reports, from, end),
            scores,
            sales,
            campaigns: ToRead::whole(campaigns.as_ref(), of.campaigns.as_ref()),
            context: ToRead::whole(context.as_ref(), of.context.as_ref()),
            edits: None,
        };
        // The jobs that made the probes are done.
        Ok((inputs, lookback_start, Arc::unwrap_or_clone(stores)))
    }

    /// What a scan of a prediction log would read.
    async fn footers<L: ReadPredictions>(
        &self,
        manifest: &Manifest,
        dataset: Option<&Dataset>,
        probe: &Probe,
    ) -> Result<Option<ToRead>, Error> {
        let Some(dataset) = dataset else { return Ok(None) };
        let (from, end) = (scanned_from(manifest, probe), manifest.interval.end);
        let sources = dataset::open(&*self.objects, L::LOG, dataset, from, end).await?;
        let rows = self
            .scan_of::<L>(manifest.interval, &self.limits(&manifest.inputs))
            .rows(&sources, probe);
        Ok(Some(ToRead::new(&sources, rows, dataset, from, end)))
    }
}

/// The partitions of a dataset in a range of time, and how many of them are there.
fn partitions(
    sources: &[Source],
    dataset: &Dataset,
    from: Timestamp,
    to: Timestamp,
) -> Option<PartitionsRead> {
    let all: Vec<_> = dataset.partitioning.as_ref()?.partitions(from, to).collect();
    let mut found: Vec<_> =
        sources.iter().filter_map(|source| Some(source.file.partition?.start)).collect();
    found.sort_unstable();
    found.dedup();
    Some(PartitionsRead {
        first: all.first()?.1.clone(),
        last: all.last()?.1.clone(),
        needed: all.len() as u64,
        found: found.len() as u64,
    })
}

//! The shell: carries one run from its manifest to its commit. The only place where the parts meet.
//!
//! manifest ([`crate::manifest`]) -> read ([`reports`], [`inputs`]) -> cohort ([`compute`]) ->
//! write ([`compute`], [`rejected`]) -> commit ([`crate::commit`]) -> report ([`RunOutcome`]).

mod compute;
mod dry;
mod error;
mod highlights;
mod inputs;
mod one_event;
mod recalled;
mod rejected;
mod reports;
mod shell;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use cohort_core::batch::{CAMPAIGN_LOG, CONTEXT_LOG, ReadPredictions};
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{ByCell, Candidates, ChainBegin, Interval, Lookback, Sales, Scores, Timestamp};

use self::compute::{AllPredictions, Computed};
pub(crate) use self::dry::{DryRun, ToRead};
pub use self::error::Error;
#[cfg(test)]
pub(crate) use self::highlights::Highlight;
pub(crate) use self::highlights::Highlights;
use self::inputs::Read;
pub(crate) use self::one_event::{OneEvent, PlacedReport};
pub(crate) use self::recalled::Asked;
use self::reports::{Reports, StoreReports};
pub use self::shell::Shell;
use crate::commit::{self, Folders, Plan, Rules, Status};
use crate::layout::{PartName, run_prefix};
use crate::lineage::{self, Lineage};
use crate::manifest::{self, Manifest, Overrides};
use crate::objects::{Objects, Scheme, Uri};
use crate::parquet::dataset::{self, Source};
use crate::parquet::scan::cells::{Cells, StoreEvents};
use crate::parquet::scan::probe::Probe;
use crate::parquet::scan::{Limits, Scan};
use crate::parquet::write::part::Part;

/// What a committed run returns to its caller.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Whether this run changed anything.
    pub status: Status,
    /// The URI of the committed lineage.
    pub lineage_uri: Uri,
    /// The committed lineage.
    pub lineage: Lineage,
    /// Bytes of the parts.
    pub bytes_written: u64,
    /// The events that people look at first.
    pub highlights: Highlights,
}

/// What is known before the first write: the lineage, the parts that it lists, and the highlights.
pub(crate) type Work = (Lineage, Vec<(Uri, Bytes)>, Highlights);

/// Reads and checks the manifest, and the `demo_run_config` that it names.
///
/// # Errors
/// [`Error::Manifest`], and [`Error::Objects`] if one of the two cannot be read.
pub async fn load_manifest(
    objects: &dyn Objects,
    uri: &Uri,
    overrides: &Overrides,
) -> Result<Manifest, Error> {
    let (text, _) = objects.read(uri).await?;
    let text = manifest::utf8(&text, uri)?;
    let Some(demo_uri) = manifest::demo_run_config_uri(text, uri, overrides)? else {
        return Ok(Manifest::parse(text, uri, overrides, None)?);
    };
    let (demo, _) = objects.read(&demo_uri).await?;
    let demo = manifest::demo_utf8(&demo, &demo_uri)?;
    Ok(Manifest::parse(text, uri, overrides, Some(demo))?)
}

impl Shell {
    /// Runs a manifest.
    ///
    /// # Errors
    /// Any [`Error`]. Only what was committed before is visible then.
    pub async fn run(&self, manifest: &Manifest) -> Result<RunOutcome, Error> {
        let objects = &*self.objects;
        let folders = folders(manifest)?;
        let observe = commit::observe(objects, &folders);
        let probe = objects.probe_conditions(&folders.lineage);
        let work = self.compute(manifest);
        // Only the right to commit depends on the probe, so it runs beside the rest and adds no
        // time.
        let (observed, probed, work) = tokio::join!(observe, probe, work);
        let (observed, ()) = (observed?, probed?);
        let (lineage, parts, highlights) = work?;
        let plan = Plan { parts, lineage: lineage.to_json().into() };
        let rules =
            Rules { keep_superseded: manifest.keep_superseded, expect_same: manifest.expect_same };
        let status = commit::commit(objects, &folders, &observed, &plan, rules).await?;
        let bytes_written = plan.parts.iter().map(|(_, content)| content.len() as u64).sum();
        Ok(RunOutcome {
            status,
            lineage_uri: folders.lineage_key,
            lineage,
            bytes_written,
            highlights,
        })
    }

    /// Everything up to the first write: the lineage, the parts that it lists, and the highlights.
    ///
    /// # Errors
    /// Any [`Error`] but those of the commit.
    pub(crate) async fn compute(&self, manifest: &Manifest) -> Result<Work, Error> {
        let reports = self.read_reports(manifest).await?;
        let candidates = self.read_candidates(manifest).await?;
        let Reports { read: reports, rows, begins, onsets_ignored, lookback_start } = reports;
        let (stores, duplicates) = self.group(rows, begins, manifest).await?;
        let stores = Arc::new(stores);
        let (predictions, sales, scores) = self.predictions(manifest, &stores).await?;
        let (campaigns, context, candidates) = candidates;
        let reads = Inputs { reports, scores, sales, campaigns, context, edits: None };
        rejected::check_ratio(&reads, manifest)?;
        let rejects = self.encode_rejects(&reads, manifest).await?;
        // The jobs that made the probes, and shared the stores, are done.
        let stores = Arc::unwrap_or_clone(stores);
        let computed = self.compute_parts(manifest, stores, predictions, candidates).await?;
        let Computed { mrch, melog, counts, highlights } = computed;
        let mut parts = Vec::new();
        let outputs = Outputs { mrch, melog, rejects }.zip(manifest.outputs.as_ref());
        let outputs =
            outputs.map(|_, (of_log, uri)| list_output(manifest, uri, of_log, &mut parts));
        let mut inputs = reads.zip(manifest.inputs.as_ref()).map(|_, (read, of)| read.lineage(of));
        inputs.reports.rows_duplicate = duplicates;
        inputs.reports.onsets_ignored = Some(onsets_ignored);
        let lineage = Lineage {
            version: lineage::VERSION,
            run_id: manifest.run_id.clone(),
            interval: manifest.interval,
            gap: manifest.life.gap,
            job: lineage::Job::this(),
            manifest: manifest.resolved(),
            inputs,
            content_sha256: lineage::content_sha256(&outputs),
            outputs,
            counts,
            lookback: lineage::LookbackRead { start: lookback_start },
        };
        Ok((lineage, parts, highlights))
    }

    /// What both prediction logs say about these events, and what was read of them.
    async fn predictions(
        &self,
        manifest: &Manifest,
        stores: &Arc<Vec<StoreEvents>>,
    ) -> Result<(AllPredictions, Option<Read>, Option<Read>), Error> {
        let cells = Arc::new(Cells::new(stores));
        let (windows, ticks) = self.probes(&cells, stores).await?;
        let inputs = &manifest.inputs;
        let limits = self.limits(inputs);
        let ((sales_read, sales), (scores_read, scores)) = tokio::try_join!(
            self.scan::<Sales>(manifest, inputs.sales.as_ref(), windows, &limits),
            self.scan::<Scores>(manifest, inputs.scores.as_ref(), ticks, &limits),
        )?;
        Ok((AllPredictions { cells, sales, scores }, sales_read, scores_read))
    }

    /// The events of every store, in the order of the stores' bytes, and how many rows were
    /// duplicates.
    async fn group(
        &self,
        rows: BTreeMap<Arc<str>, StoreReports>,
        begins: BTreeMap<Arc<str>, ChainBegin>,
        manifest: &Manifest,
    ) -> Result<(Vec<StoreEvents>, u64), Error> {
        let lookback = Lookback { start: manifest.interval.start, life: manifest.life };
        let stores: Vec<_> = rows
            .into_iter()
            .filter_map(|(store, rows)| begins.get(&store).map(|&begin| (store, rows, begin)))
            .collect();
        let chunk = stores.len().div_ceil(self.workers.count()).max(1);
        let mut chunks = Vec::new();
        let mut stores = stores.into_iter().peekable();
        while stores.peek().is_some() {
            let chunk: Vec<_> = stores.by_ref().take(chunk).collect();
            chunks.push(self.workers.run(move || {
                let grouped = chunk.into_iter().map(|(store, rows, begin)| {
                    let StoreReports { lists, gave_way } = rows;
                    let gave_way = gave_way.iter().filter(|(tick, _)| *tick >= begin.from);
                    let gave_way: u64 = gave_way.map(|(_, rows)| rows).sum();
                    let (events, duplicates) = lookback.events(lists.into_iter().flatten(), begin);
                    (store, events, duplicates as u64 + gave_way)
                });
                grouped.collect::<Vec<_>>()
            }));
        }
        let done = futures_util::future::try_join_all(chunks).await?;
        let mut duplicates = 0;
        let grouped = done.into_iter().flatten().map(|(store, events, n)| {
            duplicates += n;
            (store, events)
        });
        Ok((grouped.collect(), duplicates))
    }

    /// What the baseline log must give, and what the classifier's log must give.
    async fn probes(
        &self,
        cells: &Arc<Cells>,
        stores: &Arc<Vec<StoreEvents>>,
    ) -> Result<(Probe, Probe), Error> {
        let of = |probe: fn(&Arc<Cells>, &[StoreEvents]) -> Probe| {
            let (cells, stores) = (cells.clone(), stores.clone());
            self.workers.run(move || probe(&cells, &stores))
        };
        Ok(tokio::try_join!(of(Probe::windows), of(Probe::ticks))?)
    }

    /// Campaigns and context.
    async fn read_candidates(
        &self,
        manifest: &Manifest,
    ) -> Result<(Option<Read>, Option<Read>, Candidates), Error> {
        let inputs = &manifest.inputs;
        let campaigns = self.read_reference(CAMPAIGN_LOG, inputs.campaigns.as_ref());
        let context = self.read_reference(CONTEXT_LOG, inputs.context.as_ref());
        let ((campaigns, mut all), (context, more)) = tokio::try_join!(campaigns, context)?;
        all.append(more);
        Ok((campaigns, context, all))
    }

    /// Scans a prediction log for what the probe needs; without one, no cell has any rows.
    async fn scan<L: ReadPredictions>(
        &self,
        manifest: &Manifest,
        dataset: Option<&manifest::Dataset>,
        probe: Probe,
        limits: &Limits,
    ) -> Result<(Option<Read>, ByCell<L::Row>), Error> {
        let Some(dataset) = dataset else { return Ok((None, ByCell::none(probe.cells.count()))) };
        let from = scanned_from(manifest, &probe);
        let end = manifest.interval.end;
        let sources = dataset::open(&*self.objects, L::LOG, dataset, from, end).await?;
        let sources: Arc<Vec<Source>> = Arc::new(sources);
        let scan = self.scan_of::<L>(manifest.interval, limits);
        let found = scan.run(&sources, &Arc::new(probe)).await?;
        let rows_in_interval =
            if found.rejected.is_empty() { 0 } else { scan.rows_in_interval(&sources).await? };
        let read = Read {
            log: L::LOG,
            opened_from: dataset.partitioning.is_some().then_some(from),
            sources,
            rows_read: found.rows_read,
            rows_duplicate: found.duplicates,
            rejected: found.rejected,
            rows_in_interval,
            out_of_range: inputs::out_of_range(L::VALUES, &found.out_of_range),
        };
        Ok((Some(read), found.rows))
    }

    /// The scan of a prediction log.
    fn scan_of<L>(&self, interval: Interval, limits: &Limits) -> Scan<L> {
        Scan {
            objects: self.objects.clone(),
            workers: self.workers.clone(),
            limits: limits.clone(),
            interval,
            log: PhantomData,
        }
    }

    /// Local files are read as fast as they can be decoded. Over a network, more requests must be
    /// under way at once.
    fn limits(&self, inputs: &Inputs<manifest::Dataset>) -> Limits {
        let logs = [inputs.sales.as_ref(), inputs.scores.as_ref()];
        let remote =
            |dataset: &manifest::Dataset| matches!(dataset.uri.scheme(), Scheme::S3 { .. });
        if logs.into_iter().flatten().any(remote) {
            Limits::new(16, 48)
        } else {
            Limits::new(self.workers.count() + 1, 16)
        }
    }
}

/// The first instant whose rows a scan may need. Rejected rows count over the whole interval,
/// wanted ones wherever a line's window reaches.
fn scanned_from(manifest: &Manifest, probe: &Probe) -> Timestamp {
    let start = manifest.interval.start;
    probe.bounds.map_or(start, |(first, _)| first.min(start))
}

/// The folders that a run may write to.
fn folders(manifest: &Manifest) -> Result<Folders, commit::Error> {
    let outputs = manifest.outputs.each().map(|(_, uri)| uri);
    Folders::of(&manifest.run_id, outputs, &manifest.lineage)
}

/// Names a dataset's parts, and adds them to those that are to be written.
fn list_output(
    manifest: &Manifest,
    dataset: &Uri,
    of_log: Vec<Part>,
    parts: &mut Vec<(Uri, Bytes)>,
) -> lineage::Output {
    let folder = run_prefix(dataset, &manifest.run_id);
    let files = of_log.into_iter().zip(0..).map(|(part, number)| {
        let uri = folder.join(&PartName::new(number, &part.sha256).to_string());
        let file = lineage::OutputFile {
            uri: uri.clone(),
            rows: part.rows,
            bytes: part.bytes.len() as u64,
            sha256: lineage::hex(&part.sha256),
        };
        parts.push((uri, part.bytes));
        file
    });
    let files: Vec<_> = files.collect();
    lineage::Output { uri: dataset.clone(), rows: files.iter().map(|file| file.rows).sum(), files }
}

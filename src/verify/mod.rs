//! `cohort verify`: whether committed runs are still valid. It reads, computes and compares, and
//! writes nothing.
//!
//! A run is computed again over today's inputs, as its lineage records it. Its parts follow from
//! the data alone, so equal digests show that every row stands. If a digest differs, the rows are
//! compared by event. A quick look compares only the tags of files.

mod inputs;
mod intervals;
mod parts;
mod report;
mod settings;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use self::inputs::is_the_inputs_fault;
use self::parts::FoundParts;
use self::report::{Finding, RunReport, Unreadable, UriText, VERSION, VerifyReport};
use crate::changes::{Changes, Parts};
use crate::committed::{Committed, CommittedRuns, Selection};
use crate::error::Error;
use crate::layout::lineage_key;
use crate::lineage::{self, Job, Lineage};
use crate::manifest::{Manifest, Overrides, Places};
use crate::objects::{self, Uri};
use crate::run::{self, Shell};

pub(crate) use self::inputs::{Today, between as inputs_between};
pub(crate) use self::report::InputChange;
pub(crate) use self::settings::differences as settings_between;
pub(crate) use self::text::page;

/// What is to be verified.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The manifest that leads to the runs.
    pub manifest: &'a Uri,
    /// What it says.
    pub places: &'a Places,
    /// Which runs.
    pub selection: &'a Selection,
    /// Whether only tags are compared.
    pub quick: bool,
}

/// A run on its way through the checks.
struct Checked {
    run: Committed,
    manifest: Manifest,
    report: RunReport,
}

/// Verifies committed runs.
///
/// # Errors
/// [`Error::NoRuns`] if there are none; [`Error::Objects`], also if a run is replaced meanwhile.
/// What is wrong with a run, its parts or its inputs is in the report.
pub(crate) async fn verify(shell: &Shell, question: &Question<'_>) -> Result<VerifyReport, Error> {
    let Question { places, selection, quick, .. } = *question;
    let objects = &*shell.objects;
    let (found, unreadable) =
        CommittedRuns::find_readable(objects, &places.lineage, selection).await?;
    let (mut checked, mut wrong) = (Vec::new(), unreadable);
    for run in found.runs {
        let uri = lineage_key(&places.lineage, &run.lineage.run_id);
        match Manifest::recorded(&run.lineage.manifest, &uri, &Overrides::default()) {
            Ok(manifest) => checked.push(Checked::new(run, manifest, uri)),
            Err(error) => wrong.push(lineage::Error { uri, reason: error.to_string() }),
        }
    }
    let whole_range = selection.from.is_some() && selection.to.is_some();
    if checked.is_empty() && wrong.is_empty() && !whole_range {
        return Err(Error::NoRuns { lineage: places.lineage.clone() });
    }
    let uncommitted = check_parts(shell, question, &mut checked).await?;
    for one in &mut checked {
        one.check_settings(places);
    }
    if quick {
        let runs = checked.iter().map(|one| (&one.manifest, &one.run.lineage));
        let today = Today::look(objects, runs).await?;
        checked.iter_mut().for_each(|one| one.compare_tags(&today));
    } else {
        for one in &mut checked {
            one.recompute(shell).await?;
        }
    }
    let intervals = checked.iter().map(|one| (&one.run.lineage.run_id, one.run.lineage.interval));
    let (gaps, overlaps) = intervals::judge(intervals, selection.from, selection.to);
    let unreadable =
        wrong.into_iter().map(|error| Unreadable { lineage: error.uri, reason: error.reason });
    let report = VerifyReport {
        version: VERSION,
        sound: false,
        quick,
        manifest: question.manifest.clone(),
        runs: checked.into_iter().map(|one| one.report).collect(),
        unreadable: unreadable.collect(),
        uncommitted: uncommitted.into_iter().map(UriText).collect(),
        gaps,
        overlaps,
        reruns: Vec::new(),
    };
    Ok(report.concluded())
}

/// Looks at the parts of all runs. Returns those in folders of runs without a lineage.
async fn check_parts(
    shell: &Shell,
    question: &Question<'_>,
    checked: &mut [Checked],
) -> Result<Vec<Uri>, Error> {
    let Question { places, selection, quick, .. } = *question;
    let objects = &*shell.objects;
    let recorded = checked.iter().flat_map(|one| one.run.lineage.outputs.each());
    let mut outputs: BTreeSet<Uri> = recorded.map(|(_, output)| output.uri.clone()).collect();
    outputs.extend(places.outputs.each().map(|(_, uri)| uri.clone()));
    let found = FoundParts::list(objects, &outputs, selection.run_id.as_ref()).await?;
    let mut unlisted = found.unlisted(checked.iter().map(|one| &one.run.lineage));
    for one in checked {
        let damaged = found.damaged(shell, &one.run.lineage, quick).await?;
        let strays = unlisted.remove(&one.run.lineage.run_id).unwrap_or_default();
        if !damaged.is_empty() || !strays.is_empty() {
            one.must_still_be_committed(shell).await?;
        }
        one.report.note(Finding::Damaged, !damaged.is_empty());
        if let Some(part) = damaged.iter().find(|part| part.is_strangers) {
            one.report.note(Finding::Unrepeatable, true);
            let reason =
                format!("found {} in the place of {}; move it away", part.found, part.part);
            one.report.unrepeatable = Some(reason);
        }
        one.report.note(Finding::Uncommitted, !strays.is_empty());
        one.report.damaged = damaged;
        one.report.uncommitted = strays.into_iter().map(UriText).collect();
    }
    if unlisted.is_empty() || selection.run_id.is_some() {
        return Ok(Vec::new());
    }
    // Looked up after the parts: what was committed meanwhile, or not selected, has a lineage.
    let mut uncommitted = Vec::new();
    for (run_id, parts) in unlisted {
        if !CommittedRuns::has(objects, &places.lineage, run_id).await? {
            uncommitted.extend(parts);
        }
    }
    Ok(uncommitted)
}

impl Checked {
    fn new(run: Committed, manifest: Manifest, uri: Uri) -> Self {
        let Lineage { run_id, interval, .. } = &run.lineage;
        let report = RunReport::new(run_id.clone(), *interval, uri);
        Self { run, manifest, report }
    }

    /// Parts that seem damaged may be those of a run that was replaced after its lineage was read.
    async fn must_still_be_committed(&self, shell: &Shell) -> Result<(), Error> {
        let uri = &self.report.lineage;
        let now = Committed::read(&*shell.objects, uri).await?;
        if now.lineage == self.run.lineage {
            return Ok(());
        }
        Err(objects::Error::Changed { uri: uri.clone() }.into())
    }

    fn check_settings(&mut self, places: &Places) {
        self.report.settings = settings::differences(&Places::of(&self.manifest), places);
        let job = &self.run.lineage.job;
        self.report.other_version = (*job != Job::this()).then(|| job.version.clone());
        self.report.note(Finding::Settings, !self.report.settings.is_empty());
        self.report.note(Finding::Version, self.report.other_version.is_some());
    }

    /// What only the tags tell: the run may be stale.
    fn compare_tags(&mut self, today: &Today) {
        let (changes, refused) = today.changes(&self.manifest, &self.run.lineage);
        self.report.note(Finding::Stale, !changes.is_empty());
        self.report.note(Finding::Unrepeatable, refused.is_some());
        self.report.inputs = changes;
        self.report.unrepeatable = refused.or(self.report.unrepeatable.take());
    }

    /// Computes the run again and compares what it would write with what is committed.
    async fn recompute(&mut self, shell: &Shell) -> Result<(), Error> {
        let (lineage, parts) = match shell.compute(&self.manifest).await {
            Ok((lineage, parts, _)) => (lineage, parts),
            Err(error) if is_the_inputs_fault(error.kind()) => {
                let this = std::iter::once((&self.manifest, &self.run.lineage));
                let today = Today::look(&*shell.objects, this).await?;
                (self.report.inputs, _) = today.changes(&self.manifest, &self.run.lineage);
                self.report.note(Finding::Unrepeatable, true);
                self.report.unrepeatable = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.report.inputs = inputs::between(&self.run.lineage.inputs, &lineage.inputs);
        if lineage.content_sha256 == self.run.lineage.content_sha256 {
            return Ok(());
        }
        // Another release may write the same rows in other bytes.
        let same_release = self.report.other_version.is_none();
        if !self.report.damaged.is_empty() {
            self.report.note(Finding::Stale, same_release);
            return Ok(());
        }
        match self.compare_rows(shell, &lineage, parts).await? {
            Ok(changes) => {
                self.report.note(Finding::Stale, same_release || !changes.is_none());
                self.report.changes = changes;
            }
            // What is committed is whole, but no log of ours: a rerun replaces it.
            Err(reason) => {
                tracing::warn!(lineage = %self.report.lineage, reason, "could not compare rows");
                self.report.note(Finding::Stale, true);
            }
        }
        Ok(())
    }

    async fn compare_rows(
        &self,
        shell: &Shell,
        lineage: &Lineage,
        parts: Vec<(Uri, Bytes)>,
    ) -> Result<Result<Changes, String>, Error> {
        let old: Parts = self.run.contents(&*shell.objects).await?;
        let parts: BTreeMap<Uri, Bytes> = parts.into_iter().collect();
        let new = lineage.outputs.as_ref().map(|_, output| {
            let files = output.files.iter();
            files.filter_map(|file| parts.get(&file.uri).cloned()).collect::<Vec<_>>()
        });
        let compared = shell.workers.run(move || Changes::between(&old, &new)).await;
        Ok(compared.map_err(run::Error::from)?)
    }
}

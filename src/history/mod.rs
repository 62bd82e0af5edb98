//! `cohort history`: what a run said before it was run again, from `superseded/` beside its lineage
//! (SPEC 11). Its JSON has the schema `schemas/history.v1.json`.

mod text;

use cohort_core::contract::Outputs;
use cohort_core::{Interval, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::changes::{Changes, Parts};
use crate::committed::Committed;
use crate::error::Error;
use crate::layout::{
    RunId, is_superseded, is_superseded_lineage, lineage_key, run_prefix, superseded_root,
};
use crate::lineage::{Lineage, OutputFile, hex};
use crate::manifest::{Manifest, Overrides, Places};
use crate::objects::{self, Entry, Objects, Uri};
use crate::run::{self, Shell};
use crate::verify::{InputChange, inputs_between, settings_between};

pub(crate) use self::text::page;

/// The version of a history's JSON.
const VERSION: u32 = 1;

/// What a run has said so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct History {
    /// Always [`VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// Its versions in the order of time; the last is what is committed now.
    pub versions: Vec<Version>,
}

/// One version of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Version {
    /// Its lineage, or the copy of it.
    #[serde(with = "crate::text::uri")]
    pub lineage: Uri,
    /// When it was put aside, by the storage's clock; none of what is committed now.
    #[serde(with = "crate::text::option")]
    pub replaced_at: Option<Timestamp>,
    /// What it was for.
    #[serde(with = "crate::text::interval")]
    pub interval: Interval,
    /// The release that computed it.
    pub job_version: String,
    /// The digest of its content.
    pub content_sha256: String,
    /// Its rows.
    pub rows: Outputs<u64>,
    /// What the next version says differently; none of what is committed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Step>,
}

/// What a version of a run says differently from the one before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Step {
    /// The input files that are not the same.
    pub inputs: Vec<InputChange>,
    /// The settings that are not the same.
    pub settings: Vec<SettingStep>,
    /// The rows that are not the same, by event.
    #[serde(flatten)]
    pub changes: Changes,
    /// Why the rows could not be compared.
    pub incomparable: Option<String>,
}

/// A setting of which two versions have different values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SettingStep {
    /// The setting.
    pub setting: String,
    /// In the older version.
    pub old: Option<String>,
    /// In the newer version.
    pub new: Option<String>,
}

/// A version that was read, and where its parts are.
struct Kept {
    uri: Uri,
    replaced_at: Option<Timestamp>,
    lineage: Lineage,
    /// The folder that holds copies of its parts; none of what is committed now.
    folder: Option<Uri>,
}

/// The history of a run.
///
/// # Errors
/// [`Error::Objects`], also if the run is not committed; [`Error::Committed`] and
/// [`Error::Lineage`] for a lineage that cannot be read.
pub(crate) async fn history(
    shell: &Shell,
    lineage: &Uri,
    run_id: &RunId,
) -> Result<History, Error> {
    let objects = &*shell.objects;
    let uri = lineage_key(lineage, run_id);
    let current = Committed::read(objects, &uri).await?.lineage;
    let mut kept = superseded(objects, &run_prefix(lineage, run_id)).await?;
    // A run that was killed, or lost the race, may have left a copy of what is still current.
    if kept.last().is_some_and(|last| last.lineage == current) {
        kept.pop();
    }
    kept.push(Kept { uri, replaced_at: None, lineage: current, folder: None });
    let mut versions = Vec::new();
    for (at, version) in kept.iter().enumerate() {
        let next = match kept.get(at + 1) {
            Some(next) => Some(step(shell, version, next).await?),
            None => None,
        };
        let Lineage { interval, job, content_sha256, outputs, .. } = &version.lineage;
        versions.push(Version {
            lineage: version.uri.clone(),
            replaced_at: version.replaced_at,
            interval: *interval,
            job_version: job.version.clone(),
            content_sha256: content_sha256.clone(),
            rows: outputs.as_ref().map(|_, output| output.rows),
            next,
        });
    }
    Ok(History { version: VERSION, run_id: run_id.clone(), versions })
}

/// The versions that were put aside, the earliest first.
async fn superseded(objects: &dyn Objects, run_folder: &Uri) -> Result<Vec<Kept>, Error> {
    let mut kept = Vec::new();
    let folders = objects.entries(&superseded_root(run_folder)).await?.into_iter();
    let own = |entry: &Entry| {
        entry.stranger == Some("a folder") && is_superseded(entry.object.uri.name())
    };
    for folder in folders.filter(own) {
        let folder = folder.object.uri.as_prefix();
        let files = objects.entries(&folder).await?.into_iter();
        let lineages = files.filter(|file| {
            file.stranger.is_none() && is_superseded_lineage(file.object.uri.name())
        });
        for file in lineages {
            let uri = file.object.uri;
            let lineage = Committed::read(objects, &uri).await?.lineage;
            let replaced_at = objects.modified(&uri).await?;
            kept.push(Kept { uri, replaced_at, lineage, folder: Some(folder.clone()) });
        }
    }
    kept.sort_by(|a, b| (a.replaced_at, &a.uri).cmp(&(b.replaced_at, &b.uri)));
    Ok(kept)
}

async fn step(shell: &Shell, old: &Kept, new: &Kept) -> Result<Step, Error> {
    let settings = settings_between(&old.places()?, &new.places()?).into_iter();
    let settings = settings.map(|setting| SettingStep {
        setting: setting.setting,
        old: setting.of_run,
        new: setting.of_manifest,
    });
    let mut step = Step {
        inputs: inputs_between(&old.lineage.inputs, &new.lineage.inputs),
        settings: settings.collect(),
        ..Step::default()
    };
    if old.lineage.content_sha256 == new.lineage.content_sha256 {
        return Ok(step);
    }
    let objects = &*shell.objects;
    let compared = match (old.contents(objects).await?, new.contents(objects).await?) {
        (Ok(old), Ok(new)) => {
            let compare = move || Changes::between(&old, &new);
            shell.workers.run(compare).await.map_err(run::Error::from)?
        }
        (Err(reason), _) | (_, Err(reason)) => Err(reason),
    };
    match compared {
        Ok(changes) => step.changes = changes,
        Err(reason) => step.incomparable = Some(reason),
    }
    Ok(step)
}

impl Kept {
    fn places(&self) -> Result<Places, Error> {
        let recorded = &self.lineage.manifest;
        Ok(Places::of(&Manifest::recorded(recorded, &self.uri, &Overrides::default())?))
    }

    /// The content of its parts, or which of them is not there or not whole.
    async fn contents(&self, objects: &dyn Objects) -> Result<Result<Parts, String>, Error> {
        let mut contents: Parts = self.lineage.outputs.as_ref().map(|_, _| Vec::new());
        for (log, output) in self.lineage.outputs.each() {
            for part in &output.files {
                let place = self.place(part);
                let content = match objects.read(&place).await {
                    Ok((content, _)) => content,
                    Err(objects::Error::NotFound { .. }) => {
                        return Ok(Err(format!("{place}: expected a part, found nothing")));
                    }
                    Err(error) => return Err(error.into()),
                };
                if hex(&Sha256::digest(&content)) != part.sha256 {
                    return Ok(Err(format!("{place}: expected a part, found other content")));
                }
                if let Some(of_log) = contents.get_mut(log) {
                    of_log.push(content);
                }
            }
        }
        Ok(Ok(contents))
    }

    /// Where a part is, or its copy.
    fn place(&self, part: &OutputFile) -> Uri {
        let folder = self.folder.as_ref();
        folder.map_or_else(|| part.uri.clone(), |folder| folder.join(part.uri.name()))
    }
}

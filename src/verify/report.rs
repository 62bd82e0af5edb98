//! What `cohort verify` found, as its JSON has it (`schemas/verify.v1.json`).

use cohort_core::{Interval, Timestamp};
use serde::Serialize;

use crate::changes::Changes;
use crate::layout::RunId;
use crate::objects::Uri;
use crate::text;

/// The version of this report.
pub(crate) const VERSION: u32 = 1;

/// What was found about a set of committed runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VerifyReport {
    /// Always 1.
    pub version: u32,
    /// Whether everything stands.
    pub sound: bool,
    /// Whether only tags were compared and nothing was computed again.
    pub quick: bool,
    /// The manifest that led to the runs.
    #[serde(with = "text::uri")]
    pub manifest: Uri,
    /// Every run that was looked at, by (interval start, interval end, `run_id`).
    pub runs: Vec<RunReport>,
    /// Lineages that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Parts in the folders of runs that no lineage commits.
    pub uncommitted: Vec<UriText>,
    /// Stretches of time between runs that no run is for.
    #[serde(with = "intervals")]
    pub gaps: Vec<Interval>,
    /// Stretches of time that two runs are for.
    pub overlaps: Vec<Overlap>,
    /// The runs to run again, in this order.
    pub reruns: Vec<Rerun>,
}

/// What was found about one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RunReport {
    /// Its name.
    pub run_id: RunId,
    /// What it is for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// Its lineage.
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    /// What is no longer valid; empty if the run is sound.
    pub findings: Vec<Finding>,
    /// The input files that are not what the run read. If the run is not stale all the same, every
    /// row of its output stands.
    pub inputs: Vec<InputChange>,
    /// The rows that a rerun would change, by event. Nothing if that is not known: after a quick
    /// look, or if the run's own parts are damaged.
    #[serde(flatten)]
    pub changes: Changes,
    /// Parts that are missing or altered.
    pub damaged: Vec<DamagedPart>,
    /// Parts in its folders that its lineage does not list.
    pub uncommitted: Vec<UriText>,
    /// Settings in which it differs from the manifest.
    pub settings: Vec<SettingChange>,
    /// The release that computed it, if it is not this one.
    pub other_version: Option<String>,
    /// Why a rerun would fail.
    pub unrepeatable: Option<String>,
}

/// What can be found about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Finding {
    /// A part is missing or altered.
    Damaged,
    /// An input changed, and with it rows of the output; after a quick look, perhaps.
    Stale,
    /// Its folders hold parts that its lineage does not list.
    Uncommitted,
    /// Settings differ from the manifest's.
    Settings,
    /// Another release computed it.
    Version,
    /// A rerun would fail.
    Unrepeatable,
}

/// An input file that is not what a run read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct InputChange {
    /// Its log.
    pub dataset: &'static str,
    /// The file.
    #[serde(with = "text::uri")]
    pub file: Uri,
    /// What happened to it.
    pub change: FileChange,
}

/// What happened to an input file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileChange {
    /// It has another tag or length.
    Changed,
    /// It was not there, or not opened.
    Came,
    /// It is not there any more.
    Went,
}

/// A part that is missing or altered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DamagedPart {
    /// The part.
    #[serde(with = "text::uri")]
    pub part: Uri,
    /// What is in its place.
    pub found: String,
    /// Whether that is no file of the job's, which a rerun does not remove.
    #[serde(skip)]
    pub is_strangers: bool,
}

/// A setting in which a run differs from the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SettingChange {
    /// The setting, such as `gap` or `inputs.all_campaign_data.uri`.
    pub setting: String,
    /// What the run was computed with; none if it had none.
    pub of_run: Option<String>,
    /// What the manifest says; none if it has none.
    pub of_manifest: Option<String>,
}

/// A lineage that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Unreadable {
    /// The lineage.
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    /// What was found in its place.
    pub reason: String,
}

/// A stretch of time that two runs are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Overlap {
    /// The stretch.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The two runs.
    pub run_ids: [RunId; 2],
}

/// A run to run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rerun {
    /// Its name.
    pub run_id: RunId,
    /// What it is for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// Why.
    pub reasons: Vec<Finding>,
    /// The arguments of `cohort` that run it again.
    pub arguments: Vec<String>,
}

/// A URI as its text in JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct UriText(#[serde(with = "text::uri")] pub Uri);

impl Finding {
    /// As JSON and text have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Stale => "stale",
            Self::Uncommitted => "uncommitted",
            Self::Settings => "settings",
            Self::Version => "version",
            Self::Unrepeatable => "unrepeatable",
        }
    }
}

impl FileChange {
    /// As JSON and text have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Came => "came",
            Self::Went => "went",
        }
    }
}

impl RunReport {
    /// A run about which nothing was found yet.
    pub(super) fn new(run_id: RunId, interval: Interval, lineage: Uri) -> Self {
        Self {
            run_id,
            interval,
            lineage,
            findings: Vec::new(),
            inputs: Vec::new(),
            changes: Changes::default(),
            damaged: Vec::new(),
            uncommitted: Vec::new(),
            settings: Vec::new(),
            other_version: None,
            unrepeatable: None,
        }
    }

    /// Notes a finding, if it is one.
    pub(super) fn note(&mut self, finding: Finding, is_one: bool) {
        if is_one && !self.findings.contains(&finding) {
            self.findings.push(finding);
            self.findings.sort_unstable();
        }
    }

    /// How to run it again; `None` if it is sound, or if that would fail.
    fn rerun(&self, manifest: &Uri) -> Option<Rerun> {
        if self.findings.is_empty() || self.unrepeatable.is_some() {
            return None;
        }
        let instant = |option: &str, at: Timestamp| format!("--{option}={at}");
        let name = [format!("--manifest={manifest}"), format!("--run-id={}", self.run_id)];
        // `cohort rerun` repeats the settings that the lineage records, `cohort run` takes those
        // of the manifest.
        let arguments = if self.settings.is_empty() {
            [vec!["rerun".to_owned()], name.to_vec()].concat()
        } else {
            let Interval { start, end } = self.interval;
            let ends = [instant("interval-start", start), instant("interval-end", end)];
            [vec!["run".to_owned()], name.to_vec(), ends.to_vec()].concat()
        };
        Some(Rerun {
            run_id: self.run_id.clone(),
            interval: self.interval,
            reasons: self.findings.clone(),
            arguments,
        })
    }
}

impl VerifyReport {
    /// With what follows from the findings: whether all is sound, and what to run again.
    pub(super) fn concluded(mut self) -> Self {
        self.reruns = self.runs.iter().filter_map(|run| run.rerun(&self.manifest)).collect();
        self.sound = self.runs.iter().all(|run| run.findings.is_empty())
            && self.unreadable.is_empty()
            && self.uncommitted.is_empty()
            && self.gaps.is_empty()
            && self.overlaps.is_empty();
        self
    }
}

/// Intervals as `{"start": ..., "end": ...}`.
mod intervals {
    use cohort_core::Interval;
    use serde::{Serialize, Serializer};

    use crate::text;

    #[derive(Serialize)]
    struct One(#[serde(with = "text::interval")] Interval);

    pub(super) fn serialize<S: Serializer>(all: &[Interval], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|&interval| One(interval)))
    }
}

//! The validated form of a manifest: every value checked, every default filled in.

use std::collections::BTreeMap;

use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Duration, Interval, Life};

use crate::layout::{Partitioning, RunId};
use crate::objects::Uri;

/// The version of the manifest that this job reads.
pub(crate) const VERSION: u32 = 1;
/// `gap` if the manifest has none: 30 minutes.
pub(crate) const GAP_DEFAULT: Duration = Duration::from_us(30 * 60 * 1_000_000);
/// `max_event_duration` if the manifest has none: 7 days.
pub(crate) const MAX_EVENT_DURATION_DEFAULT: Duration = Duration::from_us(7 * 86_400 * 1_000_000);
/// `max_lookback` if the manifest has none: 30 days.
pub(crate) const MAX_LOOKBACK_DEFAULT: Duration = Duration::from_us(30 * 86_400 * 1_000_000);
/// `max_reject_ratio` if the manifest has none.
pub(crate) const MAX_REJECT_RATIO_DEFAULT: f64 = 0.01;

/// A run, described in full: every default filled in, every value checked, every URI absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The run's name.
    pub run_id: RunId,
    /// What the run is for.
    pub interval: Interval,
    /// What bounds an event: `gap`, which is positive, and `max_event_duration`, which is greater.
    pub life: Life,
    /// How old an onset may be at its detection.
    pub max_lookback: Duration,
    /// The share of rejected rows above which the run fails: 0 to 1.
    pub max_reject_ratio: f64,
    /// The JSON object that names the run if nothing else does.
    pub demo_run_config: Option<Uri>,
    /// What is read.
    pub inputs: Inputs<Dataset>,
    /// The prefixes of what is written, each with a slash at its end; no two of them nest.
    pub outputs: Outputs<Uri>,
    /// The prefix of the lineage, the commit point.
    pub lineage: Uri,
    /// How the lineage is written.
    pub commit: CommitMode,
    /// Whether a run copies what it is about to replace beside the lineage.
    pub keep_superseded: bool,
    /// Whether a run refuses to replace other content that was committed under its `run_id`.
    pub expect_same: bool,
}

/// One dataset: files below a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The prefix of all its files, with a slash at its end.
    pub uri: Uri,
    /// How its files are spread over time, if they are.
    pub partitioning: Option<Partitioning>,
    /// From a contract column to the dataset's own name for it, if they differ.
    pub columns: BTreeMap<String, String>,
}

impl Dataset {
    /// The dataset's own name for a contract column.
    pub fn column<'a>(&'a self, name: &'a str) -> &'a str {
        self.columns.get(name).map_or(name, String::as_str)
    }
}

/// How the lineage is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CommitMode {
    /// Only over the version that the run has seen: the storage must honour conditions.
    #[default]
    Conditional,
    /// Over whatever is there, for storage that ignores conditions. No two runs of one `run_id` may
    /// overlap then.
    Unconditional,
}

impl CommitMode {
    /// As the manifest writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conditional => "conditional",
            Self::Unconditional => "unconditional",
        }
    }
}

/// What the command line overrides in the manifest, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--run-id`.
    pub run_id: Option<String>,
    /// `--interval-start`.
    pub start: Option<String>,
    /// `--interval-end`.
    pub end: Option<String>,
    /// `--gap`.
    pub gap: Option<String>,
    /// `--max-event-duration`.
    pub max_event_duration: Option<String>,
    /// `--max-lookback`.
    pub max_lookback: Option<String>,
    /// `--expect-same`.
    pub expect_same: bool,
}

/// What a manifest says whatever run it is for: where inputs and outputs lie, and the settings that
/// rows depend on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Places {
    /// What bounds an event.
    pub life: Life,
    /// How old an onset may be at its detection.
    pub max_lookback: Duration,
    /// The share of rejected rows above which a run fails.
    pub max_reject_ratio: f64,
    /// What is read.
    pub inputs: Inputs<Dataset>,
    /// What is written.
    pub outputs: Outputs<Uri>,
    /// The prefix of the lineages.
    pub lineage: Uri,
    /// What may name the run.
    pub demo_run_config: Option<Uri>,
}

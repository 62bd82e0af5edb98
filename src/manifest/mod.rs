//! The run manifest: its wire form, its defaults and its validated form (SPEC 10).
//!
//! Pure: it reads texts, never a file or a clock. It checks JSON first, then the schema (known
//! keys, types), then values. The command line wins over the manifest, the manifest over
//! `demo_run_config`.

mod check;
mod fault;
mod resolved;
mod strict;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use crate::layout::{Partitioning, RunId};
use crate::objects::Uri;
use crate::text::without_mark;
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Duration, Interval, Life};

pub use fault::Error;
pub(crate) use fault::Fault;
pub(crate) use resolved::Resolved;

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

impl Manifest {
    /// Reads the manifest at `uri`. Relative paths start at its folder. `demo` is the content of
    /// the object that [`demo_run_config_uri`] asks for, if it asks for one.
    ///
    /// # Errors
    /// [`Error`], for the first fault in the order JSON, schema, values.
    pub fn parse(
        text: &str,
        uri: &Uri,
        overrides: &Overrides,
        demo: Option<&str>,
    ) -> Result<Self, Error> {
        let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
        check::manifest(&wire, uri, overrides, demo)
    }

    /// The manifest that a lineage records, which is a valid manifest itself. `uri` is the
    /// lineage's.
    ///
    /// # Errors
    /// [`Error`], for a value that the command line puts over it.
    pub fn recorded(recorded: &Resolved, uri: &Uri, overrides: &Overrides) -> Result<Self, Error> {
        // Maps have text keys and no field can fail to serialize, so the error cannot arise.
        let text = serde_json::to_string(recorded).unwrap_or_default();
        Self::parse(&text, uri, overrides, None)
    }
}

/// Where a manifest says that inputs and outputs lie, whatever run it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// What is read.
    pub inputs: Inputs<Dataset>,
    /// What is written.
    pub outputs: Outputs<Uri>,
    /// The prefix of the lineages.
    pub lineage: Uri,
}

impl Places {
    /// Reads a manifest's inputs and outputs. It need not name a run or an interval.
    ///
    /// # Errors
    /// [`Error`], for the first fault in the order JSON, schema, values.
    pub(crate) fn read(text: &str, uri: &Uri) -> Result<Self, Error> {
        let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
        check::places(&wire, uri)
    }
}

/// The `demo_run_config` that must be read before [`Manifest::parse`]: only if neither the command
/// line nor the manifest names the run.
///
/// # Errors
/// [`Error`] if the manifest is at fault.
pub(crate) fn demo_run_config_uri(
    text: &str,
    uri: &Uri,
    overrides: &Overrides,
) -> Result<Option<Uri>, Error> {
    let wire = wire::Wire::read(text).map_err(|fault| Error::at(uri, fault))?;
    if overrides.run_id.is_some() || wire.run_id.is_some() {
        return Ok(None);
    }
    check::demo_run_config(&wire, uri)
}

/// The bytes of a JSON document as text, without a byte order mark.
///
/// # Errors
/// [`Error`] if they are not UTF-8.
pub(crate) fn utf8<'a>(bytes: &'a [u8], uri: &Uri) -> Result<&'a str, Error> {
    text(bytes).map_err(|fault| Error::at(uri, fault))
}

/// The bytes of a `demo_run_config` as text, without a byte order mark.
///
/// # Errors
/// [`Error`] if they are not UTF-8.
pub(crate) fn demo_utf8<'a>(bytes: &'a [u8], uri: &Uri) -> Result<&'a str, Error> {
    text(bytes).map_err(|fault| Error::DemoRunConfig { uri: uri.clone(), fault: Box::new(fault) })
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(without_mark(bytes)).map_err(|error| Fault::NotJson {
        reason: format!("a byte that is not UTF-8 at offset {}", error.valid_up_to()),
    })
}

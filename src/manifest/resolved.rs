//! The manifest as resolved: what the lineage keeps of it. It is a valid manifest and resolves to
//! itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::values::{Dataset, Manifest, VERSION};
use super::wire::{LINEAGE, output_keys};
use crate::layout::RunId;
use crate::objects::Uri;
use crate::text;
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Duration, Interval};

/// A manifest with every default filled in, URIs absolute and times in the contract's form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    /// Always 1.
    pub version: u32,
    /// The run's name, wherever it came from.
    pub run_id: RunId,
    /// What the run is for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The longest quiet time within one event.
    #[serde(with = "text")]
    pub gap: Duration,
    /// The time between two boundaries at which a long chain is cut.
    #[serde(with = "text")]
    pub max_event_duration: Duration,
    /// How old an onset may be.
    #[serde(with = "text")]
    pub max_lookback: Duration,
    /// The share of rejected rows above which the run fails.
    pub max_reject_ratio: f64,
    /// The object that may name the run.
    #[serde(with = "text::uri::option", default, skip_serializing_if = "Option::is_none")]
    pub demo_run_config: Option<Uri>,
    /// `conditional` or `unconditional`.
    pub commit: String,
    /// Whether what a rerun replaces is kept beside the lineage.
    pub keep_superseded: bool,
    /// What is read.
    pub inputs: Inputs<ResolvedInput>,
    /// What is written.
    pub outputs: ResolvedOutputs,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedInput {
    /// The prefix of its files.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// Its partition pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitioning: Option<String>,
    /// Its own names for contract columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "text::few")]
    pub columns: BTreeMap<String, String>,
}

/// The outputs: the logs, and the lineage between those that must be there and the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResolvedOutputs {
    /// The prefix of each log.
    #[serde(flatten)]
    pub logs: Outputs<Prefix>,
    /// The prefix of the lineage.
    pub lineage: Prefix,
}

/// An absolute URI, as its text in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prefix(#[serde(with = "text::uri")] pub Uri);

impl Serialize for ResolvedOutputs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let prefix = |key: &str| match key {
            LINEAGE => Some(&self.lineage),
            key => self.logs.each().find_map(|(log, prefix)| (log.name == key).then_some(prefix)),
        };
        to.collect_map(output_keys().filter_map(|key| prefix(key).map(|prefix| (key, prefix))))
    }
}

impl Manifest {
    /// The manifest as resolved, for the lineage.
    pub fn resolved(&self) -> Resolved {
        Resolved {
            version: VERSION,
            run_id: self.run_id.clone(),
            interval: self.interval,
            gap: self.life.gap,
            max_event_duration: self.life.duration_max,
            max_lookback: self.max_lookback,
            max_reject_ratio: self.max_reject_ratio,
            demo_run_config: self.demo_run_config.clone(),
            commit: self.commit.as_str().to_owned(),
            keep_superseded: self.keep_superseded,
            inputs: self.inputs.as_ref().map(|_, dataset| input(dataset)),
            outputs: ResolvedOutputs {
                logs: self.outputs.as_ref().map(|_, uri| Prefix(uri.clone())),
                lineage: Prefix(self.lineage.clone()),
            },
        }
    }
}

fn input(dataset: &Dataset) -> ResolvedInput {
    ResolvedInput {
        uri: dataset.uri.clone(),
        partitioning: dataset.partitioning.as_ref().map(ToString::to_string),
        columns: dataset.columns.clone(),
    }
}

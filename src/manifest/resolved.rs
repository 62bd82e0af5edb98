//! The manifest as resolved: what the lineage keeps of it. It is a valid manifest and resolves to
//! itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::values::{Dataset, Manifest, VERSION};
use crate::layout::RunId;
use crate::objects::Uri;
use crate::text;
use cohort_core::contract::Inputs;
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

/// The outputs by their names in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each field is the output of its name")]
pub struct ResolvedOutputs {
    #[serde(with = "text::uri")]
    pub minority_reports_cohorted_log: Uri,
    #[serde(with = "text::uri")]
    pub minority_event_log: Uri,
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    #[serde(with = "text::uri::option", default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<Uri>,
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
                minority_reports_cohorted_log: self.outputs.mrch.clone(),
                minority_event_log: self.outputs.melog.clone(),
                lineage: self.lineage.clone(),
                rejects: self.outputs.rejects.clone(),
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

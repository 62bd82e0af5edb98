//! What a run tells others about itself: what it will do ([`Announcement`]), what it did
//! ([`Facts`]), why it failed ([`Failure`]).
//!
//! All channels of this module report these values and no others, so all screens show the same
//! numbers. Nothing here reads a clock: the shell measures, and this module repeats.

use std::collections::BTreeMap;

use crate::run::Highlights;
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Counts, Duration, Interval};

use crate::commit::Status;
use crate::kind::Kind;
use crate::layout;
use crate::lineage::{self, Lineage};
use crate::manifest::Manifest;
use crate::objects::Uri;
use crate::summary::Summary;

/// An input or output of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnouncedDataset {
    /// Its URI, as a prefix.
    pub uri: Uri,
    /// From the job's column names to the user's own, if they differ.
    pub columns: BTreeMap<String, String>,
}

/// What the run is about to do: known as soon as its manifest is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Announcement {
    /// The run's identity.
    pub run_id: String,
    /// The half-open interval that it is for.
    pub interval: Interval,
    /// Two ticks further apart than this belong to two events.
    pub gap: Duration,
    /// The greatest share of rejected rows that the run accepts.
    pub max_reject_ratio: f64,
    /// The logs that it reads.
    pub inputs: Inputs<AnnouncedDataset>,
    /// The logs that it writes for others to read, so without the rejects.
    pub outputs: Outputs<AnnouncedDataset>,
}

/// What was read of one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadFacts {
    /// Files opened.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows rejected in the run's interval, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Duplicate rows dropped.
    pub duplicates: u64,
}

impl ReadFacts {
    fn of(input: &lineage::Input) -> Self {
        Self {
            files: input.files.len() as u64,
            bytes: input.files.iter().map(|file| file.bytes).sum(),
            rows: input.rows_read,
            rejected: input.rows_rejected.clone(),
            duplicates: input.rows_duplicate,
        }
    }
}

/// What was written of one output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenFacts {
    /// The prefix of the files that this run wrote.
    pub uri: String,
    /// Rows.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a run that ended well did.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// `committed`, `replaced` or `unchanged`.
    pub status: String,
    /// The URI of its lineage.
    pub lineage: Uri,
    /// SHA-256 over the digests of all that it wrote.
    pub content_sha256: String,
    /// What was read of each input.
    pub inputs: Inputs<ReadFacts>,
    /// What was written of each output.
    pub outputs: Outputs<WrittenFacts>,
    /// The counts.
    pub counts: Counts,
    /// Seconds from the run's start to its commit.
    pub elapsed_s: f64,
    /// The process's greatest resident memory, if the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// The events that people look at first.
    pub highlights: Highlights,
    /// The summary: the same line of JSON that goes to stdout.
    pub summary: String,
}

impl Announcement {
    /// What a run of this manifest is about to do.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let inputs = manifest.inputs.as_ref().map(|_, dataset| AnnouncedDataset {
            uri: dataset.uri.clone(),
            columns: dataset.columns.clone(),
        });
        let outputs = manifest
            .outputs
            .as_ref()
            .map(|_, uri| AnnouncedDataset { uri: uri.clone(), columns: BTreeMap::new() });
        Self {
            run_id: manifest.run_id.to_string(),
            interval: manifest.interval,
            gap: manifest.life.gap,
            max_reject_ratio: manifest.max_reject_ratio,
            // A run does not read the edits.
            inputs: Inputs { edits: None, ..inputs },
            outputs: Outputs { rejects: None, ..outputs },
        }
    }
}

impl Facts {
    /// What the committed run did.
    pub(crate) fn of(lineage: &Lineage, summary: &Summary, highlights: Highlights) -> Self {
        let outputs = lineage.outputs.as_ref().map(|_, output| WrittenFacts {
            uri: layout::run_prefix(&output.uri, &lineage.run_id).to_string(),
            rows: output.rows,
            files: output.files.len() as u64,
            bytes: output.files.iter().map(|file| file.bytes).sum(),
        });
        #[expect(clippy::cast_precision_loss, reason = "a run takes less than 2^53 milliseconds")]
        let elapsed_s = summary.execution.wall_ms as f64 / 1000.0;
        Self {
            status: match summary.status {
                Status::Committed => "committed".to_owned(),
                Status::Replaced => "replaced".to_owned(),
                Status::Unchanged => "unchanged".to_owned(),
            },
            lineage: summary.lineage.clone(),
            content_sha256: lineage.content_sha256.clone(),
            inputs: lineage.inputs.as_ref().map(|_, input| ReadFacts::of(input)),
            outputs,
            counts: lineage.counts,
            elapsed_s,
            peak_memory_bytes: summary.peak_memory_bytes,
            highlights,
            summary: summary.to_json(),
        }
    }

    /// Rejected rows of the detected log, all reasons together.
    pub(crate) fn rejected(&self) -> u64 {
        self.inputs.reports.rejected.values().sum()
    }

    /// Rows read of the detected log.
    pub(crate) fn detected_rows(&self) -> u64 {
        self.inputs.reports.rows
    }
}

/// Why a run ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The run, if it is known by now.
    pub run_id: Option<String>,
    /// What the orchestrator must do.
    pub kind: Kind,
    /// The one line that also went to stderr; it holds no credentials.
    pub message: String,
}

impl Failure {
    /// The kind in one word, for machines.
    pub(crate) const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Usage => "usage",
            Kind::Data => "data",
            Kind::NoInput => "no_input",
            Kind::Bug => "bug",
            Kind::Temporary => "temporary",
            Kind::Denied => "denied",
            Kind::Manifest => "manifest",
        }
    }

    /// The failure as the JSON object that XCom and the termination log carry.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "status": "failed",
            "run_id": self.run_id,
            "exit_code": self.kind.exit_code(),
            "kind": self.kind_name(),
            "retry": self.kind.is_retryable(),
            "error": self.message,
        })
    }
}

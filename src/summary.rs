//! The summary: the one line of JSON that a run prints on stdout (SPEC 10).

use serde::{Deserialize, Serialize};

use cohort_core::contract::Outputs;
use cohort_core::{Counts, Interval};

use crate::commit::Status;
use crate::escape;
use crate::layout::RunId;
use crate::objects::Uri;
use crate::text;

/// What a run did, for its caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The run's name.
    pub run_id: RunId,
    /// Whether this run changed anything.
    pub status: Status,
    /// What the run was for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The committed lineage.
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    /// Rows written, by output.
    pub rows: Outputs<u64>,
    /// What was found, as in the lineage.
    pub counts: Counts,
    /// What it cost.
    pub execution: Execution,
    /// The most memory that the process held at once; null if the system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// What a run cost. It differs from attempt to attempt, so no output contains it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Milliseconds from start to end.
    pub wall_ms: u64,
    /// Milliseconds of processor time over all threads.
    pub cpu_ms: u64,
    /// Threads that computed.
    pub threads: u64,
    /// Requests to the storage, retries included.
    pub requests: u64,
    /// Requests that were made again.
    pub retries: u64,
    /// Bytes written to the storage.
    pub bytes_written: u64,
}

impl Summary {
    /// The summary on one line, without a line feed.
    pub fn to_json(&self) -> String {
        // Maps have text keys and every field can be serialized, so there can be no error.
        escape::json(&serde_json::to_string(self).unwrap_or_default())
    }
}

//! The lineage manifest: what a run read, wrote and counted (SPEC 12). Writing it is the commit
//! (SPEC 11).
//!
//! Nothing in it depends on the clock, the host or the attempt, so the same run gives the same
//! bytes. Its keys have the order of the fields below.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Counts, Duration, Interval, Timestamp};

use crate::kind::Kind;
use crate::layout::RunId;
use crate::manifest::Resolved;
use crate::objects::Uri;
use crate::text;

/// The version of the lineage that this job writes.
pub(crate) const VERSION: u32 = 1;

/// One committed run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// Always 1.
    pub version: u32,
    /// The run's name.
    pub run_id: RunId,
    /// What the run was for.
    #[serde(with = "text::interval")]
    pub interval: Interval,
    /// The longest quiet time within one event.
    #[serde(with = "text")]
    pub gap: Duration,
    /// What computed it.
    pub job: Job,
    /// The manifest as resolved.
    pub manifest: Resolved,
    /// What was read.
    pub inputs: Inputs<Input>,
    /// What was written.
    pub outputs: Outputs<Output>,
    /// What was found.
    pub counts: Counts,
    /// How far back MRDL was read.
    pub lookback: LookbackRead,
    /// [`content_sha256`].
    pub content_sha256: String,
}

/// The program that computed a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// `cohort`.
    pub name: String,
    /// Its release.
    pub version: String,
}

/// One dataset read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The prefix of its files.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// The first instant whose partition was looked into; absent without partitions, where every
    /// file was.
    #[serde(with = "text::option", default, skip_serializing_if = "Option::is_none")]
    pub opened_from: Option<Timestamp>,
    /// The files that were opened, in the order of their URIs.
    pub files: Vec<InputFile>,
    /// Rows of the row groups and pages that were decoded, each once.
    pub rows_read: u64,
    /// Rejected rows in the run's interval, by reason.
    #[serde(deserialize_with = "text::few")]
    pub rows_rejected: BTreeMap<String, u64>,
    /// Rows that gave way to a greater duplicate.
    pub rows_duplicate: u64,
    /// Amounts in the run's interval that do not fit `decimal(18,4)` and so are null, by column.
    #[serde(deserialize_with = "text::few")]
    pub values_out_of_range: BTreeMap<String, u64>,
    /// Rows in the run's interval whose onset is ignored. Only MRDL has onsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onsets_ignored: Option<u64>,
}

/// One file read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its URI.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// Its length.
    pub bytes: u64,
    /// Its version: the storage's entity tag; on local disk `footer-` and the digest of the file's
    /// Parquet footer.
    pub etag: Option<String>,
    /// The rows that it holds.
    pub rows: u64,
}

/// One dataset written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The prefix of its files, the run's own folder not included.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// Rows in all its files.
    pub rows: u64,
    /// Its files in the order of their rows.
    pub files: Vec<OutputFile>,
}

/// One file written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Its URI.
    #[serde(with = "text::uri")]
    pub uri: Uri,
    /// The rows that it holds.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes in lower-case hex.
    pub sha256: String,
}

/// How far back MRDL was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookbackRead {
    /// The first instant that was read.
    #[serde(with = "text")]
    pub start: Timestamp,
}

/// What tells whether this release can read a lineage.
#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

/// A lineage that this job cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{uri}: expected a lineage of version {VERSION}, found {reason}; use the release that wrote \
     it, or move it away"
)]
pub struct Error {
    /// The lineage.
    pub uri: Uri,
    /// What was found.
    pub reason: String,
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        Kind::Data
    }
}

impl Job {
    /// This program.
    pub fn this() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// SHA-256 over the hex digests of all files in order, each followed by a line feed.
pub(crate) fn content_sha256(outputs: &Outputs<Output>) -> String {
    let mut hash = Sha256::new();
    for file in outputs.each().flat_map(|(_, output)| &output.files) {
        hash.update(file.sha256.as_bytes());
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

impl Lineage {
    /// The lineage's bytes: indented JSON with a line feed at its end.
    pub fn to_json(&self) -> String {
        // Maps have text keys and every field can be serialized, so there can be no error.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a committed lineage back. Keys that a later release may have added are ignored.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not a lineage of version 1.
    pub fn parse(bytes: &[u8], uri: &Uri) -> Result<Self, Error> {
        let wrong = |reason| Error { uri: uri.clone(), reason };
        let bytes = text::without_mark(bytes);
        // Values of JSON would take many times the room of their text.
        let found: Versioned =
            serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        match found.version {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => return Err(wrong(format!("version {version}"))),
            None => return Err(wrong("no version".to_owned())),
        }
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

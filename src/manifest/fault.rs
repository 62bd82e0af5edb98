//! What can be wrong with a manifest, and with the values that the command line overrides.

use crate::kind::Kind;
use crate::objects::Uri;

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// In the manifest.
    #[error("manifest {uri}: {fault}")]
    Manifest {
        /// The manifest.
        uri: Uri,
        /// What is wrong.
        fault: Box<Fault>,
    },
    /// In the `demo_run_config` that the manifest names.
    #[error("demo_run_config {uri}: {fault}")]
    DemoRunConfig {
        /// The configuration.
        uri: Uri,
        /// What is wrong.
        fault: Box<Fault>,
    },
    /// In a value of the command line.
    #[error("{option}: {reason}; correct the command line")]
    CommandLine {
        /// The option.
        option: &'static str,
        /// What was expected and found.
        reason: String,
    },
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is not JSON, or names a key twice.
    #[error("expected one JSON object, found {reason}; correct the file")]
    NotJson {
        /// What the reader says, with line and column.
        reason: String,
    },
    /// A key that the schema does not have.
    #[error("{at}: expected a known key, found {key:?}; did you mean {nearest:?}?")]
    UnknownKey {
        /// The object's path.
        at: String,
        /// The key.
        key: String,
        /// The known key with the fewest edits.
        nearest: String,
    },
    /// A key that must be there.
    #[error("{at}: expected the key {key:?}, found none; add it")]
    Missing {
        /// The object's path.
        at: String,
        /// The key.
        key: String,
    },
    /// A value of another type.
    #[error("{at}: expected {expected}, found {found}; correct the value")]
    Type {
        /// The value's path.
        at: String,
        /// The type.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// Another version of the manifest.
    #[error(
        "version: expected 1, found {found}; write \"version\": 1 and follow \
         its schema (cohort schema run_manifest)"
    )]
    Version {
        /// The value.
        found: String,
    },
    /// A value that the contract does not allow.
    #[error("{at}: {reason}; correct the value")]
    Value {
        /// The value's path.
        at: String,
        /// What was expected and found.
        reason: String,
    },
    /// The run has no name.
    #[error(
        "expected a run_id, found none; give it as --run-id, as \"run_id\" in the manifest, \
         or in the object that \"demo_run_config\" names"
    )]
    NoRunId,
    /// The run has no interval.
    #[error(
        "expected an interval, found {found}; give \"interval\" in the manifest, \
         or both --interval-start and --interval-end"
    )]
    NoInterval {
        /// What is there.
        found: &'static str,
    },
    /// An output that is the same place as another dataset, inside it or around it.
    #[error(
        "outputs.{output}: expected a place of its own, found {uri}, which is \
         {relation} {other} ({other_uri}); choose another URI"
    )]
    Overlap {
        /// The output's key.
        output: &'static str,
        /// The output's URI.
        uri: String,
        /// `the same as`, `inside` or `around`.
        relation: &'static str,
        /// The path of the other.
        other: String,
        /// The other's URI.
        other_uri: String,
    },
}

impl Error {
    pub(super) fn at(uri: &Uri, fault: Fault) -> Self {
        Self::Manifest { uri: uri.clone(), fault: Box::new(fault) }
    }

    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Manifest { .. } | Self::DemoRunConfig { .. } => Kind::Manifest,
            Self::CommandLine { .. } => Kind::Usage,
        }
    }
}

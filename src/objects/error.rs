//! Why an operation on an object failed, and what that says about the operation.

use super::uri::Uri;
use crate::kind::Kind;

/// What an error says about the operation that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It surely did not happen.
    NotDone,
    /// It may have happened; only reading back can tell.
    Unknown,
}

/// Why an operation on an object failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is at the URI.
    #[error(
        "{uri}: expected an object, found nothing; check the path, or the job that should have \
         written it"
    )]
    NotFound {
        /// What was asked for.
        uri: Uri,
    },
    /// A link is at the URI, and nothing where it leads.
    #[error(
        "{uri}: expected a file, found a link to nothing; restore what it pointed to, or remove it"
    )]
    NoTarget {
        /// The link.
        uri: Uri,
    },
    /// The caller may not do this.
    #[error("{uri}: not allowed to {action} ({reason}); grant it, or run with another identity")]
    Denied {
        /// What was asked for.
        uri: Uri,
        /// `read`, `list`, `write` or `delete`.
        action: &'static str,
        /// What the storage answered, without credentials.
        reason: String,
    },
    /// The object is no longer the version that this run has pinned.
    #[error("{uri}: was replaced while this run read it; run again")]
    Changed {
        /// The object.
        uri: Uri,
    },
    /// A listing showed it, and then it was gone.
    #[error("{uri}: was listed, and was gone when this run came to it; run again")]
    Vanished {
        /// The object.
        uri: Uri,
    },
    /// What lies in a run's folder is no file of the job's making.
    #[error(
        "{uri}: expected a file that no link leads to, found {found}; something else wrote there, \
         move it away"
    )]
    Stranger {
        /// Where it lies.
        uri: Uri,
        /// What it is.
        found: &'static str,
    },
    /// The storage did not answer, or not in time, or asked to come back later.
    #[error("{uri}: could not {action} ({reason}); try again later")]
    Unavailable {
        /// The object.
        uri: Uri,
        /// `read`, `list`, `write` or `delete`.
        action: &'static str,
        /// Whether the operation may have happened all the same.
        outcome: Outcome,
        /// What went wrong, without credentials.
        reason: String,
    },
    /// The storage cannot be used as configured.
    #[error("{uri}: {reason}")]
    Misconfigured {
        /// What was asked for.
        uri: Uri,
        /// What was expected, what was found and what to do.
        reason: String,
    },
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::NoTarget { .. } => Kind::NoInput,
            Self::Denied { .. } => Kind::Denied,
            Self::Changed { .. } | Self::Vanished { .. } | Self::Unavailable { .. } => {
                Kind::Temporary
            }
            Self::Stranger { .. } => Kind::Data,
            Self::Misconfigured { .. } => Kind::Manifest,
        }
    }
}

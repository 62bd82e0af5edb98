//! Why a run was not committed.

use crate::kind::Kind;
use crate::lineage;
use crate::objects::{self, Uri};

/// Why a run was not committed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The lineage that is about to be replaced cannot be read, and so not be kept.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// The storage cannot hold the run's folder.
    #[error(
        "{folder}: expected a run_id whose paths take at most {most} bytes, found {found}; give \
         the run a shorter run_id"
    )]
    RunId {
        /// The folder.
        folder: Uri,
        /// The bytes that it would take.
        found: usize,
        /// The bytes that the storage can hold.
        most: usize,
    },
    /// Other content is committed under this `run_id`, and the run was not to replace it.
    #[error(
        "{lineage}: expected what this run computes, or nothing, found other content ({what}); \
         give the run another run_id, or leave out --expect-same"
    )]
    Different {
        /// The committed lineage.
        lineage: Uri,
        /// What differs.
        what: String,
    },
    /// Another run of this `run_id` committed something else meanwhile.
    #[error(
        "{lineage}: expected the lineage that this run saw when it began, found that of another \
         run; run again to replace it"
    )]
    Lost {
        /// The lineage.
        lineage: Uri,
    },
    /// Something else is under a name that is made of the digest of the content.
    #[error("{uri}: expected {expected}, found {found}; something else wrote there, move it away")]
    Foreign {
        /// The object.
        uri: Uri,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Lineage(error) => error.kind(),
            Self::RunId { .. } | Self::Different { .. } => Kind::Manifest,
            Self::Lost { .. } => Kind::Temporary,
            Self::Foreign { .. } => Kind::Data,
        }
    }
}

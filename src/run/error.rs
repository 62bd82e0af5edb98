//! Every way in which a run can fail, and what the caller must do about it.

use crate::kind::Kind;
use crate::workers::Stopped;
use crate::{commit, manifest, objects, parquet};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest is at fault.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// A log could not be read or written.
    #[error(transparent)]
    Parquet(#[from] parquet::Error),
    /// The commit failed.
    #[error(transparent)]
    Commit(#[from] commit::Error),
    /// Too many rows were rejected.
    #[error(
        "{log}: expected at most {limit} of the interval's rows to be rejected, found {rejected} \
         of {rows} ({reasons}); correct the rows, or raise max_reject_ratio in the manifest"
    )]
    Rejects {
        /// The log.
        log: &'static str,
        /// `max_reject_ratio`.
        limit: f64,
        /// Rejected rows.
        rejected: u64,
        /// Rows in the interval.
        rows: u64,
        /// Rejected rows by reason.
        reasons: String,
    },
    /// A sum does not fit `decimal(18,4)`.
    #[error(transparent)]
    Sum(#[from] cohort_core::LargeSum),
    /// A worker panicked.
    #[error(transparent)]
    Worker(#[from] Stopped),
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Manifest(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Parquet(error) => error.kind(),
            Self::Commit(error) => error.kind(),
            Self::Rejects { .. } | Self::Sum(_) => Kind::Data,
            Self::Worker(_) => Kind::Bug,
        }
    }
}

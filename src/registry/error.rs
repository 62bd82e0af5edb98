//! Every way in which the registry can fail.

use std::io;

use crate::kind::Kind;
use crate::workers::Stopped;
use crate::{committed, objects, parquet, run, shortage};
use cohort_core::batch::ListTooLong;
use cohort_core::registry::SumOutside;

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A committed run cannot be read back.
    #[error(transparent)]
    Committed(#[from] committed::Error),
    /// The edits log cannot be read or written.
    #[error(transparent)]
    Parquet(#[from] parquet::Error),
    /// The inputs cannot be read.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// A sum of an event does not fit.
    #[error(transparent)]
    Sum(#[from] SumOutside),
    /// A worker panicked.
    #[error(transparent)]
    Worker(#[from] Stopped),
    /// An edit that would not apply.
    #[error("the edit would not apply: {0}; nothing was written")]
    WouldNotApply(String),
    /// The manifest does not say where edits go.
    #[error(
        "{0}: expected an input user_minority_events_edits_log, which is where edits go, found \
         none; name it under \"inputs\""
    )]
    NoEditsLog(String),
    /// A row that no Parquet file holds.
    #[error("{0}; print the registry with --as jsonl, whose lines may have any length")]
    List(#[from] ListTooLong),
    /// What was to be printed could not be written.
    #[error("could not write ({})", shortage::reason(.0))]
    Print(#[from] io::Error),
    /// The rows could not be put into a batch.
    #[error("internal error: {0}; please report it")]
    Bug(String),
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Committed(error) => error.kind(),
            Self::Parquet(error) => error.kind(),
            Self::Run(error) => error.kind(),
            Self::Objects(error) => error.kind(),
            Self::Sum(_) | Self::List(_) => Kind::Data,
            Self::Print(_) => Kind::Temporary,
            Self::WouldNotApply(_) => Kind::Usage,
            Self::NoEditsLog(_) => Kind::Manifest,
            Self::Worker(_) | Self::Bug(_) => Kind::Bug,
        }
    }
}

//! Kinds of failure, by what the caller must do next. Each kind is one exit code; the README shows the same table.

use crate::objects;

/// What the orchestrator does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The command line is wrong: fail, do not retry.
    Usage,
    /// The input data is at fault: fail, do not retry.
    Data,
    /// An input does not exist: fail, do not retry.
    NoInput,
    /// A bug in this job: fail, do not retry.
    Bug,
    /// Storage was unavailable, or another run won: retry.
    Temporary,
    /// Access was denied: fail, do not retry.
    Denied,
    /// The manifest or its schema is at fault: fail, do not retry.
    Manifest,
}

impl Kind {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Data => 65,
            Self::NoInput => 66,
            Self::Bug => 70,
            Self::Temporary => 75,
            Self::Denied => 77,
            Self::Manifest => 78,
        }
    }
}

impl objects::Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NoInput,
            Self::Denied { .. } => Kind::Denied,
            Self::Changed { .. } | Self::Unavailable { .. } => Kind::Temporary,
            Self::Misconfigured { .. } => Kind::Manifest,
        }
    }
}

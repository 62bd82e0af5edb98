//! Kinds of failure, by what the caller must do next. Each kind is one exit code; the README shows the same table.

use crate::{lineage, manifest, objects, run, sample, show};

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
    /// Every kind, in the order of the exit codes.
    pub const ALL: [Self; 7] = [
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Bug,
        Self::Temporary,
        Self::Denied,
        Self::Manifest,
    ];

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

    /// What the exit code means, as `--help` has it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Usage => "wrong command line",
            Self::Data => {
                "the input data is at fault (schema, rejects, overflow, chain past max_lookback)"
            }
            Self::NoInput => "an input does not exist",
            Self::Bug => "a bug in the job",
            Self::Temporary => "temporary: storage unavailable, or another run of this run_id won",
            Self::Denied => "access denied",
            Self::Manifest => "the manifest or its schema is at fault",
        }
    }

    /// Whether the orchestrator should try again.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Temporary)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Storage.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The manifest, or a value of the command line over it.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The lineage of an earlier run.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// The run itself.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// The sample could not be made.
    #[error(transparent)]
    Sample(#[from] sample::Error),
    /// A run could not be shown.
    #[error(transparent)]
    Show(#[from] show::Error),
    /// Another fault of the command line.
    #[error("{0}")]
    Usage(String),
    /// The result could not be handed to whoever called.
    #[error("{place}: could not write ({source}); make room or grant it, and run again")]
    Result {
        /// `stdout`, or a file.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no threads.
    #[error("expected to start {threads} threads, was refused ({source}); give fewer as --threads")]
    Threads {
        /// As many as were asked for.
        threads: usize,
        /// Why.
        source: std::io::Error,
    },
    /// The process was asked to stop.
    #[error("expected to run to the end, was stopped by {signal}; run again")]
    Stopped {
        /// `SIGTERM` or `SIGINT`.
        signal: &'static str,
    },
    /// Something that cannot be.
    #[error("expected no bug in this job, found one ({0}); report it")]
    Bug(String),
}

impl Error {
    /// What the caller must do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Manifest(error) => error.kind(),
            Self::Lineage(error) => error.kind(),
            Self::Run(error) => error.kind(),
            Self::Sample(error) => error.kind(),
            Self::Show(error) => error.kind(),
            Self::Usage(_) => Kind::Usage,
            // The run is committed; another one finds it so and writes the result.
            Self::Result { .. } | Self::Threads { .. } | Self::Stopped { .. } => Kind::Temporary,
            Self::Bug(_) => Kind::Bug,
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

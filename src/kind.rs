//! How a command ends: done, with findings, or with a kind of failure, by what the caller must do
//! next. Each is one exit code; the README shows the same table. This is a leaf: every error type
//! of the job imports it, and it imports nothing.

/// How a command ended that did what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is nothing more to say.
    Done,
    /// `cohort verify` found that something is no longer valid.
    Findings,
}

impl Verdict {
    /// Both, in the order of the exit codes.
    pub const ALL: [Self; 2] = [Self::Done, Self::Findings];

    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Findings => 1,
        }
    }

    /// What the exit code means, as in `--help`, the README and SPEC 10.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "committed, or already committed",
            Self::Findings => "cohort verify found something; no other command ends so",
        }
    }

    /// What the orchestrator does.
    pub const fn then(self) -> &'static str {
        match self {
            Self::Done => "go on",
            Self::Findings => "rerun what it names",
        }
    }
}

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

    /// What the exit code means, as in `--help`, the README and SPEC 10.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Usage => "wrong command line",
            Self::Data => "the input data is at fault (schema, rejects over the limit, overflow)",
            Self::NoInput => "an input does not exist",
            Self::Bug => "a bug in the job",
            Self::Temporary => {
                "temporary: storage unavailable or slow, the machine short of something, or \
                 another run of this run_id committed something else meanwhile"
            }
            Self::Denied => "access denied",
            Self::Manifest => "the manifest or its schema is at fault",
        }
    }

    /// Whether the orchestrator should try again.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Temporary)
    }
}

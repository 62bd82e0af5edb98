//! Every way in which a command can fail.

use std::io;

use crate::kind::Kind;
use crate::shortage::{self, Shortage};
use crate::{committed, init, lineage, manifest, objects, registry, run, sample};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The manifest is at fault, or a value of the command line that overrides it.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// The lineage of an earlier run cannot be read.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// The run itself failed.
    #[error(transparent)]
    Run(#[from] run::Error),
    /// The sample could not be made.
    #[error(transparent)]
    Sample(#[from] sample::Error),
    /// A committed run could not be read back.
    #[error(transparent)]
    Committed(#[from] committed::Error),
    /// There is no registry, or no edit of it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// No manifest could be proposed.
    #[error(transparent)]
    Init(#[from] init::Error),
    /// Another fault of the command line.
    #[error("{0}")]
    Usage(String),
    /// The result could not be handed to the caller.
    #[error("{place}: could not write ({}); mend that, and run again", shortage::reason(source))]
    Result {
        /// `stdout`, or a file.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// An edit is in the log, and its event's row could not be printed.
    #[error(
        "stdout: could not write ({}); the edit is recorded, so do not make it again",
        shortage::reason(.0)
    )]
    EditNotPrinted(std::io::Error),
    /// The file that was named cannot be the result file.
    #[error("--result-file {place}: {reason}")]
    ResultFile {
        /// The file.
        place: String,
        /// What was expected, what was found and what to do.
        reason: String,
        /// What the caller must do about it.
        kind: Kind,
    },
    /// The machine has too little of something.
    #[error("{0}")]
    Short(Shortage),
    /// The system refuses what the job waits with.
    #[error(
        "expected to wait for files, sockets and signals with epoll, eventfd and pipes, was \
         refused ({source}); allow them, as in the seccomp profile of the container"
    )]
    Refused {
        /// Why.
        source: io::Error,
    },
    /// The working folder's name is no text.
    #[error(
        "the working folder: expected a name in UTF-8, found {folder:?}; change to another folder, \
         or give absolute paths"
    )]
    FolderName {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// The process has no working folder.
    #[error(
        "the working folder: expected one, found none ({source}); change to a folder that is there"
    )]
    Folder {
        /// Why.
        source: io::Error,
    },
    /// A lineage that a manifest leads to was written somewhere else.
    #[error(
        "{lineage}: expected a lineage that was written there, found one that was written at \
         {written}; rerun it by --lineage to replace it there, or run it anew with the manifest"
    )]
    Moved {
        /// Where it was found.
        lineage: objects::Uri,
        /// Where it says that it is.
        written: objects::Uri,
    },
    /// No run is committed where runs were to be looked at.
    #[error(
        "{lineage}: expected committed runs, found none; check the manifest, and the dates or the \
         name that was asked for"
    )]
    NoRuns {
        /// Where they should be.
        lineage: objects::Uri,
    },
    /// No committed run has the event.
    #[error(
        "{lineage}: expected the event {event_id} in a committed run, found it in none of {runs}; \
         check the id, the manifest, and the dates that were asked for"
    )]
    NoEvent {
        /// Where the runs are.
        lineage: objects::Uri,
        /// The event.
        event_id: String,
        /// How many runs were looked at.
        runs: usize,
    },
    /// The process was asked to stop.
    #[error("expected to run to the end, was stopped by {signal}; run again")]
    Stopped {
        /// Its name, such as `SIGTERM`.
        signal: &'static str,
    },
    /// A bug in this program.
    #[error("internal error: {0}; please report it")]
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
            Self::Committed(error) => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Init(error) => error.kind(),
            Self::Usage(_) | Self::Folder { .. } | Self::FolderName { .. } => Kind::Usage,
            Self::Refused { source } => match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported => Kind::Denied,
                _ => Kind::Temporary,
            },
            Self::ResultFile { kind, .. } => *kind,
            Self::Moved { .. } => Kind::Manifest,
            Self::NoRuns { .. } | Self::NoEvent { .. } => Kind::NoInput,
            // The run is committed. Another run finds the content committed and writes the result.
            Self::Result { .. }
            | Self::EditNotPrinted(_)
            | Self::Short(_)
            | Self::Stopped { .. } => Kind::Temporary,
            Self::Bug(_) => Kind::Bug,
        }
    }
}

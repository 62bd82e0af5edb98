//! The files that tell how a run ended: the result files and the termination log. Writing them
//! needs no runtime, so they are told whatever ends the process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::facts::Failure;
use super::termination;
use super::warning::warn;
use super::xcom::{NotWritten, ResultFiles};
use crate::escape;
use crate::kind::Kind;

/// The files that tell how a run ended.
#[derive(Clone, Debug)]
pub(crate) struct EndFiles {
    result: ResultFiles,
    termination_log: PathBuf,
    run_id: Arc<OnceLock<String>>,
}

impl EndFiles {
    /// The result files asked for, that of the sidecar if its folder exists, and the termination
    /// log.
    pub(crate) fn new(asked_for: Vec<PathBuf>, xcom_folder: &Path, termination_log: &Path) -> Self {
        Self {
            result: ResultFiles::new(asked_for, xcom_folder),
            termination_log: termination_log.to_owned(),
            run_id: Arc::default(),
        }
    }

    /// Removes what an earlier run left, so that nobody takes it for the result of this one.
    ///
    /// # Errors
    /// If a file can be neither removed nor emptied, cannot be written, or holds something else.
    pub(crate) fn clear(&self) -> Result<(), NotWritten> {
        self.result.clear()
    }

    /// The files asked for turned out to be no place for a result. Nothing is written there.
    pub(crate) fn withdraw(&self) {
        self.result.withdraw();
    }

    /// Whether a path leads to a file that the result goes to.
    pub(super) fn hold(&self, path: &Path) -> bool {
        self.result.hold(path)
    }

    /// The run's name, once it is known.
    pub(super) fn name(&self, run_id: &str) {
        // A run keeps its name.
        let _ = self.run_id.set(run_id.to_owned());
    }

    /// Why this run ended.
    pub(super) fn failure(&self, kind: Kind, message: &str) -> Failure {
        Failure { run_id: self.run_id.get().cloned(), kind, message: message.to_owned() }
    }

    /// The run ended well.
    ///
    /// # Errors
    /// The first file that could not be written, after all have been tried.
    pub(super) fn finished(&self, summary: &str) -> Result<(), NotWritten> {
        self.result.write(summary)
    }

    /// The run failed; `message` is the line that goes to stderr.
    pub(crate) fn failed(&self, kind: Kind, message: &str) {
        let failure = self.failure(kind, message);
        // An earlier result that may be removed, and not written, must not stay.
        let _ = self.result.clear();
        let json = escape::json(&failure.to_json().to_string());
        match self.result.write(&json) {
            // That is what the failure says, or it came first.
            Ok(()) | Err(NotWritten::Foreign { .. } | NotWritten::Stream { .. }) => {}
            Err(NotWritten::Failed { path, source }) => {
                warn("result file", &format!("{}: {source}", path.display()));
            }
        }
        if let Err(error) = termination::write(&self.termination_log, &failure) {
            warn("termination log", &error.to_string());
        }
    }
}

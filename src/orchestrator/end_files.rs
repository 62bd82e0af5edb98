//! The files that tell how a run ended: the result files and the termination log. Writing them
//! needs no runtime, so they are told whatever ends the process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::facts::Failure;
use super::termination;
use super::warning::warn;
use super::xcom::{NotWritten, ResultFiles};
use crate::escape;
use crate::kind::Kind;

/// How many files are open at once when the end is told: that of Dagster, and another one.
const SPARE_FILES: usize = 2;

/// The files that tell how a run ended.
#[derive(Clone, Debug)]
pub(crate) struct EndFiles {
    result: ResultFiles,
    termination_log: PathBuf,
    run_id: Arc<OnceLock<String>>,
    /// Open files that are given up for those of the end, if the system gives no more.
    spare: Arc<Mutex<Vec<File>>>,
    /// Whether the run fails because a result file is none.
    refused: Arc<AtomicBool>,
}

impl EndFiles {
    /// The result files asked for, that of the sidecar if its folder exists, and the termination
    /// log.
    pub(crate) fn new(asked_for: Vec<PathBuf>, xcom_folder: &Path, termination_log: &Path) -> Self {
        let spare = (0..SPARE_FILES).filter_map(|_| File::open("/dev/null").ok());
        Self {
            result: ResultFiles::new(asked_for, xcom_folder),
            termination_log: termination_log.to_owned(),
            run_id: Arc::default(),
            spare: Arc::new(Mutex::new(spare.collect())),
            refused: Arc::default(),
        }
    }

    /// Removes what an earlier run left, so that nobody takes it for the result of this one.
    ///
    /// # Errors
    /// If a file can be neither removed nor emptied, cannot be written, or holds something else.
    pub(crate) fn clear(&self) -> Result<(), NotWritten> {
        self.result.clear().inspect_err(|_| self.refused.store(true, Ordering::SeqCst))
    }

    /// The files asked for turned out to be no place for a result. Nothing is written there.
    pub(crate) fn withdraw(&self) {
        self.result.withdraw();
    }

    /// The files asked for turned out to lie apart from all logs.
    pub(crate) fn vouch(&self) {
        self.result.vouch();
    }

    /// Makes room for the files of the end.
    fn make_room(&self) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        self.make_room();
        self.result.write(summary)
    }

    /// The run failed; `message` is the line that goes to stderr.
    pub(crate) fn failed(&self, kind: Kind, message: &str) {
        self.make_room();
        let failure = self.failure(kind, message);
        // An earlier result that may be removed, and not written, must not stay.
        let _ = self.result.clear();
        let json = escape::json(&failure.to_json().to_string());
        match self.result.write(&json) {
            // That is what the failure says, or it came first.
            Ok(()) | Err(NotWritten::Foreign { .. } | NotWritten::Stream { .. }) => {}
            Err(NotWritten::Failed { .. }) if self.refused.load(Ordering::SeqCst) => {}
            Err(NotWritten::Failed { path, source }) => {
                warn("result file", &format!("{}: {source}", path.display()));
            }
        }
        if let Err(error) = termination::write(&self.termination_log, &failure) {
            warn("termination log", &error.to_string());
        }
    }
}

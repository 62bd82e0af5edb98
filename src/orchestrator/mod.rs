//! How a run reports to its caller: Dagster Pipes, OpenLineage, result files for XCom, the
//! Kubernetes termination log.
//!
//! The last step of SPEC's flow (report). Everything here is best effort. A run whose data is
//! committed has succeeded, whatever becomes of the messages about it, so a channel that fails is
//! only a warning in the log. Nothing here decides anything about the run or writes below an
//! output's URI.
//!
//! The shell makes [`Reporters`] before it reads the manifest. It calls [`Reporters::started`]
//! after it has read it, and then exactly one of [`Reporters::finished`], [`Reporters::failed`] and
//! [`Reporters::aborted`].

pub(crate) mod facts;
pub(crate) mod openlineage;
pub(crate) mod pipes;
pub(crate) mod termination;
pub(crate) mod xcom;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use facts::{Announcement, Facts, Failure};
use openlineage::{OpenLineage, State};
use pipes::Pipes;
use xcom::ResultFiles;

use crate::escape;
use crate::kind::Kind;
use crate::objects::Objects;
use cohort_core::Timestamp;

/// A stopped run reports within this time. It has a second to end.
const ABORT_TIME_MAX: Duration = Duration::from_millis(600);

/// Where the reporters look, and what they need of the process.
pub(crate) struct Surroundings<'a> {
    /// Reads an environment variable; an empty one counts as unset.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Storage, for channels that are objects.
    pub objects: Arc<dyn Objects>,
    /// The time for events. Only they see it.
    pub clock: fn() -> Timestamp,
    /// The file of `--result-file`.
    pub result_file: Option<PathBuf>,
    /// [`xcom::XCOM_FOLDER`], or another in tests.
    pub xcom_folder: &'a Path,
    /// [`termination::TERMINATION_LOG`], or another in tests.
    pub termination_log: &'a Path,
}

impl fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Every channel that the surroundings ask for.
#[derive(Debug)]
pub(crate) struct Reporters {
    clock: fn() -> Timestamp,
    pipes: Option<Pipes>,
    openlineage: Option<OpenLineage>,
    files: ResultFiles,
    termination_log: PathBuf,
    announced: Option<Announcement>,
}

impl Reporters {
    /// Opens what the surroundings ask for. What cannot be opened is a warning.
    pub(crate) async fn open(surroundings: Surroundings<'_>) -> Self {
        let Surroundings { env, objects, clock, result_file, xcom_folder, termination_log } =
            surroundings;
        let env = |name: &str| env(name).filter(|text| !text.is_empty());
        let pipes = match (env(pipes::CONTEXT), env(pipes::MESSAGES)) {
            (Some(context), Some(messages)) => {
                let opened = Pipes::open(&context, &messages, &objects).await;
                opened.map_err(|reason| warn("dagster pipes", &reason)).ok()
            }
            _ => None,
        };
        let (openlineage, complaints) = OpenLineage::from_env(&env);
        for complaint in complaints {
            warn("openlineage", &complaint);
        }
        Self {
            clock,
            pipes,
            openlineage,
            files: ResultFiles::new(result_file, xcom_folder),
            termination_log: termination_log.to_owned(),
            announced: None,
        }
    }

    /// The manifest is known; the run begins.
    pub(crate) async fn started(&mut self, announced: Announcement) {
        if let Some(openlineage) = &mut self.openlineage {
            openlineage.started(&announced, (self.clock)());
        }
        let text = format!(
            "{} for {} to {}",
            announced.run_id, announced.interval.start, announced.interval.end
        );
        self.announced = Some(announced);
        self.log(&text).await;
    }

    /// A line for the log of the orchestrator, if it keeps one.
    async fn log(&mut self, text: &str) {
        if let Some(pipes) = &mut self.pipes
            && let Err(reason) = pipes.log(text).await
        {
            warn("dagster pipes", &reason);
        }
    }

    /// The run ended well: its data is committed.
    ///
    /// # Errors
    /// If a result file could not be written. Unlike a message, somebody asked for it and will read
    /// it.
    pub(crate) async fn finished(&mut self, facts: &Facts) -> Result<(), (PathBuf, io::Error)> {
        let written = self.files.write(&facts.summary);
        if let (Some(pipes), Some(announced)) = (&mut self.pipes, &self.announced) {
            warn_if("dagster pipes", pipes.finished(announced, facts)).await;
        }
        if let Some(openlineage) = &mut self.openlineage {
            let at = (self.clock)();
            warn_if("openlineage", openlineage.ended(State::Complete(facts), at)).await;
        }
        written
    }

    /// The run failed; `message` is the line that goes to stderr.
    pub(crate) async fn failed(&mut self, kind: Kind, message: &str) {
        let failure = self.failure(kind, message);
        self.end(&failure, State::Fail(&failure)).await;
    }

    /// The run was asked to stop, by [`termination::stop_requested`]. Returns soon, even if a
    /// channel hangs.
    pub(crate) async fn aborted(&mut self, signal: &str) {
        let message = format!("stopped by {signal} before the commit was known; run again");
        let failure = self.failure(Kind::Temporary, &message);
        let end = self.end(&failure, State::Abort(&failure));
        if tokio::time::timeout(ABORT_TIME_MAX, end).await.is_err() {
            warn("reporting the stop", "no answer in time");
        }
    }

    fn failure(&self, kind: Kind, message: &str) -> Failure {
        let run_id = self.announced.as_ref().map(|announced| announced.run_id.clone());
        Failure { run_id, kind, message: message.to_owned() }
    }

    async fn end(&mut self, failure: &Failure, state: State<'_>) {
        // Files come first: they are quick, and the orchestrators' screens show them.
        if let Err((path, error)) = self.files.write(&escape::json(&failure.to_json().to_string()))
        {
            warn("result file", &format!("{}: {error}", path.display()));
        }
        if let Err(error) = termination::write(&self.termination_log, failure) {
            warn("termination log", &error.to_string());
        }
        if let Some(pipes) = &mut self.pipes {
            warn_if("dagster pipes", pipes.failed(failure)).await;
        }
        if let Some(openlineage) = &mut self.openlineage {
            warn_if("openlineage", openlineage.ended(state, (self.clock)())).await;
        }
    }
}

async fn warn_if(channel: &str, attempt: impl Future<Output = Result<(), String>>) {
    if let Err(reason) = attempt.await {
        warn(channel, &reason);
    }
}

fn warn(channel: &str, reason: &str) {
    tracing::warn!(channel, reason, "the run goes on, but this channel does not hear of it");
}

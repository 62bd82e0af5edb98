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

pub(crate) mod end_files;
pub(crate) mod facts;
mod open;
pub(crate) mod openlineage;
pub(crate) mod pipes;
mod place;
pub(crate) mod termination;
mod warning;
pub(crate) mod xcom;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use facts::{Announcement, Facts, Failure};
use futures_util::FutureExt as _;
use openlineage::{OpenLineage, State};
use pipes::Pipes;
use warning::{warn, warn_if};

pub(crate) use end_files::EndFiles;
pub(crate) use place::Place;
pub(crate) use xcom::NotWritten;

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
    /// The files that tell how the run ended.
    pub files: EndFiles,
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
    files: EndFiles,
    /// Whether files and prefixes turned out to lie apart from all logs.
    vouched: bool,
    announced: Option<Announcement>,
    /// Whether the channels know how the run ended.
    ended: bool,
}

impl Reporters {
    /// Opens what the surroundings ask for. What cannot be opened is a warning.
    pub(crate) async fn open(surroundings: Surroundings<'_>) -> Self {
        let Surroundings { env, objects, clock, files } = surroundings;
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
        let (announced, ended) = (None, false);
        let mut reporters =
            Self { clock, pipes, openlineage, files, vouched: false, announced, ended };
        let files = reporters.files.clone();
        reporters.leave(|place| match place {
            Place::File(path) if files.hold(path) => {
                Some("expected a file of its own, found the result's".to_owned())
            }
            _ => None,
        });
        reporters
    }

    /// The manifest is known, and what it names is not to hold other files. `taken_by` says what of
    /// it holds a place.
    pub(crate) fn keep_out(&mut self, taken_by: impl Fn(&Place<'_>) -> Option<&'static str>) {
        self.leave(|place| {
            let name = taken_by(place)?;
            Some(format!("expected a place of its own, found that of {name}"))
        });
        self.vouched = true;
    }

    /// Leaves the channels whose places this finds a fault with. Nothing is written there.
    fn leave(&mut self, fault: impl Fn(&Place<'_>) -> Option<String>) {
        let found = |place: Option<Place<'_>>| {
            let place = place?;
            fault(&place).map(|reason| format!("{place}: {reason}"))
        };
        if let Some(reason) = found(self.pipes.as_ref().and_then(Pipes::place)) {
            warn("dagster pipes", &reason);
            self.pipes = None;
        }
        if let Some(reason) = found(self.openlineage.as_ref().and_then(OpenLineage::place)) {
            warn("openlineage", &reason);
            self.openlineage = None;
        }
    }

    /// The manifest is known; the run begins.
    pub(crate) async fn started(&mut self, announced: Announcement) {
        self.files.name(&announced.run_id);
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
    pub(crate) async fn finished(&mut self, facts: &Facts) -> Result<(), NotWritten> {
        let written = self.files.finished(&facts.summary);
        self.ended = true;
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
        // Files come first: they are quick, and the orchestrators' screens show them.
        self.files.failed(kind, message);
        self.failed_in_the_end(kind, message).await;
    }

    /// The run was asked to stop, by [`termination::stop_requested`]. Returns soon, even if a
    /// channel hangs.
    pub(crate) async fn aborted(&mut self, signal: &str) {
        let message = format!("stopped by {signal} before the commit was known; run again");
        self.files.failed(Kind::Temporary, &message);
        let failure = self.files.failure(Kind::Temporary, &message);
        let end = self.end(&failure, State::Abort(&failure));
        if tokio::time::timeout(ABORT_TIME_MAX, end).await.is_err() {
            warn("reporting the stop", "no answer in time");
        }
    }

    /// The same as [`Reporters::failed`] for a process that cannot go on, and whose files know.
    pub(crate) async fn failed_in_the_end(&mut self, kind: Kind, message: &str) {
        let failure = self.files.failure(kind, message);
        self.end(&failure, State::Fail(&failure)).await;
    }

    /// The same where nothing can wait: for channels that are files or streams.
    pub(crate) fn failed_at_once(&mut self, kind: Kind, message: &str) {
        let waits = |pipes: &Pipes| pipes.waits();
        if self.pipes.as_ref().is_some_and(waits) {
            self.pipes = None;
        }
        if self.openlineage.as_ref().is_some_and(OpenLineage::waits) {
            self.openlineage = None;
        }
        // Nothing of it waits, so the first step is the last.
        let _ = self.failed_in_the_end(kind, message).now_or_never();
    }

    async fn end(&mut self, failure: &Failure, state: State<'_>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if !self.vouched {
            self.leave(|place| match place {
                Place::File(path) => Some(open::is_apart_from_data(path).err()?.to_string()),
                Place::Prefix(_) => None,
            });
        }
        if let Some(pipes) = &mut self.pipes {
            warn_if("dagster pipes", pipes.failed(failure)).await;
        }
        if let Some(openlineage) = &mut self.openlineage {
            warn_if("openlineage", openlineage.ended(state, (self.clock)())).await;
        }
    }
}

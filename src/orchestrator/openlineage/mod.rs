//! OpenLineage: one START event and one COMPLETE, FAIL or ABORT event per run, for tools that show
//! the whole pipeline.
//!
//! | variable | meaning |
//! |---|---|
//! | `OPENLINEAGE_URL` | the endpoint's origin, such as `http://marquez:5000` |
//! | `OPENLINEAGE_ENDPOINT` | the path behind it; `api/v1/lineage` by default |
//! | `OPENLINEAGE_API_KEY` | sent as a bearer token |
//! | `OPENLINEAGE_FILE` | a file that events are appended to, if there is no URL |
//! | `OPENLINEAGE_DISABLED` | `true` switches everything off |
//! | `OPENLINEAGE_NAMESPACE`, `OPENLINEAGE_JOB_NAME` | the job; `default` and `cohort` by default |
//! | `OPENLINEAGE_PARENT_ID` | the task, as `namespace/job/run` |
//! | `OPENLINEAGE_ROOT_PARENT_ID` | the DAG run, as `namespace/job/run` |
//!
//! Events describe a run in time, so they hold the clock and the attempt. The lineage manifest
//! (SPEC 12) holds neither.

mod columns;
mod event;
mod identity;
mod transport;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tokio::task::JoinHandle;

pub(crate) use event::State;
pub(crate) use identity::{Identity, Parent, Uuid};
pub(crate) use transport::Transport;

use super::facts::Announcement;
use super::place::Place;
use crate::escape;
use cohort_core::Timestamp;

/// The events of one run.
#[derive(Debug)]
pub(crate) struct OpenLineage {
    settings: Settings,
    transport: Transport,
    identity: Option<Identity>,
    announced: Option<Announcement>,
    start: Option<JoinHandle<Result<(), String>>>,
}

/// What the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Settings {
    namespace: Option<String>,
    job: Option<String>,
    parent: Option<Parent>,
    root: Option<Parent>,
}

/// An event as it is sent.
fn text(event: &serde_json::Value) -> String {
    escape::json(&event.to_string())
}

impl OpenLineage {
    /// The emitter that the environment asks for, if it asks for one, and complaints about what
    /// could not be used.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> (Option<Self>, Vec<String>) {
        let mut complaints = Vec::new();
        let disabled = env("OPENLINEAGE_DISABLED").is_some_and(|t| t.eq_ignore_ascii_case("true"));
        let transport = match (env("OPENLINEAGE_URL"), env("OPENLINEAGE_FILE")) {
            _ if disabled => return (None, complaints),
            (Some(origin), _) => {
                let path = env("OPENLINEAGE_ENDPOINT");
                let path = path.as_deref().unwrap_or("api/v1/lineage").trim_start_matches('/');
                let url = format!("{}/{path}", origin.trim_end_matches('/'));
                Transport::http(url, env("OPENLINEAGE_API_KEY"))
            }
            (None, Some(path)) => Transport::File(PathBuf::from(path)),
            (None, None) => return (None, complaints),
        };
        let mut parent = |name: &str| match Parent::parse(&env(name)?) {
            Ok(parent) => Some(parent),
            Err(complaint) => {
                complaints.push(format!("{name}: {complaint}"));
                None
            }
        };
        let settings = Settings {
            parent: parent("OPENLINEAGE_PARENT_ID"),
            root: parent("OPENLINEAGE_ROOT_PARENT_ID"),
            namespace: env("OPENLINEAGE_NAMESPACE"),
            job: env("OPENLINEAGE_JOB_NAME"),
        };
        let emitter = Self { settings, transport, identity: None, announced: None, start: None };
        (Some(emitter), complaints)
    }

    /// Sends START, in the background: the run does not wait for it.
    pub(crate) fn started(&mut self, announced: &Announcement, at: Timestamp) {
        let identity = self.identify(&announced.run_id, at);
        let event = text(&event::event(&identity, Some(announced), State::Start, at));
        self.announced = Some(announced.clone());
        let transport = self.transport.clone();
        self.start = Some(tokio::spawn(async move { transport.send(&event).await }));
    }

    /// Sends the last event, after START has gone out.
    ///
    /// # Errors
    /// Why either could not be sent, without credentials.
    pub(crate) async fn ended(&mut self, state: State<'_>, at: Timestamp) -> Result<(), String> {
        let run_id = match state {
            State::Fail(failure) | State::Abort(failure) => failure.run_id.clone(),
            State::Start | State::Complete(_) => None,
        };
        let identity = match self.identity.clone() {
            Some(identity) => identity,
            None => self.identify(run_id.as_deref().unwrap_or_default(), at),
        };
        let start = match self.start.take() {
            Some(task) => task.await.unwrap_or_else(|error| Err(error.to_string())),
            // The run failed before it had a manifest. Every run has a START all the same.
            None => {
                let event = text(&event::event(&identity, None, State::Start, at));
                self.transport.send(&event).await
            }
        };
        let event = text(&event::event(&identity, self.announced.as_ref(), state, at));
        self.transport.send(&event).await.and(start)
    }

    /// The file that events are appended to, if they go to one.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        match &self.transport {
            Transport::File(path) => Some(Place::File(path)),
            Transport::Http(_) => None,
        }
    }

    /// Whether sending has to wait for a network.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self.transport, Transport::Http(_))
    }

    fn identify(&mut self, run_id: &str, at: Timestamp) -> Identity {
        let Settings { namespace, job, parent, root } = self.settings.clone();
        let run = Uuid::of_run(run_id, parent.as_ref().map(|parent| parent.run.as_str()), at);
        let identity = Identity {
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            job: job.unwrap_or_else(|| "cohort".to_owned()),
            run,
            parent,
            root,
        };
        self.identity = Some(identity.clone());
        identity
    }
}

//! Dagster Pipes, protocol 0.1: the job's side, without Dagster's own library.
//!
//! Dagster starts the job with two environment variables: a context that says which assets are
//! wanted, and a channel for messages. The job sends a materialization for each asset, the checks
//! that the step declares, and a log. If it fails, it sends the reason at the end. It sends nothing
//! that Dagster did not ask for: an undeclared check would fail a step whose data is already
//! committed.

mod channel;
mod context;
mod message;
mod report;

use std::mem;
use std::sync::Arc;

pub(crate) use channel::Channel;
pub(crate) use context::{CONTEXT, Context, ContextError, MESSAGES};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use context::{encode, read};
use message::Message;

use super::facts::{Announcement, Facts, Failure};
use super::place::Place;
use crate::objects::Objects;

/// An open session.
#[derive(Debug)]
pub(crate) struct Pipes {
    context: Context,
    channel: Channel,
    /// Whether Dagster knows that the session is open.
    opened: bool,
}

impl Pipes {
    /// Opens the session that the two variables describe. Dagster hears of it with the first
    /// message: until then nothing is made where messages go.
    ///
    /// # Errors
    /// If a variable is damaged or its channel is unknown. The run can go on without a session.
    pub(crate) async fn open(
        context: &str,
        messages: &str,
        objects: &Arc<dyn Objects>,
    ) -> Result<Self, String> {
        let open = async {
            let channel = Channel::open(&context::decode(MESSAGES, messages)?, objects)?;
            let params = context::decode(CONTEXT, context)?;
            let context = Context::load(&params, objects.as_ref()).await?;
            Ok::<_, ContextError>(Self { context, channel, opened: false })
        };
        open.await.map_err(|error| error.to_string())
    }

    /// Where messages go, if that is a file or a prefix.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        self.channel.place()
    }

    /// Adds an entry to the run's log.
    ///
    /// # Errors
    /// If the channel cannot be written.
    pub(crate) async fn log(&mut self, text: &str) -> Result<(), String> {
        self.send([Message::log(text)]).await
    }

    /// Reports what the run did, and ends the session.
    ///
    /// # Errors
    /// As [`Pipes::log`].
    pub(crate) async fn finished(
        &mut self,
        announced: &Announcement,
        facts: &Facts,
    ) -> Result<(), String> {
        let mut messages = report::messages(&self.context, announced, facts);
        messages.push(Message::closed());
        self.send(messages).await
    }

    /// Reports why the run failed, and ends the session.
    ///
    /// # Errors
    /// As [`Pipes::log`].
    pub(crate) async fn failed(&mut self, failure: &Failure) -> Result<(), String> {
        self.send([Message::custom(failure.to_json()), Message::closed_with(failure)]).await
    }

    /// Whether sending has to wait for a network.
    pub(crate) const fn waits(&self) -> bool {
        self.channel.waits()
    }

    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), String> {
        let opened = (!mem::replace(&mut self.opened, true)).then(Message::opened);
        for message in opened.into_iter().chain(messages) {
            for line in message.lines(self.channel.line_bytes_max()) {
                self.channel.send(&line).map_err(|error| error.to_string())?;
            }
        }
        self.channel.flush().await
    }
}

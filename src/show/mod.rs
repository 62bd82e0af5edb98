//! `cohort show`: what a run committed, as text for a terminal.
//!
//! Starts at a lineage, the commit point (SPEC 11), and reads the parts that it lists: a complete, consistent run,
//! on any storage. Events are those of the registry (SPEC 8): the greatest version of each. Nothing here
//! writes, and nothing depends on the terminal: text of at most 100 columns.

mod logs;
mod page;
mod table;

pub(crate) use page::amount;

use crate::error::Kind;
use crate::lineage::{self, Lineage};
use crate::objects::{self, Objects, Uri};

/// What to show of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many events, those that matter most first.
    pub top: usize,
    /// One store alone: its events, and every snapshot of its reports.
    pub store: Option<String>,
}

/// Why a run cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed, or the lineage or a part of it is not there.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// What stands there is no lineage.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// A part is not what the job writes.
    #[error("{uri}: expected a part as this release writes it, found {reason}; run the job again")]
    Part {
        /// The part.
        uri: Uri,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Lineage(error) => error.kind(),
            Self::Part { .. } => Kind::Data,
        }
    }
}

/// The page for the run that this lineage committed.
///
/// # Errors
/// [`Error`] where the lineage or one of its parts cannot be read.
pub async fn show(
    objects: &dyn Objects,
    lineage: &Uri,
    options: &Options,
) -> Result<String, Error> {
    let (bytes, _) = objects.read(lineage).await?;
    let run = Lineage::parse(&bytes, lineage)?;
    let mut events = logs::events(objects, &run.outputs.minority_event_log).await?;
    let mut snapshots = Vec::new();
    if let Some(store) = &options.store {
        events.retain(|event| event.store_id == *store);
        let log = &run.outputs.minority_reports_cohorted_log;
        snapshots = logs::snapshots(objects, log, store).await?;
    }
    Ok(page::page(&run, lineage, events, &snapshots, options))
}

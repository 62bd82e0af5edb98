//! `cohort show`: what a run committed, or would do, as text for a terminal.
//!
//! Events are those of the registry (SPEC 8): the greatest version of each. Nothing here writes.
//! Tables fit the terminal. Elsewhere the text is always the same, at most 100 columns wide.

mod dry;
mod page;

use crate::committed::{Committed, Error};
use crate::objects::{Objects, Uri};

pub(crate) use dry::page as dry_run;
pub(crate) use page::Options;

/// The page of the run that this lineage committed.
///
/// # Errors
/// [`Error`] if the lineage or one of its parts cannot be read.
pub(crate) async fn show(
    objects: &dyn Objects,
    lineage: &Uri,
    options: &Options,
) -> Result<String, Error> {
    let run = Committed::read(objects, lineage).await?;
    let mut events = run.events(objects).await?;
    let mut lines = Vec::new();
    if let Some(store) = &options.store {
        events.retain(|event| event.store_id == *store);
        lines = run.lines(objects, store).await?;
    }
    Ok(page::page(&run.lineage, lineage, events, &lines, options))
}

//! `cohort explain`: why reports are one event. It finds the event in the committed runs, reads
//! again what the last of them read, and shows how the event's rows follow from that, and which
//! edits lie over them.

mod causes;
mod edits;
mod event;
mod report;
mod text;

use std::collections::VecDeque;

use cohort_core::Timestamp;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use self::report::{Explanation, VERSION};
use crate::committed::{Committed, CommittedRuns, EventRow, Selection};
use crate::error::Error;
use crate::layout::lineage_key;
use crate::manifest::{Manifest, Overrides};
use crate::objects::{Objects, Uri};
use crate::run::{OneEvent, Shell};
use crate::verify::Today;

pub(crate) use self::edits::edits;
pub(crate) use self::text::page;

/// Runs in which the event is looked for at once.
const READ_AT_ONCE: usize = 16;

/// Explains an event of the committed runs below a lineage prefix. The edits that lie over it are
/// the caller's to add.
///
/// # Errors
/// [`Error::NoEvent`] if no selected run wrote a row of it in MELOG; whatever is wrong with a run,
/// its parts or its inputs.
pub(crate) async fn explain(
    shell: &Shell,
    lineage: &Uri,
    selection: &Selection,
    event_id: &str,
) -> Result<Explanation<'static>, Error> {
    let objects = &*shell.objects;
    let (runs, unreadable) = CommittedRuns::find_readable(objects, lineage, selection).await?;
    let runs = runs.runs;
    let events = stream::iter(runs.iter().enumerate()).map(|(at, run)| async move {
        Ok::<_, Error>(run.event(objects, event_id).await?.map(|event| (at, event)))
    });
    let events: Vec<_> = events.buffered(READ_AT_ONCE).try_collect().await?;
    let found: Vec<(usize, EventRow)> = events.into_iter().flatten().collect();
    let Some((first, event)) = found.first().cloned() else {
        // It may be in a run whose lineage cannot be read.
        if let Some(error) = unreadable.into_iter().next() {
            return Err(error.into());
        }
        let (lineage, event_id) = (lineage.clone(), event_id.to_owned());
        return Err(Error::NoEvent { lineage, event_id, runs: runs.len() });
    };
    let ended = found.iter().find(|(_, event)| event.ended).map(|(at, _)| *at);
    let mut candidates = VecDeque::from([ended.unwrap_or_else(|| furthest(&runs, first)), first]);
    let (mut last, mut one) = (None, None);
    while let Some(at) = candidates.pop_front().filter(|_| one.is_none()) {
        let run = &runs[at];
        let uri = lineage_key(lineage, &run.lineage.run_id);
        let manifest = Manifest::recorded(&run.lineage.manifest, &uri, &Overrides::default())?;
        one = shell.one_event(&manifest, &event.store_id, event.opened_at).await?;
        last = Some((run, manifest, uri));
    }
    let Some((run, manifest, uri)) = last else {
        return Err(Error::Bug("an event without a run".to_owned()));
    };
    let explained = one
        .as_ref()
        .map(|one: &OneEvent| event::explained(one, manifest.life, run.lineage.interval.end))
        .transpose()?;
    Ok(Explanation {
        version: VERSION,
        event_id: event_id.to_owned(),
        store_id: event.store_id,
        cohort_id: event.cohort_id,
        run_ids: found.iter().map(|(at, _)| runs[*at].lineage.run_id.clone()).collect(),
        explained_by: run.lineage.run_id.clone(),
        inputs_changed: inputs_changed(objects, &manifest, run).await?,
        lineage: uri,
        event: explained,
        edits: Vec::new(),
    })
}

/// The run that reaches furthest without a gap from the run in which an open event opened.
fn furthest(runs: &[Committed], first: usize) -> usize {
    let mut furthest = first;
    let end = |at: usize| -> Timestamp { runs[at].lineage.interval.end };
    for (at, run) in runs.iter().enumerate().skip(first) {
        if run.lineage.interval.start <= end(furthest) && end(at) > end(furthest) {
            furthest = at;
        }
    }
    furthest
}

async fn inputs_changed(
    objects: &dyn Objects,
    manifest: &Manifest,
    run: &Committed,
) -> Result<Vec<crate::verify::InputChange>, Error> {
    let this = std::iter::once((manifest, &run.lineage));
    Ok(Today::look(objects, this).await?.changes(manifest, &run.lineage).0)
}

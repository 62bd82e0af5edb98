//! `cohort page`: what committed runs found, as one page that needs no network.
//!
//! The page is the registry (SPEC 8) for people who decide from pictures and tables. It holds its
//! data, its style, its scripts and the charting library; its policy lets nothing else run, and
//! nothing be asked for. Templates escape every text of the data, and the scripts make text nodes
//! of it. The same runs and edits give the same page, byte for byte.
//!
//! | file | what it owns |
//! |---|---|
//! | `event.rs` | an event as the page shows it, from the registry's row |
//! | `lines.rs`, `columns.rs` | the lines of MRCH behind the events |
//! | `ticks.rs` | an event's totals tick by tick, from its lines |
//! | `data.rs`, `details.rs`, `values.rs` | what the scripts read, as JSON |
//! | `check.rs` | what `cohort verify` said |
//! | `quality.rs` | what the runs say of themselves |
//! | `packed.rs` | what the page carries packed, and the digests of its policy |
//! | `html.rs` | the page itself |
//! | `assets/` | style and scripts, which `packed.rs` puts in order |

mod check;
mod columns;
mod data;
mod details;
mod event;
mod html;
mod lines;
mod packed;
mod quality;
mod ticks;
mod values;

use std::collections::BTreeSet;

use cohort_core::registry::{Registry, RegistryRow};
use serde::Serialize;

use self::data::{Table, places};
use self::details::{CHUNK_EVENTS, Details};
use self::event::PageEvent;
use self::html::{Listed, Packed, View};
use self::lines::{EventLines, Lines};
use self::packed::packed;
use self::values::{bounded, cut};
use crate::committed::{self, CommittedRuns};
use crate::error::Error;
use crate::lineage::Lineage;
use crate::objects::{Objects, Uri};

pub(crate) use self::check::VerifyFindings;

/// Events that a page has at most: more make it too large for a browser.
const EVENTS_MAX: usize = 100_000;
/// Conflicts and edits that the page lists outside their events. The others are counted.
const LISTED_MAX: usize = 12;

/// The page of these runs: their registry, and what a check of them said.
///
/// # Errors
/// [`Error::Usage`] for more events than a page can hold, and whatever of the runs cannot be read.
pub(crate) async fn page(
    objects: &dyn Objects,
    lineage: &Uri,
    runs: &CommittedRuns,
    registry: &Registry,
    report: Option<&VerifyFindings>,
) -> Result<String, Error> {
    if registry.len() > EVENTS_MAX {
        return Err(Error::Usage(format!(
            "expected at most {EVENTS_MAX} events in one page, found {}; narrow --from and --to",
            registry.len()
        )));
    }
    let stale = report.map(VerifyFindings::stale).unwrap_or_default();
    let is_stale = |row: &RegistryRow<'_>| stale.contains(row.machine.event_id.as_str());
    let rows = registry.rows();
    let mut events: Vec<_> = rows.map(|row| PageEvent::of(&row, is_stale(&row))).collect();
    events.sort_by(|a, b| (a.opened, &a.store).cmp(&(b.opened, &b.store)));
    let lines = lines(objects, runs, &events).await?;
    let lineages: Vec<&Lineage> = runs.runs.iter().map(|run| &run.lineage).collect();
    let shown = lineages.iter().map(|run| run.run_id.as_str()).collect();
    let mut view = View {
        source: lineage.to_string(),
        check: report.map(|report| report.check(&shown)),
        conflicts: conflicts(&events),
        unapplied: unapplied(registry),
        ..View::default()
    };
    quality::describe(&mut view, &lineages);
    let from = lineages.iter().map(|run| run.interval.start).min();
    let to = lineages.iter().map(|run| run.interval.end).max();
    let table = Table::of(&events, &lines, from.zip(to));
    let data = Packed { table: packed(&json(&table)?), details: details(&events, &lines)? };
    Ok(html::page(&view, &data))
}

/// The lines of the events, from all rows of MRCH.
async fn lines(
    objects: &dyn Objects,
    runs: &CommittedRuns,
    events: &[PageEvent],
) -> Result<Vec<EventLines>, Error> {
    let mut lines = Lines::of(events.iter().map(|event| event.id.clone()));
    for part in runs.runs.iter().flat_map(|run| &run.lineage.outputs.mrch.files) {
        let bytes = committed::content(objects, part).await?;
        for batch in committed::batches(part, bytes, &lines::COLUMNS, None)? {
            lines
                .read(&batch)
                .map_err(|reason| committed::Error::Part { uri: part.uri.clone(), reason })?;
        }
    }
    Ok(lines.finish())
}

fn details(events: &[PageEvent], lines: &[EventLines]) -> Result<Vec<String>, Error> {
    let places = places(events);
    let chunks = events.chunks(CHUNK_EVENTS).zip(lines.chunks(CHUNK_EVENTS));
    let packed_chunk = |(events, lines): (&[PageEvent], &[EventLines])| {
        let both = events.iter().zip(lines);
        let details: Vec<_> =
            both.map(|(event, lines)| Details::of(event, lines, &places)).collect();
        Ok(packed(&json(&details)?))
    };
    chunks.map(packed_chunk).collect()
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Bug(error.to_string()))
}

/// A name in a sentence.
fn named(text: &str) -> String {
    cut(text, 60)
}

fn conflicts(events: &[PageEvent]) -> Listed {
    let all = || events.iter().filter(|event| !event.conflicts.is_empty());
    let joined = |texts: BTreeSet<&str>, by| texts.into_iter().collect::<Vec<_>>().join(by);
    let said = |event: &PageEvent| {
        let columns = event.conflicts.iter().map(|of| of.column).collect();
        let runs = event.conflicts.iter().flat_map(|of| &of.said);
        let runs = runs.map(|(run, _)| run.as_str()).collect();
        let (store, opened) = (named(&event.store), quality::minute(event.opened));
        format!("store {store}, {opened}: {} in {}", joined(columns, ", "), joined(runs, " and "))
    };
    let texts: Vec<String> = all().take(LISTED_MAX).map(said).collect();
    Listed { left: all().count() - texts.len(), texts }
}

fn unapplied(registry: &Registry) -> Listed {
    let all = registry.unapplied();
    let name = |text: Option<&str>| named(text.unwrap_or("without one"));
    let texts = all.iter().take(LISTED_MAX).map(|unapplied| {
        let edit = &unapplied.edit;
        let (id, by) = (name(edit.edit_id.as_deref()), name(edit.edited_by.as_deref()));
        format!("edit {id} by {by}: {}", bounded(&unapplied.because))
    });
    let texts: Vec<String> = texts.collect();
    Listed { left: all.len() - texts.len(), texts }
}

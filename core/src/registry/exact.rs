//! What the logs leave open and the inputs show (SPEC 8, *What the logs leave open*).
//!
//! The logs hold the total of each window, and not what each instant sold. Where two windows of one
//! store and SKU meet, the inputs say it, if they still give the totals that the runs wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::totals::Window;
use crate::totals::{Totals, totals};
use crate::{Id, Line, Money, Predictions, Timestamp};

/// An event of which the inputs say more than the logs do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed<'r> {
    /// The event.
    pub event_id: Id,
    /// Its store.
    pub store_id: &'r str,
    /// Its first tick.
    pub from: Timestamp,
    /// The last tick of it that counts.
    pub to: Timestamp,
    /// Whether it continues another event.
    pub continues: bool,
    /// A run that wrote a row of it.
    pub run_id: &'r str,
    /// The SKUs whose windows meet, null being one: what they sold is needed. Of the other lines
    /// the onsets are.
    pub skus: &'r BTreeSet<Sku>,
}

/// A SKU; `None` is a store-level line.
pub type Sku = Option<Arc<str>>;

/// An event as the inputs show it now, from its first tick to the last that is needed.
#[derive(Clone, Copy)]
pub struct Recalled<'p> {
    /// Its lines.
    pub lines: &'p [Line],
    /// What the baseline log says of its store, wherever a window of a needed SKU reaches.
    pub predictions: &'p dyn Predictions,
}

/// By event: what the inputs say of it, or why nobody can ask them.
pub type Recollection<'p> = BTreeMap<Id, Result<Recalled<'p>, &'static str>>;

/// What the inputs say of one event; `None` if they were not asked.
pub(super) type Answer<'p> = Option<&'p Result<Recalled<'p>, &'static str>>;

/// Why a total is not known if the inputs were not asked.
const NOT_ASKED: &str = "windows of one SKU meet, and the logs do not show what each instant sold";
/// Why it is not known if they say something else than what was written.
const CHANGED: &str = "windows of one SKU meet, and the inputs do not give the totals that the \
                       runs wrote any more; cohort verify tells what changed";

/// The windows of an event, and what the inputs say of it.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub store_id: &'a str,
    pub windows: &'a [Window],
    pub answer: Answer<'a>,
}

/// The totals of one SKU over the union of all windows of these events, which are of one store.
///
/// # Errors
/// Why they are not known.
pub(super) fn of_sku(parts: &[Part<'_>], sku: Option<&str>) -> Result<Totals, &'static str> {
    let mut lines = Vec::new();
    let mut predictions = None;
    for part in parts {
        let windows = part.windows.iter().filter(|window| window.sku.as_deref() == sku);
        let windows: Vec<_> = windows.collect();
        let Some(until) = part.windows.iter().map(|window| window.to).max() else { continue };
        if windows.is_empty() {
            continue;
        }
        let recalled = part.answer.ok_or(NOT_ASKED)?.as_ref().map_err(|because| *because)?;
        lines.extend(recalled.agreed(part.store_id, &windows, sku, until).ok_or(CHANGED)?);
        predictions = Some(recalled.predictions);
    }
    let predictions = predictions.ok_or(NOT_ASKED)?;
    Ok(totals(lines.iter(), &predictions, Timestamp::MAX))
}

impl fmt::Debug for Recalled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recalled").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl Recalled<'_> {
    /// The lines of these windows, which are all of their SKU, as they were after an instant;
    /// `None` if they are not what was written.
    fn agreed(
        &self,
        store_id: &str,
        windows: &[&Window],
        sku: Option<&str>,
        until: Timestamp,
    ) -> Option<Vec<Line>> {
        let of_sku = self.lines.iter().filter(|line| line.sku.as_deref() == sku);
        let seen = of_sku.filter(|line| line.first_tick() <= until);
        let lines: Vec<Line> = seen.map(|line| so_far(line, until)).collect();
        let agrees = |line: &Line| {
            let report = Id::of(store_id, line.onset);
            let written = windows.iter().find(|window| *window.report == *report.as_str());
            written.is_some_and(|window| self.gives(line, window))
        };
        (lines.len() == windows.len() && lines.iter().all(agrees)).then_some(lines)
    }

    /// Whether a line has this window and these totals.
    fn gives(&self, line: &Line, window: &Window) -> bool {
        let found = totals(std::iter::once(line), &self.predictions, Timestamp::MAX);
        let units = |amount: Option<Money>| amount.map(|amount| i128::from(amount.units()));
        line.window() == (window.from, window.to)
            && found.attributed.units() == units(window.attributed)
            && found.baseline.units() == units(window.baseline)
    }

    /// Where a line stands among all, which are ordered by (onset, SKU with null first).
    pub(super) fn place(&self, store_id: &str, report: &str, sku: Option<&str>) -> Option<usize> {
        let is_it = |line: &Line| {
            line.sku.as_deref() == sku && Id::of(store_id, line.onset).as_str() == report
        };
        self.lines.iter().position(is_it)
    }
}

/// The line as it was after an instant.
fn so_far(line: &Line, until: Timestamp) -> Line {
    let rows = line.rows.iter().filter(|row| row.detected_at <= until).cloned();
    Line { rows: rows.collect(), sku: line.sku.clone(), ..*line }
}

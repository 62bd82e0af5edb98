//! SPEC 4: removes duplicates, then finds chains, their cuts, events, onsets, lines and windows.

use std::collections::BTreeSet;

use super::Params;
use super::rows::Report;

/// A chain of a store's ticks, or a piece of one.
pub(crate) struct Event<'a> {
    /// Distinct and in order.
    pub ticks: Vec<i64>,
    /// In the order (onset, sku with null first).
    pub lines: Vec<Line<'a>>,
    /// When the event opened that this one continues, if it begins at a cut.
    pub continues: Option<i64>,
    /// The first boundary after its last tick at which its chain is cut, or would be.
    pub boundary: i64,
}

/// The rows of one (event, onset, sku).
pub(crate) struct Line<'a> {
    pub onset: i64,
    pub sku: Option<&'a str>,
    pub window_start: i64,
    /// One per tick, in order.
    pub rows: Vec<&'a Report>,
}

impl Event<'_> {
    pub(crate) fn opened_at(&self) -> i64 {
        self.ticks[0]
    }

    pub(crate) fn last_tick(&self) -> i64 {
        self.ticks[self.ticks.len() - 1]
    }

    pub(crate) fn closed_at(&self, gap: i64) -> i64 {
        self.boundary.min(self.last_tick() + gap)
    }

    pub(crate) fn end_reason(&self, gap: i64) -> &'static str {
        if self.boundary <= self.last_tick() + gap { "max_duration" } else { "quiet" }
    }
}

impl Line<'_> {
    pub(crate) fn first_tick(&self) -> i64 {
        self.rows[0].tick()
    }

    pub(crate) fn last_tick(&self) -> i64 {
        self.rows[self.rows.len() - 1].tick()
    }

    /// The line's rows at ticks up to `at`.
    pub(crate) fn so_far(&self, at: i64) -> Vec<&Report> {
        self.rows.iter().copied().filter(|row| row.tick() <= at).collect()
    }
}

/// SPEC 2: of rows that agree, the greatest stays.
pub(super) fn without_duplicates(reports: Vec<&Report>) -> Vec<&Report> {
    let mut kept: Vec<&Report> = Vec::new();
    for report in reports {
        match kept.iter_mut().find(|other| other.agrees_with(report)) {
            Some(other) if report.precedence(other).is_gt() => *other = report,
            Some(_) => {}
            None => kept.push(report),
        }
    }
    kept
}

/// A store's ticks, in order.
fn ticks(own: &[&Report]) -> BTreeSet<i64> {
    own.iter().map(|row| row.tick()).collect()
}

/// Maximal runs of ticks in which neighbours are at most `gap` apart.
fn chains(ticks: BTreeSet<i64>, gap: i64) -> Vec<Vec<i64>> {
    let mut chains: Vec<Vec<i64>> = Vec::new();
    for tick in ticks {
        match chains.last_mut() {
            Some(chain) if tick - chain[chain.len() - 1] <= gap => chain.push(tick),
            _ => chains.push(vec![tick]),
        }
    }
    chains
}

/// The last boundary at or before an instant.
fn boundary_up_to(at: i64, duration: i64) -> i64 {
    at.div_euclid(duration) * duration
}

/// Whether a chain that began at `first` and reaches the boundary is cut there.
fn is_cut(first: i64, boundary: i64, duration: i64) -> bool {
    first <= boundary - duration
}

/// The first boundary after `last` at which a chain that began at `first` is cut if it goes on.
fn next_cut(first: i64, last: i64, duration: i64) -> i64 {
    let mut boundary = boundary_up_to(last, duration) + duration;
    while !is_cut(first, boundary, duration) {
        boundary += duration;
    }
    boundary
}

/// The pieces of a chain, each with the cut at which it begins.
fn pieces(chain: &[i64], duration: i64) -> Vec<(Option<i64>, Vec<i64>)> {
    let mut pieces = vec![(None, vec![chain[0]])];
    for neighbours in chain.windows(2) {
        let (before, tick) = (neighbours[0], neighbours[1]);
        // The duration is greater than the gap, so at most one boundary is between neighbours.
        let boundary = boundary_up_to(tick, duration);
        if before < boundary && is_cut(chain[0], boundary, duration) {
            pieces.push((Some(boundary), Vec::new()));
        }
        pieces.last_mut().expect("a chain has a piece").1.push(tick);
    }
    pieces
}

/// The events of one store's rows.
pub(super) fn events<'a>(own: &[&'a Report], params: &Params) -> Vec<Event<'a>> {
    let duration = params.max_event_duration;
    let mut events = Vec::new();
    for chain in chains(ticks(own), params.gap) {
        let mut before: Option<i64> = None;
        for (cut, ticks) in pieces(&chain, duration) {
            let rows: Vec<&Report> =
                own.iter().copied().filter(|row| ticks.contains(&row.tick())).collect();
            events.push(Event {
                lines: lines(&rows, cut),
                continues: before,
                boundary: next_cut(chain[0], ticks[ticks.len() - 1], duration),
                ticks,
            });
            before = events.last().map(Event::opened_at);
        }
    }
    events
}

/// The lines of one event's rows.
fn lines<'a>(rows: &[&'a Report], cut: Option<i64>) -> Vec<Line<'a>> {
    let onset = |row: &Report| {
        row.first_detected_from.unwrap_or_else(|| {
            rows.iter()
                .filter(|other| other.sku == row.sku && other.first_detected_from.is_none())
                .map(|other| other.tick())
                .min()
                .expect("the row itself is among them")
        })
    };
    let keys: BTreeSet<(i64, Option<&str>)> =
        rows.iter().map(|row| (onset(row), row.sku.as_deref())).collect();
    keys.into_iter()
        .map(|(line_onset, sku)| {
            let of_line = |row: &&&Report| onset(row) == line_onset && row.sku.as_deref() == sku;
            let ticks: BTreeSet<i64> = rows.iter().filter(of_line).map(|row| row.tick()).collect();
            let rows = ticks
                .into_iter()
                .map(|tick| {
                    let at_tick = rows.iter().filter(of_line).filter(|row| row.tick() == tick);
                    *at_tick.max_by(|a, b| a.precedence(b)).expect("the tick has a row")
                })
                .collect();
            let window_start = cut.map_or(line_onset, |cut| line_onset.max(cut));
            Line { onset: line_onset, sku, window_start, rows }
        })
        .collect()
}

/// SPEC 5: the instant from which a run must see a store's rows; `None` if it writes no row of the
/// store.
pub(super) fn seen_from(own: &[&Report], params: &Params) -> Option<i64> {
    let reach = params.start - params.gap..params.end;
    for chain in chains(ticks(own), params.gap) {
        if let Some(tick) = chain.iter().find(|tick| reach.contains(tick)) {
            let boundary = boundary_up_to(*tick, params.max_event_duration);
            let bound = boundary - 2 * params.max_event_duration;
            return Some(chain[0].max(bound) - params.gap);
        }
    }
    None
}

//! SPEC 4: duplicates out, then events, onsets and lines.

use std::collections::BTreeSet;

use super::rows::Report;

/// A maximal run of a store's ticks in which neighbours are at most `gap` apart.
pub struct Event<'a> {
    /// Distinct and in order.
    pub ticks: Vec<i64>,
    /// In the order (onset, sku with null first).
    pub lines: Vec<Line<'a>>,
}

/// The rows of one (event, onset, sku).
pub struct Line<'a> {
    pub onset: i64,
    pub sku: Option<&'a str>,
    /// One per tick, in order.
    pub rows: Vec<&'a Report>,
}

impl Event<'_> {
    pub fn opened_at(&self) -> i64 {
        self.ticks[0]
    }

    pub fn last_tick(&self) -> i64 {
        self.ticks[self.ticks.len() - 1]
    }

    pub fn closed_at(&self, gap: i64) -> i64 {
        self.last_tick() + gap
    }
}

impl Line<'_> {
    pub fn first_tick(&self) -> i64 {
        self.rows[0].tick()
    }

    pub fn last_tick(&self) -> i64 {
        self.rows[self.rows.len() - 1].tick()
    }

    /// The line's rows at ticks up to `at`.
    pub fn so_far(&self, at: i64) -> Vec<&Report> {
        self.rows.iter().copied().filter(|row| row.tick() <= at).collect()
    }
}

/// SPEC 2: rows that agree are one row, the greatest.
pub fn without_duplicates(reports: Vec<&Report>) -> Vec<&Report> {
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

/// The events of one store's rows.
pub fn events<'a>(own: &[&'a Report], gap: i64) -> Vec<Event<'a>> {
    let ticks: BTreeSet<i64> = own.iter().map(|row| row.tick()).collect();
    let mut runs: Vec<Vec<i64>> = Vec::new();
    for tick in ticks {
        match runs.last_mut() {
            Some(run) if tick - run[run.len() - 1] <= gap => run.push(tick),
            _ => runs.push(vec![tick]),
        }
    }
    runs.into_iter()
        .map(|ticks| {
            let rows: Vec<&Report> =
                own.iter().copied().filter(|row| ticks.contains(&row.tick())).collect();
            Event { lines: lines(&rows), ticks }
        })
        .collect()
}

/// The lines of one event's rows.
fn lines<'a>(rows: &[&'a Report]) -> Vec<Line<'a>> {
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
            Line { onset: line_onset, sku, rows }
        })
        .collect()
}

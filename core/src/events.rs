//! A store's rows grouped into events, and an event's rows into lines (SPEC 4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Duration, Report, Timestamp};

/// A maximal run of a store's ticks in which neighbours are at most `gap` apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The first tick.
    pub opened_at: Timestamp,
    /// The last tick.
    pub last_tick: Timestamp,
    /// `last_tick + gap`: from here on the event is ended.
    pub closed_at: Timestamp,
    /// All ticks, ascending, each once.
    pub ticks: Vec<Timestamp>,
    /// The lines by (onset, `sku` bytes with null first).
    pub lines: Vec<Line>,
}

/// A report's part for one SKU inside one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where the report's anomaly begins.
    pub onset: Timestamp,
    /// The article; `None` for a store-level report.
    pub sku: Option<Arc<str>>,
    /// The rows by tick, one a tick, at least one.
    pub rows: Vec<Report>,
}

impl Line {
    /// The line's first tick.
    pub fn first_tick(&self) -> Timestamp {
        self.rows[0].detected_at
    }

    /// The line's last tick.
    pub fn last_tick(&self) -> Timestamp {
        self.rows[self.rows.len() - 1].detected_at
    }
}

/// One store's events in the order of time, and how many of its rows were duplicates of another.
///
/// Rows may come in any order and with duplicates. Rows that agree in (`sku`, `detected_at`,
/// `first_detected_from`) always share line and tick, so keeping the greatest row of each line and tick
/// keeps the greatest of every set of duplicates as well: one pass does the work of SPEC 2 and SPEC 4.
pub fn events(mut rows: Vec<Report>, gap: Duration) -> (Vec<Event>, usize) {
    rows.sort_unstable_by_key(|row| row.detected_at);
    let apart = |pair: &[Report]| pair[1].detected_at > pair[0].detected_at.saturating_add(gap);
    let mut lengths = Vec::new();
    let mut begin = 0;
    for (i, _) in rows.windows(2).enumerate().filter(|(_, pair)| apart(pair)) {
        lengths.push(i + 1 - begin);
        begin = i + 1;
    }
    if begin < rows.len() {
        lengths.push(rows.len() - begin);
    }
    let total = rows.len();
    let mut rest = rows.into_iter();
    let events: Vec<_> =
        lengths.into_iter().map(|n| event(rest.by_ref().take(n).collect(), gap)).collect();
    let kept: usize =
        events.iter().flat_map(|event| &event.lines).map(|line| line.rows.len()).sum();
    (events, total - kept)
}

/// The event of these rows, which are sorted by tick and not empty.
fn event(rows: Vec<Report>, gap: Duration) -> Event {
    let mut ticks: Vec<_> = rows.iter().map(|row| row.detected_at).collect();
    ticks.dedup();
    let (opened_at, last_tick) = (ticks[0], ticks[ticks.len() - 1]);
    Event {
        opened_at,
        last_tick,
        closed_at: last_tick.saturating_add(gap),
        ticks,
        lines: lines(rows),
    }
}

/// The lines of an event's rows, which are sorted by tick.
fn lines(rows: Vec<Report>) -> Vec<Line> {
    // The onset of a row that has none is the first tick of its SKU's rows that have none.
    let mut derived: BTreeMap<Option<Arc<str>>, Timestamp> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.first_detected_from.is_none()) {
        if !derived.contains_key(&row.sku) {
            derived.insert(row.sku.clone(), row.detected_at);
        }
    }
    let onset = |row: &Report| row.first_detected_from.unwrap_or_else(|| derived[&row.sku]);
    let mut keyed: Vec<(Timestamp, Report)> =
        rows.into_iter().map(|row| (onset(&row), row)).collect();
    keyed.sort_unstable_by(|(onset_a, a), (onset_b, b)| {
        (onset_a, &a.sku, a.detected_at)
            .cmp(&(onset_b, &b.sku, b.detected_at))
            .then_with(|| b.precedence(a))
    });
    let same = |a: &(Timestamp, Report), b: &(Timestamp, Report)| a.0 == b.0 && a.1.sku == b.1.sku;
    let lengths: Vec<_> = keyed.chunk_by(same).map(<[_]>::len).collect();
    let mut keyed = keyed.into_iter();
    lengths.into_iter().filter_map(|length| line(keyed.by_ref().take(length), length)).collect()
}

/// The line of these rows, which are sorted by tick, the greatest of duplicates first: the rest are dropped.
fn line(mut keyed: impl Iterator<Item = (Timestamp, Report)>, length: usize) -> Option<Line> {
    let (onset, first) = keyed.next()?;
    let sku = first.sku.clone();
    let mut rows = Vec::with_capacity(length);
    let mut last_tick = first.detected_at;
    rows.push(first);
    for (_, row) in keyed {
        if row.detected_at != last_tick {
            last_tick = row.detected_at;
            rows.push(row);
        }
    }
    Some(Line { onset, sku, rows })
}

#[cfg(test)]
mod tests {
    use super::super::reports::tests::row;
    use super::*;

    const GAP: Duration = Duration::from_us(10);

    fn us(event: &Event) -> (i64, i64, i64) {
        (event.opened_at.as_us(), event.last_tick.as_us(), event.closed_at.as_us())
    }

    #[test]
    fn ticks_exactly_a_gap_apart_join_and_one_microsecond_more_splits() {
        let (joined, _) = events(vec![row(10, None, None), row(0, None, None)], GAP);
        assert_eq!(joined.iter().map(us).collect::<Vec<_>>(), [(0, 10, 20)]);
        let (split, _) = events(vec![row(11, None, None), row(0, None, None)], GAP);
        assert_eq!(split.iter().map(us).collect::<Vec<_>>(), [(0, 0, 10), (11, 11, 21)]);
    }

    #[test]
    fn a_row_without_an_onset_takes_the_first_tick_of_its_sku_in_the_event() {
        let rows = vec![
            row(5, Some("a"), None),
            row(3, Some("a"), None),
            row(1, None, None),
            row(4, Some("a"), Some(2)),
        ];
        let (found, duplicates) = events(rows, GAP);
        let lines: Vec<_> = found[0]
            .lines
            .iter()
            .map(|l| (l.onset.as_us(), l.sku.as_deref(), l.rows.len()))
            .collect();
        assert_eq!(lines, [(1, None, 1), (2, Some("a"), 1), (3, Some("a"), 2)]);
        assert_eq!(duplicates, 0);
    }

    #[test]
    fn a_given_onset_equal_to_a_derived_one_makes_one_line_and_its_rows_at_one_tick_are_duplicates()
    {
        let late = Report { ingested_at: Timestamp::from_us(9).ok(), ..row(3, Some("a"), Some(3)) };
        let (found, duplicates) =
            events(vec![row(3, Some("a"), None), late.clone(), row(4, Some("a"), None)], GAP);
        assert_eq!(found[0].lines.len(), 1);
        assert_eq!(found[0].lines[0].rows[0], late);
        assert_eq!(duplicates, 1);
    }

    #[test]
    fn a_later_row_of_an_ended_events_report_belongs_to_another_event() {
        let (found, _) = events(vec![row(0, None, Some(0)), row(30, None, Some(0))], GAP);
        assert_eq!(found.iter().map(us).collect::<Vec<_>>(), [(0, 0, 10), (30, 30, 40)]);
        assert_eq!(found[1].lines[0].onset.as_us(), 0);
    }

    #[test]
    fn no_rows_make_no_events() {
        assert_eq!(events(Vec::new(), GAP), (Vec::new(), 0));
    }
}

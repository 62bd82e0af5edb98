//! A store's rows grouped into chains, events and lines (SPEC 4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Duration, Report, Timestamp};

/// What bounds the life of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The longest quiet time within one chain of ticks.
    pub gap: Duration,
    /// `max_event_duration`, the `D` of SPEC 4: the time between two boundaries. Greater than
    /// `gap`.
    pub duration_max: Duration,
}

/// Why an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The store was quiet for longer than the gap.
    Quiet,
    /// The event's chain had gone on for the whole period before a boundary.
    MaxDuration,
}

/// A piece of a chain: its ticks between two cuts.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The first tick.
    pub opened_at: Timestamp,
    /// The last tick.
    pub last_tick: Timestamp,
    /// From here on the event is ended.
    pub closed_at: Timestamp,
    /// Why it ends then.
    pub end_reason: EndReason,
    /// `opened_at` of the event that this one continues; `None` if it is the first of its chain.
    pub continues: Option<Timestamp>,
    /// All ticks, ascending, each once.
    pub ticks: Vec<Timestamp>,
    /// The lines by (onset, `sku` bytes with null first).
    pub lines: Vec<Line>,
}

/// A report's part for one SKU inside one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// When the report's anomaly began.
    pub onset: Timestamp,
    /// The later of the onset and the cut at which the event begins.
    pub window_start: Timestamp,
    /// The SKU; `None` in a store-level report.
    pub sku: Option<Arc<str>>,
    /// The rows by tick, one per tick, at least one.
    pub rows: Vec<Report>,
}

impl EndReason {
    /// The column's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::MaxDuration => "max_duration",
        }
    }
}

impl Line {
    /// The line's first tick.
    #[must_use]
    pub fn first_tick(&self) -> Timestamp {
        self.rows[0].detected_at
    }

    /// The line's last tick.
    #[must_use]
    pub fn last_tick(&self) -> Timestamp {
        self.rows[self.rows.len() - 1].detected_at
    }
}

impl Life {
    /// The last boundary at or before an instant, in microseconds. It may lie before the year 1.
    fn boundary_before(self, at: Timestamp) -> i128 {
        let duration = i128::from(self.duration_max.as_us()).max(1);
        i128::from(at.as_us()).div_euclid(duration) * duration
    }

    /// The instant `periods` boundaries before the last one at or before `at`; the first instant of
    /// the calendar if that is later.
    pub(crate) fn boundary(self, at: Timestamp, periods: i128) -> Timestamp {
        clamped(self.boundary_before(at) - periods * i128::from(self.duration_max.as_us()))
    }

    /// The cut at which the event of a tick begins, in a chain with this first tick; `None` if that
    /// is the chain's first event.
    fn cut_before(self, chain_begins: Timestamp, tick: Timestamp) -> Option<Timestamp> {
        let boundary = self.boundary_before(tick);
        let is_cut = self.earliest_cut(chain_begins) <= boundary;
        is_cut.then(|| clamped(boundary))
    }

    /// The first boundary after a tick at which its chain is cut, or would be cut if it went on.
    fn cut_after(self, chain_begins: Timestamp, tick: Timestamp) -> Timestamp {
        let next = self.boundary_before(tick) + i128::from(self.duration_max.as_us());
        let earliest = self.earliest_cut(chain_begins);
        let duration = i128::from(self.duration_max.as_us()).max(1);
        // Cuts are boundaries: round the earliest possible instant of a cut up to one.
        let first = -(-earliest).div_euclid(duration) * duration;
        clamped(next.max(first))
    }

    /// A boundary cuts the chain if and only if it is not before this instant.
    fn earliest_cut(self, chain_begins: Timestamp) -> i128 {
        i128::from(chain_begins.as_us()) + i128::from(self.duration_max.as_us())
    }
}

/// The instant, moved into the calendar.
fn clamped(us: i128) -> Timestamp {
    let us = us.clamp(Timestamp::MIN.as_us().into(), Timestamp::MAX.as_us().into());
    i64::try_from(us).ok().and_then(|us| Timestamp::from_us(us).ok()).unwrap_or(Timestamp::MAX)
}

/// One store's events in the order of time, and how many of its rows gave way to a duplicate.
///
/// Rows may come in any order and with duplicates. `chain_begins` is the first tick of the chain
/// of the earliest row, if that chain began before it.
///
/// Rows that agree in (`sku`, `detected_at`, `first_detected_from`) always share line and tick, so
/// keeping the greatest row of each line and tick keeps the greatest of every set of duplicates as
/// well: one pass does the work of SPEC 2 and SPEC 4.
///
/// ```
/// use cohort_core::{EndReason, Life, Report, events};
///
/// // Every hour for three days: the chain is cut at each midnight but the first.
/// let life = Life { gap: "PT1H".parse()?, duration_max: "P1D".parse()? };
/// let ticks = (0..72).map(|hour| format!("2025-01-{:02}T{:02}:30:00Z", 1 + hour / 24, hour % 24));
/// let rows = ticks.map(|tick| tick.parse().map(Report::at)).collect::<Result<_, _>>()?;
/// let (events, _) = events(rows, life, None);
/// assert_eq!(events.len(), 2);
/// assert_eq!(events[0].end_reason, EndReason::MaxDuration);
/// assert_eq!(events[1].continues, Some(events[0].opened_at));
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[must_use]
pub fn events(
    mut rows: Vec<Report>,
    life: Life,
    chain_begins: Option<Timestamp>,
) -> (Vec<Event>, usize) {
    rows.sort_unstable_by_key(|row| row.detected_at);
    let Some(first) = rows.first().map(|row| row.detected_at) else { return (Vec::new(), 0) };
    let total = rows.len();
    let mut events = Vec::new();
    let mut chain = Chain::new(chain_begins.map_or(first, |begins| begins.min(first)), first, life);
    let mut of_event: Vec<Report> = Vec::new();
    for row in rows {
        let tick = row.detected_at;
        if let Some(last) = of_event.last().map(|row| row.detected_at)
            && (tick > last.saturating_add(life.gap) || tick >= chain.next_cut)
        {
            let goes_on = tick <= last.saturating_add(life.gap);
            let ended = chain.end(std::mem::take(&mut of_event), life);
            chain = if goes_on {
                chain.cut(ended.opened_at, tick, life)
            } else {
                Chain::new(tick, tick, life)
            };
            events.push(ended);
        }
        of_event.push(row);
    }
    events.push(chain.end(of_event, life));
    let kept: usize =
        events.iter().flat_map(|event| &event.lines).map(|line| line.rows.len()).sum();
    (events, total - kept)
}

/// A chain at the beginning of one of its events.
struct Chain {
    begins: Timestamp,
    /// The cut at which the event begins.
    cut: Option<Timestamp>,
    /// `opened_at` of the event before.
    continues: Option<Timestamp>,
    /// The first boundary after the event's first tick that cuts the chain.
    next_cut: Timestamp,
}

impl Chain {
    fn new(begins: Timestamp, tick: Timestamp, life: Life) -> Self {
        let cut = life.cut_before(begins, tick);
        Self { begins, cut, continues: None, next_cut: life.cut_after(begins, tick) }
    }

    /// The same chain at the tick with which its next event begins.
    fn cut(&self, continues: Timestamp, tick: Timestamp, life: Life) -> Self {
        Self { continues: Some(continues), ..Self::new(self.begins, tick, life) }
    }

    /// The event of these rows, which are sorted by tick and not empty.
    fn end(&self, rows: Vec<Report>, life: Life) -> Event {
        let mut ticks: Vec<_> = rows.iter().map(|row| row.detected_at).collect();
        ticks.dedup();
        let (opened_at, last_tick) = (ticks[0], ticks[ticks.len() - 1]);
        let quiet_from = last_tick.saturating_add(life.gap);
        let cut = life.cut_after(self.begins, last_tick);
        Event {
            opened_at,
            last_tick,
            closed_at: quiet_from.min(cut),
            end_reason: if cut <= quiet_from { EndReason::MaxDuration } else { EndReason::Quiet },
            continues: self.continues,
            ticks,
            lines: lines(rows, self.cut),
        }
    }
}

/// The lines of an event's rows, which are sorted by tick. `cut` is where a continued event begins.
fn lines(rows: Vec<Report>, cut: Option<Timestamp>) -> Vec<Line> {
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
    lengths.into_iter().filter_map(|n| line(keyed.by_ref().take(n), n, cut)).collect()
}

/// The line of these rows, which are sorted by tick, the greatest of duplicates first: the others
/// are dropped.
fn line(
    mut keyed: impl Iterator<Item = (Timestamp, Report)>,
    length: usize,
    cut: Option<Timestamp>,
) -> Option<Line> {
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
    Some(Line { onset, window_start: cut.map_or(onset, |cut| onset.max(cut)), sku, rows })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::reports::tests::row;
    use super::*;

    /// A gap of 100 us and no cut within reach.
    pub(crate) fn life() -> Life {
        Life { gap: Duration::from_us(100), duration_max: Duration::from_us(1 << 40) }
    }

    const LIFE: Life = Life { gap: Duration::from_us(10), duration_max: Duration::from_us(1_000) };

    fn us(event: &Event) -> (i64, i64, i64) {
        (event.opened_at.as_us(), event.last_tick.as_us(), event.closed_at.as_us())
    }

    #[test]
    fn ticks_exactly_a_gap_apart_join_and_one_microsecond_more_splits() {
        let (joined, _) = events(vec![row(10, None, None), row(0, None, None)], LIFE, None);
        assert_eq!(joined.iter().map(us).collect::<Vec<_>>(), [(0, 10, 20)]);
        let (split, _) = events(vec![row(11, None, None), row(0, None, None)], LIFE, None);
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
        let (found, duplicates) = events(rows, LIFE, None);
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
        let (found, duplicates) = events(
            vec![row(3, Some("a"), None), late.clone(), row(4, Some("a"), None)],
            LIFE,
            None,
        );
        assert_eq!(found[0].lines.len(), 1);
        assert_eq!(found[0].lines[0].rows[0], late);
        assert_eq!(duplicates, 1);
    }

    #[test]
    fn a_later_row_of_an_ended_events_report_belongs_to_another_event() {
        let (found, _) = events(vec![row(0, None, Some(0)), row(30, None, Some(0))], LIFE, None);
        assert_eq!(found.iter().map(us).collect::<Vec<_>>(), [(0, 0, 10), (30, 30, 40)]);
        assert_eq!(found[1].lines[0].onset.as_us(), 0);
    }

    #[test]
    fn no_rows_make_no_events() {
        assert_eq!(events(Vec::new(), LIFE, None), (Vec::new(), 0));
    }

    /// (opened, last tick, closed, reason, continues) of each event, by D = 30.
    fn cut(ticks: &[i64], begins: Option<i64>) -> Vec<(i64, i64, i64, &'static str, Option<i64>)> {
        let life = Life { duration_max: Duration::from_us(30), ..LIFE };
        let rows = ticks.iter().map(|&tick| row(tick, None, Some(0))).collect();
        let begins = begins.map(|us| Timestamp::from_us(us).unwrap());
        let (found, _) = events(rows, life, begins);
        found
            .iter()
            .map(|event| {
                let (opened, last, closed) = us(event);
                (
                    opened,
                    last,
                    closed,
                    event.end_reason.as_str(),
                    event.continues.map(Timestamp::as_us),
                )
            })
            .collect()
    }

    #[test]
    fn a_chain_is_cut_at_a_boundary_only_if_it_has_gone_on_for_the_whole_period_before() {
        // Begins at 1: not cut at 30, cut at 60 and at 90.
        let ticks: Vec<i64> = (0..10).map(|i| 1 + i * 10).collect();
        assert_eq!(
            cut(&ticks, None),
            [
                (1, 51, 60, "max_duration", None),
                (61, 81, 90, "max_duration", Some(1)),
                (91, 91, 101, "quiet", Some(61)),
            ]
        );
        // Begins at 0, exactly D before the first boundary: cut there.
        let ticks: Vec<i64> = (0..4).map(|i| i * 10).collect();
        assert_eq!(
            cut(&ticks, None),
            [(0, 20, 30, "max_duration", None), (30, 30, 40, "quiet", Some(0))]
        );
    }

    #[test]
    fn an_event_that_would_be_active_at_a_cut_closes_there_whether_or_not_ticks_follow() {
        assert_eq!(cut(&[0, 10, 20], None), [(0, 20, 30, "max_duration", None)]);
        assert_eq!(cut(&[0, 10, 19], None), [(0, 19, 29, "quiet", None)]);
        assert_eq!(cut(&[0, 10, 20, 31], None)[1], (31, 31, 41, "quiet", None));
    }

    #[test]
    fn a_chain_that_began_before_the_rows_is_cut_all_the_same() {
        assert_eq!(
            cut(&[25, 35], Some(0)),
            [(25, 25, 30, "max_duration", None), (35, 35, 45, "quiet", Some(25))]
        );
        assert_eq!(cut(&[25, 35], None), [(25, 35, 45, "quiet", None)]);
    }

    #[test]
    fn in_a_continued_event_windows_begin_at_the_later_of_onset_and_cut() {
        let life = Life { duration_max: Duration::from_us(30), ..LIFE };
        let rows = [0, 10, 20, 30, 40].map(|tick| row(tick, None, Some(tick.min(35)))).to_vec();
        let (found, _) = events(rows, life, None);
        let windows = |event: &Event| -> Vec<_> {
            let lines = event.lines.iter();
            lines.map(|line| (line.onset.as_us(), line.window_start.as_us())).collect()
        };
        assert_eq!(windows(&found[0]), [(0, 0), (10, 10), (20, 20)]);
        assert_eq!(windows(&found[1]), [(30, 30), (35, 35)]);
        let (found, _) = events(
            vec![row(25, None, Some(3)), row(31, None, Some(3))],
            life,
            Some(Timestamp::from_us(0).unwrap()),
        );
        assert_eq!(windows(&found[1]), [(3, 30)]);
    }
}

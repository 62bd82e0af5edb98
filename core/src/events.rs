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

impl Event {
    /// The event made of these rows, or `None` if there are none. They must be all its rows up to
    /// some instant. Rows may come in any order and with duplicates. If it continues another
    /// event, its first tick follows a boundary, at which it begins.
    #[must_use]
    pub fn so_far(mut rows: Vec<Report>, life: Life, continues: bool) -> Option<Self> {
        rows.sort_unstable_by_key(|row| row.detected_at);
        let first = rows.first()?.detected_at;
        let begins = if continues { life.boundary(first, 1) } else { first };
        Some(Chain::new(begins, first, life).end(rows, life))
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

    /// Where the line needs the baseline log: every instant of its window, both ends included.
    #[must_use]
    pub fn window(&self) -> (Timestamp, Timestamp) {
        (self.window_start, self.last_tick())
    }

    /// Where the line needs the classifier's log: at each of its ticks, ascending.
    pub fn ticks(&self) -> impl Iterator<Item = Timestamp> {
        self.rows.iter().map(|row| row.detected_at)
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
pub(crate) mod tests;

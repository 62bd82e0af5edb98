//! The rows of both logs that an event gives for an interval (SPEC 5 and 6).

use std::collections::BTreeSet;

use super::causes::{Attribution, Candidate, Candidates, Cause, best_match};
use super::claims::Claims;
use super::doubles::greater;
use super::lines::{LineState, Total, push_states};
use super::money::Overflow;
use super::statuses::{CohortReason, EventStatus, ReportStatus};
use super::totals::totals;
use super::{Event, Interval, Line, Money, Predictions, Timestamp};

/// An event as all of its rows at one `written_at` show it.
#[derive(Clone, Debug)]
pub struct Cohort<'a> {
    /// When.
    pub written_at: Timestamp,
    /// Distinct onsets so far.
    pub size: u32,
    /// The dominant cause so far.
    pub cause: Option<Cause<'a>>,
    /// Why the reports belong together.
    pub reason: CohortReason,
}

/// Sums as a row shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// `attributed - baseline`; null if either is.
    pub impact: Option<Money>,
    /// Actual sales.
    pub attributed: Option<Money>,
    /// Baseline sales.
    pub baseline: Option<Money>,
}

/// A row of MRCH.
#[derive(Clone, Debug)]
pub struct MrchRow<'a> {
    /// Its line.
    pub line: &'a Line,
    /// `report_status`.
    pub status: ReportStatus,
    /// Counts the line's rows from 1.
    pub version: u32,
    /// Index of the line's metrics so far in [`EventRows::states`].
    pub state: usize,
    /// The line's sums so far.
    pub amounts: Sums,
    /// Index of the event's view at this row's `written_at` in [`EventRows::cohorts`].
    pub cohort: usize,
}

/// A row of MELOG.
#[derive(Clone, Debug)]
pub struct MelogRow<'a> {
    /// `event_status`: active on the row that opens the event, ended on the one that closes it.
    pub status: EventStatus,
    /// Least `window_start` of its lines so far.
    pub window_start: Timestamp,
    /// Distinct SKUs so far; null counts as one.
    pub sku_count: u32,
    /// Greatest severity of its lines.
    pub severity: Option<f64>,
    /// Sums over the union of the lines' windows.
    pub amounts: Sums,
    /// The cluster's name of the first line that has one.
    pub cluster_name: Option<&'a str>,
    /// Index of the event's view in [`EventRows::cohorts`].
    pub cohort: usize,
}

/// What an event gives for an interval, in the order in which the logs are sorted.
#[derive(Clone, Debug, Default)]
pub struct EventRows<'a> {
    /// The metrics of each line at each of its ticks.
    pub states: Vec<LineState<'a>>,
    /// The views that the rows share.
    pub cohorts: Vec<Cohort<'a>>,
    /// Rows of MRCH.
    pub mrch: Vec<MrchRow<'a>>,
    /// Rows of MELOG: at most two.
    pub melog: Vec<MelogRow<'a>>,
}

/// What an event's rows are computed from, apart from the event itself.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a, P> {
    /// The event's store.
    pub store_id: &'a str,
    /// The store's predictions.
    pub predictions: P,
    /// Campaigns and context.
    pub candidates: &'a Candidates,
}

/// All rows of the event whose `written_at` lies in the interval. They replace what `rows` held
/// before, and reuse its memory.
///
/// # Errors
/// [`Overflow`] if a sum of such a row does not fit `decimal(18,4)`.
///
/// # Example
///
/// A store-level report at one tick, without predictions, gives an opening and a closing row in
/// each log.
///
/// ```
/// use cohort_core::{Candidates, EventRows, Evidence, Interval, Life, Predictions, Report};
/// use cohort_core::{Series, event_rows, events};
///
/// struct NoPredictions;
/// impl Predictions for NoPredictions {
///     fn series(&self, _sku: Option<&str>) -> Series<'_> {
///         Series::default()
///     }
/// }
///
/// let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
/// let (events, _) = events(vec![Report::at("2025-01-01T11:55:00Z".parse()?)], life, None);
/// let day = Interval {
///     start: "2025-01-01T00:00:00Z".parse()?,
///     end: "2025-01-02T00:00:00Z".parse()?,
/// };
/// let candidates = Candidates::default();
/// let evidence =
///     Evidence { store_id: "327", predictions: NoPredictions, candidates: &candidates };
/// let mut rows = EventRows::default();
/// event_rows(&events[0], evidence, day, &mut rows)?;
/// assert_eq!((rows.mrch.len(), rows.melog.len()), (2, 2));
/// assert_eq!(rows.mrch[1].status.as_str(), "closed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn event_rows<'a, P: Predictions>(
    event: &'a Event,
    evidence: Evidence<'a, P>,
    interval: Interval,
    rows: &mut EventRows<'a>,
) -> Result<(), Overflow> {
    rows.clear();
    let mut walk = Walk::new(event, evidence, std::mem::take(&mut rows.states));
    for &tick in &event.ticks {
        let touched = walk.advance(tick);
        if !interval.contains(tick) {
            continue;
        }
        let cohort = rows.cohorts.len();
        rows.cohorts.push(walk.cohort(tick));
        for step in touched {
            let (line, k) = walk.steps[step];
            let status = if k == 0 { ReportStatus::New } else { ReportStatus::Ongoing };
            rows.mrch.push(walk.mrch_row(line, k, status, cohort)?);
        }
        if tick == event.opened_at {
            rows.melog.push(walk.melog_row(tick, cohort, EventStatus::Active)?);
        }
    }
    if interval.contains(event.closed_at) {
        let cohort = rows.cohorts.len();
        rows.cohorts.push(walk.cohort(event.closed_at));
        for (i, line) in event.lines.iter().enumerate() {
            rows.mrch.push(walk.mrch_row(i, line.rows.len() - 1, ReportStatus::Closed, cohort)?);
        }
        rows.melog.push(walk.melog_row(event.closed_at, cohort, EventStatus::Ended)?);
    }
    rows.states = walk.states;
    Ok(())
}

impl<'a> EventRows<'a> {
    /// The metrics that a row of MRCH shows.
    pub fn state(&self, row: &MrchRow<'_>) -> &LineState<'a> {
        &self.states[row.state]
    }

    fn clear(&mut self) {
        self.states.clear();
        self.cohorts.clear();
        self.mrch.clear();
        self.melog.clear();
    }
}

/// Rows of MRCH that the event gives for the interval.
pub fn rows_in(event: &Event, interval: Interval) -> usize {
    let rows = event.lines.iter().flat_map(|line| &line.rows);
    let ticks = rows.filter(|row| interval.contains(row.detected_at)).count();
    ticks + if interval.contains(event.closed_at) { event.lines.len() } else { 0 }
}

/// An event on its way through its ticks.
struct Walk<'a, P> {
    event: &'a Event,
    evidence: Evidence<'a, P>,
    /// The states of all lines, line by line and tick by tick.
    states: Vec<LineState<'a>>,
    /// Where each line's states begin.
    first_state: Vec<usize>,
    /// For each line, the candidates that can explain it.
    candidates: Vec<Vec<&'a Candidate>>,
    /// All (line, index of its row), sorted by tick and then line.
    steps: Vec<(usize, usize)>,
    next_step: usize,
    /// By line: the index of its last row so far, once it has had a tick.
    so_far: Vec<Option<usize>>,
    /// What the lines so far are attributed to.
    claims: Claims<'a>,
    /// Distinct onsets so far.
    onsets: BTreeSet<Timestamp>,
}

impl<'a, P: Predictions> Walk<'a, P> {
    /// At the beginning; `states` is empty.
    fn new(event: &'a Event, evidence: Evidence<'a, P>, mut states: Vec<LineState<'a>>) -> Self {
        let candidates = |line: &'a Line| {
            evidence.candidates.for_line(
                evidence.store_id,
                line.sku.as_deref(),
                line.window_start,
                line.last_tick(),
            )
        };
        let mut steps = Vec::with_capacity(event.lines.iter().map(|line| line.rows.len()).sum());
        let mut first_state = Vec::with_capacity(event.lines.len());
        for (i, line) in event.lines.iter().enumerate() {
            steps.extend((0..line.rows.len()).map(|k| (i, k)));
            first_state.push(states.len());
            push_states(line, evidence.predictions.series(line.sku.as_deref()), &mut states);
        }
        steps.sort_by_key(|&(i, k)| (event.lines[i].rows[k].detected_at, i));
        Self {
            event,
            evidence,
            states,
            first_state,
            candidates: event.lines.iter().map(candidates).collect(),
            steps,
            next_step: 0,
            so_far: vec![None; event.lines.len()],
            claims: Claims::new(event.lines.len()),
            onsets: BTreeSet::new(),
        }
    }

    /// Takes in all rows at this tick. Returns the steps that it took.
    fn advance(&mut self, tick: Timestamp) -> std::ops::Range<usize> {
        let first = self.next_step;
        while let Some(&(i, k)) = self.steps.get(self.next_step) {
            let state = &self.states[self.first_state[i] + k];
            if state.tick != tick {
                break;
            }
            let line = &self.event.lines[i];
            let attribution = match state.attribution {
                Some(row) => Some(Attribution::Reported(row)),
                None => best_match(&self.candidates[i], line.window_start, tick)
                    .map(Attribution::Matched),
            };
            self.so_far[i] = Some(k);
            self.claims.set(i, attribution);
            self.onsets.insert(line.onset);
            self.next_step += 1;
        }
        first..self.next_step
    }

    fn cohort(&mut self, written_at: Timestamp) -> Cohort<'a> {
        let size = count(self.onsets.len());
        let cause = self.claims.dominant();
        let reason = match &cause {
            _ if size == 1 => CohortReason::Single,
            Some(cause) if cause.shared => CohortReason::SharedCause,
            _ => CohortReason::Adjacent,
        };
        Cohort { written_at, size, cause, reason }
    }

    fn mrch_row(
        &self,
        line: usize,
        k: usize,
        status: ReportStatus,
        cohort: usize,
    ) -> Result<MrchRow<'a>, Overflow> {
        let state = self.first_state[line] + k;
        let rows_before = if status.is_closed() { k + 1 } else { k };
        let amounts = Sums::new(self.states[state].attributed, self.states[state].baseline)?;
        Ok(MrchRow {
            line: &self.event.lines[line],
            status,
            version: count(rows_before + 1),
            state,
            amounts,
            cohort,
        })
    }

    fn melog_row(
        &self,
        w: Timestamp,
        cohort: usize,
        status: EventStatus,
    ) -> Result<MelogRow<'a>, Overflow> {
        let live = || {
            let lines = self.event.lines.iter().zip(&self.first_state).zip(&self.so_far);
            lines.filter_map(|((line, first), so_far)| {
                so_far.map(|k| (line, &self.states[first + k]))
            })
        };
        let totals = totals(live().map(|(line, _)| line), &self.evidence.predictions, w);
        let skus: BTreeSet<_> = live().map(|(line, _)| line.sku.as_deref()).collect();
        Ok(MelogRow {
            status,
            // Lines are sorted by onset, and at its first tick an event has a line.
            window_start: live().next().map_or(self.event.opened_at, |(line, _)| line.window_start),
            sku_count: count(skus.len()),
            severity: live().fold(None, |most, (_, state)| greater(most, state.severity)),
            amounts: Sums::new(totals.attributed, totals.baseline)?,
            cluster_name: live().find_map(|(_, state)| state.latest.cluster_name),
            cohort,
        })
    }
}

impl Sums {
    fn new(attributed: Total, baseline: Total) -> Result<Self, Overflow> {
        let money = |units: Option<i128>| units.map(Money::from_units).transpose();
        let (a, b) = (attributed.units(), baseline.units());
        let impact = a.zip(b).map(|(a, b)| a - b);
        Ok(Self { impact: money(impact)?, attributed: money(a)?, baseline: money(b)? })
    }
}

/// A number of things held in memory as a column's number; more than 2^32 of them do not fit in
/// memory.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

//! Rows that take no part, and why (SPEC 2, *Bad rows*): one judge for each log.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::batch::Instant;
use crate::{Duration, Interval, Timestamp};

/// Why a row is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `store_id` is null or empty.
    MissingStore,
    /// The tick is null; its column is `detected_at` in MRDL and `tick_at` in the prediction logs.
    MissingDetectedAt,
    /// As above, in a prediction log.
    MissingTickAt,
    /// The tick lies outside the years 0001 to 9999.
    InstantOutOfRange,
    /// A text that the job reads is not UTF-8.
    InvalidText,
    /// A text that the job reads is longer than 1 MiB.
    ValueTooLong,
    /// `first_detected_from` is later than `detected_at`.
    OnsetAfterDetection,
    /// The tick does not fall in the partition that holds the row.
    OutsidePartition,
    /// A campaign or context lacks a required value in this column.
    MissingValue(&'static str),
}

/// What is wrong with a text, the first in the order of SPEC 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextFault {
    /// It is not UTF-8.
    NotUtf8,
    /// It is longer than 1 MiB.
    TooLong,
}

impl TextFault {
    /// Why the row is rejected.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NotUtf8 => Reason::InvalidText,
            Self::TooLong => Reason::ValueTooLong,
        }
    }
}

/// Judges rows of MRDL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportJudge {
    /// The partition that holds the rows, if the dataset has partitions.
    pub partition: Option<Interval>,
    /// How old an onset may be at its tick.
    pub max_lookback: Duration,
}

/// What a row of MRDL says that decides whether it takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportKey<'s> {
    /// `store_id`.
    pub store_id: Option<&'s str>,
    /// `detected_at`.
    pub detected_at: Option<Instant>,
    /// `first_detected_from`.
    pub onset: Option<Instant>,
    /// The first fault of the texts that the job reads.
    pub text_fault: Option<TextFault>,
}

/// A row of MRDL that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted<'s> {
    /// Its store.
    pub store_id: &'s str,
    /// Its tick.
    pub tick: Timestamp,
    /// Its onset, if it has one that is not ignored.
    pub onset: Option<Timestamp>,
    /// Whether its onset is ignored (SPEC 2, *Onsets*).
    pub onset_ignored: bool,
}

impl ReportJudge {
    /// The row as it takes part, or the first reason to reject it in the order of SPEC 2.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn judge<'s>(&self, row: ReportKey<'s>) -> Result<Accepted<'s>, Reason> {
        let store_id = row.store_id.filter(|id| !id.is_empty()).ok_or(Reason::MissingStore)?;
        let tick = row.detected_at.ok_or(Reason::MissingDetectedAt)?;
        let tick = tick.exact().ok_or(Reason::InstantOutOfRange)?;
        if let Some(fault) = row.text_fault {
            return Err(fault.reason());
        }
        let oldest = tick.saturating_sub(self.max_lookback);
        let onset = row.onset.and_then(Instant::exact).filter(|&onset| onset >= oldest);
        if onset.is_some_and(|onset| onset > tick) {
            return Err(Reason::OnsetAfterDetection);
        }
        if self.partition.is_some_and(|partition| !partition.holds(tick)) {
            return Err(Reason::OutsidePartition);
        }
        let onset_ignored = row.onset.is_some() && onset.is_none();
        Ok(Accepted { store_id, tick, onset, onset_ignored })
    }
}

/// Judges a row of a prediction log: its tick, or the first reason to reject it.
///
/// `has_store` says whether `store_id` is neither null nor empty; `text_fault` is the first fault
/// of the texts that the job reads.
///
/// ```
/// use cohort_core::batch::Instant;
/// use cohort_core::rejects::judge_prediction;
///
/// let tick = "2025-01-01T11:55:00Z".parse()?;
/// assert_eq!(judge_prediction(true, Some(Instant::In(tick)), None, None), Ok(tick));
/// // It has neither a store nor a tick: the first reason counts.
/// let reason = judge_prediction(false, None, None, None).unwrap_err();
/// assert_eq!(reason.text(), "missing_store_id");
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
///
/// # Errors
/// The reason.
pub fn judge_prediction(
    has_store: bool,
    tick_at: Option<Instant>,
    text_fault: Option<TextFault>,
    partition: Option<Interval>,
) -> Result<Timestamp, Reason> {
    if !has_store {
        return Err(Reason::MissingStore);
    }
    let tick = tick_at.ok_or(Reason::MissingTickAt)?;
    let tick = tick.exact().ok_or(Reason::InstantOutOfRange)?;
    if let Some(fault) = text_fault {
        return Err(fault.reason());
    }
    if partition.is_some_and(|partition| !partition.holds(tick)) {
        return Err(Reason::OutsidePartition);
    }
    Ok(tick)
}

impl Reason {
    /// The reason as the lineage and the rejects show it.
    pub fn text(self) -> String {
        match self {
            Self::MissingStore => "missing_store_id".to_owned(),
            Self::MissingDetectedAt => "missing_detected_at".to_owned(),
            Self::MissingTickAt => "missing_tick_at".to_owned(),
            Self::InstantOutOfRange => "instant_out_of_range".to_owned(),
            Self::InvalidText => "invalid_text".to_owned(),
            Self::ValueTooLong => "value_too_long".to_owned(),
            Self::OnsetAfterDetection => "onset_after_detection".to_owned(),
            Self::OutsidePartition => "outside_partition".to_owned(),
            Self::MissingValue(column) => format!("missing_{column}"),
        }
    }
}

/// One rejected row of a row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The row in its row group, from 0.
    pub row: usize,
    /// Why.
    pub reason: Reason,
}

/// Rejected rows of a row group or a frame, in their order.
///
/// Most files have few of them, but a small file may inflate to a great many. So neighbours with
/// one reason are held as one, in a few bytes.
///
/// ```
/// use cohort_core::rejects::{Reason, Reject, Rejects, by_reason};
///
/// let mut rejects = Rejects::default();
/// rejects.add(7, Reason::MissingStore);
/// rejects.add(8, Reason::MissingStore);
/// assert_eq!(rejects.len(), 2);
/// assert_eq!(rejects.iter().last(), Some(Reject { row: 8, reason: Reason::MissingStore }));
/// assert_eq!(by_reason([&rejects]), [("missing_store_id".to_owned(), 2)].into());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejects {
    /// The reasons, in the order in which they came up, and how many rows each has.
    reasons: Vec<(Reason, u64)>,
    /// Of each run but the last: the rows between it and the one before, its rows, and the place
    /// of its reason, in groups of seven bits.
    packed: Vec<u8>,
    /// The row after the packed runs.
    packed_to: usize,
    last: Option<Run>,
}

/// Neighbours that were rejected for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: usize,
    rows: usize,
    /// The place of the reason.
    reason: usize,
}

impl Rejects {
    /// Adds a row that comes after those before.
    pub fn add(&mut self, row: usize, reason: Reason) {
        let known = self.reasons.iter().position(|&(known, _)| known == reason);
        let place = known.unwrap_or_else(|| {
            self.reasons.push((reason, 0));
            self.reasons.len() - 1
        });
        self.reasons[place].1 += 1;
        match &mut self.last {
            Some(last) if last.reason == place && last.first + last.rows == row => last.rows += 1,
            last => {
                if let Some(run) = last.replace(Run { first: row, rows: 1, reason: place }) {
                    for number in [run.first.wrapping_sub(self.packed_to), run.rows, run.reason] {
                        pack(number, &mut self.packed);
                    }
                    self.packed_to = run.first + run.rows;
                }
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.reasons.iter().map(|&(_, rows)| rows).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Reject> {
        self.runs().flat_map(|(rows, reason)| rows.map(move |row| Reject { row, reason }))
    }

    /// The same, neighbours with one reason together.
    pub fn runs(&self) -> impl Iterator<Item = (Range<usize>, Reason)> {
        let (mut packed, mut first) = (self.packed.iter(), 0_usize);
        let packed = std::iter::from_fn(move || {
            first = first.wrapping_add(unpack(&mut packed)?);
            let run = Run { first, rows: unpack(&mut packed)?, reason: unpack(&mut packed)? };
            first += run.rows;
            Some(run)
        });
        let run = |run: Run| (run.first..run.first + run.rows, self.reasons[run.reason].0);
        packed.chain(self.last).map(run)
    }
}

fn pack(mut number: usize, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn unpack(from: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *from.next()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

/// Where a rejected row is counted.
///
/// A row with a tick that can be trusted belongs to the run whose interval holds the tick. A row
/// without one, or outside its partition, counts in every run whose interval overlaps its
/// partition; without partitions it counts in every run. It is better to show a bad row twice than
/// never.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    interval: Interval,
    partition: Option<Interval>,
}

impl Scope {
    /// The scope of a file's rows.
    pub const fn new(interval: Interval, partition: Option<Interval>) -> Self {
        Self { interval, partition }
    }

    /// Whether a rejected row with this tick counts.
    pub fn counts(&self, tick: Option<Timestamp>) -> bool {
        match (tick, self.partition) {
            (Some(tick), _) if !self.misplaced(tick) => self.interval.contains(tick),
            (_, Some(partition)) => {
                partition.start < self.interval.end && self.interval.start < partition.end
            }
            (_, None) => true,
        }
    }

    /// The partition that holds the rows, if the dataset has partitions.
    #[must_use]
    pub const fn partition(&self) -> Option<Interval> {
        self.partition
    }

    fn misplaced(&self, tick: Timestamp) -> bool {
        self.partition.is_some_and(|partition| !partition.holds(tick))
    }
}

/// Whether more rows of a log were rejected than `max_reject_ratio` allows.
///
/// Each log is judged by itself, so that a broken small log does not hide behind a large one.
/// Campaigns and context have no ticks, and so no rows in an interval.
#[must_use]
pub fn are_too_many(rejected: u64, rows: u64, ratio_max: f64) -> bool {
    rejected as f64 > ratio_max * rows as f64
}

/// Counts by reason, as the lineage shows them.
pub fn by_reason<'r>(all: impl IntoIterator<Item = &'r Rejects>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (reason, rows) in all.into_iter().flat_map(|rejects| &rejects.reasons) {
        *counts.entry(reason.text()).or_insert(0) += rows;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: i64) -> Timestamp {
        Timestamp::from_us(us).unwrap()
    }

    fn span(start: i64, end: i64) -> Interval {
        Interval { start: us(start), end: us(end) }
    }

    #[test]
    fn rejected_rows_come_back_in_order_and_neighbours_take_the_room_of_one() {
        let reasons = [Reason::MissingStore, Reason::InvalidText, Reason::MissingValue("name")];
        let rows = [0, 1, 2, 200, 201, 300, 100_000, 100_001, usize::MAX - 9];
        let all: Vec<_> =
            (0..).zip(rows).map(|(i, row)| Reject { row, reason: reasons[i / 2 % 3] }).collect();
        let mut rejects = Rejects::default();
        all.iter().for_each(|reject| rejects.add(reject.row, reject.reason));
        assert_eq!(rejects.iter().collect::<Vec<_>>(), all);
        assert_eq!(rejects.len(), 9);
        let counts = [("missing_store_id", 4), ("invalid_text", 3), ("missing_name", 2)];
        assert_eq!(by_reason([&rejects]), counts.map(|(of, n)| (of.to_owned(), n)).into());
        let mut many = Rejects::default();
        (0..1_000_000).for_each(|row| many.add(row + row / 500_000, Reason::MissingStore));
        assert_eq!((many.len(), many.iter().count()), (1_000_000, 1_000_000));
        assert!(many.packed.len() < 10, "{many:?}");
    }

    #[test]
    fn a_bad_row_counts_in_the_run_of_its_tick_or_where_its_partition_is_read() {
        let scope = Scope::new(span(10, 20), Some(span(0, 100)));
        assert!(scope.counts(Some(us(10))) && !scope.counts(Some(us(20))));
        assert!(scope.counts(None) && scope.counts(Some(us(100))));
        let elsewhere = Scope::new(span(10, 20), Some(span(20, 100)));
        assert!(!elsewhere.counts(None) && !elsewhere.counts(Some(us(12))));
        assert!(Scope::new(span(10, 20), None).counts(None));
    }

    #[test]
    fn an_onset_too_old_or_outside_the_calendar_is_ignored_and_its_row_takes_part() {
        let judge = ReportJudge { partition: None, max_lookback: Duration::from_us(10) };
        let at = |us_| Some(Instant::In(us(us_)));
        let key = |onset| ReportKey {
            store_id: Some("s"),
            detected_at: at(100),
            onset,
            text_fault: None,
        };
        let onset = |onset| {
            judge.judge(key(onset)).map(|row| (row.onset.map(Timestamp::as_us), row.onset_ignored))
        };
        assert_eq!(onset(None), Ok((None, false)));
        assert_eq!(onset(at(90)), Ok((Some(90), false)));
        assert_eq!(onset(at(89)), Ok((None, true)));
        assert_eq!(onset(Some(Instant::Out(Timestamp::MAX))), Ok((None, true)));
        assert_eq!(onset(at(101)), Err(Reason::OnsetAfterDetection));
    }

    #[test]
    fn of_several_faults_the_first_in_the_contracts_order_is_the_reason() {
        let partition = Some(span(0, 10));
        let judge = ReportJudge { partition, max_lookback: Duration::from_us(10) };
        let mut row = ReportKey {
            store_id: Some(""),
            detected_at: None,
            onset: Some(Instant::In(us(60))),
            text_fault: Some(TextFault::NotUtf8),
        };
        let mut reason = |change: fn(&mut ReportKey<'static>)| {
            change(&mut row);
            judge.judge(row).unwrap_err()
        };
        assert_eq!(reason(|_| {}), Reason::MissingStore);
        assert_eq!(reason(|row| row.store_id = Some("s")), Reason::MissingDetectedAt);
        let out =
            |row: &mut ReportKey<'static>| row.detected_at = Some(Instant::Out(Timestamp::MAX));
        assert_eq!(reason(out), Reason::InstantOutOfRange);
        assert_eq!(reason(|row| row.detected_at = Some(Instant::In(us(50)))), Reason::InvalidText);
        let too_long = |row: &mut ReportKey<'static>| row.text_fault = Some(TextFault::TooLong);
        assert_eq!(reason(too_long), Reason::ValueTooLong);
        assert_eq!(reason(|row| row.text_fault = None), Reason::OnsetAfterDetection);
        assert_eq!(reason(|row| row.onset = None), Reason::OutsidePartition);
    }
}

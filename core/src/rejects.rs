//! Rows that take no part, and why (SPEC 2, *Bad rows*): one judge for each log.

mod held;
mod reason;

use std::collections::BTreeMap;

pub use self::held::{Reject, Rejects};
pub use self::reason::Reason;
use crate::batch::Instant;
use crate::{Duration, Interval, Timestamp};

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
    for (reason, rows) in all.into_iter().flat_map(Rejects::reasons) {
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

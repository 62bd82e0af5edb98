//! Rows that take no part, and why (SPEC 2, *Bad rows*): one judge for each log.

use std::collections::BTreeMap;

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
    /// `first_detected_from` is later than `detected_at`.
    OnsetAfterDetection,
    /// `first_detected_from` is earlier than `detected_at - max_lookback`.
    OnsetTooOld,
    /// The tick does not fall in the partition that holds the row.
    OutsidePartition,
    /// A campaign or context lacks a required value in this column.
    MissingValue(&'static str),
    /// A text is not UTF-8.
    InvalidText,
}

/// Judges rows of MRDL.
#[derive(Clone, Copy, Debug)]
pub struct ReportJudge {
    /// The partition that holds the rows, if the dataset has partitions.
    pub partition: Option<Interval>,
    /// How old an onset may be at its tick.
    pub max_lookback: Duration,
}

impl ReportJudge {
    /// The row's store and tick, or the first reason to reject it in the order of SPEC 2.
    ///
    /// # Errors
    /// The reason.
    pub fn judge<'s>(
        &self,
        store_id: Option<&'s str>,
        detected_at: Option<Timestamp>,
        onset: Option<Timestamp>,
    ) -> Result<(&'s str, Timestamp), Reason> {
        let store_id = store_id.filter(|id| !id.is_empty()).ok_or(Reason::MissingStore)?;
        let tick = detected_at.ok_or(Reason::MissingDetectedAt)?;
        if onset.is_some_and(|onset| onset > tick) {
            return Err(Reason::OnsetAfterDetection);
        }
        if onset.is_some_and(|onset| onset < tick.saturating_sub(self.max_lookback)) {
            return Err(Reason::OnsetTooOld);
        }
        if self.partition.is_some_and(|partition| !partition.contains(tick)) {
            return Err(Reason::OutsidePartition);
        }
        Ok((store_id, tick))
    }
}

/// Judges a row of a prediction log: its tick, or the first reason to reject it.
///
/// `has_store` says whether `store_id` is neither null nor empty.
///
/// # Errors
/// The reason.
pub fn judge_prediction(
    has_store: bool,
    tick_at: Option<Timestamp>,
    partition: Option<Interval>,
) -> Result<Timestamp, Reason> {
    if !has_store {
        return Err(Reason::MissingStore);
    }
    let tick = tick_at.ok_or(Reason::MissingTickAt)?;
    if partition.is_some_and(|partition| !partition.contains(tick)) {
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
            Self::OnsetAfterDetection => "onset_after_detection".to_owned(),
            Self::OnsetTooOld => "onset_too_old".to_owned(),
            Self::OutsidePartition => "outside_partition".to_owned(),
            Self::MissingValue(column) => format!("missing_{column}"),
            Self::InvalidText => "invalid_text".to_owned(),
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

/// Where a rejected row is counted.
///
/// A row with a tick that can be trusted belongs to the run whose interval holds the tick. A row
/// without one, or outside its partition, counts in every run whose interval overlaps its partition;
/// without partitions it counts in every run. It is better to show a bad row twice than never.
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
        self.partition.is_some_and(|partition| !partition.contains(tick))
    }
}

/// Counts by reason, as the lineage shows them.
pub fn by_reason(rejects: impl Iterator<Item = Reason>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for reason in rejects {
        *counts.entry(reason.text()).or_insert(0) += 1;
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
}

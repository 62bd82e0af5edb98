//! Gaps and overlaps between the intervals of runs.

use cohort_core::{Interval, Timestamp};

use super::report::Overlap;
use crate::layout::RunId;

/// The stretches of time that no run is for, and those that two are for. The runs come in the order
/// of their intervals; `from` and `to` are where the first should begin and the last should end, if
/// that is asked for.
///
/// Of many runs over one stretch, each is named with the one before it that reaches furthest.
pub(super) fn judge<'a>(
    runs: impl Iterator<Item = (&'a RunId, Interval)>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> (Vec<Interval>, Vec<Overlap>) {
    let (mut gaps, mut overlaps) = (Vec::new(), Vec::new());
    let mut covered = from;
    let mut furthest: Option<(&RunId, Timestamp)> = None;
    for (run_id, interval) in runs {
        if let Some(start) = covered.filter(|&covered| covered < interval.start) {
            gaps.push(Interval { start, end: interval.start });
        }
        if let Some((other, end)) = furthest.filter(|&(_, end)| interval.start < end) {
            let interval = Interval { start: interval.start, end: end.min(interval.end) };
            overlaps.push(Overlap { interval, run_ids: [other.clone(), run_id.clone()] });
        }
        if furthest.is_none_or(|(_, end)| end < interval.end) {
            furthest = Some((run_id, interval.end));
        }
        covered = covered.max(Some(interval.end));
    }
    if let Some((start, end)) = covered.zip(to).filter(|(covered, to)| covered < to) {
        gaps.push(Interval { start, end });
    }
    (gaps, overlaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(runs: &[(i64, i64)], from: Option<i64>, to: Option<i64>) -> [Vec<(i64, i64)>; 2] {
        let us = |us| Timestamp::from_us(us).unwrap();
        let id: RunId = "r".parse().unwrap();
        let runs = runs.iter().map(|&(a, b)| (&id, Interval { start: us(a), end: us(b) }));
        let (gaps, overlaps) = judge(runs, from.map(us), to.map(us));
        let ends = |interval: &Interval| (interval.start.as_us(), interval.end.as_us());
        [gaps.iter().map(ends).collect(), overlaps.iter().map(|o| ends(&o.interval)).collect()]
    }

    #[test]
    fn runs_that_tile_time_have_neither_gap_nor_overlap() {
        assert_eq!(judged(&[(0, 1), (1, 2), (2, 5)], Some(0), Some(5)), [vec![], vec![]]);
        assert_eq!(judged(&[], None, None), [vec![], vec![]]);
    }

    #[test]
    fn a_stretch_without_a_run_is_a_gap_also_at_the_ends_that_were_asked_for() {
        assert_eq!(judged(&[(0, 1), (2, 3), (2, 3)], None, None)[0], [(1, 2)]);
        assert_eq!(judged(&[(2, 3)], Some(1), Some(4))[0], [(1, 2), (3, 4)]);
        assert_eq!(judged(&[(0, 9)], Some(1), Some(4))[0], []);
        assert_eq!(judged(&[], Some(1), Some(4))[0], [(1, 4)]);
        // A short run inside a long one ends before it.
        assert_eq!(judged(&[(0, 9), (1, 2), (9, 10)], None, None)[0], []);
    }

    #[test]
    fn a_stretch_with_two_runs_is_an_overlap() {
        assert_eq!(judged(&[(0, 2), (1, 3)], None, None)[1], [(1, 2)]);
        assert_eq!(judged(&[(0, 9), (1, 2), (3, 4)], None, None)[1], [(1, 2), (3, 4)]);
        assert_eq!(judged(&[(0, 1), (0, 1)], None, None)[1], [(0, 1)]);
    }
}

//! Which instants the runs of a set cover.

use std::sync::Arc;

use crate::{Interval, Timestamp};

/// The intervals of the runs, cut at all their ends.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// From each instant until the next: the runs that cover it.
    pieces: Vec<(Timestamp, Vec<Arc<str>>)>,
}

impl Coverage {
    /// The coverage by these runs.
    pub(super) fn new(runs: &[(Arc<str>, Interval)]) -> Self {
        let mut ends: Vec<Timestamp> =
            runs.iter().flat_map(|(_, interval)| [interval.start, interval.end]).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut pieces: Vec<_> = ends.into_iter().map(|end| (end, Vec::new())).collect();
        for (run, interval) in runs {
            let first = pieces.partition_point(|(from, _)| *from < interval.start);
            let covered = pieces[first..].iter_mut().take_while(|(from, _)| *from < interval.end);
            covered.for_each(|(_, covering)| covering.push(run.clone()));
        }
        Self { pieces }
    }

    /// The runs that cover an instant.
    pub(super) fn at(&self, at: Timestamp) -> &[Arc<str>] {
        let after = self.pieces.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).map_or(&[], |piece| &self.pieces[piece].1)
    }

    /// Whether only one run can have written a row at an instant.
    pub(super) fn alone(&self, at: Timestamp) -> bool {
        self.at(at).len() == 1
    }

    /// The first instant of `[from, to]` that no run covers. Without any runs, nothing is known to
    /// be missing.
    pub(super) fn hole(&self, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        if self.pieces.is_empty() {
            return None;
        }
        if self.at(from).is_empty() {
            return Some(from);
        }
        let later = self.pieces.iter().skip_while(|(begin, _)| *begin <= from);
        let mut within = later.take_while(|(begin, _)| *begin <= to);
        within.find(|(_, runs)| runs.is_empty()).map(|(begin, _)| *begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: i64) -> Timestamp {
        Timestamp::from_us(us).unwrap()
    }

    #[test]
    fn runs_may_overlap_and_leave_holes() {
        let run =
            |name: &str, start, end| (Arc::from(name), Interval { start: at(start), end: at(end) });
        let coverage = Coverage::new(&[run("a", 0, 10), run("b", 5, 15), run("c", 20, 30)]);
        let names = |us| coverage.at(at(us)).iter().map(|run| &**run).collect::<String>();
        assert_eq!([-1, 0, 5, 10, 15, 20, 30].map(names), ["", "a", "ab", "b", "", "c", ""]);
        assert!(coverage.alone(at(0)) && !coverage.alone(at(5)));
        assert_eq!(coverage.hole(at(0), at(14)), None);
        assert_eq!(coverage.hole(at(0), at(15)), Some(at(15)));
        assert_eq!(coverage.hole(at(12), at(29)), Some(at(15)));
        assert_eq!(coverage.hole(at(16), at(16)), Some(at(16)));
        assert_eq!(Coverage::new(&[]).hole(at(0), at(1)), None);
    }
}

//! The rows of a prediction log that lines need, duplicates removed, by cell and instant (SPEC 2).
//!
//! A cell is a pair of a store and a SKU that has lines. The caller numbers them.

use std::cmp::Ordering;

use crate::Timestamp;
use crate::predictions::PredictionLog;

/// A matched row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<V> {
    /// Its cell's number, from 0.
    pub cell: u32,
    /// Its tick.
    pub at: Timestamp,
    /// When it was written.
    pub ingested_at: Option<Timestamp>,
    /// What it says.
    pub value: V,
}

/// Matched rows as they come in, with duplicates removed now and then. However often a log repeats
/// itself, memory holds no more than twice as many rows as there are pairs of a cell and an
/// instant, or a quarter of a million if those are few.
///
/// ```
/// use cohort_core::{Gathered, Point, Scores, Timestamp};
///
/// let row = |cell, at, score| -> Result<_, cohort_core::TimeError> {
///     let at = Timestamp::from_us(at)?;
///     Ok(Point { cell, at, ingested_at: None, value: Some(score) })
/// };
/// let mut gathered = Gathered::<Scores>::new(2);
/// gathered.extend(vec![row(1, 5, 0.25)?, row(0, 7, 0.5)?]);
/// gathered.extend(vec![row(1, 5, 0.75)?]);
/// let (rows, duplicates) = gathered.finish();
/// // Of the two rows of cell 1 at one instant, the greater stays.
/// assert_eq!((rows.of(0).len(), rows.of(1).len(), duplicates), (1, 1, 1));
/// assert_eq!(rows.of(1)[0].score, Some(0.75));
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[derive(Debug)]
pub struct Gathered<L: PredictionLog> {
    cells: usize,
    /// The rows of each row group.
    groups: Vec<Vec<Point<L::Value>>>,
    len: usize,
    /// Beyond this many rows, duplicates are removed.
    limit: usize,
    duplicates: u64,
}

/// The rows of each cell, each instant once, ascending.
#[derive(Debug)]
pub struct ByCell<R> {
    rows: Vec<R>,
    /// Where each cell's rows begin, and where the last cell's end.
    first: Vec<usize>,
}

impl<L: PredictionLog> Gathered<L> {
    /// No rows yet, for this many cells.
    #[must_use]
    pub const fn new(cells: usize) -> Self {
        Self::with_limit(cells, 1 << 18)
    }

    const fn with_limit(cells: usize, limit: usize) -> Self {
        Self { cells, groups: Vec::new(), len: 0, limit, duplicates: 0 }
    }

    /// Takes in the rows of a row group.
    pub fn extend(&mut self, points: Vec<Point<L::Value>>) {
        self.len += points.len();
        self.groups.push(points);
        if self.len > self.limit {
            let (points, _) = self.sorted();
            self.len = points.len();
            self.limit = self.limit.max(self.len * 2);
            self.groups.push(points);
        }
    }

    /// All rows in the order (cell, instant), and where each cell's rows begin. Of rows that agree
    /// in both, only the greatest by (`ingested_at`, values in order) is kept.
    fn sorted(&mut self) -> (Vec<Point<L::Value>>, Vec<usize>) {
        let groups = std::mem::take(&mut self.groups);
        let Some(&any) = groups.iter().flatten().next() else {
            return (Vec::new(), vec![0; self.cells + 1]);
        };
        // Rows are dealt out to their cells first. The few of each cell are then sorted.
        let mut next = vec![0; self.cells + 1];
        groups.iter().flatten().for_each(|point| next[point.cell as usize + 1] += 1);
        (0..self.cells).for_each(|cell| next[cell + 1] += next[cell]);
        let mut points = vec![any; self.len];
        for point in groups.into_iter().flatten() {
            let place = &mut next[point.cell as usize];
            points[*place] = point;
            *place += 1;
        }
        // Each cell's place has moved on to where the next cell begins.
        let (mut first, mut begin, mut kept) = (Vec::with_capacity(self.cells + 1), 0, 0);
        for &end in &next[..self.cells] {
            first.push(kept);
            points[begin..end]
                .sort_unstable_by(|a, b| a.at.cmp(&b.at).then_with(|| rank::<L>(b, a)));
            let from = kept;
            for i in begin..end {
                if kept == from || points[kept - 1].at != points[i].at {
                    points[kept] = points[i];
                    kept += 1;
                }
            }
            begin = end;
        }
        first.push(kept);
        self.duplicates += (points.len() - kept) as u64;
        points.truncate(kept);
        (points, first)
    }

    /// The rows by cell, and how many were duplicates.
    #[must_use]
    pub fn finish(mut self) -> (ByCell<L::Row>, u64) {
        let (points, first) = self.sorted();
        let rows = points.into_iter().map(|point| L::row(point.at, point.value)).collect();
        (ByCell { rows, first }, self.duplicates)
    }
}

/// Which of two rows of one cell and instant is the greater.
fn rank<L: PredictionLog>(a: &Point<L::Value>, b: &Point<L::Value>) -> Ordering {
    L::precedence((a.ingested_at, &a.value), (b.ingested_at, &b.value))
}

impl<R> ByCell<R> {
    /// No rows, for this many cells.
    #[must_use]
    pub fn none(cells: usize) -> Self {
        Self { rows: Vec::new(), first: vec![0; cells + 1] }
    }

    /// The rows of a cell.
    #[must_use]
    pub fn of(&self, cell: usize) -> &[R] {
        &self.rows[self.first[cell]..self.first[cell + 1]]
    }
}

#[cfg(test)]
mod tests {
    use crate::predictions::Scores;

    use super::*;

    fn point(cell: u32, at: i64, ingested: Option<i64>, score: Option<f64>) -> Point<Option<f64>> {
        let us = |us| Timestamp::from_us(us).unwrap();
        Point { cell, at: us(at), ingested_at: ingested.map(us), value: score }
    }

    #[test]
    fn the_latest_ingested_duplicate_wins_then_the_greatest_value_and_null_is_smallest() {
        // With a limit of 1, duplicates are removed in between as well.
        for limit in [1, 4, 100] {
            the_greatest_win(Gathered::with_limit(3, limit));
        }
    }

    fn the_greatest_win(mut gathered: Gathered<Scores>) {
        gathered.extend(vec![
            point(1, 5, Some(9), Some(0.1)),
            point(1, 5, None, Some(0.9)),
            point(1, 5, Some(9), None),
        ]);
        gathered.extend(vec![
            point(0, 7, None, Some(0.2)),
            point(0, 7, None, Some(0.3)),
            point(1, 4, None, None),
        ]);
        let (rows, duplicates) = gathered.finish();
        let scores =
            |cell| rows.of(cell).iter().map(|row| (row.at.as_us(), row.score)).collect::<Vec<_>>();
        assert_eq!(
            (scores(0), scores(1), scores(2)),
            (vec![(7, Some(0.3))], vec![(4, None), (5, Some(0.1))], vec![])
        );
        assert_eq!(duplicates, 3);
    }
}

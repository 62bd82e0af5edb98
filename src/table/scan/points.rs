//! What the scan found, duplicates removed, by cell and instant.

use std::cmp::Ordering;

use super::log::PredictionLog;
use crate::cohort::Timestamp;

/// A matched row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<V> {
    /// Its cell.
    pub cell: u32,
    /// Its tick.
    pub at: Timestamp,
    /// When it was written.
    pub ingested_at: Option<Timestamp>,
    /// What it says.
    pub value: V,
}

/// Matched rows as they come in, with duplicates removed now and then: however often a log repeats
/// itself, memory holds little more than one row a cell and instant.
#[derive(Debug)]
pub struct Gathered<L: PredictionLog> {
    points: Vec<Point<L::Value>>,
    /// Beyond this many, duplicates are removed.
    limit: usize,
    duplicates: u64,
}

/// The rows of each cell: each instant once, ascending.
#[derive(Debug)]
pub struct ByCell<R> {
    rows: Vec<R>,
    /// Where each cell's rows begin, and where the last one's end.
    first: Vec<usize>,
}

impl<L: PredictionLog> Gathered<L> {
    const LIMIT_MIN: usize = 1 << 17;

    /// Nothing yet.
    pub const fn new() -> Self {
        Self { points: Vec::new(), limit: Self::LIMIT_MIN, duplicates: 0 }
    }

    /// Takes in the rows of a row group.
    pub fn extend(&mut self, points: Vec<Point<L::Value>>) {
        self.points.extend(points);
        if self.points.len() > self.limit {
            self.remove_duplicates();
            self.limit = Self::LIMIT_MIN.max(self.points.len() * 2);
        }
    }

    /// Of rows that agree in cell and instant, keeps the greatest by (`ingested_at`, values in order).
    fn remove_duplicates(&mut self) {
        let rank = |a: &Point<L::Value>, b: &Point<L::Value>| -> Ordering {
            a.ingested_at.cmp(&b.ingested_at).then_with(|| L::order(&a.value, &b.value))
        };
        self.points
            .sort_unstable_by(|a, b| (a.cell, a.at).cmp(&(b.cell, b.at)).then_with(|| rank(b, a)));
        let before = self.points.len();
        self.points.dedup_by_key(|point| (point.cell, point.at));
        self.duplicates += (before - self.points.len()) as u64;
    }

    /// The rows by cell, and how many were duplicates.
    pub fn finish(mut self, cells: usize) -> (ByCell<L::Row>, u64) {
        self.remove_duplicates();
        let mut first = Vec::with_capacity(cells + 1);
        let mut at = 0;
        for cell in 0..=cells {
            first.push(at);
            at += self.points[at..].iter().take_while(|point| point.cell as usize == cell).count();
        }
        let rows = self.points.into_iter().map(|point| L::row(point.at, point.value)).collect();
        (ByCell { rows, first }, self.duplicates)
    }
}

impl<L: PredictionLog> Default for Gathered<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> ByCell<R> {
    /// No rows for any of so many cells.
    pub fn none(cells: usize) -> Self {
        Self { rows: Vec::new(), first: vec![0; cells + 1] }
    }

    /// The rows of a cell.
    pub fn of(&self, cell: usize) -> &[R] {
        &self.rows[self.first[cell]..self.first[cell + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Scores;
    use super::*;

    fn point(cell: u32, at: i64, ingested: Option<i64>, score: Option<f64>) -> Point<Option<f64>> {
        let us = |us| Timestamp::from_us(us).unwrap();
        Point { cell, at: us(at), ingested_at: ingested.map(us), value: score }
    }

    #[test]
    fn the_latest_ingested_duplicate_wins_then_the_greatest_value_and_null_is_smallest() {
        let mut gathered = Gathered::<Scores>::new();
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
        let (rows, duplicates) = gathered.finish(3);
        let scores =
            |cell| rows.of(cell).iter().map(|row| (row.at.as_us(), row.score)).collect::<Vec<_>>();
        assert_eq!(
            (scores(0), scores(1), scores(2)),
            (vec![(7, Some(0.3))], vec![(4, None), (5, Some(0.1))], vec![])
        );
        assert_eq!(duplicates, 3);
    }
}

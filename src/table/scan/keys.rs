//! The rows of a row group that some line needs, found from the key columns alone.
//!
//! Three streams of codes (store, SKU, tick) advance together, one stretch of equal codes at a time. A
//! stretch whose store has no line, whose tick no line of its store needs, or whose cell has none, is
//! passed over whole; only what remains is looked at row by row.

use std::ops::Range;

use parquet::errors::Result;

use super::codes::{Codes, Stretch};
use super::probe::{MISSING_STORE, NO_STORE, Probe, Span};
use crate::cohort::Timestamp;
use crate::table::rejects::{Reason, Reject, Scope};

/// The code of a null tick.
pub const NULL_TICK: i64 = i64::MIN;
/// The code of an instant outside the calendar.
pub const BAD_TICK: i64 = i64::MAX;
/// With more windows near a tick than this, a lookup for each row is cheaper than a walk over the windows.
const NEAR_MAX: usize = 8;
/// Rows that are looked at in one go.
const CHUNK_ROWS: usize = 4096;

/// The key columns of a row group.
#[derive(Debug)]
pub struct Keys {
    /// Stores.
    pub stores: Codes<u32>,
    /// SKUs.
    pub skus: Codes<u32>,
    /// Ticks in microseconds.
    pub ticks: Codes<i64>,
}

/// What a row group holds for the lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// The wanted rows, ascending.
    pub rows: Vec<usize>,
    /// Of each its cell.
    pub cells: Vec<u32>,
    /// Of each its tick in microseconds.
    pub ticks: Vec<i64>,
    /// Rejected rows that count.
    pub rejects: Vec<Reject>,
    /// A row whose tick lies outside the calendar.
    pub bad_tick: Option<usize>,
}

/// Finds the wanted rows of a row group.
#[derive(Debug)]
pub struct Matcher<'a> {
    /// What the lines need.
    pub probe: &'a Probe,
    /// Where rejected rows count.
    pub scope: Scope,
    /// Whether each tick must be held against its file's partition.
    pub check_partition: bool,
}

/// Buffers for stretches that differ from row to row, and where each store's last search ended.
#[derive(Default)]
struct Buffers {
    hints: Vec<u32>,
    stores: Vec<u32>,
    skus: Vec<u32>,
    ticks: Vec<i64>,
}

impl Matcher<'_> {
    /// The wanted rows among the candidates, which are ascending ranges.
    ///
    /// # Errors
    /// Where a page cannot be decoded.
    pub fn run(&self, keys: &mut Keys, candidates: &[Range<usize>]) -> Result<Matches> {
        let mut found = Matches::default();
        let hints = vec![0; self.probe.cells.stores.len()];
        let mut buffers = Buffers { hints, ..Buffers::default() };
        let mut row = 0;
        for range in candidates {
            keys.skip(range.start - row)?;
            row = range.start;
            while row < range.end {
                row += self.stretch(keys, row, range.end - row, &mut buffers, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Takes one stretch of at most `most` rows; how many it was.
    fn stretch(
        &self,
        keys: &mut Keys,
        row: usize,
        most: usize,
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<usize> {
        let (store, sku, tick) = (keys.stores.peek()?, keys.skus.peek()?, keys.ticks.peek()?);
        let rows = store.rows().min(sku.rows()).min(tick.rows()).min(most);
        let tick_needs_a_look = self.check_partition
            || match tick {
                Stretch::Same(tick, _) => tick == NULL_TICK || tick == BAD_TICK,
                Stretch::Present(_) => false,
                Stretch::Any(_) => true,
            };
        if let (Stretch::Same(store, _), false) = (store, tick_needs_a_look)
            && store != MISSING_STORE
        {
            let wanted = store != NO_STORE
                && match (tick, sku) {
                    (Stretch::Same(tick, _), _) => {
                        let near = self.probe.near(store, tick, &mut buffers.hints[store as usize]);
                        if near.len() <= NEAR_MAX {
                            self.one_tick(keys, (row, rows), tick, near, buffers, found)?;
                            return Ok(rows);
                        }
                        true
                    }
                    (_, Stretch::Same(sku, _)) => self.probe.cells.cell(store, sku).is_some(),
                    _ => true,
                };
            if !wanted {
                keys.skip(rows)?;
                return Ok(rows);
            }
        }
        let rows = rows.min(CHUNK_ROWS);
        keys.read(rows, buffers)?;
        self.look(row, buffers, found);
        Ok(rows)
    }

    /// Takes a stretch of one store and one tick, of which at most the cells of `near` are wanted: only the
    /// SKUs are decoded, and those only if one is.
    fn one_tick(
        &self,
        keys: &mut Keys,
        (row, rows): (usize, usize),
        tick: i64,
        near: &[Span],
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<()> {
        keys.stores.skip(rows)?;
        keys.ticks.skip(rows)?;
        if !near.iter().any(|span| span.holds(tick)) {
            return keys.skus.skip(rows);
        }
        buffers.skus.clear();
        keys.skus.read(rows, &mut buffers.skus)?;
        for (i, sku) in buffers.skus.iter().enumerate() {
            if let Some(span) = near.iter().find(|span| span.sku == *sku && span.holds(tick)) {
                found.push(row + i, span.cell, tick);
            }
        }
        Ok(())
    }

    /// Looks at rows one by one.
    fn look(&self, first: usize, buffers: &Buffers, found: &mut Matches) {
        let codes = buffers.stores.iter().zip(&buffers.skus).zip(&buffers.ticks);
        for (i, ((&store, &sku), &tick)) in codes.enumerate() {
            if store < NO_STORE && tick != NULL_TICK && tick != BAD_TICK && !self.check_partition {
                let Some(cell) = self.probe.cells.cell(store, sku) else { continue };
                if self.probe.wants(cell, tick) {
                    found.push(first + i, cell, tick);
                }
            } else {
                self.judge(first + i, (store, sku, tick), found);
            }
        }
    }

    /// Judges a row that may have to be rejected.
    #[cold]
    fn judge(&self, row: usize, (store, sku, tick): (u32, u32, i64), found: &mut Matches) {
        if tick == BAD_TICK {
            found.bad_tick.get_or_insert(row);
            return;
        }
        let at = if tick == NULL_TICK { None } else { Timestamp::from_us(tick).ok() };
        let reason = match at {
            _ if store == MISSING_STORE => Reason::MissingStore,
            None => Reason::MissingTickAt,
            Some(at) if self.scope.misplaced(at) => Reason::OutsidePartition,
            Some(_) if store == NO_STORE => return,
            Some(_) => {
                if let Some(cell) =
                    self.probe.cells.cell(store, sku).filter(|&cell| self.probe.wants(cell, tick))
                {
                    found.push(row, cell, tick);
                }
                return;
            }
        };
        if self.scope.counts(at) {
            found.rejects.push(Reject { row, reason });
        }
    }
}

impl Matches {
    fn push(&mut self, row: usize, cell: u32, tick: i64) {
        self.rows.push(row);
        self.cells.push(cell);
        self.ticks.push(tick);
    }
}

impl Keys {
    fn skip(&mut self, rows: usize) -> Result<()> {
        self.stores.skip(rows)?;
        self.skus.skip(rows)?;
        self.ticks.skip(rows)
    }

    fn read(&mut self, rows: usize, into: &mut Buffers) -> Result<()> {
        into.stores.clear();
        into.skus.clear();
        into.ticks.clear();
        self.stores.read(rows, &mut into.stores)?;
        self.skus.read(rows, &mut into.skus)?;
        self.ticks.read(rows, &mut into.ticks)
    }
}

impl<T> Stretch<T> {
    const fn rows(&self) -> usize {
        match self {
            Self::Same(_, rows) | Self::Present(rows) | Self::Any(rows) => *rows,
        }
    }
}

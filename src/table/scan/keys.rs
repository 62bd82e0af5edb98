//! The rows of a row group that some line needs, found from the key columns alone.
//!
//! Three streams of codes (store, SKU, tick) advance together, one stretch of equal codes at a time. A
//! stretch whose store has no line, whose tick no line of its store needs, or whose cell has none, is
//! passed over whole. Where a tick lasts for many stores, all of those without an open window are passed over
//! together ([`Open`]); of a stretch of one store and one tick only the SKUs are decoded, of one cell only the
//! ticks; what remains is looked at row by row. A row that may have to be rejected is never passed over: one
//! without a store, without a tick, or perhaps outside its partition.

use std::ops::Range;

use parquet::errors::Result;

use super::codes::{Codes, Stretch};
use super::open::Open;
use super::probe::{MISSING_STORE, NO_STORE, Probe, Span};
use crate::cohort::Timestamp;
use crate::table::rejects::{Reject, Scope, judge_prediction};

/// The code of a null tick.
pub const NULL_TICK: i64 = i64::MIN;
/// The code of an instant outside the calendar.
pub const BAD_TICK: i64 = i64::MAX;
/// With more windows open than this, a lookup for each row is cheaper than a walk over the windows.
const HELD_MAX: usize = 8;
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

/// What is kept from stretch to stretch: the windows open at the last long tick, where each store's last search
/// ended, and buffers.
#[derive(Default)]
struct Buffers {
    open: Open,
    hints: Vec<u32>,
    held: Vec<Span>,
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
        if let (Stretch::Same(tick, lasts), false) = (tick, tick_needs_a_look) {
            let lasts = lasts.min(most);
            if buffers.open.reach(self.probe, tick, lasts) {
                let open = &buffers.open;
                let quiet = |store| store != MISSING_STORE && open.of(store).is_empty();
                let passed = keys.stores.skip_while(lasts, quiet)?;
                if passed > 0 {
                    keys.skus.skip(passed)?;
                    keys.ticks.skip(passed)?;
                    return Ok(passed);
                }
            }
        }
        if let (Stretch::Same(store, _), false) = (store, tick_needs_a_look)
            && store != MISSING_STORE
        {
            let wanted = store != NO_STORE
                && match (tick, sku) {
                    (Stretch::Same(tick, _), _) => {
                        buffers.hold(self.probe, store, tick);
                        if buffers.held.len() <= HELD_MAX {
                            Self::one_tick(keys, (row, rows), tick, buffers, found)?;
                            return Ok(rows);
                        }
                        true
                    }
                    (_, Stretch::Same(sku, _)) => match self.probe.cells.cell(store, sku) {
                        Some(cell) => {
                            return self.one_cell(keys, (row, rows), cell, buffers, found);
                        }
                        None => false,
                    },
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

    /// Takes a stretch of one store and one tick, of which at most the held windows' cells are wanted: only the
    /// SKUs are decoded, and those only if there is one.
    fn one_tick(
        keys: &mut Keys,
        (row, rows): (usize, usize),
        tick: i64,
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<()> {
        keys.stores.skip(rows)?;
        keys.ticks.skip(rows)?;
        if buffers.held.is_empty() {
            return keys.skus.skip(rows);
        }
        buffers.skus.clear();
        keys.skus.read(rows, &mut buffers.skus)?;
        for (i, sku) in buffers.skus.iter().enumerate() {
            if let Some(span) = buffers.held.iter().find(|span| span.sku == *sku) {
                found.push(row + i, span.cell, tick);
            }
        }
        Ok(())
    }

    /// Takes a stretch of one cell, or the beginning of one: only the ticks are decoded, and held against the
    /// cell's windows, which ascend as ticks mostly do. How many rows it was.
    fn one_cell(
        &self,
        keys: &mut Keys,
        (row, rows): (usize, usize),
        cell: u32,
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<usize> {
        let rows = rows.min(CHUNK_ROWS);
        keys.stores.skip(rows)?;
        keys.skus.skip(rows)?;
        buffers.ticks.clear();
        keys.ticks.read(rows, &mut buffers.ticks)?;
        let windows = self.probe.windows_of(cell);
        // The first window that does not end before the tick.
        let mut next = 0;
        for (i, &tick) in buffers.ticks.iter().enumerate() {
            if next > 0 && windows[next - 1].1 >= tick {
                next = windows.partition_point(|window| window.1 < tick);
            }
            next += windows[next..].iter().take_while(|window| window.1 < tick).count();
            if windows.get(next).is_some_and(|window| window.0 <= tick) {
                found.push(row + i, cell, tick);
            } else if tick == BAD_TICK {
                found.bad_tick.get_or_insert(row + i);
            }
        }
        Ok(rows)
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
        match judge_prediction(store != MISSING_STORE, at, self.scope.partition()) {
            Err(reason) if self.scope.counts(at) => found.rejects.push(Reject { row, reason }),
            Err(_) => {}
            Ok(_) if store == NO_STORE => {}
            Ok(_) => {
                let cell = self.probe.cells.cell(store, sku);
                if let Some(cell) = cell.filter(|&cell| self.probe.wants(cell, tick)) {
                    found.push(row, cell, tick);
                }
            }
        }
    }
}

impl Buffers {
    /// Holds the windows of a store that are open at a tick.
    fn hold(&mut self, probe: &Probe, store: u32, tick: i64) {
        self.held.clear();
        if self.open.is_at(tick) {
            self.held.extend_from_slice(self.open.of(store));
        } else {
            self.held.extend(probe.holding(store, tick, &mut self.hints[store as usize]));
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

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;

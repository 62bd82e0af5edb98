//! The rows of a row group that some line needs, found from only its key columns.
//!
//! Three streams of codes, for store, SKU and tick, advance together. Each says how far its next
//! value reaches ([`Stretch`]). The matcher takes the rows in pieces, and does as little with each
//! piece as it can:
//!
//! 1. One tick lasts for many stores: all stores without an open window are skipped ([`Open`]).
//! 2. One store without lines: its rows are skipped.
//! 3. One store at one tick: only the SKUs are decoded, and only if a window is open.
//! 4. One cell: only the ticks are decoded, and only if the cell has windows.
//! 5. Anything else is decoded and looked at row by row.
//!
//! A row that may have to be rejected is never skipped. That is one without a store, one without a
//! tick, one with a text that is not UTF-8 or too long, and any row that may lie outside its file's
//! partition.

use std::ops::Range;

use arrow::datatypes::TimeUnit;
use parquet::errors::Result;

use super::cells::{Cell, SkuCode, StoreCode};
use super::codes::{Codes, Stretch};
use super::open::Open;
use super::probe::{CellWindow, Probe};
use cohort_core::Timestamp;
use cohort_core::batch::Instant;
use cohort_core::rejects::{Rejects, Scope, judge_prediction};

/// The code of a null tick.
pub(crate) const NULL_TICK: i64 = i64::MIN;
/// The code of an instant outside the calendar.
pub(crate) const BAD_TICK: i64 = i64::MAX;
/// With more windows open than this, a lookup for each row is cheaper than a walk over the windows.
const HELD_MAX: usize = 8;
/// Rows that are decoded in one go.
pub(super) const CHUNK_ROWS: usize = 4096;

/// The key columns of a row group.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Stores.
    pub stores: Codes<StoreCode>,
    /// SKUs.
    pub skus: Codes<SkuCode>,
    /// Ticks in microseconds.
    pub ticks: Codes<i64>,
}

/// What a row group holds for the lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    /// The wanted rows, ascending.
    pub rows: Vec<usize>,
    /// The cell of each wanted row.
    pub cells: Vec<Cell>,
    /// The tick of each wanted row, in microseconds.
    pub ticks: Vec<i64>,
    /// Rejected rows that count.
    pub rejects: Rejects,
}

/// Finds the wanted rows of a row group.
#[derive(Debug)]
pub(crate) struct Matcher<'a> {
    /// What the lines need.
    pub probe: &'a Probe,
    /// Where rejected rows count.
    pub scope: Scope,
}

/// What is kept from one piece to the next.
#[derive(Default)]
struct Buffers {
    /// The windows open at the last tick that lasted long.
    open: Open,
    /// Where the last search for each store's windows ended.
    hints: Vec<u32>,
    /// The windows of one store at one tick.
    held: Vec<CellWindow>,
    stores: Vec<StoreCode>,
    skus: Vec<SkuCode>,
    ticks: Vec<i64>,
}

/// Where the matcher is: the next row, and how many rows the next piece may have.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    rows: usize,
}

impl Matcher<'_> {
    /// The wanted rows among the candidates, which are ascending ranges.
    ///
    /// # Errors
    /// If a page cannot be decoded.
    pub(crate) fn run(&self, keys: &mut Keys, candidates: &[Range<usize>]) -> Result<Matches> {
        let mut found = Matches::default();
        let hints = vec![0; self.probe.cells.stores.len()];
        let mut buffers = Buffers { hints, ..Buffers::default() };
        let mut row = 0;
        for range in candidates {
            keys.skip(range.start - row)?;
            row = range.start;
            while row < range.end {
                let at = At { row, rows: range.end - row };
                row += self.piece(keys, at, &mut buffers, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Takes the next piece, and returns how many rows it had.
    fn piece(
        &self,
        keys: &mut Keys,
        at: At,
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<usize> {
        let (store, sku, tick) = (keys.stores.peek()?, keys.skus.peek()?, keys.ticks.peek()?);
        let rows = store.rows().min(sku.rows()).min(tick.rows()).min(at.rows);
        let check_ticks = keys.ticks.is_suspect(tick);
        if !check_ticks {
            if let Stretch::Same(tick, lasts) = tick {
                let lasts = lasts.min(at.rows).min(keys.skus.known());
                let skipped = self.skip_quiet(keys, tick, lasts, buffers)?;
                if skipped > 0 {
                    return Ok(skipped);
                }
            }
            if let Stretch::Same(store, _) = store
                && !store.is_faulty()
                && !keys.skus.is_suspect(sku)
            {
                let at = At { rows, ..at };
                let taken = self.one_store(keys, at, (store, sku, tick), buffers, found)?;
                if let Some(taken) = taken {
                    return Ok(taken);
                }
            }
        }
        let rows = rows.min(CHUNK_ROWS);
        keys.read(rows, buffers)?;
        let is_faulty = |tick| check_ticks && keys.ticks.is_faulty(tick);
        self.look(at.row, buffers, is_faulty, found);
        Ok(rows)
    }

    /// Skips the rows of this tick up to the first store that has an open window or is faulty, and
    /// returns how many it skipped. Skips nothing if [`Open::reach`] declines the tick.
    fn skip_quiet(
        &self,
        keys: &mut Keys,
        tick: i64,
        lasts: usize,
        buffers: &mut Buffers,
    ) -> Result<usize> {
        if !buffers.open.reach(self.probe, tick, lasts) {
            return Ok(0);
        }
        let open = &buffers.open;
        let quiet = |store: StoreCode| !store.is_faulty() && open.of(store).is_empty();
        let skipped = keys.stores.skip_while(lasts, quiet)?;
        if skipped > 0 {
            keys.skus.skip(skipped)?;
            keys.ticks.skip(skipped)?;
        }
        Ok(skipped)
    }

    /// Takes a stretch of one store, if anything about it saves a look at each row. Returns how
    /// many rows it took, or `None` if nothing does.
    fn one_store(
        &self,
        keys: &mut Keys,
        at: At,
        (store, sku, tick): (StoreCode, Stretch<SkuCode>, Stretch<i64>),
        buffers: &mut Buffers,
        found: &mut Matches,
    ) -> Result<Option<usize>> {
        if store.is_wanted() {
            if let Stretch::Same(tick, _) = tick {
                buffers.hold(self.probe, store, tick);
                if buffers.held.len() > HELD_MAX {
                    return Ok(None);
                }
                Self::one_tick(keys, at, tick, buffers, found)?;
                return Ok(Some(at.rows));
            }
            let Stretch::Same(sku, _) = sku else { return Ok(None) };
            if let Some(cell) = self.probe.cells.cell(store, sku) {
                return self.one_cell(keys, at, cell, buffers, found).map(Some);
            }
        }
        keys.skip(at.rows)?;
        Ok(Some(at.rows))
    }

    /// Takes a stretch of one store and one tick. Only the cells of the held windows are wanted, so
    /// that the SKUs are decoded only if there is such a window.
    fn one_tick(
        keys: &mut Keys,
        At { row, rows }: At,
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
            if let Some(window) = buffers.held.iter().find(|window| window.sku == *sku) {
                found.push(row + i, window.cell, tick);
            }
        }
        Ok(())
    }

    /// Takes a stretch of one cell, or its beginning, and returns how many rows it took. Only the
    /// ticks are decoded. They are compared with the cell's windows, which ascend as ticks mostly
    /// do.
    fn one_cell(
        &self,
        keys: &mut Keys,
        At { row, rows }: At,
        cell: Cell,
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
            }
        }
        Ok(rows)
    }

    /// Looks at rows one by one.
    fn look(
        &self,
        first: usize,
        buffers: &Buffers,
        is_faulty: impl Fn(i64) -> bool,
        found: &mut Matches,
    ) {
        let codes = buffers.stores.iter().zip(&buffers.skus).zip(&buffers.ticks);
        for (i, ((&store, &sku), &tick)) in codes.enumerate() {
            if store.is_faulty() || sku.fault().is_some() || is_faulty(tick) {
                self.judge(first + i, (store, sku, tick), found);
            } else if store.is_wanted()
                && let Some(cell) = self.probe.cells.cell(store, sku)
                && self.probe.wants(cell, tick)
            {
                found.push(first + i, cell, tick);
            }
        }
    }

    /// Rejects a faulty row, if this run counts it.
    #[cold]
    fn judge(
        &self,
        row: usize,
        (store, sku, tick): (StoreCode, SkuCode, i64),
        found: &mut Matches,
    ) {
        let at = match tick {
            NULL_TICK => None,
            // Where outside the calendar it lies makes no difference.
            BAD_TICK => Some(Instant::Out(Timestamp::MAX)),
            us => Some(Instant::of(us, TimeUnit::Microsecond)),
        };
        let has_store = store != StoreCode::MISSING;
        let fault = [store.fault(), sku.fault()].into_iter().flatten().min();
        let judged = judge_prediction(has_store, at, fault, self.scope.partition());
        if let Err(reason) = judged
            && self.scope.counts(at.and_then(Instant::exact))
        {
            found.rejects.add(row, reason);
        }
    }
}

impl Buffers {
    /// Holds the windows of a wanted store that are open at a tick.
    fn hold(&mut self, probe: &Probe, store: StoreCode, tick: i64) {
        self.held.clear();
        if self.open.is_at(tick) {
            self.held.extend_from_slice(self.open.of(store));
        } else {
            self.held.extend(probe.holding(store, tick, &mut self.hints[store.index()]));
        }
    }
}

impl Matches {
    fn push(&mut self, row: usize, cell: Cell, tick: i64) {
        self.rows.push(row);
        self.cells.push(cell);
        self.ticks.push(tick);
    }
}

impl Keys {
    /// Fails if a column has more rows.
    ///
    /// # Errors
    /// If one has, and if a page cannot be decoded.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.stores.finish()?;
        self.skus.finish()?;
        self.ticks.finish()
    }

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

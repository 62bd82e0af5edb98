//! The windows that are open at one tick, of all stores at once.
//!
//! A window is a stretch of time over which one cell, a store's SKU, needs its rows of the log. At
//! a given tick most stores have no window that holds it. If a log is written tick by tick, one
//! tick lasts for thousands of rows, one for each store and SKU of the retail chain. It pays to
//! find these windows once per tick, before any of its rows is looked at. The rows of a store that
//! has none can then be skipped without decoding them.
//!
//! [`Open::reach`] moves to a tick, and [`Open::of`] returns the windows of a store at that tick.
//!
//! Moving has a cost of its own: it visits all stores, the windows that are open, and those that
//! may have to be opened. It is worth that only if the tick has at least as many rows as there are
//! stores and windows to visit. If it has fewer, `reach` declines, and the caller looks each store
//! up by itself.

use super::cells::StoreCode;
use super::probe::{CellWindow, Probe};

/// The windows that hold one tick, by store.
#[derive(Debug, Default)]
pub(crate) struct Open {
    /// The tick that was reached last.
    tick: Option<i64>,
    /// The last tick that was declined, and its row count. It is reconsidered if the count grows,
    /// as it may when the next page continues the tick.
    declined: Option<(i64, usize)>,
    /// The windows that hold the tick, in the order (store, SKU).
    windows: Vec<CellWindow>,
    /// The place in `windows` at which each store's windows begin. One more entry says where the
    /// last store's windows end.
    first: Vec<u32>,
}

impl Open {
    /// Moves to a tick, and returns whether it did. It declines, and moves nowhere, if the rows are
    /// fewer than the stores and windows that it would visit.
    ///
    /// `rows` is what is left of the tick in this page or run of equal values. More of its rows may
    /// follow in the next.
    pub(crate) fn reach(&mut self, probe: &Probe, tick: i64, rows: usize) -> bool {
        if self.is_at(tick) {
            return true;
        }
        let stores = probe.cells.stores.len();
        // Every store is visited, so fewer rows than stores are too few, however many windows there
        // are. Too few rows are refused again without a search, even if the cost has fallen
        // meanwhile; the caller's own lookup finds the same windows.
        let declined_before = |(declined, rows_then)| declined == tick && rows <= rows_then;
        if stores > rows || self.declined.is_some_and(declined_before) {
            return false;
        }
        // A step forward keeps what is open, and adds the windows that began since: a window that
        // holds the later tick held the earlier one, or began after it. A step back starts from
        // nothing, and considers every window that may hold the tick.
        let since = self.tick.filter(|&last| last < tick);
        let begun = since.map_or_else(|| probe.near(tick), |last| probe.begun(last, tick));
        let kept = if since.is_some() { self.windows.len() } else { 0 };
        if kept + begun.len() + stores > rows {
            self.declined = Some((tick, rows));
            return false;
        }
        self.windows.truncate(kept);
        self.windows.retain(|window| window.holds(tick));
        self.windows.extend(begun.iter().filter(|window| window.holds(tick)));
        // The windows that were kept are in order already. The stable sort is fast on such input.
        self.windows.sort_by_key(|window| (window.store, window.sku));
        // Count each store's windows one entry late. The running sum then gives their beginnings.
        self.first.clear();
        self.first.resize(stores + 1, 0);
        self.windows.iter().for_each(|window| self.first[window.store.index() + 1] += 1);
        (0..stores).for_each(|store| self.first[store + 1] += self.first[store]);
        self.tick = Some(tick);
        true
    }

    /// Whether this is the tick that was reached last.
    pub(crate) fn is_at(&self, tick: i64) -> bool {
        self.tick == Some(tick)
    }

    /// The windows of a store at the tick that was reached last. A store without lines has none.
    ///
    /// It may be called only after [`Open::reach`] has returned true.
    pub(crate) fn of(&self, store: StoreCode) -> &[CellWindow] {
        debug_assert!(self.tick.is_some(), "no tick was reached");
        match self.first.get(store.index()..) {
            Some(&[from, to, ..]) => &self.windows[from as usize..to as usize],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::cells::Cells;
    use super::super::probe::tests::stores;
    use super::*;

    #[test]
    fn any_walk_over_ticks_finds_the_windows_that_each_store_alone_finds() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        for probe in [Probe::windows(&cells, &stores), Probe::ticks(&cells, &stores)] {
            for stride in [1, 3, 7, 38, 39] {
                let mut open = Open::default();
                for tick in (0..200).map(|i| i * stride % 40) {
                    assert!(open.reach(&probe, tick, 100));
                    for store in ["a", "b"].map(|name| cells.store_code(name)) {
                        let mut alone: Vec<_> =
                            probe.holding(store, tick, &mut 0).copied().collect();
                        alone.sort_by_key(|window| window.sku);
                        assert_eq!(open.of(store), alone, "{stride} {tick} {store:?}");
                    }
                    assert!(open.of(StoreCode::UNWANTED).is_empty());
                }
            }
        }
    }

    #[test]
    fn a_tick_of_few_rows_is_not_worth_it() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let probe = Probe::windows(&cells, &stores);
        let a = cells.store_code("a");
        let reach = |rows| Open::default().reach(&probe, 10, rows);
        assert_eq!((reach(1), reach(2), reach(3)), (false, false, true));
        let mut open = Open::default();
        assert!(open.reach(&probe, 10, 3));
        assert!(open.reach(&probe, 10, 1), "a tick that was reached stays so");
        assert!(!open.reach(&probe, 20, 2));
        assert!(open.is_at(10) && !open.of(a).is_empty(), "declining changes nothing");
        assert!(open.reach(&probe, 20, 4), "with more rows it is reconsidered");
    }
}

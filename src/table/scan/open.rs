//! The windows that are open at one tick, of all stores at once.
//!
//! Where a log is written tick by tick, a tick lasts for as many rows as there are cells. Then it pays to know
//! the windows that hold it before looking at any row: a store without one is passed over at a glance.

use super::probe::{Probe, Span};

/// The windows that hold a tick, by store.
#[derive(Debug, Default)]
pub struct Open {
    tick: Option<i64>,
    /// A tick that did not deserve it, and its rows then: it may have more in the next page.
    refused: Option<(i64, usize)>,
    /// By (store, SKU).
    spans: Vec<Span>,
    /// Where each store's spans begin, and where the last one's end.
    first: Vec<u32>,
}

impl Open {
    /// Moves to a tick that lasts for so many rows. Says no, and stays, where the rows do not deserve it: they
    /// must be no fewer than the stores and the windows to be looked at.
    pub fn reach(&mut self, probe: &Probe, tick: i64, rows: usize) -> bool {
        if self.is_at(tick) {
            return true;
        }
        let stores = probe.cells.stores.len();
        let no_better = |(refused, then)| refused == tick && rows <= then;
        if stores > rows || self.refused.is_some_and(no_better) {
            return false;
        }
        // A step forward adds what has begun since; any other begins anew.
        let since = self.tick.filter(|&last| last < tick);
        let begun = since.map_or_else(|| probe.near(tick), |last| probe.begun(last, tick));
        let kept = if since.is_some() { self.spans.len() } else { 0 };
        if kept + begun.len() + stores > rows {
            self.refused = Some((tick, rows));
            return false;
        }
        self.spans.truncate(kept);
        self.spans.retain(|span| span.holds(tick));
        self.spans.extend(begun.iter().filter(|span| span.holds(tick)));
        // What was open already is in order: a stable sort has little to do.
        self.spans.sort_by_key(|span| (span.store, span.sku));
        self.first.clear();
        self.first.resize(stores + 1, 0);
        self.spans.iter().for_each(|span| self.first[span.store as usize + 1] += 1);
        (0..stores).for_each(|store| self.first[store + 1] += self.first[store]);
        self.tick = Some(tick);
        true
    }

    /// Whether this is the tick that was reached last.
    pub fn is_at(&self, tick: i64) -> bool {
        self.tick == Some(tick)
    }

    /// The windows of a store; none of a store that no line belongs to.
    pub fn of(&self, store: u32) -> &[Span] {
        match self.first.get(store as usize..) {
            Some(&[from, to, ..]) => &self.spans[from as usize..to as usize],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::probe::tests::stores;
    use super::super::probe::{Cells, NO_STORE};
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
                    for store in 0..2 {
                        let mut alone: Vec<_> =
                            probe.holding(store, tick, &mut 0).copied().collect();
                        alone.sort_by_key(|span| span.sku);
                        assert_eq!(open.of(store), alone, "{stride} {tick} {store}");
                    }
                    assert!(open.of(NO_STORE).is_empty());
                }
            }
        }
    }

    #[test]
    fn a_tick_of_few_rows_is_not_worth_it() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let probe = Probe::windows(&cells, &stores);
        let reach = |rows| Open::default().reach(&probe, 10, rows);
        assert_eq!((reach(1), reach(2), reach(3)), (false, false, true));
        let mut open = Open::default();
        assert!(open.reach(&probe, 10, 3));
        assert!(open.reach(&probe, 10, 1), "a tick that was reached stays so");
        assert!(!open.reach(&probe, 20, 2));
        assert!(open.is_at(10) && !open.of(0).is_empty(), "a refusal changes nothing");
        assert!(open.reach(&probe, 20, 4), "with more rows it is judged anew");
    }
}

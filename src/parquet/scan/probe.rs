//! What the scan looks for in one log: the instants that each cell needs.

use std::sync::Arc;

use super::cells::{Cell, Cells, SkuCode, StoreCode, StoreEvents};
use cohort_core::{Line, Timestamp};

/// How many windows are stepped over one by one before a binary search takes over.
const STEPS_MAX: usize = 8;

/// A window in microseconds, both ends included.
pub(crate) type Window = (i64, i64);

/// The instants that each cell needs of one log.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The cells.
    pub cells: Arc<Cells>,
    /// The windows of all cells, cell by cell. Those of one cell are disjoint and ascend.
    windows: Vec<Window>,
    /// Where each cell's windows begin, and where the last cell's end.
    first_window: Vec<usize>,
    /// The same windows with their cells, in the order (beginning, cell).
    by_start: Vec<CellWindow>,
    /// For each store, the places of its windows in `by_start`, ascending.
    of_store: Vec<Vec<u32>>,
    /// The length of each store's longest window.
    longest: Vec<i64>,
    /// The length of the longest window of all.
    longest_of_all: i64,
    /// The first and the last instant that any cell needs.
    pub bounds: Option<(Timestamp, Timestamp)>,
}

/// A window and the cell that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellWindow {
    first: i64,
    last: i64,
    /// The cell's store.
    pub store: StoreCode,
    /// The cell's SKU.
    pub sku: SkuCode,
    /// The cell.
    pub cell: Cell,
}

impl CellWindow {
    /// Whether the window holds the instant.
    pub(crate) const fn holds(&self, tick: i64) -> bool {
        self.first <= tick && tick <= self.last
    }
}

impl Probe {
    /// What the baseline log must give: every instant of every line's window.
    pub(crate) fn windows(cells: &Arc<Cells>, stores: &[StoreEvents]) -> Self {
        Self::new(cells, stores, |line, out| {
            let (first, last) = line.window();
            out.push((first.as_us(), last.as_us()));
        })
    }

    /// What the classifier's log must give: every tick of every line.
    pub(crate) fn ticks(cells: &Arc<Cells>, stores: &[StoreEvents]) -> Self {
        Self::new(cells, stores, |line, out| {
            out.extend(line.ticks().map(|tick| (tick.as_us(), tick.as_us())));
        })
    }

    /// The windows of these lines. The stores are those that the cells were made of; their order
    /// is of no concern here, because each cell is asked for by name.
    fn new(
        cells: &Arc<Cells>,
        stores: &[StoreEvents],
        of_line: impl Fn(&Line, &mut Vec<Window>),
    ) -> Self {
        let mut all = Vec::new();
        let mut of_one = Vec::new();
        for (name, events) in stores {
            let store = cells.store_code(name);
            for line in events.iter().flat_map(|event| &event.lines) {
                let sku = line.sku.as_deref();
                let Some(cell) = cells.of(store, sku) else { continue };
                let sku = cells.sku_code(sku);
                of_line(line, &mut of_one);
                let window = |(first, last)| CellWindow { first, last, store, sku, cell };
                all.extend(of_one.drain(..).map(window));
            }
        }
        union(&mut all);
        let mut windows = Vec::with_capacity(all.len());
        let mut first_window = vec![0; cells.count() + 1];
        for window in &all {
            windows.push((window.first, window.last));
            first_window[window.cell.index() + 1] = windows.len();
        }
        // A cell without windows ends where the cell before it does.
        (0..cells.count()).for_each(|cell| {
            first_window[cell + 1] = first_window[cell + 1].max(first_window[cell]);
        });
        all.sort_unstable_by_key(|window| (window.first, window.cell));
        let mut of_store = vec![Vec::new(); cells.stores.len()];
        let mut longest = vec![0; cells.stores.len()];
        for (place, window) in (0..).zip(&all) {
            let store = window.store.index();
            of_store[store].push(place);
            longest[store] = (window.last - window.first).max(longest[store]);
        }
        let longest_of_all = longest.iter().max().copied().unwrap_or(0);
        let instant = |us: Option<i64>| us.and_then(|us| Timestamp::from_us(us).ok());
        let first = instant(windows.iter().map(|w| w.0).min());
        let last = instant(windows.iter().map(|w| w.1).max());
        Self {
            cells: cells.clone(),
            windows,
            first_window,
            by_start: all,
            of_store,
            longest,
            longest_of_all,
            bounds: first.zip(last),
        }
    }

    /// The windows that begin in time to hold this instant. All that hold it are among them.
    pub(crate) fn near(&self, tick: i64) -> &[CellWindow] {
        let from =
            self.by_start.partition_point(|window| window.first < tick - self.longest_of_all);
        let to = self.by_start.partition_point(|window| window.first <= tick);
        &self.by_start[from..to]
    }

    /// The windows that begin after one instant and not after another.
    pub(crate) fn begun(&self, after: i64, tick: i64) -> &[CellWindow] {
        let from = self.by_start.partition_point(|window| window.first <= after);
        let to = self.by_start.partition_point(|window| window.first <= tick);
        &self.by_start[from..to]
    }

    /// The windows of a wanted store that hold this instant.
    ///
    /// The search begins at `hint`, and sets `hint` to where it ended. The next tick of a store is
    /// mostly a little later, so the next search from there is short. Any hint gives the same
    /// windows.
    pub(crate) fn holding(
        &self,
        store: StoreCode,
        tick: i64,
        hint: &mut u32,
    ) -> impl Iterator<Item = &CellWindow> {
        let (places, longest) = (&self.of_store[store.index()], self.longest[store.index()]);
        let begins = |place: &u32| self.by_start[*place as usize].first;
        let mut to = (*hint as usize).min(places.len());
        if to > 0 && begins(&places[to - 1]) > tick {
            to = 0;
        }
        let steps =
            places[to..].iter().take(STEPS_MAX).take_while(|place| begins(place) <= tick).count();
        to += steps;
        if steps == STEPS_MAX {
            to += places[to..].partition_point(|place| begins(place) <= tick);
        }
        *hint = to as u32;
        let near = places[..to].iter().rev().map(|&place| &self.by_start[place as usize]);
        near.take_while(move |window| window.first >= tick - longest)
            .filter(move |window| window.holds(tick))
    }

    /// Whether the cell needs this instant.
    pub(crate) fn wants(&self, cell: Cell, tick: i64) -> bool {
        within(self.windows_of(cell), tick)
    }

    /// The windows of a cell, disjoint and ascending.
    pub(crate) fn windows_of(&self, cell: Cell) -> &[Window] {
        let cell = cell.index();
        &self.windows[self.first_window[cell]..self.first_window[cell + 1]]
    }
}

/// Sorts windows by cell and beginning, and joins those of one cell that overlap.
fn union(windows: &mut Vec<CellWindow>) {
    windows.sort_unstable_by_key(|window| (window.cell, window.first, window.last));
    windows.dedup_by(|next, last| {
        let joins = next.cell == last.cell && next.first <= last.last;
        if joins {
            last.last = last.last.max(next.last);
        }
        joins
    });
}

fn within(windows: &[Window], tick: i64) -> bool {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return false };
    if tick < first.0 || tick > last.1 {
        return false;
    }
    let after = windows.partition_point(|window| window.0 <= tick);
    after.checked_sub(1).is_some_and(|i| tick <= windows[i].1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use cohort_core::{Duration, Life, Report, events};

    /// A row at `tick` microseconds with everything else null.
    pub(in super::super) fn row(tick: i64, sku: Option<&str>, onset: Option<i64>) -> Report {
        let at = |us| Timestamp::from_us(us).unwrap();
        Report {
            sku: sku.map(Arc::from),
            first_detected_from: onset.map(at),
            ..Report::at(at(tick))
        }
    }

    pub(in super::super) fn stores() -> Vec<StoreEvents> {
        let life = Life { gap: Duration::from_us(5), duration_max: Duration::from_us(1 << 40) };
        vec![
            (
                "a".into(),
                events(
                    vec![
                        row(10, Some("k"), Some(7)),
                        row(12, Some("k"), Some(9)),
                        row(30, None, None),
                    ],
                    life,
                    None,
                )
                .0,
            ),
            ("b".into(), events(vec![row(20, Some("j"), None)], life, None).0),
        ]
    }

    #[test]
    fn a_hint_from_anywhere_changes_nothing() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let probe = Probe::windows(&cells, &stores);
        let a = cells.store_code("a");
        for tick in 0..40 {
            for hint in 0..5 {
                let holding =
                    |mut hint: u32| probe.holding(a, tick, &mut hint).copied().collect::<Vec<_>>();
                assert_eq!(holding(hint), holding(0), "{tick} {hint}");
            }
        }
    }

    #[test]
    fn the_order_of_the_stores_changes_nothing() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let backwards: Vec<_> = stores.iter().rev().cloned().collect();
        for of in [Probe::windows, Probe::ticks] {
            let (probe, other) = (of(&cells, &stores), of(&cells, &backwards));
            assert_eq!(
                (probe.windows, probe.first_window, probe.by_start, probe.of_store, probe.longest),
                (other.windows, other.first_window, other.by_start, other.of_store, other.longest)
            );
        }
    }

    #[test]
    fn the_baseline_is_needed_over_windows_and_scores_at_ticks() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let windows = Probe::windows(&cells, &stores);
        let wanted = |probe: &Probe, cell| {
            (0..40).filter(|&tick| probe.wants(Cell::at(cell), tick)).collect::<Vec<_>>()
        };
        assert_eq!(wanted(&windows, 1), [7, 8, 9, 10, 11, 12]);
        assert_eq!(wanted(&Probe::ticks(&cells, &stores), 1), [10, 12]);
        let holding = |store, tick| {
            let store = cells.store_code(store);
            windows
                .holding(store, tick, &mut 0)
                .map(|window| window.cell.index())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (holding("a", 30), holding("a", 20), holding("a", 12), holding("b", 20)),
            (vec![0], vec![], vec![1], vec![2])
        );
        let near = |tick| windows.near(tick).iter().map(|s| s.cell.index()).collect::<Vec<_>>();
        assert_eq!((near(6), near(12), near(21), near(30)), (vec![], vec![1], vec![2], vec![0]));
        assert_eq!(windows.bounds, Timestamp::from_us(7).ok().zip(Timestamp::from_us(30).ok()));
    }
}

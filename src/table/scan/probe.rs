//! What the prediction scan looks for: the cells (store, SKU) that have lines, and the instants they need.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::cohort::{Event, Timestamp};

/// The code of a store that no line belongs to.
pub const NO_STORE: u32 = u32::MAX - 1;
/// The code of a null or empty store.
pub const MISSING_STORE: u32 = u32::MAX;
/// The code of a null SKU.
pub const NULL_SKU: u32 = 0;
/// The code of a SKU that no line is about.
pub const NO_SKU: u32 = u32::MAX;
/// No cell.
const NO_CELL: u32 = u32::MAX;

/// Windows that are stepped over before a search takes over.
const STEPS_MAX: usize = 8;

/// An inclusive window in microseconds.
pub type Window = (i64, i64);

/// The cells that have lines, numbered in the order (store, SKU with null first).
#[derive(Debug)]
pub struct Cells {
    /// The stores that have lines, sorted by their bytes.
    pub stores: Arc<[Arc<str>]>,
    /// Of each store its cells: (SKU, number), in order.
    by_store: Vec<Vec<(Option<Arc<str>>, u32)>>,
    count: usize,
    store_codes: HashMap<Arc<str>, u32>,
    sku_codes: HashMap<Arc<str>, u32>,
    lookup: Lookup,
}

/// From (store, SKU) to cell: a table where it is no larger than the lines deserve, else a map.
#[derive(Debug)]
enum Lookup {
    Table { width: usize, cells: Vec<u32> },
    Map(HashMap<(u32, u32), u32>),
}

/// The instants that each cell needs of one log.
#[derive(Debug)]
pub struct Probe {
    /// The cells.
    pub cells: Arc<Cells>,
    /// Of each cell its windows, disjoint and ascending, one after the other.
    windows: Vec<Window>,
    first_window: Vec<usize>,
    /// All windows by (beginning, store, SKU).
    spans: Vec<Span>,
    /// Of each store its spans' places among all, in their order.
    of_store: Vec<Vec<u32>>,
    /// Of each store the length of its longest window.
    longest: Vec<i64>,
    /// The length of the longest window of all.
    longest_of_all: i64,
    /// The first and the last instant needed of any cell.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// A window, and the cell that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    first: i64,
    last: i64,
    /// The store's code.
    pub store: u32,
    /// The SKU's code.
    pub sku: u32,
    /// The cell.
    pub cell: u32,
}

impl Span {
    /// Whether the window holds the instant.
    pub const fn holds(&self, tick: i64) -> bool {
        self.first <= tick && tick <= self.last
    }
}

/// A store with its events.
pub type StoreEvents = (Arc<str>, Vec<Event>);

impl Cells {
    /// The cells of these events; the stores are sorted by their bytes.
    pub fn new(stores: &[StoreEvents]) -> Self {
        let mut sku_codes = HashMap::new();
        let mut by_store = Vec::with_capacity(stores.len());
        let mut count = 0_u32;
        for (_, events) in stores {
            let mut skus: Vec<_> =
                events.iter().flat_map(|event| &event.lines).map(|line| &line.sku).collect();
            skus.sort_unstable();
            skus.dedup();
            let mut cells = Vec::with_capacity(skus.len());
            for sku in skus {
                if let Some(sku) = sku {
                    let next = NULL_SKU + 1 + sku_codes.len() as u32;
                    sku_codes.entry(sku.clone()).or_insert(next);
                }
                cells.push((sku.clone(), count));
                count += 1;
            }
            by_store.push(cells);
        }
        let code = |sku: &Option<Arc<str>>| sku.as_ref().map_or(NULL_SKU, |sku| sku_codes[sku]);
        let width = sku_codes.len() + 1;
        let numbered = by_store.iter().enumerate().flat_map(|(store, cells)| {
            cells.iter().map(move |(sku, cell)| (store, code(sku), *cell))
        });
        let lookup = if width * stores.len() <= (1 << 20).max(16 * count as usize) {
            let mut cells = vec![NO_CELL; width * stores.len()];
            numbered.for_each(|(store, sku, cell)| cells[store * width + sku as usize] = cell);
            Lookup::Table { width, cells }
        } else {
            Lookup::Map(numbered.map(|(store, sku, cell)| ((store as u32, sku), cell)).collect())
        };
        let names: Vec<_> = stores.iter().map(|(store, _)| store.clone()).collect();
        let store_codes = names.iter().cloned().zip(0..).collect();
        Self {
            stores: names.into(),
            by_store,
            count: count as usize,
            store_codes,
            sku_codes,
            lookup,
        }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The cell of a store's SKU.
    pub fn of(&self, store: usize, sku: Option<&str>) -> Option<usize> {
        let cells = &self.by_store[store];
        let found = cells.binary_search_by(|(known, _)| known.as_deref().cmp(&sku)).ok()?;
        Some(cells[found].1 as usize)
    }

    /// The store's name of a cell.
    pub fn store_of(&self, cell: u32) -> &str {
        let after = self
            .by_store
            .partition_point(|cells| cells.first().is_some_and(|&(_, first)| first <= cell));
        after.checked_sub(1).map_or("", |store| &self.stores[store])
    }

    /// The code of a store's name.
    pub fn store_code(&self, name: &str) -> u32 {
        if name.is_empty() {
            MISSING_STORE
        } else {
            self.store_codes.get(name).copied().unwrap_or(NO_STORE)
        }
    }

    /// The code of a SKU.
    pub fn sku_code(&self, sku: &str) -> u32 {
        self.sku_codes.get(sku).copied().unwrap_or(NO_SKU)
    }

    /// The cell of a store's and a SKU's code.
    pub fn cell(&self, store: u32, sku: u32) -> Option<u32> {
        match &self.lookup {
            Lookup::Table { width, cells } => {
                let sku = sku as usize;
                let cell = if sku < *width { cells[store as usize * width + sku] } else { NO_CELL };
                (cell != NO_CELL).then_some(cell)
            }
            Lookup::Map(cells) => cells.get(&(store, sku)).copied(),
        }
    }
}

impl Probe {
    /// What the baseline log must give: every instant of every line's window.
    pub fn windows(cells: &Arc<Cells>, stores: &[StoreEvents]) -> Self {
        Self::new(cells, stores, |line, out| {
            out.push((line.onset.as_us(), line.last_tick().as_us()))
        })
    }

    /// What the classifier's log must give: every tick of every line.
    pub fn ticks(cells: &Arc<Cells>, stores: &[StoreEvents]) -> Self {
        Self::new(cells, stores, |line, out| {
            out.extend(
                line.rows.iter().map(|row| (row.detected_at.as_us(), row.detected_at.as_us())),
            );
        })
    }

    fn new(
        cells: &Arc<Cells>,
        stores: &[StoreEvents],
        of_line: impl Fn(&crate::cohort::Line, &mut Vec<Window>),
    ) -> Self {
        let mut windows = Vec::new();
        let mut first_window = Vec::with_capacity(cells.count() + 1);
        let mut spans = Vec::new();
        for (store, (_, events)) in (0..).zip(stores) {
            let mut of_cells: BTreeMap<&Option<Arc<str>>, Vec<Window>> = BTreeMap::new();
            for line in events.iter().flat_map(|event| &event.lines) {
                of_line(line, of_cells.entry(&line.sku).or_default());
            }
            for (sku, mut of_cell) in of_cells {
                let cell = first_window.len() as u32;
                let sku = sku.as_ref().map_or(NULL_SKU, |sku| cells.sku_code(sku));
                first_window.push(windows.len());
                union(&mut of_cell);
                let span = |&(first, last): &Window| Span { first, last, store, sku, cell };
                spans.extend(of_cell.iter().map(span));
                windows.append(&mut of_cell);
            }
        }
        first_window.push(windows.len());
        // Stable: among those that begin together the order stays that of stores and SKUs.
        spans.sort_by_key(|span| span.first);
        let mut of_store = vec![Vec::new(); stores.len()];
        let mut longest = vec![0; stores.len()];
        for (place, span) in (0..).zip(&spans) {
            let store = span.store as usize;
            of_store[store].push(place);
            longest[store] = (span.last - span.first).max(longest[store]);
        }
        let longest_of_all = longest.iter().max().copied().unwrap_or(0);
        let instant = |us: Option<i64>| us.and_then(|us| Timestamp::from_us(us).ok());
        let first = instant(windows.iter().map(|w| w.0).min());
        let last = instant(windows.iter().map(|w| w.1).max());
        let span = first.zip(last);
        Self {
            cells: cells.clone(),
            windows,
            first_window,
            spans,
            of_store,
            longest,
            longest_of_all,
            span,
        }
    }

    /// The windows that begin early enough, and not too early, to hold this instant; all that do are among them.
    pub fn near(&self, tick: i64) -> &[Span] {
        let from = self.spans.partition_point(|span| span.first < tick - self.longest_of_all);
        let to = self.spans.partition_point(|span| span.first <= tick);
        &self.spans[from..to]
    }

    /// The windows that begin after an instant, up to a later one.
    pub fn begun(&self, after: i64, tick: i64) -> &[Span] {
        let from = self.spans.partition_point(|span| span.first <= after);
        let to = self.spans.partition_point(|span| span.first <= tick);
        &self.spans[from..to]
    }

    /// The windows of a store that hold this instant. The search begins at `hint`, which is 0 at first and
    /// then where the last search of this store ended: ticks mostly ascend.
    pub fn holding(&self, store: u32, tick: i64, hint: &mut u32) -> impl Iterator<Item = &Span> {
        let (spans, longest) = (&self.of_store[store as usize], self.longest[store as usize]);
        let begins = |place: &u32| self.spans[*place as usize].first;
        let mut to = (*hint as usize).min(spans.len());
        if to > 0 && begins(&spans[to - 1]) > tick {
            to = 0;
        }
        // A few steps are cheaper than a search, and mostly there is none to take.
        let steps =
            spans[to..].iter().take(STEPS_MAX).take_while(|span| begins(span) <= tick).count();
        to += steps;
        if steps == STEPS_MAX {
            to += spans[to..].partition_point(|span| begins(span) <= tick);
        }
        *hint = to as u32;
        let near = spans[..to].iter().rev().map(|&place| &self.spans[place as usize]);
        near.take_while(move |span| span.first >= tick - longest)
            .filter(move |span| span.holds(tick))
    }

    /// Whether the cell needs this instant.
    pub fn wants(&self, cell: u32, tick: i64) -> bool {
        within(self.windows_of(cell), tick)
    }

    /// The windows of a cell, disjoint and ascending.
    pub fn windows_of(&self, cell: u32) -> &[Window] {
        let cell = cell as usize;
        &self.windows[self.first_window[cell]..self.first_window[cell + 1]]
    }
}

/// Sorts windows and joins those that overlap.
fn union(windows: &mut Vec<Window>) {
    windows.sort_unstable();
    windows.dedup_by(|next, last| {
        let joins = next.0 <= last.1;
        if joins {
            last.1 = last.1.max(next.1);
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
    use crate::cohort::{Duration, Report, events};

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
        let gap = Duration::from_us(5);
        vec![
            (
                "a".into(),
                events(
                    vec![
                        row(10, Some("k"), Some(7)),
                        row(12, Some("k"), Some(9)),
                        row(30, None, None),
                    ],
                    gap,
                )
                .0,
            ),
            ("b".into(), events(vec![row(20, Some("j"), None)], gap).0),
        ]
    }

    #[test]
    fn cells_are_numbered_by_store_and_sku_with_null_first() {
        let cells = Cells::new(&stores());
        assert_eq!(
            (cells.of(0, None), cells.of(0, Some("k")), cells.of(1, Some("j")), cells.of(1, None)),
            (Some(0), Some(1), Some(2), None)
        );
        assert_eq!([0, 1, 2].map(|cell| cells.store_of(cell)), ["a", "a", "b"]);
        let (a, k) = (cells.store_code("a"), cells.sku_code("k"));
        assert_eq!(
            (cells.cell(a, k), cells.cell(a, NULL_SKU), cells.cell(cells.store_code("b"), k)),
            (Some(1), Some(0), None)
        );
        assert_eq!(
            (cells.store_code(""), cells.store_code("c"), cells.sku_code("z")),
            (MISSING_STORE, NO_STORE, NO_SKU)
        );
        assert_eq!(cells.cell(a, NO_SKU), None);
    }

    #[test]
    fn a_hint_from_anywhere_changes_nothing() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let probe = Probe::windows(&cells, &stores);
        for tick in 0..40 {
            for hint in 0..5 {
                let holding =
                    |mut hint: u32| probe.holding(0, tick, &mut hint).copied().collect::<Vec<_>>();
                assert_eq!(holding(hint), holding(0), "{tick} {hint}");
            }
        }
    }

    #[test]
    fn the_baseline_is_needed_over_windows_and_scores_at_ticks() {
        let stores = stores();
        let cells = Arc::new(Cells::new(&stores));
        let windows = Probe::windows(&cells, &stores);
        let wanted = |probe: &Probe, cell| {
            (0..40).filter(|&tick| probe.wants(cell, tick)).collect::<Vec<_>>()
        };
        assert_eq!(wanted(&windows, 1), [7, 8, 9, 10, 11, 12]);
        assert_eq!(wanted(&Probe::ticks(&cells, &stores), 1), [10, 12]);
        let holding = |store, tick| {
            windows.holding(store, tick, &mut 0).map(|span| span.cell).collect::<Vec<_>>()
        };
        assert_eq!(
            (holding(0, 30), holding(0, 20), holding(0, 12), holding(1, 20)),
            (vec![0], vec![], vec![1], vec![2])
        );
        let near = |tick| windows.near(tick).iter().map(|span| span.cell).collect::<Vec<_>>();
        assert_eq!((near(6), near(12), near(21), near(30)), (vec![], vec![1], vec![2], vec![0]));
        assert_eq!(windows.span, Timestamp::from_us(7).ok().zip(Timestamp::from_us(30).ok()));
    }
}

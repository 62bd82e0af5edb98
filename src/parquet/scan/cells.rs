//! The cells of a run: its pairs of a store and a SKU that have lines, and the codes that stand for
//! them.
//!
//! The scan compares numbers instead of texts. A store, a SKU and a cell each get a number of a
//! type of their own, and this module is the only one that gives them out. Everyone else asks:
//! [`Cells::of`] for a cell by name, [`Cells::cell`] for a cell by codes.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use cohort_core::Event;
use cohort_core::rejects::TextFault;

/// A store with its events.
pub(crate) type StoreEvents = (Arc<str>, Vec<Event>);

/// What the scan makes of a `store_id`: the number of a store that has lines, or one of four
/// marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StoreCode(u32);

/// What the scan makes of a `sku`: the number of a SKU that some line is about, or one of four
/// marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SkuCode(u32);

/// A pair of a store and a SKU that has lines: its place among all, plus one. Zero stays free, so
/// that an `Option<Cell>` takes no more room than a `Cell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell(NonZeroU32);

impl StoreCode {
    /// A store without lines.
    pub(crate) const UNWANTED: Self = Self(u32::MAX - 3);
    /// A text that is too long.
    pub(crate) const TOO_LONG: Self = Self(u32::MAX - 2);
    /// A text that is not UTF-8.
    pub(crate) const INVALID: Self = Self(u32::MAX - 1);
    /// No store: a null or an empty text.
    pub(crate) const MISSING: Self = Self(u32::MAX);

    /// The mark of a faulty text.
    pub(crate) const fn faulty(fault: TextFault) -> Self {
        match fault {
            TextFault::NotUtf8 => Self::INVALID,
            TextFault::TooLong => Self::TOO_LONG,
        }
    }

    /// What is wrong with its text.
    pub(crate) fn fault(self) -> Option<TextFault> {
        [TextFault::NotUtf8, TextFault::TooLong].into_iter().find(|&f| Self::faulty(f) == self)
    }

    /// Whether this is a store that has lines.
    pub(crate) const fn is_wanted(self) -> bool {
        self.0 < Self::UNWANTED.0
    }

    /// Whether a row with this store must be rejected.
    pub(crate) const fn is_faulty(self) -> bool {
        self.0 > Self::UNWANTED.0
    }

    /// The store's place among those that have lines. A mark gets a place that no list reaches.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl SkuCode {
    /// Null, which stands for the store as a whole.
    pub(crate) const NULL: Self = Self(0);
    /// A SKU that no line is about.
    pub(crate) const UNWANTED: Self = Self(u32::MAX);
    /// A text that is not UTF-8.
    pub(crate) const INVALID: Self = Self(u32::MAX - 1);
    /// A text that is too long.
    pub(crate) const TOO_LONG: Self = Self(u32::MAX - 2);

    /// The mark of a faulty text.
    pub(crate) const fn faulty(fault: TextFault) -> Self {
        match fault {
            TextFault::NotUtf8 => Self::INVALID,
            TextFault::TooLong => Self::TOO_LONG,
        }
    }

    /// What is wrong with its text.
    pub(crate) fn fault(self) -> Option<TextFault> {
        [TextFault::NotUtf8, TextFault::TooLong].into_iter().find(|&f| Self::faulty(f) == self)
    }
}

impl Cell {
    /// The cell's place among all cells.
    pub(crate) const fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The same as the kernel numbers cells.
    pub(crate) const fn number(self) -> u32 {
        self.0.get() - 1
    }

    /// The cell at a place.
    pub(super) const fn at(place: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place))
    }
}

/// The cells that have lines, numbered in the order (store, SKU), with the null SKU first.
#[derive(Debug)]
pub(crate) struct Cells {
    /// The stores that have lines, sorted by their bytes.
    pub stores: Arc<[Arc<str>]>,
    /// The cells of each store, with their SKUs, in order.
    by_store: Vec<OfStore>,
    count: usize,
    store_codes: HashMap<Arc<str>, StoreCode>,
    sku_codes: HashMap<Arc<str>, SkuCode>,
    lookup: Lookup,
}

/// The cells of one store, with their SKUs, in order.
type OfStore = Vec<(Option<Arc<str>>, Cell)>;

/// From (store, SKU) to cell: a table if it is not much larger than the cells, else a map.
#[derive(Debug)]
enum Lookup {
    Table { width: usize, cells: Vec<Option<Cell>> },
    Map(HashMap<(StoreCode, SkuCode), Cell>),
}

impl Cells {
    /// The cells of these events. The stores come sorted by their bytes, each once.
    pub(crate) fn new(stores: &[StoreEvents]) -> Self {
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
                    let next = SkuCode(SkuCode::NULL.0 + 1 + sku_codes.len() as u32);
                    sku_codes.entry(sku.clone()).or_insert(next);
                }
                cells.push((sku.clone(), Cell::at(count)));
                count += 1;
            }
            by_store.push(cells);
        }
        let names: Vec<_> = stores.iter().map(|(store, _)| store.clone()).collect();
        let store_codes = names.iter().cloned().zip((0..).map(StoreCode)).collect();
        let lookup = Lookup::new(&by_store, &sku_codes, count as usize);
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
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The cell of a store's SKU.
    pub(crate) fn of(&self, store: StoreCode, sku: Option<&str>) -> Option<Cell> {
        let cells = self.by_store.get(store.index())?;
        let found = cells.binary_search_by(|(known, _)| known.as_deref().cmp(&sku)).ok()?;
        Some(cells[found].1)
    }

    /// The code of a store's name.
    pub(crate) fn store_code(&self, name: &str) -> StoreCode {
        if name.is_empty() {
            StoreCode::MISSING
        } else {
            self.store_codes.get(name).copied().unwrap_or(StoreCode::UNWANTED)
        }
    }

    /// The code of a SKU.
    pub(crate) fn sku_code(&self, sku: Option<&str>) -> SkuCode {
        sku.map_or(SkuCode::NULL, |sku| {
            self.sku_codes.get(sku).copied().unwrap_or(SkuCode::UNWANTED)
        })
    }

    /// The cell of a wanted store and a SKU.
    pub(crate) fn cell(&self, store: StoreCode, sku: SkuCode) -> Option<Cell> {
        match &self.lookup {
            Lookup::Table { width, cells } => {
                let sku = sku.0 as usize;
                if sku < *width { cells[store.index() * width + sku] } else { None }
            }
            Lookup::Map(cells) => cells.get(&(store, sku)).copied(),
        }
    }
}

impl Lookup {
    fn new(by_store: &[OfStore], sku_codes: &HashMap<Arc<str>, SkuCode>, count: usize) -> Self {
        let code =
            |sku: &Option<Arc<str>>| sku.as_ref().map_or(SkuCode::NULL, |sku| sku_codes[sku]);
        let width = sku_codes.len() + 1;
        let numbered = by_store.iter().zip((0..).map(StoreCode)).flat_map(|(cells, store)| {
            cells.iter().map(move |(sku, cell)| ((store, code(sku)), *cell))
        });
        if width * by_store.len() <= (1 << 20).max(16 * count) {
            let mut cells = vec![None; width * by_store.len()];
            numbered.for_each(|((store, sku), cell)| {
                cells[store.index() * width + sku.0 as usize] = Some(cell);
            });
            Self::Table { width, cells }
        } else {
            Self::Map(numbered.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::tests::stores;
    use super::*;

    #[test]
    fn cells_are_numbered_by_store_and_sku_with_null_first() {
        let cells = Cells::new(&stores());
        let (a, b) = (cells.store_code("a"), cells.store_code("b"));
        assert_eq!(
            (cells.of(a, None), cells.of(a, Some("k")), cells.of(b, Some("j")), cells.of(b, None)),
            (Some(Cell::at(0)), Some(Cell::at(1)), Some(Cell::at(2)), None)
        );
        let k = cells.sku_code(Some("k"));
        assert_eq!(
            (cells.cell(a, k), cells.cell(a, SkuCode::NULL), cells.cell(b, k)),
            (Some(Cell::at(1)), Some(Cell::at(0)), None)
        );
        assert_eq!(cells.cell(a, SkuCode::UNWANTED), None);
    }

    #[test]
    fn a_name_without_lines_gets_a_mark() {
        let cells = Cells::new(&stores());
        assert_eq!(
            (cells.store_code(""), cells.store_code("c"), cells.sku_code(Some("z"))),
            (StoreCode::MISSING, StoreCode::UNWANTED, SkuCode::UNWANTED)
        );
        assert_eq!(cells.sku_code(None), SkuCode::NULL);
        for mark in
            [StoreCode::MISSING, StoreCode::INVALID, StoreCode::TOO_LONG, StoreCode::UNWANTED]
        {
            assert!(!mark.is_wanted());
            assert_eq!(cells.of(mark, None), None);
        }
    }

    #[test]
    fn a_table_and_a_map_find_the_same_cells() {
        let table = Cells::new(&stores());
        let Lookup::Table { .. } = table.lookup else { panic!("a few cells fit a table") };
        let pairs =
            (0..2).flat_map(|store| (0..4).map(move |sku| (StoreCode(store), SkuCode(sku))));
        let found = pairs.filter_map(|(s, k)| table.cell(s, k).map(|cell| ((s, k), cell)));
        let map = Lookup::Map(found.collect());
        let mapped = Cells { lookup: map, ..Cells::new(&stores()) };
        for store in [0, 1].map(StoreCode) {
            for sku in [0, 1, 2, 3, u32::MAX].map(SkuCode) {
                assert_eq!(mapped.cell(store, sku), table.cell(store, sku));
            }
        }
    }
}

//! Any layout of a log gives the wanted and the rejected rows that a look at each row gives.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;

use super::super::cells::{Cells, StoreEvents};
use super::super::codes::Coder;
use super::super::plain::{Physical, Plain};
use super::*;
use crate::parquet::scan::probe::tests::row;
use cohort_core::rejects::{Reason, Reject};
use cohort_core::{Duration, Interval, Life, events};

const STORES: usize = 6;
/// More than the windows that are walked over one by one.
const SKUS: usize = HELD_MAX + 4;
const TICKS: i64 = 16;

/// A row of a log.
#[derive(Clone, Debug)]
struct LogRow {
    store: Option<String>,
    sku: Option<String>,
    tick: Option<i64>,
}

fn sku(number: usize) -> Option<String> {
    // The first is null.
    (number > 0).then(|| format!("k{number}"))
}

/// Stores with lines, each given as (store, SKU, onset, length). Store 0 has most of them.
fn stores(lines: &[(usize, usize, i64, i64)]) -> Vec<StoreEvents> {
    let duration_max = Duration::from_us(1 << 40);
    let life = Life { gap: Duration::from_us(3), duration_max };
    let of_store = |store: usize| {
        let of_it = lines.iter().filter(|line| line.0.saturating_sub(STORES) == store);
        let rows = of_it.flat_map(|&(_, number, onset, length)| {
            let ticks = (onset..=onset + length).step_by(2);
            ticks.map(move |tick| row(tick, sku(number).as_deref(), Some(onset)))
        });
        (format!("s{store}").into(), events(rows.collect(), life, None).0)
    };
    (0..STORES).map(of_store).filter(|(_, events)| !events.is_empty()).collect()
}

/// The rows of a log, sorted by these columns (0 the store, 1 the SKU, 2 the tick), or with time
/// running backwards.
fn layout(order: [usize; 3], backwards: bool) -> Vec<LogRow> {
    let skus = |store| {
        (0..SKUS).flat_map(move |sku| (0..TICKS).map(move |tick| [store, sku, tick as usize]))
    };
    let mut places: Vec<_> = (0..STORES).flat_map(skus).collect();
    let last = TICKS as usize - 1;
    places.sort_by_key(|&[store, sku, tick]| {
        order.map(|column| [store, sku, if backwards { last - tick } else { tick }][column])
    });
    let row_of = |[store, number, tick]: [usize; 3]| LogRow {
        store: Some(format!("s{store}")),
        sku: sku(number),
        tick: i64::try_from(tick).ok(),
    };
    places.into_iter().map(row_of).collect()
}

fn file(rows: &[LogRow], page_rows: usize) -> Bytes {
    let texts = |of: fn(&LogRow) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let ticks: ArrayRef = Arc::new(rows.iter().map(|row| row.tick).collect::<Int64Array>());
    let columns = [
        ("store_id", texts(|row| row.store.as_deref()), true),
        ("sku", texts(|row| row.sku.as_deref()), true),
        ("tick_at", ticks, true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn keys(file: &Bytes, cells: &Arc<Cells>) -> Keys {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let pages = |column| reader.get_row_group(0).unwrap().get_column_page_reader(column).unwrap();
    let text = |value: Option<Plain<'_>>| match value {
        Some(Plain::Bytes(bytes)) => Some(std::str::from_utf8(bytes).unwrap().to_owned()),
        _ => None,
    };
    let (of_stores, of_skus) = (cells.clone(), cells.clone());
    let stores = Box::new(move |value: Option<Plain<'_>>| {
        of_stores.store_code(text(value).as_deref().unwrap_or_default())
    });
    let skus = Box::new(move |value: Option<Plain<'_>>| of_skus.sku_code(text(value).as_deref()));
    let ticks = Box::new(|value: Option<Plain<'_>>| match value {
        Some(Plain::Integer(tick)) => tick,
        _ => NULL_TICK,
    });
    Keys {
        stores: Codes::new(pages(0), Physical::Bytes, true, stores),
        skus: Codes::new(pages(1), Physical::Bytes, true, skus),
        ticks: Codes::new(pages(2), Physical::Int64, true, ticks)
            .watching(Box::new(|tick| tick == NULL_TICK), false),
    }
}

/// The wanted and the rejected rows, by a look at each of these.
fn look_at_each(
    rows: &[LogRow],
    among: impl Iterator<Item = usize>,
    probe: &Probe,
    scope: Scope,
) -> (Vec<usize>, Vec<Reject>) {
    let (mut wanted, mut rejects) = (Vec::new(), Vec::new());
    for i in among {
        let LogRow { store, sku, tick } = &rows[i];
        let at = tick.map(|tick| Timestamp::from_us(tick).unwrap());
        let reason = match (store.as_deref(), tick) {
            (None | Some(""), _) => Reason::MissingStore,
            (_, None) => Reason::MissingTickAt,
            (Some(store), &Some(tick)) => {
                let store = probe.cells.store_code(store);
                let sku = probe.cells.sku_code(sku.as_deref());
                let cell = if store.is_wanted() { probe.cells.cell(store, sku) } else { None };
                wanted.extend(cell.filter(|&cell| probe.wants(cell, tick)).map(|_| i));
                continue;
            }
        };
        if scope.counts(at) {
            rejects.push(Reject { row: i, reason });
        }
    }
    (wanted, rejects)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_layout_gives_the_rows_that_a_look_at_each_row_gives(
        lines in prop::collection::vec((0..2 * STORES, 0..SKUS, 0..TICKS, 0..6_i64), 0..60),
        order in prop::sample::select(vec![[2, 0, 1], [0, 2, 1], [0, 1, 2], [2, 1, 0], [1, 0, 2]]),
        backwards: bool,
        page_rows in prop::sample::select(vec![16, 100, 10_000]),
        broken in prop::collection::vec((any::<prop::sample::Index>(), 1..40_usize, 0..5), 0..4),
        swapped in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 0..3),
        cuts in any::<[prop::sample::Index; 3]>(),
    ) {
        let mut rows = layout(order, backwards);
        for [a, b] in swapped {
            let (a, b) = (a.index(rows.len()), b.index(rows.len()));
            rows.swap(a, b);
        }
        // Whole stretches too, which a page keeps as one run.
        for (at, length, what) in broken {
            let from = at.index(rows.len());
            for cell in rows.iter_mut().skip(from).take(length) {
                match what {
                    0 => cell.store = None,
                    1 | 2 => cell.store = Some(String::new()),
                    3 => cell.tick = None,
                    _ => cell.sku = Some("unknown".to_owned()),
                }
            }
        }
        let mut cuts = cuts.map(|cut| cut.index(rows.len()));
        cuts.sort_unstable();
        let candidates = [0..cuts[0], cuts[1]..cuts[2] + 1];
        let candidates: Vec<_> = candidates.into_iter().filter(|range| !range.is_empty()).collect();

        let stores = stores(&lines);
        let cells = Arc::new(Cells::new(&stores));
        let file = file(&rows, page_rows);
        let at = |us| Timestamp::from_us(us).unwrap();
        let scope = Scope::new(Interval { start: at(3), end: at(12) }, None);
        for probe in [Probe::windows(&cells, &stores), Probe::ticks(&cells, &stores)] {
            let matcher = Matcher { probe: &probe, scope };
            let found = matcher.run(&mut keys(&file, &cells), &candidates).unwrap();
            let expected = look_at_each(&rows, candidates.iter().cloned().flatten(), &probe, scope);
            prop_assert_eq!((found.rows, found.rejects.iter().collect()), expected);
        }
    }
}

/// Pages as they are given.
struct Given(std::vec::IntoIter<Page>);

impl Iterator for Given {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }
}

impl PageReader for Given {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        Ok(self.0.next())
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Ok(None)
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The crate judges any other file. The scan once read such a dictionary as if it knew it.
#[test]
fn only_one_plain_dictionary_is_read() {
    let of = |encoding| Page::DictionaryPage {
        buf: Bytes::from_static(&[1, 0, 0, 0, b'a']),
        num_values: 1,
        encoding,
        is_sorted: false,
    };
    // Five times the entry 0, whose index has one bit.
    let data = Page::DataPage {
        buf: Bytes::from_static(&[1, 10, 0]),
        num_values: 5,
        encoding: Encoding::RLE_DICTIONARY,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    for (dictionaries, is_read) in [
        (vec![of(Encoding::PLAIN)], true),
        (vec![of(Encoding::PLAIN_DICTIONARY)], true),
        (vec![of(Encoding::DELTA_BYTE_ARRAY)], false),
        (vec![of(Encoding::PLAIN), of(Encoding::PLAIN)], false),
    ] {
        let pages = Given([dictionaries, vec![data.clone()]].concat().into_iter());
        let coder: Coder<bool> = Box::new(|value| value == Some(Plain::Bytes(b"a")));
        let mut codes = Codes::new(Box::new(pages), Physical::Bytes, false, coder);
        assert_eq!(codes.peek().ok(), is_read.then_some(Stretch::Same(true, 5)));
    }
}

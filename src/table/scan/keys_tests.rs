//! Every layout in which a log may be written gives the same wanted rows as a look at each row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;

use super::super::plain::{Physical, Plain};
use super::super::probe::{Cells, StoreEvents};
use super::*;
use crate::cohort::report::tests::row;
use crate::cohort::{Duration, Interval, events};

const STORES: usize = 12;
const SKUS: usize = 5;
const TICKS: i64 = 20;

/// Stores of which each line is (store, SKU, onset, length).
fn stores(lines: &[(usize, usize, i64, i64)]) -> Vec<StoreEvents> {
    let of_store = |store: usize| {
        let rows =
            lines.iter().filter(|line| line.0 == store).flat_map(|&(_, sku, onset, length)| {
                let sku = format!("k{sku}");
                (onset..=onset + length)
                    .step_by(2)
                    .map(move |tick| row(tick, Some(&sku), Some(onset)))
            });
        (format!("s{store:02}").into(), events(rows.collect(), Duration::from_us(3)).0)
    };
    (0..STORES).map(of_store).filter(|(_, events)| !events.is_empty()).collect()
}

/// The cells of a log in an order of its columns: 0 is the store, 1 the SKU, 2 the tick.
fn layout(order: [usize; 3]) -> Vec<(usize, usize, i64)> {
    let mut cells: Vec<_> = (0..STORES)
        .flat_map(|store| {
            (0..SKUS).flat_map(move |sku| (0..TICKS).map(move |tick| (store, sku, tick)))
        })
        .collect();
    cells.sort_by_key(|&(store, sku, tick)| {
        let key = [store as i64, sku as i64, tick];
        order.map(|column| key[column])
    });
    cells
}

fn file(cells: &[(usize, usize, i64)], page_rows: usize) -> Bytes {
    let texts = |of: &dyn Fn(&(usize, usize, i64)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(cells.iter().map(of)))
    };
    let ticks: ArrayRef = Arc::new(Int64Array::from_iter_values(cells.iter().map(|cell| cell.2)));
    let batch = RecordBatch::try_from_iter([
        ("store_id", texts(&|cell| format!("s{:02}", cell.0))),
        ("sku", texts(&|cell| format!("k{}", cell.1))),
        ("tick_at", ticks),
    ])
    .unwrap();
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
        Some(Plain::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap().to_owned(),
        _ => String::new(),
    };
    let (of_stores, of_skus) = (cells.clone(), cells.clone());
    let stores = Box::new(move |value: Option<Plain<'_>>| of_stores.store_code(&text(value)));
    let skus = Box::new(move |value: Option<Plain<'_>>| of_skus.sku_code(&text(value)));
    let ticks = Box::new(|value: Option<Plain<'_>>| match value {
        Some(Plain::Integer(tick)) => tick,
        _ => NULL_TICK,
    });
    Keys {
        stores: Codes::new(pages(0), Physical::Bytes, false, stores),
        skus: Codes::new(pages(1), Physical::Bytes, false, skus),
        ticks: Codes::new(pages(2), Physical::Int64, false, ticks),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_layout_gives_the_rows_that_a_look_at_each_row_gives(
        lines in prop::collection::vec((0..STORES, 0..SKUS, 0..TICKS, 0..6_i64), 0..40),
        order in prop::sample::select(vec![[2, 0, 1], [0, 2, 1], [0, 1, 2], [2, 1, 0], [1, 0, 2]]),
        page_rows in prop::sample::select(vec![16, 64, 10_000]),
        first in 0..200_usize,
    ) {
        let stores = stores(&lines);
        let cells = Arc::new(Cells::new(&stores));
        let rows = layout(order);
        let file = file(&rows, page_rows);
        let scope = Scope::new(Interval { start: Timestamp::MIN, end: Timestamp::MIN }, None);
        for probe in [Probe::windows(&cells, &stores), Probe::ticks(&cells, &stores)] {
            let matcher = Matcher { probe: &probe, scope, check_partition: false };
            let found = matcher.run(&mut keys(&file, &cells), &[first..rows.len()]).unwrap();
            let wanted = (first..rows.len()).filter(|&i| {
                let (store, sku, tick) = rows[i];
                let store = cells.store_code(&format!("s{store:02}"));
                let sku = cells.sku_code(&format!("k{sku}"));
                store != NO_STORE
                    && cells.cell(store, sku).is_some_and(|cell| probe.wants(cell, tick))
            });
            prop_assert_eq!(found.rows, wanted.collect::<Vec<_>>());
        }
    }
}

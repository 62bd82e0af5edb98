//! Page indexes that do not fit the pages. The file is then read without, and no row is lost or
//! taken for another.

use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use arrow::datatypes::Float64Type;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::json;

use crate::attack::{Attacked, texts, ticks, write};
use crate::footers::{MRDL, is_refused, lake, logs, sales, small_pages};
use crate::sample;
use crate::thrift::{File, Value, i32, i64};

/// Pages of 20 rows with a page index.
pub(crate) fn indexed() -> WriterProperties {
    small_pages(WriterVersion::PARQUET_1_0, Compression::SNAPPY, true)
}

/// A part of a column's page index, from the first row group: the offset index is at field 4, the
/// column index at 6. It is changed, and written behind all that there is.
pub(crate) fn change_index(file: &mut File, leaf: usize, field: i16, change: impl Fn(&mut Value)) {
    let chunk = |file: &mut File| file.footer.get(4).items()[0].get(1).items()[leaf].clone();
    let offset = chunk(file).get(field).number() as usize;
    let (mut index, _) = Value::read(&file.body[offset..]);
    change(&mut index);
    let (bytes, end) = (index.written(), file.body.len());
    file.body.extend(&bytes);
    let chunk = &mut file.footer.get(4).items()[0].get(1).items()[leaf];
    chunk.set(field, i64(end as i64));
    chunk.set(field + 1, i32(bytes.len() as i64));
}

/// Pages of lists do not say how many rows they have, so an index could give those of others.
#[test]
fn lists_are_read_whatever_the_page_index_says_of_them() {
    let lake = Attacked::new();
    sample::change_manifest(&lake.root, |manifest| {
        manifest["interval"] =
            json!({"start": "2025-01-01T00:00:00Z", "end": "2025-01-01T06:00:00Z"});
    });
    let lists = (0..240).map(|row| Some(vec![Some(f64::from(row)), Some(0.5)]));
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
    // The first rows lie behind the interval, so their pages are skipped.
    let columns = vec![
        ("store_id", texts((0..240).map(|row| format!("store {}", row % 7)))),
        ("detected_at", ticks((0..240).map(|row| (239 - row) * 5))),
        ("feature_vector", Arc::new(lists) as ArrayRef),
    ];
    write(&lake.reports(), columns, indexed());
    let expected = logs(&lake, "as it was");
    let mut file = File::read(&lake.reports());
    change_index(&mut file, 2, 4, |index| {
        for page in index.get(1).items().iter_mut().skip(1) {
            let row = page.get(3).number();
            page.set(3, i64(row - 1));
        }
    });
    file.write(&lake.reports());
    assert_eq!(logs(&lake, "another index"), expected);
}

type Lie = fn(&mut Vec<Value>);

fn later_pages(pages: &mut [Value], rows: i64) {
    for page in &mut pages[1..] {
        let row = page.get(3).number();
        page.set(3, i64(row + rows));
    }
}

const LIES: [(&str, Lie); 5] = [
    ("pages that begin a row early", |pages| later_pages(pages, -1)),
    ("pages that begin a row late", |pages| later_pages(pages, 1)),
    ("pages that are cut short", |pages| {
        for page in pages {
            let bytes = page.get(2).number();
            page.set(2, i32(bytes - 3));
        }
    }),
    ("no first page", |pages| {
        pages.remove(0);
        pages[0].set(3, i64(0));
    }),
    ("two pages as one", |pages| {
        let bytes = pages.remove(1).get(2).number();
        let first = pages[0].get(2).number();
        pages[0].set(2, i32(first + bytes));
    }),
];

/// Each of these once was exit 65. Where only the values of a prediction log were concerned, those
/// of other rows were taken without a word.
#[test]
fn a_file_is_read_without_a_page_index_that_lies() {
    let lake = lake(indexed);
    let skus = (0..240).map(|row| (row % 3 > 0).then(|| format!("sku {}", row % 5)));
    let columns = vec![
        ("store_id", texts((0..240).map(|row| format!("store {}", row % 7)))),
        ("tick_at", ticks((0..240).map(|row| row * 5))),
        ("sku", Arc::new(StringArray::from_iter(skus)) as ArrayRef),
        ("baseline_sales", Arc::new(Int64Array::from_iter_values((0..240).map(|row| row * row)))),
    ];
    write(&sales(&lake), columns, indexed());
    let expected = logs(&lake, "as it was");
    for path in [lake.reports(), sales(&lake)] {
        let sound = fs::read(&path).unwrap();
        let leaves: Vec<_> = (0..File::read(&path).columns().len()).collect();
        let of_one = leaves.iter().map(|&leaf| (LIES[0], vec![leaf]));
        let foreign = vec![4];
        for ((what, lie), leaves) in LIES.map(|lie| (lie, leaves.clone())).into_iter().chain(of_one)
        {
            let is_needed = leaves != foreign;
            let what = format!("{what} in {leaves:?} of {}", path.display());
            let mut file = File::read(&path);
            for leaf in leaves {
                let chunk = &mut file.footer.get(4).items()[0].get(1).items()[leaf];
                (6..=7).for_each(|id| chunk.remove(id));
                change_index(&mut file, leaf, 4, |index| lie(index.get(1).items()));
            }
            file.write(&path);
            assert_eq!(logs(&lake, &what), expected, "{what}");
            let said = String::from_utf8(lake.run().stderr).unwrap();
            let warned = said.lines().filter(|line| line.contains("by its page index"));
            let warned: Vec<_> = warned.collect();
            assert!(warned.len() <= 1, "{what}: {said}");
            assert!(warned.iter().all(|line| line.contains(path.to_str().unwrap())), "{said}");
            // The others contradict themselves, and are none from the beginning.
            if what.contains("a row") && !what.contains("late") {
                assert_eq!(warned.len(), usize::from(is_needed), "{what}: {said}");
            }
            fs::write(&path, &sound).unwrap();
        }
    }
}

/// A file whose pages cannot be read either is at fault all the same.
#[test]
fn pages_that_cannot_be_read_are_no_fault_of_the_page_index() {
    let lake = lake(indexed);
    let mut file = File::read(&lake.reports());
    let start = file.chunks("sku")[0].get(3).get(9).number() as usize;
    file.body[start + 40..start + 60].fill(0xff);
    file.write(&lake.reports());
    is_refused(&lake, &["sku", MRDL]);
    let said = String::from_utf8(lake.run().stderr).unwrap();
    assert!(!said.contains("page index"), "{said}");
}

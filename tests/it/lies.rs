//! Files that contradict themselves in ways that once lost rows, or gave other ones, without a
//! word.

use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, new_null_array};
use arrow::datatypes::DataType as ArrowType;
use parquet::basic::Encoding;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int96, Int96Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::attack::{Attacked, texts, ticks, write};
use crate::footers::{MRDL, is_refused, lake, logs, plain, rewrite, sales};
use crate::page_index::{change_index, indexed};
use crate::sample;
use crate::thrift::{File, Value, i32, i64};

/// The first tick of 2030, and the last.
const YEAR_2030_US: [i64; 2] = [1_893_456_000_000_000, 1_924_991_999_999_999];

#[test]
fn a_row_group_that_claims_no_rows_but_has_some_is_refused() {
    let lake = lake(plain);
    for path in [lake.reports(), sales(&lake)] {
        let sound = fs::read(&path).unwrap();
        let mut file = File::read(&path);
        file.footer.get(4).items()[0].set(3, i64(0));
        file.write(&path);
        is_refused(&lake, &["row group 0", "values, though it claims 0 rows"]);
        fs::write(&path, sound).unwrap();
    }
}

#[test]
fn levels_in_bit_packed_are_refused() {
    let lake = lake(plain);
    let mut file = File::read(&lake.reports());
    file.change_pages("sku", |header| header.get(5).set(3, i32(4)));
    file.write(&lake.reports());
    is_refused(&lake, &["BIT_PACKED", "sku", MRDL]);
}

/// The pages of two columns of one type, each in the place of the other.
#[test]
fn chunks_that_are_given_to_other_columns_are_refused() {
    let lake = lake(plain);
    let mut file = File::read(&lake.reports());
    for group in file.footer.get(4).items() {
        group.get(1).items().swap(0, 2);
    }
    file.write(&lake.reports());
    is_refused(&lake, &["store_id", r#"one whose pages a row group gives to "sku""#, MRDL]);
}

/// One column of the file in several of the log's. 96-bit instants were then put in the place of
/// other columns.
#[test]
fn a_column_that_is_mapped_twice_is_read_with_96_bit_instants_as_without() {
    let lake = Attacked::new();
    sample::change_manifest(&lake.root, |manifest| {
        let names = json!({"cluster_id": "store_id", "ingested_at": "detected_at"});
        manifest["inputs"][MRDL]["columns"] = names;
    });
    let stores = || (0..60).map(|row| format!("store {}", row % 3));
    let onsets = (0..60).map(|row| row * 5 - row % 4);
    let columns = vec![
        ("store_id", texts(stores())),
        ("detected_at", ticks((0..60).map(|row| row * 5))),
        ("first_detected_from", ticks(onsets.clone())),
    ];
    write(&lake.reports(), columns, plain());
    let expected = logs(&lake, "in 64 bits");
    let schema = "message log { required binary store_id (UTF8); required int96 detected_at;
                  required int96 first_detected_from; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(lake.reports()).unwrap();
    let mut file = SerializedFileWriter::new(file, schema, Arc::new(plain())).unwrap();
    let mut group = file.next_row_group().unwrap();
    let names: Vec<_> = stores().map(|name| ByteArray::from(name.as_str())).collect();
    write_column::<ByteArrayType>(&mut group, &names);
    for minutes in [(0..60).map(|row| row * 5).collect::<Vec<_>>(), onsets.collect()] {
        let instants: Vec<_> = minutes.into_iter().map(int96).collect();
        write_column::<Int96Type>(&mut group, &instants);
    }
    group.close().unwrap();
    file.close().unwrap();
    assert_eq!(logs(&lake, "in 96 bits"), expected);
}

fn write_column<T: DataType>(
    group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, fs::File>,
    values: &[T::T],
) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
}

/// That minute of the lake's day, which may be negative.
fn int96(minute: i64) -> Int96 {
    let day = 2_460_677 + minute.div_euclid(1440);
    let nanoseconds = minute.rem_euclid(1440) * 60_000_000_000;
    Int96::from(vec![nanoseconds as u32, (nanoseconds >> 32) as u32, day as u32])
}

/// Bounds of the year 2030 in the footer alone, or in the page index alone. A run once looked into
/// no such page.
#[test]
fn bounds_that_contradict_each_other_are_unknown() {
    let lake = lake(indexed);
    rewrite(&sales(&lake), indexed());
    let expected = logs(&lake, "as it was");
    for (path, tick) in [(lake.reports(), "detected_at"), (sales(&lake), "tick_at")] {
        let sound = fs::read(&path).unwrap();
        let leaf = |file: &mut File| file.columns().iter().position(|name| name == tick).unwrap();
        let [min, max] = YEAR_2030_US.map(|us| Value::Binary(us.to_le_bytes().to_vec()));

        let mut file = File::read(&path);
        for chunk in file.chunks(tick) {
            let statistics = chunk.get(3).get(12);
            (1..=2).for_each(|id| statistics.remove(id));
            statistics.set(5, max.clone());
            statistics.set(6, min.clone());
        }
        file.write(&path);
        assert_eq!(logs(&lake, "bounds of chunks"), expected, "{}", path.display());

        fs::write(&path, &sound).unwrap();
        let mut file = File::read(&path);
        let leaf = leaf(&mut file);
        change_index(&mut file, leaf, 6, |index| {
            index.get(2).items().iter_mut().for_each(|of_page| *of_page = min.clone());
            index.get(3).items().iter_mut().for_each(|of_page| *of_page = max.clone());
        });
        file.write(&path);
        assert_eq!(logs(&lake, "bounds of pages"), expected, "{}", path.display());
        fs::write(&path, &sound).unwrap();
    }
}

/// Each of these once made the column unreadable.
#[test]
fn the_logical_type_decides_where_an_older_annotation_differs() {
    let lake = lake(plain);
    let expected = logs(&lake, "as it was");
    let sound = fs::read(lake.reports()).unwrap();
    // ENUM beside STRING, and TIMESTAMP_MILLIS beside a timestamp in microseconds.
    for (column, annotation) in [("sku", 4), ("detected_at", 9)] {
        let mut file = File::read(&lake.reports());
        assert!(file.element(column).find(10).is_some());
        file.element(column).set(6, i32(annotation));
        file.write(&lake.reports());
        assert_eq!(logs(&lake, column), expected, "{column}");
        fs::write(lake.reports(), &sound).unwrap();
    }
}

/// Each of these once was exit 65.
#[test]
fn pages_without_values_and_of_other_kinds_are_skipped() {
    let lake = lake(plain);
    let expected = logs(&lake, "as it was");
    let levels = |id| (id, i32(3));
    let numbers = Value::Struct(vec![(1, i32(0)), (2, i32(0)), levels(3), levels(4)]);
    let page = |kind, fields: Vec<(i16, Value)>| {
        let sizes = [(1, i32(kind)), (2, i32(4)), (3, i32(4))];
        let header = Value::Struct(sizes.into_iter().chain(fields).collect());
        [header.written(), vec![0; 4]].concat()
    };
    for (what, page) in [
        ("an empty page", page(0, vec![(5, numbers)])),
        ("a page of an index", page(1, vec![(6, Value::Struct(Vec::new()))])),
        ("a page of an unknown kind", page(9, Vec::new())),
    ] {
        let sound = fs::read(lake.reports()).unwrap();
        let mut file = File::read(&lake.reports());
        for column in file.columns() {
            for chunk in file.chunks(&column) {
                (4..=7).for_each(|id| chunk.remove(id));
            }
        }
        let metadata = file.chunks("sku")[0].get(3).clone();
        let number = |id| metadata.clone().get(id).number();
        let (start, length) = (number(9) as usize, number(7) as usize);
        let (end, pages) = (file.body.len(), file.body[start..start + length].to_vec());
        file.body.extend([&*page, &pages, &page].concat());
        let chunks = &mut file.chunks("sku");
        let metadata = chunks[0].get(3);
        metadata.set(9, i64(end as i64));
        metadata.set(7, i64((length + 2 * page.len()) as i64));
        file.write(&lake.reports());
        assert_eq!(logs(&lake, what), expected, "{what}");
        fs::write(lake.reports(), sound).unwrap();
    }
}

/// The sales' file of the lake's day, with one SKU that is not UTF-8, in a page behind those that
/// use the dictionary. No line needs the stores of the file, so bounds let a run skip its rows.
fn sales_with_a_text_that_is_none(lake: &Attacked) {
    let mut skus: Vec<_> = (0..100).map(|row| format!("sku {}", row % 90).into_bytes()).collect();
    skus[99] = b"\xff".to_vec();
    let columns = vec![
        ("store_id", texts((0..100).map(|_| "~"))),
        ("tick_at", ticks(0..100)),
        ("sku", Arc::new(BinaryArray::from_iter_values(skus)) as ArrayRef),
        ("baseline_sales", Arc::new(Int64Array::from_iter_values(0..100)) as ArrayRef),
    ];
    let properties = WriterProperties::builder()
        .set_dictionary_page_size_limit(100)
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(10);
    write(&sales(lake), columns, properties.build());
}

/// Such a text was once not rejected if the footer said that all are in the dictionary.
#[test]
fn a_footer_that_lies_about_its_dictionary_hides_no_text() {
    let lake = lake(plain);
    sales_with_a_text_that_is_none(&lake);
    let rejected = || {
        let done = lake.run();
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        lake.lineage().1["inputs"]["baseline_sales_model_prediction_log"]["rows_rejected"].clone()
    };
    assert_eq!(rejected(), json!({"invalid_text": 1}));
    let mut file = File::read(&sales(&lake));
    for chunk in file.chunks("sku") {
        let pages = [(2, 0), (0, 8)].map(|(kind, encoding)| {
            Value::Struct(vec![(1, i32(kind)), (2, i32(encoding)), (3, i32(1))])
        });
        chunk.get(3).set(13, Value::List(12, pages.to_vec()));
    }
    file.write(&sales(&lake));
    assert_eq!(rejected(), json!({"invalid_text": 1}));
}

/// Such a row group, as writers make of an empty table, was once looked for where the footer says
/// that it lies, which is nowhere, if rows were rejected.
#[test]
fn row_groups_without_rows_are_skipped_where_rejected_rows_are_counted() {
    let lake = lake(plain);
    sales_with_a_text_that_is_none(&lake);
    let expected = logs(&lake, "as it was");
    let mut file = File::read(&sales(&lake));
    let groups = file.footer.get(4).items();
    let mut empty = groups[0].clone();
    empty.set(3, i64(0));
    for chunk in empty.get(1).items() {
        (4..=7).for_each(|id| chunk.remove(id));
        let metadata = chunk.get(3);
        [5, 9, 11].into_iter().for_each(|id| metadata.set(id, i64(0)));
        metadata.set(7, i64(15));
    }
    groups.push(empty);
    file.write(&sales(&lake));
    assert_eq!(logs(&lake, "with an empty group"), expected);
}

/// Each of these once was exit 65: the crate wants the width of the indices even if there are none.
#[test]
fn pages_of_nulls_in_the_dictionary_may_have_no_bytes() {
    let lake = Attacked::new();
    let nulls = new_null_array(&ArrowType::Utf8, 60);
    let columns = vec![
        ("store_id", texts((0..60).map(|row| format!("store {}", row % 3)))),
        ("detected_at", ticks((0..60).map(|row| row * 5))),
        ("sku", nulls),
    ];
    for (index, statistics) in [(false, EnabledStatistics::None), (true, EnabledStatistics::Page)] {
        let pages = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::PLAIN)
            .set_offset_index_disabled(!index)
            .set_statistics_enabled(statistics);
        write(&lake.reports(), columns.clone(), pages.build());
        let expected = logs(&lake, "in PLAIN");
        let mut file = File::read(&lake.reports());
        file.change_pages("sku", |header| {
            let levels = header.get(8).get(5).number();
            assert_eq!(header.get(2).number(), levels);
            header.get(8).set(4, i32(8));
        });
        file.write(&lake.reports());
        assert_eq!(logs(&lake, "in the dictionary"), expected);
    }
}

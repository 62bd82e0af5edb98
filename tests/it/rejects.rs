//! Rejected rows: how they are shown, and what room they take.

use std::fs;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::attack::{Attacked, texts, ticks, write};
use crate::bombs::{peaks_below, runs};
use crate::footers::{lake, rejected};
use crate::page_index::indexed;
use crate::sample;
use crate::thrift::{File, i32};

/// A lake whose only report has no store, and this column of no log, whose name is `foreign`.
fn with_foreign(rows: usize, foreign: ArrayRef) -> Attacked {
    let lake = Attacked::with_reports(vec![
        ("store_id", Arc::new(StringArray::new_null(rows)) as ArrayRef),
        ("detected_at", ticks(std::iter::repeat_n(0, rows))),
        ("foreign", foreign),
    ]);
    sample::change_manifest(&lake.root, |manifest| {
        manifest["max_reject_ratio"] = json!(1.0);
        manifest["outputs"]["rejects"] = json!("out/rejects/");
    });
    lake
}

/// One list of all these values.
fn list(values: ArrayRef) -> ArrayRef {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Arc::new(ListArray::new(item, offsets, values, None))
}

/// Those with a zone once were left out, and those that no calendar has were shown by one.
#[test]
fn instants_inside_lists_and_groups_are_shown_as_others_are() {
    let at = || TimestampMicrosecondArray::from(vec![1_000_000_000_000_000, i64::MAX]);
    let group = |at: TimestampMicrosecondArray| -> ArrayRef {
        let at: ArrayRef = Arc::new(at);
        let field = Field::new("at", at.data_type().clone(), true);
        Arc::new(StructArray::from(vec![(Arc::new(field), at)]))
    };
    let far = i64::MAX;
    for (at, shown) in
        [(at(), "2001-09-09T01:46:40"), (at().with_timezone("UTC"), "2001-09-09T01:46:40Z")]
    {
        let lake = with_foreign(1, list(group(at.clone())));
        runs(&lake);
        let content: Value = serde_json::from_str(&rejected(&lake)).unwrap();
        assert_eq!(content["foreign"], json!([{"at": shown}, {"at": far}]));
        let lake = with_foreign(2, Arc::new(at));
        runs(&lake);
        let content: Value = serde_json::from_str(&rejected(&lake)).unwrap();
        assert_eq!(content["foreign"], shown);
    }
}

/// 250 rows of two million values took seven gigabytes.
#[test]
fn lists_that_a_few_bytes_stand_for_take_the_room_of_a_few() {
    let (rows, values) = (250, 300_000);
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true; rows * values]));
    let item = Arc::new(Field::new("item", DataType::Boolean, true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(values, rows));
    let lake = with_foreign(rows, Arc::new(ListArray::new(item, offsets, flags, None)));
    let (summary, _) = runs(&lake);
    assert_eq!(summary["rows"]["rejects"], rows);
    let content: Value = serde_json::from_str(&rejected(&lake)).unwrap();
    assert_eq!(content["foreign"], "more than 1 MiB");
    peaks_below(&summary, 200);
}

/// The index was blamed for a column that cannot be read either way.
#[test]
fn a_column_that_nobody_needs_is_no_fault_of_the_page_index() {
    let lake = lake(indexed);
    let mut file = File::read(&lake.reports());
    // LZO, which no reader here knows.
    file.chunks("foreign").into_iter().for_each(|chunk| chunk.get(3).set(4, i32(3)));
    file.write(&lake.reports());
    let done = lake.run();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(rejected(&lake).contains(r#""left out":["foreign"]"#));
    assert!(!said.contains("page index"), "{said}");
}

/// Rows without a required value, as a file holds them in a few bytes.
#[test]
fn a_million_rejected_rows_take_the_room_of_a_few() {
    let rows = 1_000_000;
    let nulls = || -> ArrayRef { Arc::new(StringArray::new_null(rows)) };
    let same = |text: &str| texts(std::iter::repeat_n(text, rows));
    let minutes = || ticks(std::iter::repeat_n(0, rows));
    let lake = Attacked::with_reports(vec![("store_id", nulls()), ("detected_at", minutes())]);
    sample::change_manifest(&lake.root, |manifest| manifest["max_reject_ratio"] = json!(1.0));
    let (summary, reports) = runs(&lake);
    assert_eq!(reports["rows_rejected"], json!({"missing_store_id": rows}));
    peaks_below(&summary, 150);
    for (log, id, label) in
        [("all_campaign_data", "campaign_id", "name"), ("contextual_data", "context_id", "label")]
    {
        let lake = Attacked::new();
        let file = fs::read_dir(lake.root.join(log)).unwrap().next().unwrap().unwrap().path();
        let columns = vec![
            (id, nulls()),
            (label, same("b")),
            ("starts_at", minutes()),
            ("ends_at", minutes()),
        ];
        write(&file, columns, WriterProperties::default());
        peaks_below(&runs(&lake).0, 150);
    }
}

/// They once were all held as JSON before the first was written.
#[test]
fn the_rejected_rows_of_a_file_are_written_in_the_room_of_a_few() {
    let rows = 60_000;
    let long = "x".repeat(3_000);
    let keys = Int32Array::from(vec![0; rows]);
    let long: ArrayRef = Arc::new(DictionaryArray::try_new(keys, texts([long])).unwrap());
    let lake = Attacked::with_reports(vec![
        ("store_id", Arc::new(StringArray::new_null(rows))),
        ("detected_at", ticks(std::iter::repeat_n(0, rows))),
        ("of no use", long),
    ]);
    sample::change_manifest(&lake.root, |manifest| {
        manifest["max_reject_ratio"] = json!(1.0);
        manifest["outputs"]["rejects"] = json!("out/rejects/");
    });
    let (summary, _) = runs(&lake);
    assert_eq!(summary["rows"]["rejects"], rows);
    peaks_below(&summary, 200);
}

//! Footers and page headers that err, written into sound files. What is only a hint, or belongs to
//! a column that the job does not read, changes nothing in either log. What is needed is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use serde_json::json;

use crate::attack::{Attacked, last_word, texts, ticks, write};
use crate::sample;
use crate::thrift::{File, Value, i32, i64};

pub(crate) const MRDL: &str = "minority_reports_detected_log";
const ROWS: i64 = 240;

/// A lake with reports in pages of 20 rows, some of them without a SKU, one without a store, and a
/// column of no log.
pub(crate) fn lake(properties: impl FnOnce() -> WriterProperties) -> Attacked {
    let lake = Attacked::new();
    let skus = (0..ROWS).map(|row| (row % 3 > 0).then(|| format!("sku {}", row % 5)));
    let stores = (0..ROWS).map(|row| (row != 200).then(|| format!("store {}", row % 7)));
    let foreign: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let columns = vec![
        ("store_id", Arc::new(StringArray::from_iter(stores)) as ArrayRef),
        ("detected_at", ticks((0..ROWS).map(|row| row * 5))),
        ("sku", Arc::new(StringArray::from_iter(skus)) as ArrayRef),
        ("anomaly_id", texts((0..ROWS).map(|row| row.to_string()))),
        ("foreign", foreign),
    ];
    write(&lake.reports(), columns, properties());
    sample::change_manifest(&lake.root, |manifest| {
        manifest["outputs"]["rejects"] = json!("out/rejects/");
    });
    lake
}

pub(crate) fn plain() -> WriterProperties {
    WriterProperties::builder().set_dictionary_enabled(false).build()
}

/// Pages of 20 rows.
pub(crate) fn small_pages(
    version: WriterVersion,
    codec: Compression,
    index: bool,
) -> WriterProperties {
    let statistics = if index { EnabledStatistics::Page } else { EnabledStatistics::None };
    WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(codec)
        .set_statistics_enabled(statistics)
        .set_offset_index_disabled(!index)
        .set_data_page_row_count_limit(20)
        .set_write_batch_size(20)
        .set_dictionary_enabled(false)
        .build()
}

/// The digests of both logs' parts.
#[track_caller]
pub(crate) fn logs(lake: &Attacked, what: &str) -> Vec<String> {
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    let (_, lineage) = lake.lineage();
    let parts = ["minority_reports_cohorted_log", "minority_event_log"].iter().flat_map(|log| {
        lineage["outputs"][log]["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["sha256"].clone())
    });
    let parts: Vec<String> = parts.map(|digest| digest.to_string()).collect();
    assert!(parts.len() >= 2, "{what}: {lineage}");
    parts
}

#[track_caller]
pub(crate) fn is_refused(lake: &Attacked, says: &[&str]) {
    let done = lake.run();
    let line = last_word(&done);
    assert_eq!(done.status.code(), Some(65), "{line}");
    for word in says {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

/// The file of the day of a prediction log.
pub(crate) fn sales(lake: &Attacked) -> PathBuf {
    let day = lake.root.join("baseline_sales_model_prediction_log/date=2025-01-01");
    fs::read_dir(day).unwrap().next().unwrap().unwrap().path()
}

type Change = fn(&mut File);
type ChangeOfColumn = fn(&mut File, &str);

fn each_chunk(file: &mut File, change: impl Fn(&mut Value)) {
    for column in file.columns() {
        file.chunks(&column).into_iter().for_each(&change);
    }
}

const HINTS: [(&str, Change); 12] = [
    ("a null count of -1", |file| {
        each_chunk(file, |chunk| chunk.get(3).get(12).set(3, i64(-1)));
    }),
    ("bounds cut short", |file| {
        each_chunk(file, |chunk| {
            let statistics = chunk.get(3).get(12);
            statistics.set(5, Value::Binary(vec![1]));
            statistics.set(6, Value::Binary(Vec::new()));
        });
    }),
    ("an unknown encoding", |file| {
        each_chunk(file, |chunk| chunk.get(3).set(2, Value::List(5, vec![i32(99)])));
    }),
    ("no encodings", |file| each_chunk(file, |chunk| chunk.get(3).remove(2))),
    ("statistics of an unknown encoding", |file| {
        let of = Value::Struct(vec![(1, i32(0)), (2, i32(77)), (3, i32(1))]);
        each_chunk(file, |chunk| chunk.get(3).set(13, Value::List(12, vec![of.clone()])));
    }),
    ("statistics of sizes that are none", |file| {
        each_chunk(file, |chunk| chunk.get(3).set(16, Value::Binary(vec![1, 2])));
    }),
    ("too few column orders", |file| {
        let order = Value::Struct(vec![(1, Value::Struct(Vec::new()))]);
        file.footer.set(7, Value::List(12, vec![order]));
    }),
    ("key values that are no text", |file| {
        let pair = |key: &[u8]| {
            Value::Struct(vec![(1, Value::Binary(key.to_vec())), (2, Value::Binary(vec![0xff]))])
        };
        file.footer.set(5, Value::List(12, vec![pair(b"a"), pair(&[0xfe])]));
    }),
    ("a writer that is no text", |file| file.footer.set(6, Value::Binary(vec![0xff; 9]))),
    ("sorting columns that are none", |file| {
        let groups = file.footer.get(4).items().iter_mut();
        groups.for_each(|group| group.set(4, Value::List(12, vec![Value::Struct(Vec::new())])));
    }),
    ("no offset of the file", |file| each_chunk(file, |chunk| chunk.remove(2))),
    ("an unknown type of the values", |file| {
        each_chunk(file, |chunk| chunk.get(3).set(1, i32(50)));
    }),
];

/// Each of these once was exit 65 for the whole file, where other readers read it.
#[test]
fn hints_that_no_decoder_takes_change_nothing() {
    let lake = lake(plain);
    let expected = logs(&lake, "as it was");
    for path in [lake.reports(), sales(&lake)] {
        let sound = fs::read(&path).unwrap();
        for (what, change) in HINTS {
            let mut file = File::read(&path);
            change(&mut file);
            file.write(&path);
            assert_eq!(logs(&lake, what), expected, "{what}");
            fs::write(&path, &sound).unwrap();
        }
    }
}

/// The content of the only rejected row.
pub(crate) fn rejected(lake: &Attacked) -> String {
    let (_, lineage) = lake.lineage();
    let part = lineage["outputs"]["rejects"]["files"][0]["uri"].as_str().unwrap();
    let file = fs::File::open(part.strip_prefix("file://").unwrap()).unwrap();
    let mut rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = rows.next().unwrap().unwrap();
    let content = batch.column_by_name("content").unwrap();
    content.as_string::<i32>().value(0).to_owned()
}

const UNREADABLE: [(&str, &str, ChangeOfColumn); 7] = [
    ("a codec", "in a codec that is not known, number 42", |file, column| {
        file.chunks(column).into_iter().for_each(|chunk| chunk.get(3).set(4, i32(42)));
    }),
    ("a type", "of a type that Parquet does not have", |file, column| {
        file.element(column).set(1, i32(99));
    }),
    ("an annotation", "an annotation that is not known", |file, column| {
        let element = file.element(column);
        element.set(6, i32(77));
        element.remove(10);
    }),
    ("no metadata", "does not say where and how it lies", |file, column| {
        file.chunks(column).into_iter().for_each(|chunk| chunk.remove(3));
    }),
    ("half of the metadata", "does not say where and how it lies", |file, column| {
        file.chunks(column).into_iter().for_each(|chunk| chunk.get(3).remove(9));
    }),
    ("encryption", "one that is encrypted, for which this job takes no key", |file, column| {
        let with_footer_key = Value::Struct(vec![(1, Value::Struct(Vec::new()))]);
        file.chunks(column).into_iter().for_each(|chunk| chunk.set(8, with_footer_key.clone()));
    }),
    (
        "encrypted metadata",
        "one that is encrypted, for which this job takes no key",
        |file, column| {
            for chunk in file.chunks(column) {
                chunk.remove(3);
                chunk.set(9, Value::Binary(vec![7; 60]));
            }
        },
    ),
];

/// Each of these once was exit 65, whoever the column belonged to, or did not say what it is.
#[test]
fn a_column_that_nobody_could_read_is_left_out_or_named() {
    let lake = lake(plain);
    let expected = logs(&lake, "as it was");
    let sound = fs::read(lake.reports()).unwrap();
    for (what, says, change) in UNREADABLE {
        let with = |column: &str| {
            fs::write(lake.reports(), &sound).unwrap();
            let mut file = File::read(&lake.reports());
            change(&mut file, column);
            file.write(&lake.reports());
        };
        with("foreign");
        assert_eq!(logs(&lake, what), expected, "{what}");
        let rejected = rejected(&lake);
        assert!(rejected.contains(r#""left out":["foreign"]"#), "{what}: {rejected}");
        assert!(rejected.contains(r#""anomaly_id":"200""#), "{what}: {rejected}");
        for column in ["store_id", "detected_at", "anomaly_id"] {
            with(column);
            is_refused(&lake, &[says, column, MRDL]);
        }
    }
}

/// It once was exit 65: the crate has no type for such a group.
#[test]
fn a_group_without_columns_is_no_fault() {
    let lake = lake(plain);
    let expected = logs(&lake, "as it was");
    let mut file = File::read(&lake.reports());
    let group =
        Value::Struct(vec![(3, i32(1)), (4, Value::Binary(b"empty".to_vec())), (5, i32(0))]);
    let elements = file.footer.get(2).items();
    let columns = elements[0].get(5).number();
    elements[0].set(5, i32(columns + 1));
    elements.insert(2, group);
    file.write(&lake.reports());
    assert_eq!(logs(&lake, "a group"), expected);
}

/// Files that are alike but for their page headers. With a page index such headers once were not
/// put right: the file was exit 65, or lost rows.
#[test]
fn headers_of_version_2_that_miscount_change_nothing() {
    for index in [true, false] {
        let properties = || small_pages(WriterVersion::PARQUET_2_0, Compression::SNAPPY, index);
        let lake = lake(properties);
        rewrite(&sales(&lake), properties());
        let expected = logs(&lake, "as it was");
        for (path, columns) in [
            (lake.reports(), &["store_id", "detected_at", "sku", "anomaly_id"][..]),
            (sales(&lake), &["store_id", "tick_at", "sku", "baseline_sales", "actual_sales"]),
        ] {
            let sound = fs::read(&path).unwrap();
            for (what, id, number) in
                [("nulls", 2, -1), ("nulls", 2, 0), ("nulls", 2, 3), ("rows", 3, 0), ("rows", 3, 9)]
            {
                let mut file = File::read(&path);
                for column in columns {
                    file.change_pages(column, |header| {
                        if let Some(v2) = header.find(8) {
                            v2.set(id, i32(number));
                        }
                    });
                }
                file.write(&path);
                let what = format!("{} {what} {number} {index}", path.display());
                assert_eq!(logs(&lake, &what), expected, "{what}");
                fs::write(&path, &sound).unwrap();
            }
        }
    }
}

/// Writes the rows of a file again.
pub(crate) fn rewrite(path: &Path, properties: WriterProperties) {
    let file = fs::File::open(path).unwrap();
    let rows = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<_> = rows.map(Result::unwrap).collect();
    let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let columns = batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    let columns = columns.iter().map(String::as_str).zip(batch.columns().iter().cloned());
    write(path, columns.collect(), properties);
}

/// A page's bytes as Hadoop frames them: two blocks, the second of two chunks.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let mut out = Vec::new();
    for block in [&[first][..], &[second, third]] {
        let size: usize = block.iter().map(|chunk| chunk.len()).sum();
        out.extend((size as u32).to_be_bytes());
        for chunk in block {
            let chunk = lz4_flex::block::compress(chunk);
            out.extend((chunk.len() as u32).to_be_bytes());
            out.extend(chunk);
        }
    }
    out
}

/// The crate reads only one block of such a page. An index once could have made it do so.
#[test]
fn pages_of_several_lz4_blocks_are_read_with_a_page_index_too() {
    let lake = lake(|| small_pages(WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED, true));
    let expected = logs(&lake, "as it was");
    let mut file = File::read(&lake.reports());
    let mut body = b"PAR1".to_vec();
    for column in file.columns() {
        let chunk = &mut *file.chunks(&column)[0];
        let at = chunk.get(4).number() as usize;
        let (mut index, _) = Value::read(&file.body[at..]);
        let start = body.len() as i64;
        for page in index.get(1).items() {
            let from = page.get(1).number() as usize;
            let (mut header, length) = Value::read(&file.body[from..]);
            let size = header.get(3).number() as usize;
            let bytes = framed(&file.body[from + length..][..size]);
            header.set(3, i32(bytes.len() as i64));
            header.remove(4);
            let offset = body.len() as i64;
            body.extend(header.written());
            body.extend(bytes);
            page.set(1, i64(offset));
            page.set(2, i32(body.len() as i64 - offset));
        }
        let end = body.len() as i64;
        // The index lies behind the pages of its column.
        let index = index.written();
        body.extend(&index);
        let chunk = &mut *file.chunks(&column)[0];
        chunk.set(4, i64(end));
        chunk.set(5, i32(index.len() as i64));
        (6..=7).for_each(|id| chunk.remove(id));
        let metadata = chunk.get(3);
        metadata.set(4, i32(5));
        metadata.set(9, i64(start));
        metadata.set(7, i64(end - start));
    }
    file.body = body;
    file.write(&lake.reports());
    assert_eq!(logs(&lake, "in LZ4"), expected);
}

/// Parquet-mr before 1.2.9 left the header of the dictionary out of the length of its chunk, and
/// gave the dictionary as the first page of data.
#[test]
fn a_chunk_without_the_bytes_of_its_dictionary_s_header_is_read_if_old_writers_made_it() {
    let properties = || {
        let properties = WriterProperties::builder().set_offset_index_disabled(true);
        properties.set_statistics_enabled(EnabledStatistics::Chunk).build()
    };
    let lake = lake(properties);
    let expected = logs(&lake, "as it was");
    let path = lake.reports();
    let sound = fs::read(&path).unwrap();
    for is_named in [true, false] {
        fs::write(&path, &sound).unwrap();
        let mut file = File::read(&path);
        let body = file.body.clone();
        each_chunk(&mut file, |chunk| {
            let metadata = chunk.get(3);
            let start = metadata.get(11).number();
            let (_, header) = Value::read(&body[start as usize..]);
            let length = metadata.get(7).number() - header as i64;
            metadata.set(7, i64(length));
            if !is_named {
                metadata.remove(11);
                metadata.set(9, i64(start));
            }
        });
        let mut by = |writer: &str| {
            file.footer.set(6, Value::Binary(writer.into()));
            file.write(&path);
        };
        for writer in ["parquet-mr", "parquet-mr version 1.2.8 (build 1)"] {
            by(writer);
            assert_eq!(logs(&lake, writer), expected, "{writer} {is_named}");
        }
        for writer in ["parquet-mr version 1.2.9", "parquet-mr version 1.10.0", "another"] {
            by(writer);
            is_refused(&lake, &["in row group 0", "in the codec UNCOMPRESSED"]);
        }
    }
}

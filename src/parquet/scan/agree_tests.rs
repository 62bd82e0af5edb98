//! The scan and the Parquet crate decode the same key columns to the same rows, whatever the file.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::cells::StoreEvents;
use super::super::probe::tests::row;
use super::*;
use crate::manifest::Dataset;
use crate::objects::{Memory, Objects as _, Uri};
use crate::parquet::dataset;
use cohort_core::contract::BASELINE;
use cohort_core::{Duration, Life, events};

/// What a file is like.
#[derive(Clone, Debug)]
struct Shape {
    store: KeyType,
    sku: KeyType,
    tick: DataType,
    nulls: bool,
    codec: Compression,
    encoding: Option<Encoding>,
    dictionary_bytes: Option<usize>,
    version: WriterVersion,
    page_rows: usize,
    group_rows: usize,
    statistics: EnabledStatistics,
    hint: bool,
}

/// How an id is written.
#[derive(Clone, Debug, PartialEq)]
enum KeyType {
    Typed(DataType),
    /// Byte arrays, of which some are not UTF-8.
    Bytes,
}

fn kinds() -> impl Strategy<Value = KeyType> {
    let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int16), Box::new(values));
    select(vec![
        KeyType::Bytes,
        KeyType::Typed(DataType::Utf8),
        KeyType::Typed(DataType::LargeUtf8),
        KeyType::Typed(DataType::Utf8View),
        KeyType::Typed(dictionary(DataType::Utf8)),
        KeyType::Typed(dictionary(DataType::Int32)),
        KeyType::Typed(DataType::Int8),
        KeyType::Typed(DataType::Int32),
        KeyType::Typed(DataType::UInt32),
        KeyType::Typed(DataType::Int64),
        KeyType::Typed(DataType::UInt64),
        KeyType::Typed(DataType::Decimal128(7, 0)),
        KeyType::Typed(DataType::Decimal128(30, 0)),
    ])
}

fn ticks() -> impl Strategy<Value = DataType> {
    let timestamp = |unit| DataType::Timestamp(unit, Some("+00:00".into()));
    select(vec![
        timestamp(TimeUnit::Second),
        timestamp(TimeUnit::Millisecond),
        timestamp(TimeUnit::Microsecond),
        timestamp(TimeUnit::Nanosecond),
        DataType::Date32,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(timestamp(TimeUnit::Nanosecond))),
    ])
}

fn shapes() -> impl Strategy<Value = Shape> {
    let codecs = select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ]);
    let encodings = select(vec![None, Some(Encoding::PLAIN), Some(Encoding::DELTA_BYTE_ARRAY)]);
    let dictionaries = select(vec![None, Some(16), Some(1 << 20)]);
    let versions = select(vec![WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0]);
    let rows = (select(vec![7, 50, 4000]), select(vec![90, 1000]));
    let statistics =
        select(vec![EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page]);
    let types = (kinds(), kinds(), ticks(), any::<bool>(), any::<bool>());
    (types, codecs, encodings, dictionaries, versions, rows, statistics).prop_map(
        |(
            (store, sku, tick, nulls, hint),
            codec,
            encoding,
            dictionary_bytes,
            version,
            rows,
            stats,
        )| {
            Shape {
                store,
                sku,
                tick,
                nulls,
                codec,
                encoding,
                dictionary_bytes,
                version,
                page_rows: rows.0,
                group_rows: rows.1,
                statistics: stats,
                hint,
            }
        },
    )
}

/// Numbers of stores, SKUs and days, by which a log is sorted in some way.
type Row = (usize, usize, i64);

fn id(kind: &KeyType, numbers: impl Iterator<Item = Option<usize>>) -> ArrayRef {
    match kind {
        KeyType::Bytes => {
            // The number 3 is not UTF-8.
            let bytes =
                |n: usize| if n == 3 { vec![b'3', 0xff] } else { n.to_string().into_bytes() };
            Arc::new(numbers.map(|n| n.map(bytes)).collect::<BinaryArray>())
        }
        KeyType::Typed(to) => {
            let texts: ArrayRef =
                Arc::new(numbers.map(|n| n.map(|n| n.to_string())).collect::<StringArray>());
            cast(&texts, to).unwrap()
        }
    }
}

fn file(rows: &[Row], shape: &Shape) -> Vec<u8> {
    let unless = |n: usize, of: usize| (!shape.nulls || !n.is_multiple_of(of)).then_some(n);
    let days =
        rows.iter().enumerate().map(|(i, row)| (!shape.nulls || i % 13 != 5).then_some(row.2));
    let days: ArrayRef = Arc::new(days.map(|day| day.map(|d| d * 86_400)).collect::<Int64Array>());
    let seconds =
        cast(&days, &DataType::Timestamp(TimeUnit::Second, Some("+00:00".into()))).unwrap();
    let columns = [
        ("store_id", id(&shape.store, rows.iter().map(|row| unless(row.0, 5)))),
        ("sku", id(&shape.sku, rows.iter().map(|row| unless(row.1, 4)))),
        ("tick_at", cast(&seconds, &shape.tick).unwrap()),
        ("baseline_sales", Arc::new(rows.iter().map(|row| Some(row.2)).collect::<Int64Array>())),
    ];
    let columns = columns.map(|(name, column)| (name, column, shape.nulls));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut builder = WriterProperties::builder()
        .set_compression(shape.codec)
        .set_writer_version(shape.version)
        .set_data_page_row_count_limit(shape.page_rows)
        .set_write_batch_size(shape.page_rows)
        .set_max_row_group_row_count(Some(shape.group_rows))
        .set_statistics_enabled(shape.statistics)
        .set_dictionary_enabled(shape.dictionary_bytes.is_some());
    if let Some(bytes) = shape.dictionary_bytes {
        builder = builder.set_dictionary_page_size_limit(bytes);
    }
    if let Some(encoding) = shape.encoding {
        let is_bytes = |kind: &KeyType| match kind {
            KeyType::Bytes => true,
            KeyType::Typed(kind) => format!("{kind:?}").contains("Utf8"),
        };
        for (name, kind) in [("store_id", &shape.store), ("sku", &shape.sku)] {
            if encoding == Encoding::PLAIN || is_bytes(kind) {
                builder = builder.set_column_encoding(name.into(), encoding);
            }
        }
    }
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(builder.build())
        .with_skip_arrow_metadata(!shape.hint && !needs_hint(&shape.tick));
    let mut writer =
        ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Whether Parquet has no name for the unit of these ticks.
fn needs_hint(tick: &DataType) -> bool {
    matches!(tick, DataType::Timestamp(TimeUnit::Second, _))
}

async fn source(file: Vec<u8>) -> (Memory, Source) {
    let objects = Memory::new();
    let root = Uri::from_argument(Path::new("/"), "s3://lake/log").unwrap().as_prefix();
    objects.create(&root.join("part-0.parquet"), file.into()).await.unwrap();
    let dataset = Dataset { uri: root, partitioning: None, columns: BTreeMap::new() };
    let any = Timestamp::MIN;
    let sources = dataset::open(&objects, &BASELINE, &dataset, any, Timestamp::MAX).await;
    (objects, sources.unwrap().remove(0))
}

/// Stores whose lines are given as (store, SKU, first day).
fn stores(lines: &[Row]) -> Vec<StoreEvents> {
    let day = 86_400_000_000;
    let of_store = |store: usize| {
        let lines = lines.iter().filter(|line| line.0 == store);
        let rows = lines.flat_map(|&(_, sku, first)| {
            let sku = (sku != 4).then(|| sku.to_string());
            (first..first + 3).map(move |at| row(at * day, sku.as_deref(), Some(first * day)))
        });
        let life = Life { gap: Duration::from_us(day), duration_max: Duration::from_us(1 << 60) };
        (store.to_string().into(), events(rows.collect(), life, None).0)
    };
    (0..6).map(of_store).filter(|(_, events)| !events.is_empty()).collect()
}

async fn both(
    file: Vec<u8>,
    probe: &Probe,
    interval: Interval,
    candidates: impl Fn(usize) -> Vec<Range<usize>>,
) -> Result<(), TestCaseError> {
    let (objects, source) = source(file).await;
    for group in 0..source.file.metadata().num_row_groups() {
        let rows = candidates(source.file.group_rows(group));
        let mut found = Vec::new();
        for reader in [Reader::Scan, Reader::Crate] {
            let ranges = key_ranges(&source, group, &rows, reader).unwrap();
            let fetched = source.file.fetch(&objects, ranges).await.unwrap();
            let matches = match_keys(&source, group, &rows, fetched, (probe, interval), reader);
            let all = [0..source.file.group_rows(group)];
            let ranges = key_ranges(&source, group, &all, reader).unwrap();
            let fetched = source.file.fetch(&objects, ranges).await.unwrap();
            let scope = Scope::new(interval, None);
            let counted = count_in_scope(&source, group, fetched, scope, reader);
            found.push((matches, counted));
        }
        let [(scan, scan_count), (parquet, count)] = found.try_into().unwrap();
        let parquet = parquet.map_err(|error| TestCaseError::fail(error.to_string()))?;
        // What the scan declines is left to the crate.
        if let Ok(scan) = scan {
            prop_assert_eq!(scan, parquet);
        }
        if let Ok(scan_count) = scan_count {
            prop_assert_eq!(scan_count, count.unwrap());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_scan_and_the_crate_find_the_same_rows_in_any_file(
        shape in shapes(),
        order in select(vec![[2, 0, 1], [0, 1, 2], [0, 2, 1], [1, 2, 0]]),
        lines in prop::collection::vec((0..6_usize, 0..6_usize, 0..12_i64), 0..20),
        cuts in any::<[Index; 3]>(),
        start in 0..12_i64,
    ) {
        let skus = |store| (0..6).flat_map(move |sku| (0..12).map(move |day| (store, sku, day)));
        let mut rows: Vec<Row> = (0..6).flat_map(skus).collect();
        rows.sort_by_key(|row| order.map(|i| [row.0 as i64, row.1 as i64, row.2][i]));
        let stores = stores(&lines);
        let cells = Arc::new(Cells::new(&stores));
        let at = |day| Timestamp::from_us(day * 86_400_000_000).unwrap();
        let interval = Interval { start: at(start), end: at(start + 3) };
        let candidates = |rows: usize| {
            let mut cuts = cuts.map(|cut| cut.index(rows));
            cuts.sort_unstable();
            let ranges = [0..cuts[0], cuts[1]..cuts[2] + 1];
            ranges.into_iter().filter(|range| !range.is_empty()).collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for probe in [Probe::windows(&cells, &stores), Probe::ticks(&cells, &stores)] {
            runtime.block_on(both(file(&rows, &shape), &probe, interval, candidates))?;
        }
    }
}

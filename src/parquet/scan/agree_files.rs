//! Files of a prediction log in every form that the crate can write, for the comparison in
//! `agree_tests.rs`.

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type, Int96, Int96Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::*;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// What a file is like.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    store: KeyType,
    sku: KeyType,
    tick: TickType,
    /// Numbers that are divisible by this are null, and so are some ticks.
    nulls: Option<usize>,
    codec: Compression,
    encoding: Option<Encoding>,
    dictionary_bytes: Option<usize>,
    version: WriterVersion,
    page_rows: usize,
    page_bytes: usize,
    group_rows: usize,
    offset_index: bool,
    statistics: EnabledStatistics,
    hint: bool,
}

/// How a tick is written.
#[derive(Clone, Debug, PartialEq)]
enum TickType {
    Typed(DataType),
    /// 96 bits, as Spark has it. The columns of text are then byte arrays.
    Int96,
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
        KeyType::Typed(dictionary(DataType::Binary)),
        KeyType::Typed(DataType::LargeBinary),
        KeyType::Typed(DataType::BinaryView),
        KeyType::Typed(DataType::Int8),
        KeyType::Typed(DataType::Int16),
        KeyType::Typed(DataType::UInt16),
        KeyType::Typed(DataType::Int32),
        KeyType::Typed(DataType::UInt32),
        KeyType::Typed(DataType::Int64),
        KeyType::Typed(DataType::UInt64),
        KeyType::Typed(DataType::Decimal128(7, 0)),
        KeyType::Typed(DataType::Decimal128(15, 0)),
        KeyType::Typed(DataType::Decimal128(30, 0)),
        KeyType::Typed(DataType::Decimal256(50, 0)),
    ])
}

fn ticks() -> impl Strategy<Value = TickType> {
    let timestamp = |unit| DataType::Timestamp(unit, Some("+00:00".into()));
    let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
    select(vec![
        TickType::Typed(timestamp(TimeUnit::Second)),
        TickType::Typed(timestamp(TimeUnit::Millisecond)),
        TickType::Typed(timestamp(TimeUnit::Microsecond)),
        TickType::Typed(timestamp(TimeUnit::Nanosecond)),
        TickType::Typed(DataType::Timestamp(TimeUnit::Microsecond, None)),
        TickType::Typed(DataType::Date32),
        TickType::Typed(DataType::Date64),
        TickType::Typed(dictionary(timestamp(TimeUnit::Nanosecond))),
        TickType::Int96,
    ])
}

/// Any form.
pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let codecs = select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ]);
    let encodings = select(vec![
        None,
        None,
        Some(Encoding::PLAIN),
        Some(Encoding::DELTA_BYTE_ARRAY),
        Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        Some(Encoding::DELTA_BINARY_PACKED),
        Some(Encoding::BYTE_STREAM_SPLIT),
    ]);
    let dictionaries = select(vec![None, Some(16), Some(1 << 20)]);
    let versions = select(vec![WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0]);
    let pages = (select(vec![1, 7, 50, 4000]), select(vec![64, 1 << 20]), any::<bool>());
    let groups = select(vec![90, 1000]);
    let statistics =
        select(vec![EnabledStatistics::None, EnabledStatistics::Chunk, EnabledStatistics::Page]);
    let nulls = select(vec![None, Some(1), Some(2), Some(5), Some(100)]);
    let types = (kinds(), kinds(), ticks(), nulls, any::<bool>());
    let pages = (pages, groups, statistics);
    (types, codecs, encodings, dictionaries, versions, pages).prop_map(
        |((store, sku, tick, nulls, hint), codec, encoding, dictionary_bytes, version, pages)| {
            let ((page_rows, page_bytes, offset_index), group_rows, statistics) = pages;
            Shape {
                store,
                sku,
                tick,
                nulls,
                codec,
                encoding,
                dictionary_bytes,
                version,
                page_rows,
                page_bytes,
                group_rows,
                offset_index,
                statistics,
                hint,
            }
        },
    )
}

/// Numbers of stores, SKUs and days, by which a log is sorted in some way.
pub(super) type Row = (usize, usize, i64);

/// A row as the file has it. A text that is not UTF-8 is `None` inside.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The store.
    pub store: Option<Option<String>>,
    /// The SKU.
    pub sku: Option<Option<String>>,
    /// The day of the tick.
    pub day: Option<i64>,
}

impl Shape {
    fn has_bytes(&self, kind: &KeyType) -> bool {
        self.tick == TickType::Int96 || *kind == KeyType::Bytes
    }

    /// The rows as the file has them.
    pub(super) fn written(&self, rows: &[Row]) -> Vec<Written> {
        let is_null = |n: usize| self.nulls.is_some_and(|of| n.is_multiple_of(of));
        // The number 3 is not UTF-8 among bytes.
        let id = |kind: &KeyType, n: usize| {
            (!is_null(n)).then(|| (n != 3 || !self.has_bytes(kind)).then(|| n.to_string()))
        };
        let row = |(i, row): (usize, &Row)| Written {
            store: id(&self.store, row.0),
            sku: id(&self.sku, row.1),
            day: self.nulls.is_none_or(|of| i % (of + 8) != 5).then_some(row.2),
        };
        rows.iter().enumerate().map(row).collect()
    }

    fn properties(&self) -> WriterProperties {
        let mut builder = WriterProperties::builder()
            .set_compression(self.codec)
            .set_writer_version(self.version)
            .set_data_page_row_count_limit(self.page_rows)
            .set_data_page_size_limit(self.page_bytes)
            .set_write_batch_size(self.page_rows)
            .set_max_row_group_row_count(Some(self.group_rows))
            .set_offset_index_disabled(!self.offset_index)
            .set_statistics_enabled(self.statistics)
            .set_dictionary_enabled(self.dictionary_bytes.is_some());
        if let Some(bytes) = self.dictionary_bytes {
            builder = builder.set_dictionary_page_size_limit(bytes);
        }
        let is_text = |kind: &KeyType| {
            self.has_bytes(kind) || {
                let kind = format!("{kind:?}");
                kind.contains("Utf8") || kind.contains("Binary")
            }
        };
        let is_integer = |kind: &KeyType| {
            let KeyType::Typed(kind) = kind else { return false };
            self.tick != TickType::Int96 && kind.is_integer()
        };
        let Some(encoding) = self.encoding else { return builder.build() };
        for (name, kind) in [("store_id", &self.store), ("sku", &self.sku)] {
            let fits = match encoding {
                Encoding::PLAIN => true,
                Encoding::DELTA_BINARY_PACKED | Encoding::BYTE_STREAM_SPLIT => is_integer(kind),
                _ => is_text(kind),
            };
            if fits {
                builder = builder.set_column_encoding(name.into(), encoding);
            }
        }
        let is_integer = matches!(&self.tick, TickType::Typed(DataType::Timestamp(..)));
        if encoding == Encoding::DELTA_BINARY_PACKED && is_integer {
            builder = builder.set_column_encoding("tick_at".into(), encoding);
        }
        builder.build()
    }
}

fn bytes(
    of: impl Iterator<Item = Option<Option<String>>>,
) -> impl Iterator<Item = Option<Vec<u8>>> {
    of.map(|text| text.map(|text| text.map_or_else(|| vec![b'3', 0xff], String::into_bytes)))
}

fn id(kind: &KeyType, texts: impl Iterator<Item = Option<Option<String>>>) -> ArrayRef {
    match kind {
        KeyType::Bytes => Arc::new(bytes(texts).collect::<BinaryArray>()),
        KeyType::Typed(to) => {
            let texts: ArrayRef = Arc::new(texts.map(Option::flatten).collect::<StringArray>());
            cast(&texts, to).unwrap()
        }
    }
}

/// The rows in a form.
pub(super) fn file(rows: &[Written], shape: &Shape) -> Vec<u8> {
    let TickType::Typed(tick) = &shape.tick else { return int96_file(rows, shape) };
    let seconds = rows.iter().map(|row| row.day.map(|day| day * 86_400));
    let seconds: ArrayRef = Arc::new(seconds.collect::<Int64Array>());
    let seconds =
        cast(&seconds, &DataType::Timestamp(TimeUnit::Second, Some("+00:00".into()))).unwrap();
    // Arrow does not convert the unit on the way into a dictionary.
    let plain = match tick {
        DataType::Dictionary(_, values) => values,
        other => other,
    };
    let ticks = cast(&cast(&seconds, plain).unwrap(), tick).unwrap();
    let values: ArrayRef = Arc::new((0..rows.len() as i64).collect::<Int64Array>());
    let columns = [
        ("store_id", id(&shape.store, rows.iter().map(|row| row.store.clone()))),
        ("sku", id(&shape.sku, rows.iter().map(|row| row.sku.clone()))),
        ("tick_at", ticks),
        ("baseline_sales", values),
    ];
    let columns = columns.map(|(name, column)| (name, column, shape.nulls.is_some()));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_properties(shape.properties())
        .with_skip_arrow_metadata(!shape.hint && !needs_hint(tick));
    let mut writer =
        ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// A file whose ticks have 96 bits, which Arrow does not write.
fn int96_file(rows: &[Written], shape: &Shape) -> Vec<u8> {
    let kind = if shape.nulls.is_some() { "optional" } else { "required" };
    let schema = format!(
        "message log {{ {kind} binary store_id; {kind} binary sku; {kind} int96 tick_at;
            required int64 baseline_sales; }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(shape.properties());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for rows in rows.chunks(shape.group_rows) {
        let mut group = writer.next_row_group().unwrap();
        let text = |text: Option<Vec<u8>>| text.map(ByteArray::from);
        let stores = bytes(rows.iter().map(|row| row.store.clone())).map(text);
        write_column::<ByteArrayType>(&mut group, stores, shape);
        let skus = bytes(rows.iter().map(|row| row.sku.clone())).map(text);
        write_column::<ByteArrayType>(&mut group, skus, shape);
        let tick = |day: i64| Int96::from(vec![0, 0, (day + JULIAN_DAY_OF_1970) as u32]);
        write_column::<Int96Type>(&mut group, rows.iter().map(|row| row.day.map(tick)), shape);
        let mut values = group.next_column().unwrap().unwrap();
        let numbers: Vec<_> = (0..rows.len() as i64).collect();
        values.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
        values.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn write_column<T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: impl Iterator<Item = Option<T::T>>,
    shape: &Shape,
) {
    let values: Vec<_> = values.collect();
    let levels: Vec<_> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let levels = shape.nulls.is_some().then_some(levels.as_slice());
    let values: Vec<_> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(&values, levels, None).unwrap();
    column.close().unwrap();
}

/// Whether Parquet has no name for the unit of these ticks.
fn needs_hint(tick: &DataType) -> bool {
    matches!(tick, DataType::Timestamp(TimeUnit::Second, _) | DataType::Date64)
}

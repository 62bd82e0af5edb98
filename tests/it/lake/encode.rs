//! Tables written as Parquet, in the canonical types or in any other that SPEC 2 converts exactly.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, LargeListArray,
    ListArray, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::columns::{Table, Values};
use super::{Dice, Partitioning, Shape};
use crate::model::Amount;

/// Writes the table under `root` and returns the manifest's `columns`, those with another name.
pub fn write(
    table: &Table,
    root: &Path,
    shape: Shape,
    dice: &mut Dice,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    if shape.seed.is_some() {
        for (column, _) in &table.columns {
            if dice.one_in(12) {
                names.insert((*column).to_owned(), format!("their {column}"));
            }
        }
    }
    let mut partitions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut placeless = Vec::new();
    for (row, tick) in table.ticks().into_iter().enumerate() {
        match tick {
            Some(tick) => partitions.entry(shape.partitioning.folder(tick)).or_default().push(row),
            None => placeless.push(row),
        }
    }
    let fallback = match (table.tick, shape.partitioning) {
        (None, _) => String::new(),
        (Some(_), partitioning) => partitioning.folder(0),
    };
    if partitions.is_empty() {
        partitions.insert(fallback, Vec::new());
    }
    // A row without a tick may stand in any partition.
    if let Some(rows) = partitions.values_mut().next() {
        rows.extend(placeless);
    }
    for (partition, rows) in partitions {
        let folder = root.join(partition);
        fs::create_dir_all(&folder).unwrap();
        match shape.seed {
            None => write_file(table, &names, &rows, &folder.join("part-0.parquet"), None),
            Some(_) => write_shuffled(table, &names, rows, &folder, shape, dice),
        }
    }
    names
}

fn write_shuffled(
    table: &Table,
    names: &BTreeMap<String, String>,
    mut rows: Vec<usize>,
    folder: &Path,
    shape: Shape,
    dice: &mut Dice,
) {
    dice.shuffle(&mut rows);
    let mut files: Vec<Vec<usize>> = vec![Vec::new(); 1 + dice.below(3)];
    for row in rows {
        let file = dice.below(files.len());
        files[file].push(row);
    }
    for rows in files {
        // Names in no order, one of them without the usual ending.
        let mut name = format!("{:08x}.parquet", dice.below(1 << 32));
        if shape.partitioning == Partitioning::None && dice.one_in(4) {
            fs::create_dir_all(folder.join("deeper")).unwrap();
            name = format!("deeper/{name}");
        }
        write_file(table, names, &rows, &folder.join(name), Some(dice));
    }
    // What writers leave behind and readers skip.
    if dice.one_in(3) {
        fs::write(folder.join("_SUCCESS"), b"").unwrap();
        fs::write(folder.join(".part-0.parquet.crc"), b"not Parquet").unwrap();
    }
}

fn write_file(
    table: &Table,
    names: &BTreeMap<String, String>,
    rows: &[usize],
    path: &Path,
    mut dice: Option<&mut Dice>,
) {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (column, values) in &table.columns {
        let values = values.take(rows);
        let name = names.get(*column).cloned().unwrap_or_else(|| (*column).to_owned());
        let array = match dice.as_deref_mut() {
            None => canonical(&values),
            Some(dice) => {
                if values.all_null() && !Table::is_required(column) && dice.one_in(2) {
                    continue;
                }
                varied(column, &values, dice)
            }
        };
        columns.push((name, array));
    }
    let mut properties = WriterProperties::builder();
    if let Some(dice) = dice {
        columns.push((
            "a column of theirs".to_owned(),
            Arc::new(Int64Array::from(vec![7; rows.len()])),
        ));
        dice.shuffle(&mut columns);
        properties = properties
            .set_max_row_group_row_count(Some(1 + dice.below(8)))
            .set_data_page_row_count_limit(1 + dice.below(4))
            .set_write_batch_size(1 + dice.below(4))
            .set_dictionary_enabled(dice.one_in(2))
            .set_compression(match dice.below(3) {
                0 => Compression::UNCOMPRESSED,
                1 => Compression::SNAPPY,
                _ => Compression::ZSTD(ZstdLevel::default()),
            })
            .set_statistics_enabled(match dice.below(3) {
                0 => EnabledStatistics::None,
                1 => EnabledStatistics::Chunk,
                _ => EnabledStatistics::Page,
            });
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The type that the page names.
pub fn canonical(values: &Values) -> ArrayRef {
    match values {
        Values::Text(values) => Arc::new(StringArray::from(values.clone())),
        Values::Time(values) => {
            Arc::new(TimestampMicrosecondArray::from(values.clone()).with_timezone("UTC"))
        }
        Values::Double(values) => Arc::new(Float64Array::from(values.clone())),
        Values::Money(values) => decimal(values.clone(), 18, 4),
        Values::Doubles(values) => {
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(values.clone()))
        }
    }
}

fn varied(column: &str, values: &Values, dice: &mut Dice) -> ArrayRef {
    match values {
        Values::Text(texts) => varied_text(column, texts, dice),
        Values::Time(times) => varied_time(times, dice),
        Values::Double(_) => canonical(values),
        Values::Money(amounts) => varied_money(amounts, dice),
        Values::Doubles(lists) if dice.one_in(2) => {
            Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>(lists.clone()))
        }
        Values::Doubles(_) => canonical(values),
    }
}

fn varied_text(column: &str, texts: &[Option<String>], dice: &mut Dice) -> ArrayRef {
    let strings: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let is_integer = |text: &String| text.parse::<i64>().is_ok_and(|n| n.to_string() == *text);
    let integers = column == "store_id" && texts.iter().flatten().all(is_integer);
    let dictionary = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let to = match dice.below(if integers { 10 } else { 6 }) {
        0 => DataType::Utf8,
        1 => DataType::LargeUtf8,
        2 => DataType::Utf8View,
        3 => dictionary(DataType::Int32),
        4 => dictionary(DataType::Int8),
        5 => dictionary(DataType::UInt16),
        6 => DataType::Int32,
        7 => DataType::Int16,
        _ => DataType::Int64,
    };
    cast(&strings, &to).unwrap()
}

fn varied_time(times: &[Option<i64>], dice: &mut Dice) -> ArrayRef {
    let zone = [None, Some("UTC"), Some("+00:00"), Some("-05:30")][dice.below(4)];
    let divisible = |by: i64| times.iter().flatten().all(|us| us % by == 0);
    let over =
        |by: i64| -> Vec<Option<i64>> { times.iter().map(|time| time.map(|us| us / by)).collect() };
    match dice.below(4) {
        0 if divisible(1_000_000) => {
            Arc::new(TimestampSecondArray::from(over(1_000_000)).with_timezone_opt(zone))
        }
        1 if divisible(1_000) => {
            Arc::new(TimestampMillisecondArray::from(over(1_000)).with_timezone_opt(zone))
        }
        2 => {
            // Nanoseconds are floored, before 1970 too.
            let nanoseconds: Vec<Option<i64>> = times
                .iter()
                .map(|time| time.map(|us| us * 1000 + dice.below(1000) as i64))
                .collect();
            Arc::new(TimestampNanosecondArray::from(nanoseconds).with_timezone_opt(zone))
        }
        _ => Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone_opt(zone)),
    }
}

fn varied_money(amounts: &[Option<Amount>], dice: &mut Dice) -> ArrayRef {
    let divisible = |by: Amount| amounts.iter().flatten().all(|amount| amount % by == 0);
    let least = |by: Amount| amounts.iter().flatten().all(|amount| amount.abs() < by);
    let scaled = |by: Amount| -> Vec<Option<Amount>> {
        amounts.iter().map(|amount| amount.map(|amount| amount * by)).collect()
    };
    let over = |by: Amount| -> Vec<Option<Amount>> {
        amounts.iter().map(|amount| amount.map(|amount| amount / by)).collect()
    };
    let doubles: Vec<Option<f64>> =
        amounts.iter().map(|amount| amount.map(|amount| amount as f64 / 10_000.0)).collect();
    let exact = |rounded: &dyn Fn(f64) -> f64| {
        amounts.iter().zip(&doubles).all(|(amount, double)| match (amount, double) {
            (Some(amount), Some(double)) => {
                (rounded(*double) * 10_000.0).round_ties_even() as Amount == *amount
            }
            _ => true,
        })
    };
    match dice.below(9) {
        0 => decimal(scaled(100), 30, 6),
        1 if divisible(100) => decimal(over(100), 18, 2),
        2 if divisible(10_000) => {
            let whole = over(10_000).into_iter().map(|amount| amount.map(|amount| amount as i64));
            Arc::new(Int64Array::from_iter(whole))
        }
        3 if divisible(10_000) && least(10_000 * 30_000) => {
            cast(&decimal(over(10_000), 9, 0), &DataType::Int32).unwrap()
        }
        4 if exact(&|double| double) => Arc::new(Float64Array::from_iter(
            // NaN and infinities are null.
            doubles.iter().map(|double| match (double, dice.below(3)) {
                (None, 0) => Some(f64::NAN),
                (None, 1) => Some(f64::NEG_INFINITY),
                _ => *double,
            }),
        )),
        5 if exact(&|double| f64::from(double as f32)) => Arc::new(Float32Array::from_iter(
            doubles.iter().map(|double| double.map(|double| double as f32)),
        )),
        6 if divisible(10_000) => decimal(over(10_000), 38, 0),
        7 => cast(&decimal(amounts.to_vec(), 18, 4), &DataType::Decimal256(40, 8)).unwrap(),
        _ => decimal(amounts.to_vec(), 18, 4),
    }
}

fn decimal(amounts: Vec<Option<Amount>>, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(amounts).with_precision_and_scale(precision, scale).unwrap();
    array.validate_decimal_precision(precision).unwrap();
    Arc::new(array)
}

//! Every Arrow type that SPEC 2 accepts for a column, for values that convert exactly.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, LargeListArray, ListArray,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::columns::Values;
use crate::model::{AMOUNT_END, Amount};

/// The values in each type that holds them exactly, the canonical one first.
pub(crate) fn encodings(column: &str, values: &Values) -> Vec<ArrayRef> {
    match values {
        Values::Text(texts) => text_encodings(column, texts),
        Values::Time(times) => time_encodings(times),
        Values::Double(doubles) => vec![Arc::new(Float64Array::from(doubles.clone()))],
        Values::Money(amounts) => money_encodings(amounts),
        Values::Doubles(lists) => vec![
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(lists.clone())),
            Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>(lists.clone())),
        ],
    }
}

fn text_encodings(column: &str, texts: &[Option<String>]) -> Vec<ArrayRef> {
    let strings: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let dictionary =
        |key: DataType, value: DataType| DataType::Dictionary(Box::new(key), Box::new(value));
    let mut types = vec![
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary(DataType::Int32, DataType::Utf8),
        dictionary(DataType::UInt16, DataType::LargeUtf8),
    ];
    if texts.len() < 100 {
        types.push(dictionary(DataType::Int8, DataType::Utf8));
    }
    let numbers: Option<Vec<i64>> = texts
        .iter()
        .flatten()
        .map(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == *text))
        .collect();
    if let Some(numbers) = numbers.filter(|_| column == "store_id") {
        types.push(DataType::Int64);
        if numbers.iter().all(|number| i16::try_from(*number).is_ok()) {
            types.extend([DataType::Int32, DataType::Int16]);
        }
        if numbers.iter().all(|number| *number >= 0) {
            types.push(DataType::UInt64);
        }
    }
    types.into_iter().map(|to| cast(&strings, &to).unwrap()).collect()
}

fn time_encodings(times: &[Option<i64>]) -> Vec<ArrayRef> {
    let divisible = |by: i64| times.iter().flatten().all(|us| us % by == 0);
    let over =
        |by: i64| -> Vec<Option<i64>> { times.iter().map(|time| time.map(|us| us / by)).collect() };
    // Nanoseconds are floored, before 1970 too. They reach from 1677 to 2262.
    let in_ns = |us: i64| us.checked_mul(1000)?.checked_add(us.rem_euclid(1000));
    let nanoseconds: Option<Vec<Option<i64>>> =
        times.iter().map(|time| time.map_or(Some(None), |us| in_ns(us).map(Some))).collect();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for zone in [Some("UTC"), None, Some("+00:00"), Some("-05:30")] {
        arrays.push(Arc::new(
            TimestampMicrosecondArray::from(times.to_vec()).with_timezone_opt(zone),
        ));
        if let Some(nanoseconds) = &nanoseconds {
            arrays.push(Arc::new(
                TimestampNanosecondArray::from(nanoseconds.clone()).with_timezone_opt(zone),
            ));
        }
        if divisible(1_000) {
            arrays.push(Arc::new(
                TimestampMillisecondArray::from(over(1_000)).with_timezone_opt(zone),
            ));
        }
        if divisible(1_000_000) {
            arrays.push(Arc::new(
                TimestampSecondArray::from(over(1_000_000)).with_timezone_opt(zone),
            ));
        }
    }
    arrays
}

/// The least amount beyond every decimal of 128 bits with four decimals.
const DECIMALS_END: Amount = 10_i128.pow(38);

fn money_encodings(amounts: &[Option<Amount>]) -> Vec<ArrayRef> {
    let most = amounts.iter().flatten().map(|amount| amount.unsigned_abs()).max().unwrap_or(0);
    if most >= DECIMALS_END.unsigned_abs() {
        return floating(amounts);
    }
    if most >= AMOUNT_END.unsigned_abs() {
        let mut arrays = vec![decimal(amounts.to_vec(), 38, 4)];
        arrays.push(cast(&arrays[0], &DataType::Decimal256(60, 8)).unwrap());
        arrays.extend(floating(amounts));
        return arrays;
    }
    let divisible = |by: Amount| amounts.iter().flatten().all(|amount| amount % by == 0);
    let below = |end: Amount| amounts.iter().flatten().all(|amount| amount.abs() < end);
    let times = |by: Amount| -> Vec<Option<Amount>> {
        amounts.iter().map(|amount| amount.map(|amount| amount * by)).collect()
    };
    let over = |by: Amount| -> Vec<Option<Amount>> {
        amounts.iter().map(|amount| amount.map(|amount| amount / by)).collect()
    };
    let mut arrays = vec![decimal(amounts.to_vec(), 18, 4), decimal(times(100), 30, 6)];
    arrays.push(cast(&arrays[0], &DataType::Decimal256(40, 8)).unwrap());
    if divisible(100) {
        arrays.push(decimal(over(100), 18, 2));
    }
    if divisible(10_000) {
        arrays.push(decimal(over(10_000), 38, 0));
        let whole = over(10_000).into_iter().map(|amount| amount.map(|amount| amount as i64));
        let whole: ArrayRef = Arc::new(Int64Array::from_iter(whole));
        if below(10_000 * 30_000) {
            arrays.push(cast(&whole, &DataType::Int32).unwrap());
            arrays.push(cast(&whole, &DataType::Int16).unwrap());
        }
        arrays.push(whole);
    }
    arrays.extend(floating(amounts));
    arrays
}

/// The amounts as floating-point numbers, if those read back as the same amounts.
fn floating(amounts: &[Option<Amount>]) -> Vec<ArrayRef> {
    let double = |amount: Amount| match amount {
        // More than any decimal holds.
        DECIMALS_END.. => 1e300,
        _ => amount as f64 / 10_000.0,
    };
    let doubles: Vec<Option<f64>> = amounts.iter().map(|amount| amount.map(double)).collect();
    let exact = |rounded: &dyn Fn(f64) -> f64| {
        amounts.iter().zip(&doubles).all(|(amount, double)| match (amount, double) {
            (Some(amount), Some(double)) => {
                // Out of range is out of range, however far. An infinity is not: it is null.
                let rounded = rounded(*double);
                let read = (rounded * 10_000.0).round_ties_even() as Amount;
                rounded.is_finite()
                    && (read == *amount || (read >= AMOUNT_END && *amount >= AMOUNT_END))
            }
            _ => true,
        })
    };
    let mut arrays: Vec<ArrayRef> = Vec::new();
    if exact(&|double| double) {
        // NaN and infinities are null.
        let mut nulls = [None, Some(f64::NAN), Some(f64::NEG_INFINITY)].into_iter().cycle();
        arrays.push(Arc::new(Float64Array::from_iter(
            doubles.iter().map(|double| double.or_else(|| nulls.next().flatten())),
        )));
    }
    if exact(&|double| f64::from(double as f32)) {
        arrays.push(Arc::new(Float32Array::from_iter(
            doubles.iter().map(|double| double.map(|double| double as f32)),
        )));
    }
    arrays
}

fn decimal(amounts: Vec<Option<Amount>>, precision: u8, scale: i8) -> ArrayRef {
    let array = Decimal128Array::from(amounts).with_precision_and_scale(precision, scale).unwrap();
    array.validate_decimal_precision(precision).unwrap();
    Arc::new(array)
}

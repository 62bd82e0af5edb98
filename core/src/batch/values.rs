//! Arrow arrays to the core's types: instants, doubles and money, in any form that SPEC 2 allows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int64Type,
    TimestampMillisecondType,
};
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_buffer::i256;
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};

use crate::{Money, Overflow, Timestamp};

/// A column of instants, floored to microseconds.
#[derive(Clone, Debug)]
pub struct Instants(Option<(arrow_array::Int64Array, TimeUnit)>);

/// An instant as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// It lies in the years 0001 to 9999.
    In(Timestamp),
    /// It lies outside; this is the nearest instant inside.
    Out(Timestamp),
}

impl Instant {
    /// The instant, if it lies in the years 0001 to 9999.
    #[must_use]
    pub fn exact(self) -> Option<Timestamp> {
        match self {
            Self::In(at) => Some(at),
            Self::Out(_) => None,
        }
    }

    /// The instant, moved to the nearest one inside if it lies outside.
    #[must_use]
    pub const fn nearest(self) -> Timestamp {
        match self {
            Self::In(at) | Self::Out(at) => at,
        }
    }

    /// That many units after 1970, floored to microseconds.
    #[must_use]
    pub fn of(value: i64, unit: TimeUnit) -> Self {
        let us = match unit {
            TimeUnit::Second => value.checked_mul(1_000_000),
            TimeUnit::Millisecond => value.checked_mul(1000),
            TimeUnit::Microsecond => Some(value),
            TimeUnit::Nanosecond => Some(value.div_euclid(1000)),
        };
        let inside = us.and_then(|us| Timestamp::from_us(us).ok());
        let nearest = if value < 0 { Timestamp::MIN } else { Timestamp::MAX };
        inside.map_or(Self::Out(nearest), Self::In)
    }
}

/// The midnight before an instant in milliseconds; the first instant there is if that is later. Not
/// every writer of dates in milliseconds keeps to midnights.
const fn midnight(ms: i64) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    ms.div_euclid(DAY_MS).saturating_mul(DAY_MS)
}

/// A column of doubles. NaN is null.
#[derive(Clone, Debug)]
pub(super) struct Doubles(Option<Float64Array>);

/// A column of amounts.
#[derive(Clone, Debug)]
pub(super) struct AmountColumn(Option<ArrayRef>);

/// A column of lists of doubles.
#[derive(Clone, Debug)]
pub(super) struct Lists(Option<ArrayRef>);

/// `cast`, for types that the contract allows for the column. Those can always be cast.
pub(super) fn cast_to(array: Option<&ArrayRef>, to: &DataType) -> Option<ArrayRef> {
    let array = array?;
    if array.data_type() == to { Some(array.clone()) } else { cast(array, to).ok() }
}

/// The values of a dictionary array, one for each row. Any other array is returned as it is.
pub(super) fn plain(array: Option<&ArrayRef>) -> Option<ArrayRef> {
    match array?.data_type() {
        DataType::Dictionary(_, values) => cast_to(array, values),
        _ => array.cloned(),
    }
}

impl Instants {
    /// The values of a column, or nulls if the file has none.
    pub fn new(column: Option<&ArrayRef>) -> Self {
        // A date is the midnight at which it begins.
        let to = |array: &ArrayRef| match array.data_type() {
            DataType::Date32 => cast_to(Some(array), &DataType::Timestamp(TimeUnit::Second, None)),
            DataType::Date64 => {
                let dates = array.as_primitive::<Date64Type>();
                let midnights = dates.unary::<_, TimestampMillisecondType>(midnight);
                Some(Arc::new(midnights) as ArrayRef)
            }
            _ => Some(array.clone()),
        };
        let array = plain(column).as_ref().and_then(to);
        let unit = array.as_ref().and_then(|array| match array.data_type() {
            DataType::Timestamp(unit, _) => Some(*unit),
            _ => None,
        });
        let numbers = cast_to(array.as_ref(), &DataType::Int64)
            .map(|a| a.as_primitive::<Int64Type>().clone());
        Self(numbers.zip(unit))
    }

    /// The instant in a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<Instant> {
        let (array, unit) = self.0.as_ref().filter(|(array, _)| array.is_valid(row))?;
        Some(Instant::of(array.value(row), *unit))
    }
}

impl Doubles {
    /// The values of a column, or nulls if the file has none.
    pub(super) fn new(column: Option<&ArrayRef>) -> Self {
        Self(cast_to(column, &DataType::Float64).map(|array| array.as_primitive().clone()))
    }

    /// The double in a row, never NaN.
    pub(super) fn get(&self, row: usize) -> Option<f64> {
        let array = self.0.as_ref().filter(|array| array.is_valid(row))?;
        Some(array.value(row)).filter(|x| !x.is_nan())
    }
}

impl AmountColumn {
    /// The values of a column, or nulls if the file has none.
    pub(super) fn new(column: Option<&ArrayRef>) -> Self {
        let array = plain(column);
        let to = array.as_ref().map(|array| match array.data_type() {
            decimal if decimal.is_decimal() => decimal.clone(),
            DataType::UInt64 => DataType::Decimal128(20, 0),
            integer if integer.is_integer() => DataType::Int64,
            _ => DataType::Float64,
        });
        Self(to.and_then(|to| cast_to(array.as_ref(), &to)))
    }

    /// The amount in a row. NaN and the infinities are null.
    ///
    /// # Errors
    /// [`Overflow`] outside `decimal(18,4)`.
    pub(super) fn get(&self, row: usize) -> Result<Option<Money>, Overflow> {
        let Some(array) = self.0.as_ref().filter(|array| array.is_valid(row)) else {
            return Ok(None);
        };
        let (value, scale) = match *array.data_type() {
            DataType::Decimal32(_, scale) => {
                (i128::from(array.as_primitive::<Decimal32Type>().value(row)), scale)
            }
            DataType::Decimal64(_, scale) => {
                (i128::from(array.as_primitive::<Decimal64Type>().value(row)), scale)
            }
            DataType::Decimal128(_, scale) => {
                (array.as_primitive::<Decimal128Type>().value(row), scale)
            }
            DataType::Decimal256(_, scale) => {
                let value = array.as_primitive::<Decimal256Type>().value(row);
                return wide_amount(value, scale).map(Some);
            }
            DataType::Int64 => (i128::from(array.as_primitive::<Int64Type>().value(row)), 0),
            _ => {
                return Money::from_double(
                    array.as_primitive::<arrow_array::types::Float64Type>().value(row),
                );
            }
        };
        Money::from_decimal(value, scale).map(Some)
    }
}

/// What [`Money::from_decimal`] gives, of a value that may have up to 76 digits.
fn wide_amount(value: i256, scale: i8) -> Result<Money, Overflow> {
    if let Some(narrow) = value.to_i128() {
        return Money::from_decimal(narrow, scale);
    }
    // No `i128` holds the value. So it fits only if decimals are dropped.
    let dropped = i32::from(scale) - i32::from(Money::SCALE);
    let dropped = u32::try_from(dropped).map_err(|_| Overflow)?;
    let divisor = i256::from_i128(10).checked_pow(dropped).ok_or(Overflow)?;
    let (quotient, rest) = value.checked_div_rem(divisor).ok_or(Overflow)?;
    let (quotient, rest) = (quotient.to_i128().ok_or(Overflow)?, rest.wrapping_abs());
    let half = divisor.checked_div(i256::from_i128(2)).ok_or(Overflow)?;
    let is_up = dropped > 0 && (rest > half || (rest == half && quotient % 2 != 0));
    let away = if value.is_negative() { -1 } else { 1 };
    Money::from_units(if is_up { quotient + away } else { quotient })
}

impl Lists {
    /// The values of a column, or nulls if the file has none.
    pub(super) fn new(column: Option<&ArrayRef>) -> Self {
        Self(column.cloned())
    }

    /// The list in a row. NaN elements are null.
    pub(super) fn get(&self, row: usize) -> Option<Box<[Option<f64>]>> {
        let array = self.0.as_ref().filter(|array| array.is_valid(row))?;
        let items = match array.data_type() {
            DataType::List(_) => array.as_list::<i32>().value(row),
            DataType::LargeList(_) => array.as_list::<i64>().value(row),
            DataType::ListView(_) => array.as_list_view::<i32>().value(row),
            DataType::LargeListView(_) => array.as_list_view::<i64>().value(row),
            DataType::FixedSizeList(..) => array.as_fixed_size_list().value(row),
            _ => return None,
        };
        let items = Doubles::new(Some(&items));
        let length = items.0.as_ref().map_or(0, Array::len);
        Some((0..length).map(|i| items.get(i)).collect())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::*;

    use super::*;

    fn units(array: impl Array + 'static, row: usize) -> Result<Option<i64>, Overflow> {
        let array: ArrayRef = Arc::new(array);
        AmountColumn::new(Some(&array)).get(row).map(|amount| amount.map(Money::units))
    }

    #[test]
    fn amounts_come_as_any_decimal_integer_or_float() {
        assert_eq!(
            units(Decimal128Array::from(vec![125]).with_precision_and_scale(20, 6).unwrap(), 0),
            Ok(Some(1))
        );
        assert_eq!(
            units(
                Decimal256Array::from(vec![i256::from(7)]).with_precision_and_scale(40, 0).unwrap(),
                0
            ),
            Ok(Some(70_000))
        );
        assert_eq!(units(Decimal256Array::from(vec![i256::MAX]), 0), Err(Overflow));
        assert_eq!(
            units(Decimal64Array::from(vec![27]).with_precision_and_scale(9, 2).unwrap(), 0),
            Ok(Some(2700))
        );
        assert_eq!(
            units(Decimal32Array::from(vec![27]).with_precision_and_scale(9, 2).unwrap(), 0),
            Ok(Some(2700))
        );
        assert_eq!(units(Int16Array::from(vec![-3]), 0), Ok(Some(-30_000)));
        assert_eq!(units(UInt64Array::from(vec![u64::MAX]), 0), Err(Overflow));
        assert_eq!(units(Int64Array::from(vec![100_000_000_000_000]), 0), Err(Overflow));
        assert_eq!(units(Float32Array::from(vec![0.5, f32::NAN]), 0), Ok(Some(5000)));
        assert_eq!(units(Float64Array::from(vec![f64::INFINITY, 1e14]), 0), Ok(None));
        assert_eq!(units(Float64Array::from(vec![f64::INFINITY, 1e14]), 1), Err(Overflow));
    }

    /// They once were null, where the digits after the point made them too long for 128 bits.
    #[test]
    fn amounts_of_more_than_38_digits_round_half_to_even_like_all_others() {
        let power = |zeros| i256::from_i128(10).checked_pow(zeros).unwrap();
        let times =
            |number: i128, zeros| i256::from_i128(number).checked_mul(power(zeros)).unwrap();
        for (value, scale, amount) in [
            (times(15, 37), 38, Ok(15_000)),
            (times(-15, 37), 38, Ok(-15_000)),
            (times(123_456_785, 33), 38, Ok(12_345_678)),
            (times(123_456_775, 33), 38, Ok(12_345_678)),
            (times(-123_456_775, 33), 38, Ok(-12_345_678)),
            (times(123_456_785, 33) + i256::ONE, 38, Ok(12_345_679)),
            (times(5, 45), 50, Ok(0)),
            (times(5, 45) + i256::ONE, 50, Ok(1)),
            (times(1, 52), 38, Err(Overflow)),
            (times(999_999_999_999_999_999, 34), 38, Ok(999_999_999_999_999_999)),
            (times(1, 40), 4, Err(Overflow)),
            (times(1, 40), 0, Err(Overflow)),
        ] {
            let found = wide_amount(value, scale).map(Money::units);
            assert_eq!(found, amount, "{value} with {scale} decimals");
        }
    }

    #[test]
    fn instants_come_in_any_unit_and_zone_and_nanoseconds_are_floored() {
        let of =
            |array: ArrayRef| Instants::new(Some(&array)).get(0).unwrap().exact().unwrap().as_us();
        assert_eq!(of(Arc::new(TimestampSecondArray::from(vec![-1]))), -1_000_000);
        assert_eq!(
            of(Arc::new(TimestampMillisecondArray::from(vec![5]).with_timezone("+02:00"))),
            5000
        );
        assert_eq!(of(Arc::new(TimestampMicrosecondArray::from(vec![5]).with_timezone("UTC"))), 5);
        assert_eq!(of(Arc::new(TimestampNanosecondArray::from(vec![-1]))), -1);
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX, i64::MIN]));
        let far = Instants::new(Some(&far));
        assert_eq!(far.get(0), Some(Instant::Out(Timestamp::MAX)));
        assert_eq!(far.get(1), Some(Instant::Out(Timestamp::MIN)));
    }

    #[test]
    fn a_date_is_its_midnight() {
        let of = |array: ArrayRef| Instants::new(Some(&array)).get(0).unwrap().nearest().as_us();
        assert_eq!(of(Arc::new(Date32Array::from(vec![1]))), 86_400_000_000);
        assert_eq!(of(Arc::new(Date64Array::from(vec![-86_400_000]))), -86_400_000_000);
        // Five in the morning.
        assert_eq!(of(Arc::new(Date64Array::from(vec![-68_400_000]))), -86_400_000_000);
    }

    #[test]
    fn nan_is_null_in_columns_and_in_lists() {
        let doubles: ArrayRef = Arc::new(Float32Array::from(vec![f32::NAN, 0.5]));
        assert_eq!(
            (Doubles::new(Some(&doubles)).get(0), Doubles::new(Some(&doubles)).get(1)),
            (None, Some(0.5))
        );
        let lists = ListArray::from_iter_primitive::<arrow_array::types::Float64Type, _, _>([
            Some([Some(1.0), Some(f64::NAN), None]),
            None,
        ]);
        let lists: ArrayRef = Arc::new(lists);
        assert_eq!(Lists::new(Some(&lists)).get(0).as_deref(), Some(&[Some(1.0), None, None][..]));
        assert_eq!(Lists::new(Some(&lists)).get(1), None);
    }
}

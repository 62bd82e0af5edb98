//! Values of a committed row as JSON.

use arrow::array::types::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::array::{Array, ArrayRef, AsArray};
use cohort_core::contract::ColumnType;
use cohort_core::{Money, Timestamp};
use serde_json::Value;

/// A value: text, instants and amounts as text, numbers as numbers, null as null. An instant or an
/// amount out of range is shown as its number, and an infinity as text, since JSON has none.
pub(super) fn cell(values: &ArrayRef, kind: ColumnType, row: usize) -> Value {
    if values.is_null(row) {
        return Value::Null;
    }
    let found = match kind {
        ColumnType::String => {
            values.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned().into())
        }
        ColumnType::Timestamp => values
            .as_primitive_opt::<TimestampMicrosecondType>()
            .map(|instants| instants.value(row))
            .map(|us| Timestamp::from_us(us).map_or(us.into(), |at| at.to_string().into())),
        ColumnType::Double => {
            values.as_primitive_opt::<Float64Type>().map(|v| double(v.value(row)))
        }
        ColumnType::Decimal => values
            .as_primitive_opt::<Decimal128Type>()
            .map(|amounts| amounts.value(row))
            .map(|units| match Money::from_units(units) {
                Ok(amount) => amount.to_string().into(),
                Err(_) => units.to_string().into(),
            }),
        ColumnType::Int32 => {
            values.as_primitive_opt::<Int32Type>().map(|numbers| numbers.value(row).into())
        }
        ColumnType::Int64 => {
            values.as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(row).into())
        }
        ColumnType::DoubleList => values.as_list_opt::<i32>().map(|lists| list(&lists.value(row))),
    };
    found.unwrap_or_default()
}

fn list(values: &ArrayRef) -> Value {
    let items = 0..values.len();
    items.map(|item| cell(values, ColumnType::Double, item)).collect()
}

fn double(value: f64) -> Value {
    let number = serde_json::Number::from_f64(value);
    number.map_or_else(|| value.to_string().into(), Value::Number)
}

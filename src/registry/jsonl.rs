//! Record batches as lines of JSON.

use std::fmt::Write as _;

use arrow::array::types::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::DataType;
use cohort_core::contract::JSON_COLUMNS;
use cohort_core::{Money, Timestamp};

use crate::escape;

/// Appends each row as one JSON object: instants as in SPEC 3, amounts as numbers with four
/// decimals, columns that hold JSON as what they hold.
pub(super) fn write(batch: &RecordBatch, to: &mut String) {
    let schema = batch.schema();
    let columns: Vec<(String, &ArrayRef, bool)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| {
            let holds_json = JSON_COLUMNS.contains(&field.name().as_str());
            (format!("{}:", quoted(field.name())), column, holds_json)
        })
        .collect();
    for row in 0..batch.num_rows() {
        for (index, (name, column, holds_json)) in columns.iter().enumerate() {
            to.push(if index == 0 { '{' } else { ',' });
            to.push_str(name);
            value(column, row, *holds_json, to);
        }
        to.push_str("}\n");
    }
}

fn value(column: &ArrayRef, row: usize, holds_json: bool, to: &mut String) {
    if column.is_null(row) {
        return to.push_str("null");
    }
    match column.data_type() {
        DataType::Utf8 => {
            let text = column.as_string::<i32>().value(row);
            match (holds_json, text.bytes().all(is_plain)) {
                (true, true) => to.push_str(text),
                (true, false) => to.push_str(&escape::json(text)),
                // Most texts need no escapes, and a registry may hold many millions of them.
                (false, true) if !text.contains(['"', '\\']) => {
                    to.extend(["\"", text, "\""]);
                }
                (false, _) => to.push_str(&escape::json(&quoted(text))),
            }
        }
        DataType::Timestamp(..) => {
            let us = column.as_primitive::<TimestampMicrosecondType>().value(row);
            // Writing to a string cannot fail.
            let _ = write!(to, "\"{}\"", Timestamp::from_us(us).unwrap_or(Timestamp::MAX));
        }
        DataType::Decimal128(..) => {
            let units = column.as_primitive::<Decimal128Type>().value(row);
            match Money::from_units(units) {
                Ok(amount) => {
                    let _ = write!(to, "{amount}");
                }
                Err(_) => to.push_str("null"),
            }
        }
        DataType::Int32 => {
            let _ = write!(to, "{}", column.as_primitive::<Int32Type>().value(row));
        }
        _ => match column.as_primitive_opt::<Float64Type>().map(|doubles| doubles.value(row)) {
            Some(number) if number.is_finite() => {
                let number = serde_json::Number::from_f64(number);
                let _ = number.map(|number| write!(to, "{number}"));
            }
            // JSON has no infinity.
            Some(number) => {
                let _ = write!(to, "\"{number}\"");
            }
            None => to.push_str("null"),
        },
    }
}

/// Whether a byte is an ASCII character that JSON on a page may show as it is.
fn is_plain(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) && byte != b'<'
}

/// A text as JSON. Texts have no JSON that can fail.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

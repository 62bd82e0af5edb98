//! A part's columns by name, as the job writes them.

use arrow::array::types::Decimal128Type;
use arrow::array::{
    Array, ArrowPrimitiveType, AsArray as _, PrimitiveArray, RecordBatch, StringArray,
};
use cohort_core::Money;

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, String> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("no column {name}"))?;
    Ok(column.as_ref())
}

pub(super) fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, String> {
    let column = column(batch, name)?;
    column.as_string_opt::<i32>().ok_or_else(|| mistyped(name, column))
}

pub(super) fn values<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, String> {
    let column = column(batch, name)?;
    column.as_primitive_opt::<T>().ok_or_else(|| mistyped(name, column))
}

pub(super) fn value(column: &StringArray, at: usize) -> Option<&str> {
    column.is_valid(at).then(|| column.value(at))
}

pub(super) fn money(
    column: &PrimitiveArray<Decimal128Type>,
    at: usize,
) -> Result<Option<Money>, String> {
    column.is_valid(at).then(|| Money::from_units(column.value(at))).transpose().map_err(text_of)
}

fn mistyped(name: &str, column: &dyn Array) -> String {
    format!("{name} as {}", column.data_type())
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

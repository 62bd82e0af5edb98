//! Batches of a log in the making: every log that the contract writes is built here, column by
//! column in the contract's order.

use std::sync::Arc;

use arrow_array::builder::{
    Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::contract::{Column, ColumnType, Log};
use crate::{Money, Timestamp};

/// A log's Arrow schema.
#[must_use]
pub fn schema(log: &Log) -> SchemaRef {
    let field = |column: &Column| Field::new(column.name, data_type(column.kind), column.nullable);
    Arc::new(Schema::new(log.columns.iter().map(field).collect::<Vec<_>>()))
}

/// The Arrow type that a column is written as.
#[must_use]
pub fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::String => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal => DataType::Decimal128(Money::PRECISION, Money::SCALE),
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::DoubleList => DataType::new_list(DataType::Float64, true),
    }
}

/// A batch with this many bytes of text is full.
const TEXT_BYTES_FULL: usize = 1 << 25;

/// Rows of one log on their way to a record batch.
#[derive(Debug)]
pub struct BatchBuilder {
    log: &'static Log,
    columns: Vec<Values>,
    rows: usize,
    text_bytes: usize,
}

/// The values of one column.
#[derive(Debug)]
enum Values {
    Text(StringBuilder),
    Instant(TimestampMicrosecondBuilder),
    Double(Float64Builder),
    Amount(Decimal128Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Doubles(ListBuilder<Float64Builder>),
}

/// One row: its values are given in the contract's order, each under its column's name.
#[derive(Debug)]
pub struct Row<'b> {
    text_bytes: &'b mut usize,
    columns: std::iter::Zip<std::slice::IterMut<'b, Values>, std::slice::Iter<'static, Column>>,
}

impl BatchBuilder {
    /// No rows of the log.
    #[must_use]
    pub fn new(log: &'static Log) -> Self {
        let columns = log.columns.iter().map(|column| Values::new(column.kind)).collect();
        Self { log, columns, rows: 0, text_bytes: 0 }
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the rows so far are enough for a batch: `rows_max` of them, or 32 MiB of text, the
    /// most that a column is built for.
    #[must_use]
    pub const fn is_full(&self, rows_max: usize) -> bool {
        self.rows >= rows_max || self.text_bytes >= TEXT_BYTES_FULL
    }

    /// Begins a row. Every column must be given a value, in order.
    pub fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        let columns = self.columns.iter_mut().zip(self.log.columns);
        Row { text_bytes: &mut self.text_bytes, columns }
    }

    /// The batch of all rows so far; the builder is empty again.
    ///
    /// # Errors
    /// [`ArrowError`] if a row left out a column, or gave null to one that has none.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        (self.rows, self.text_bytes) = (0, 0);
        let columns = self.columns.iter_mut().map(Values::finish).collect();
        RecordBatch::try_new(schema(self.log), columns)
    }
}

impl Values {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::String => Self::Text(StringBuilder::new()),
            ColumnType::Timestamp => {
                let instants = TimestampMicrosecondBuilder::new();
                Self::Instant(instants.with_data_type(data_type(kind)))
            }
            ColumnType::Double => Self::Double(Float64Builder::new()),
            ColumnType::Decimal => {
                Self::Amount(Decimal128Builder::new().with_data_type(data_type(kind)))
            }
            ColumnType::Int32 => Self::Int32(Int32Builder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::DoubleList => Self::Doubles(ListBuilder::new(Float64Builder::new())),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(values) => Arc::new(values.finish()),
            Self::Instant(values) => Arc::new(values.finish()),
            Self::Double(values) => Arc::new(values.finish()),
            Self::Amount(values) => Arc::new(values.finish()),
            Self::Int32(values) => Arc::new(values.finish()),
            Self::Int64(values) => Arc::new(values.finish()),
            Self::Doubles(values) => Arc::new(values.finish()),
        }
    }
}

impl Row<'_> {
    /// The next column, which must have this name.
    ///
    /// A wrong name or a value of another type is a mistake in this crate: debug builds stop at it,
    /// and [`BatchBuilder::finish`] refuses the batch.
    fn next(&mut self, name: &str) -> Option<&mut Values> {
        let (values, column) = self.columns.next()?;
        debug_assert_eq!(column.name, name, "columns are given in the contract's order");
        (column.name == name).then_some(values)
    }

    /// A text.
    pub fn text<'t>(&mut self, name: &str, value: impl Into<Option<&'t str>>) -> &mut Self {
        let value = value.into();
        *self.text_bytes += value.map_or(0, str::len);
        if let Some(Values::Text(values)) = self.next(name) {
            values.append_option(value);
        }
        self
    }

    /// An instant.
    pub fn instant(&mut self, name: &str, value: impl Into<Option<Timestamp>>) -> &mut Self {
        if let Some(Values::Instant(values)) = self.next(name) {
            values.append_option(value.into().map(Timestamp::as_us));
        }
        self
    }

    /// A double.
    pub fn double(&mut self, name: &str, value: Option<f64>) -> &mut Self {
        if let Some(Values::Double(values)) = self.next(name) {
            values.append_option(value);
        }
        self
    }

    /// An amount.
    pub fn amount(&mut self, name: &str, value: Option<Money>) -> &mut Self {
        if let Some(Values::Amount(values)) = self.next(name) {
            values.append_option(value.map(|amount| i128::from(amount.units())));
        }
        self
    }

    /// A count; one that does not fit is shown as the greatest that does.
    pub fn count(&mut self, name: &str, value: u64) -> &mut Self {
        match self.next(name) {
            Some(Values::Int32(values)) => {
                values.append_value(i32::try_from(value).unwrap_or(i32::MAX));
            }
            Some(Values::Int64(values)) => {
                values.append_value(i64::try_from(value).unwrap_or(i64::MAX));
            }
            _ => {}
        }
        self
    }

    /// A count that may be null.
    pub(super) fn maybe_count(&mut self, name: &str, value: Option<u32>) -> &mut Self {
        match (value, self.next(name)) {
            (Some(value), Some(Values::Int32(values))) => {
                values.append_value(i32::try_from(value).unwrap_or(i32::MAX));
            }
            (None, Some(Values::Int32(values))) => values.append_null(),
            _ => {}
        }
        self
    }

    /// A list of doubles.
    pub fn doubles(&mut self, name: &str, value: Option<&[Option<f64>]>) -> &mut Self {
        if let Some(Values::Doubles(values)) = self.next(name) {
            match value {
                Some(list) => values.append_value(list.iter().copied()),
                None => values.append_null(),
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::REJECTS;

    #[test]
    fn a_row_has_a_value_for_every_column_or_there_is_no_batch() {
        let mut whole = BatchBuilder::new(&REJECTS);
        let mut row = whole.row();
        row.text("dataset", "d").text("file", "f").count("row", 7);
        row.text("reason", "r").text("content", "{}").text("run_id", "x");
        assert_eq!(whole.rows(), 1);
        assert_eq!(whole.finish().unwrap().num_rows(), 1);
        assert_eq!(whole.rows(), 0);
        let mut short = BatchBuilder::new(&REJECTS);
        short.row().text("dataset", "d");
        assert!(short.finish().is_err());
    }
}

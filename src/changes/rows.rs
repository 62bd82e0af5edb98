//! The rows of a log's parts in a form that can be compared.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::row::{Row, RowConverter, Rows, SortField};
use bytes::Bytes;
use cohort_core::batch::data_type;
use cohort_core::contract::{Column, Log};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::cells::cell;

/// The one column in which rows may differ and be the same.
pub(super) const RUN_ID: &str = "run_id";

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 13;

/// Where a row is: its batch, and its place there.
pub(super) type Place = (usize, usize);

/// What names a row within its group: a text, a text that may be null, and a number.
pub(super) type Key = (Option<String>, Option<String>, Option<i64>);

/// The rows of one log, in groups: by event, or in `rejects` by file.
#[derive(Debug)]
pub(super) struct LogRows {
    /// The log.
    pub log: &'static Log,
    batches: Vec<RecordBatch>,
    compared: Vec<Rows>,
    groups: BTreeMap<String, Vec<Place>>,
}

/// The column by which a log's rows are grouped, and those that name a row within its group.
fn key_columns(log: &Log) -> (&'static str, [&'static str; 3]) {
    match log.name {
        "minority_event_log" => ("event_id", ["event_id", "event_id", "version"]),
        "rejects" => ("file", ["dataset", "file", "row"]),
        _ => ("report_group_id", ["report_id", "sku", "version"]),
    }
}

impl LogRows {
    /// Decodes the parts of a log.
    ///
    /// # Errors
    /// What is wrong with a part.
    pub(super) fn read(log: &'static Log, parts: &[Bytes]) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let compared = log.columns.iter().filter(|column| column.name != RUN_ID);
        let fields = compared.map(|column| SortField::new(data_type(column.kind))).collect();
        let converter = RowConverter::new(fields).map_err(|error| text(&error))?;
        let mut rows =
            Self { log, batches: Vec::new(), compared: Vec::new(), groups: BTreeMap::new() };
        for part in parts {
            // Without the embedded Arrow schema, each column has the plain Arrow type of its
            // Parquet type.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let builder =
                ParquetRecordBatchReaderBuilder::try_new_with_options(part.clone(), options)
                    .map_err(|error| text(&error))?;
            let reader = builder.with_batch_size(BATCH_ROWS).build();
            for batch in reader.map_err(|error| text(&error))? {
                rows.add(batch.map_err(|error| text(&error))?, &converter)?;
            }
        }
        Ok(rows)
    }

    fn add(&mut self, batch: RecordBatch, converter: &RowConverter) -> Result<(), String> {
        let of = |column: &Column| as_written(&batch, column);
        let compared = self.log.columns.iter().filter(|column| column.name != RUN_ID);
        let columns = compared.map(of).collect::<Result<Vec<_>, _>>()?;
        let compared = converter.convert_columns(&columns).map_err(|error| error.to_string())?;
        let (group, _) = key_columns(self.log);
        let groups = batch.column_by_name(group).and_then(|column| column.as_string_opt::<i32>());
        let groups = groups.ok_or_else(|| format!("no text in the column {group}"))?;
        for row in 0..batch.num_rows() {
            let place = (self.batches.len(), row);
            match self.groups.get_mut(groups.value(row)) {
                Some(places) => places.push(place),
                None => {
                    self.groups.insert(groups.value(row).to_owned(), vec![place]);
                }
            }
        }
        self.batches.push(batch);
        self.compared.push(compared);
        Ok(())
    }

    /// The groups, in order.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The rows of a group, in the log's order.
    pub(super) fn of(&self, group: &str) -> &[Place] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// These rows of one group by their key.
    pub(super) fn by_key(&self, places: &[Place]) -> BTreeMap<Key, Place> {
        let (_, [text, maybe, number]) = key_columns(self.log);
        let key = |at: Place| {
            let number = self.value(number, at).as_i64();
            (self.maybe_text(text, at), self.maybe_text(maybe, at), number)
        };
        places.iter().map(|&at| (key(at), at)).collect()
    }

    /// All that is compared of a row.
    pub(super) fn row(&self, (batch, row): Place) -> Row<'_> {
        self.compared[batch].row(row)
    }

    /// A text of a row; empty if it is null.
    pub(super) fn text(&self, name: &str, at: Place) -> String {
        self.maybe_text(name, at).unwrap_or_default()
    }

    /// A text of a row, if it is not null.
    pub(super) fn maybe_text(&self, name: &str, at: Place) -> Option<String> {
        self.value(name, at).as_str().map(str::to_owned)
    }

    /// A value of a row; null if there is no such column.
    pub(super) fn value(&self, name: &str, (batch, row): Place) -> Value {
        let column = self.log.column(name).zip(self.batches[batch].column_by_name(name));
        column.map_or(Value::Null, |(column, values)| cell(values, column.kind, row))
    }
}

/// A column of a batch, if it has the type that the contract gives it.
fn as_written(batch: &RecordBatch, column: &Column) -> Result<ArrayRef, String> {
    let values = batch.column_by_name(column.name);
    let values = values.ok_or_else(|| format!("no column {}", column.name))?;
    let written = data_type(column.kind);
    let list =
        |kind: &arrow::datatypes::DataType| matches!(kind, arrow::datatypes::DataType::List(_));
    if values.data_type() == &written || list(values.data_type()) && list(&written) {
        return Ok(values.clone());
    }
    Err(format!("{} as {} in the column {}", written, values.data_type(), column.name))
}

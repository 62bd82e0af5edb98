//! A lake with an edits log, and the registry read back from what the command prints.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::edits;
use crate::lake::{Lake, Shape};
use crate::model::{Amount, EditRow, Input, Params};

pub(crate) const EDITS: &str = "user_minority_events_edits_log";

/// A lake in which runs were committed.
pub(crate) struct Scene {
    pub lake: Lake,
    manifest: std::path::PathBuf,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Count(i32),
    Double(f64),
    Amount(Amount),
    Instant(i64),
}

/// A row of the registry by column.
pub(crate) type Row = BTreeMap<String, Cell>;

impl Scene {
    /// Runs the job for each of these.
    pub(crate) fn new(input: &Input, runs: &[Params]) -> Self {
        let lake = Lake::new(input, Shape::PLAIN);
        for run in runs {
            let done = lake.run(run, &[]);
            assert_eq!(done.exit, 0, "{done:?}");
        }
        Self::over(lake, &runs[0])
    }

    /// A lake whose runs were committed already.
    pub(crate) fn over(lake: Lake, run: &Params) -> Self {
        let mut manifest = lake.manifest(run);
        manifest["inputs"][EDITS] = json!({"uri": "edits/"});
        let path = lake.path().join("registry.json");
        std::fs::write(&path, manifest.to_string()).unwrap();
        Self { lake, manifest: path }
    }

    pub(crate) fn write_edits(&self, name: &str, rows: &[EditRow]) {
        edits::write(&self.lake.path().join("edits"), name, rows);
    }

    /// `cohort COMMAND --manifest M ...`.
    pub(crate) fn cohort(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(crate::binary::binary())
            .arg(command)
            .arg("--manifest")
            .arg(&self.manifest)
            .args(arguments)
            .env("COHORT_EDITED_BY", "ann")
            .output()
            .unwrap()
    }

    /// A command that must succeed: what it prints.
    #[track_caller]
    pub(crate) fn says(&self, command: &str, arguments: &[&str]) -> Vec<u8> {
        let done = self.cohort(command, arguments);
        let log = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {log}");
        done.stdout
    }

    /// A command that must fail, in one line that holds all of `words`.
    #[track_caller]
    pub(crate) fn fails(&self, command: &str, arguments: &[&str], exit: i32, words: &[&str]) {
        let done = self.cohort(command, arguments);
        let log = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(exit), "{arguments:?}: {log}");
        for word in words {
            assert!(log.contains(word), "{word:?} is not in {log}");
        }
        assert_eq!(log.lines().count(), 1, "{log}");
    }

    /// The registry as Parquet shows it.
    #[track_caller]
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<Row> {
        let bytes = self.says("registry", &[&["--as", "parquet"], arguments].concat());
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let batches = reader.build().unwrap().map(Result::unwrap);
        batches.flat_map(|batch| rows(&batch)).collect()
    }

    /// The registry as lines of JSON show it.
    #[track_caller]
    pub(crate) fn json(&self, command: &str, arguments: &[&str]) -> Vec<Value> {
        let text = String::from_utf8(self.says(command, arguments)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The paths and contents of all files of the edits log.
    pub(crate) fn edit_files(&self) -> BTreeMap<String, Vec<u8>> {
        crate::lake::files_under(&self.lake.path().join("edits"))
    }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let row = |row: usize| {
        let columns = schema.fields().iter().zip(batch.columns());
        columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Cell::Text(texts.value(row).to_owned());
    }
    if let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return Cell::Instant(instants.value(row));
    }
    if let Some(amounts) = column.as_primitive_opt::<Decimal128Type>() {
        return Cell::Amount(amounts.value(row));
    }
    if let Some(doubles) = column.as_primitive_opt::<Float64Type>() {
        return Cell::Double(doubles.value(row));
    }
    Cell::Count(column.as_primitive::<Int32Type>().value(row))
}

//! Rejected rows, whole, with file and row number (SPEC 2, *Bad rows*).

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};

use cohort_core::batch::builder::BatchBuilder;
use parquet::errors::ParquetError;

use super::part::{GroupWriter, Part};
use crate::contract::REJECTS;
use crate::layout::RunId;
use crate::table::Error;
use crate::table::dataset::Source;
use crate::table::fetched::Fetched;
use crate::table::prune::selection;
use crate::table::rejects::Reject;

/// The rejected rows of one row group, as the file has them.
#[derive(Debug)]
pub struct RejectedRows {
    dataset: &'static str,
    file: String,
    first_row: u64,
    rejects: Vec<Reject>,
    rows: Vec<String>,
}

impl RejectedRows {
    /// Reads the rows of one row group whole, each as a JSON object.
    ///
    /// # Errors
    /// [`Error::Corrupt`], or [`Error::Encode`] where a column has a type without a JSON form.
    pub fn read(
        source: &Source,
        row_group: usize,
        rejects: Vec<Reject>,
        fetched: Fetched,
    ) -> Result<Self, Error> {
        let rows: Vec<_> = rejects.iter().map(|reject| reject.row).collect();
        let mut lines = Vec::with_capacity(rows.len());
        let select: Vec<_> = rows.iter().map(|&row| row..row + 1).collect();
        let select = selection(&select, source.file.group_rows(row_group));
        for batch in source.file.batches(
            fetched,
            row_group,
            &all_columns(source, row_group),
            Some(select),
        )? {
            let batch =
                batch.map_err(|error| Error::corrupt(&source.file.object.uri, row_group, error))?;
            lines.extend(json_rows(&source.file.with_text(&batch))?);
        }
        Ok(Self {
            dataset: source.columns.log().name,
            file: source.file.object.uri.to_string(),
            first_row: source.file.first_row(row_group),
            rejects,
            rows: lines,
        })
    }

    /// Where the rows stand: the order of the rejects.
    pub fn place(&self) -> (&str, &str, u64) {
        (self.dataset, &self.file, self.first_row)
    }
}

/// All root columns of a file that can be read in a row group.
pub fn all_columns(source: &Source, row_group: usize) -> Vec<usize> {
    source.file.readable_roots(row_group)
}

/// Encodes rejected rows, which come in the order (dataset, file, row).
///
/// # Errors
/// [`Error::Encode`].
pub fn encode(all: &[RejectedRows], run_id: &RunId) -> Result<Part, Error> {
    let mut group = GroupWriter::new(&REJECTS)?;
    for of_group in all {
        let mut batch = BatchBuilder::new(&REJECTS);
        for (reject, line) in of_group.rejects.iter().zip(&of_group.rows) {
            batch
                .row()
                .text("dataset", of_group.dataset)
                .text("file", of_group.file.as_str())
                .count("row", of_group.first_row + reject.row as u64)
                .text("reason", reject.reason.text().as_str())
                .text("content", line.as_str())
                .text("run_id", run_id.as_str());
        }
        let written = batch.finish().map_err(ParquetError::from);
        written
            .and_then(|batch| group.write(&batch))
            .map_err(|error| Error::encode(REJECTS.name, &error))?;
    }
    Part::of(&REJECTS, &[group.finish()?])
}

/// Each row as a JSON object.
fn json_rows(batch: &RecordBatch) -> Result<Vec<String>, Error> {
    let batch = in_utc(batch).and_then(|batch| match json(&batch) {
        Ok(text) => Ok(text),
        // A column whose type has no JSON form is one that the contract does not read: the others must do.
        Err(_) => {
            let shown = (0..batch.num_columns())
                .filter(|&i| batch.project(&[i]).and_then(|column| json(&column)).is_ok());
            json(&batch.project(&shown.collect::<Vec<_>>())?)
        }
    });
    let wrong = |reason: String| Error::Encode { log: REJECTS.name, reason };
    let text = batch.map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn json(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

/// The same rows with every instant in the zone `+00:00`: the writer knows no zone by its name.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => Ok(column.clone()),
    });
    let names =
        batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    RecordBatch::try_from_iter_with_nullable(
        names
            .into_iter()
            .zip(columns.collect::<Result<Vec<_>, _>>()?)
            .map(|(name, column)| (name, column, true)),
    )
}

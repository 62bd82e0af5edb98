//! Rejected rows, whole, with file and row number (SPEC 2, *Bad rows*).

use cohort_core::batch::BatchBuilder;
use parquet::errors::ParquetError;

use super::part::{GroupWriter, Part};
use crate::layout::RunId;
use crate::parquet::Error;
use crate::parquet::content;
use crate::parquet::dataset::Source;
use crate::parquet::fetched::Fetched;
use crate::parquet::prune::selection;
use cohort_core::contract::REJECTS;
use cohort_core::rejects::Reject;

/// The rejected rows of one row group, as the file has them.
#[derive(Debug)]
pub(crate) struct RejectedRows {
    dataset: &'static str,
    file: String,
    first_row: u64,
    rejects: Vec<Reject>,
    rows: Vec<String>,
}

impl RejectedRows {
    /// Reads the rows of one row group whole, each as a JSON object.
    pub(crate) fn read(
        source: &Source,
        row_group: usize,
        rejects: Vec<Reject>,
        fetched: &Fetched,
    ) -> Self {
        let rows: Vec<_> = rejects.iter().map(|reject| reject.row).collect();
        let select: Vec<_> = rows.iter().map(|&row| row..row + 1).collect();
        let select = selection(&select, source.file.group_rows(row_group));
        let lines = content::rows(source, row_group, &select, fetched);
        Self {
            dataset: source.columns.log().name,
            file: source.file.object.uri.to_string(),
            first_row: source.file.first_row(row_group),
            rejects,
            rows: lines,
        }
    }

    /// Where the rows stand: the order of the rejects.
    pub(crate) fn place(&self) -> (&str, &str, u64) {
        (self.dataset, &self.file, self.first_row)
    }
}

/// All root columns of a file that can be read in a row group.
pub(crate) fn all_columns(source: &Source, row_group: usize) -> Vec<usize> {
    source.file.readable_roots(row_group)
}

/// Encodes rejected rows, which come in the order (dataset, file, row).
///
/// # Errors
/// [`Error::Encode`].
pub(crate) fn encode(all: &[RejectedRows], run_id: &RunId) -> Result<Part, Error> {
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

//! Rejected rows, whole, with file and row number (SPEC 2, *Bad rows*).

use cohort_core::batch::BatchBuilder;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::errors::ParquetError;

use super::part::{GROUP_ROWS_MAX, GroupWriter, Part};
use crate::layout::RunId;
use crate::parquet::Error;
use crate::parquet::content;
use crate::parquet::dataset::Source;
use crate::parquet::fetched::Fetched;
use cohort_core::contract::REJECTS;
use cohort_core::rejects::Reject;

/// Rows handed to the encoder at once. It takes larger batches in steps of this many rows, so that
/// the pages are the same as if it were given all rows of a row group at once.
const BATCH_ROWS: usize = 1 << 10;

/// The part of rejected rows in the making.
#[derive(Debug)]
pub(crate) struct RejectsPart<'r> {
    run_id: &'r RunId,
    group: GroupWriter,
    batch: BatchBuilder,
}

/// Where the rejected rows of a row group stand: the order in which they are written.
pub(crate) fn place(source: &Source, row_group: usize) -> (&'static str, String, u64) {
    let file = source.file.object.uri.to_string();
    (source.columns.log().name, file, source.file.first_row(row_group))
}

/// All root columns of a file that can be read in a row group.
pub(crate) fn all_columns(source: &Source, row_group: usize) -> Vec<usize> {
    source.file.readable_roots(row_group)
}

impl<'r> RejectsPart<'r> {
    /// No rows.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn new(run_id: &'r RunId) -> Result<Self, Error> {
        let (group, batch) = (GroupWriter::new(&REJECTS)?, BatchBuilder::new(&REJECTS));
        Ok(Self { run_id, group, batch })
    }

    /// Writes the rejected rows of one row group, each whole as a JSON object. They are those that
    /// are selected.
    ///
    /// # Errors
    /// [`Error::Encode`]; [`Error::Corrupt`] if the page index may be why a column cannot be read.
    /// Nothing is written then.
    pub(crate) fn write(
        &mut self,
        source: &Source,
        row_group: usize,
        rejects: impl Iterator<Item = Reject>,
        (select, fetched): (&RowSelection, &Fetched),
    ) -> Result<(), Error> {
        let (dataset, file, first_row) = place(source, row_group);
        let lines = content::rows(source, row_group, select, fetched)?;
        for (reject, line) in rejects.zip(lines) {
            self.batch
                .row()
                .text("dataset", dataset)
                .text("file", file.as_str())
                .count("row", first_row + reject.row as u64)
                .text("reason", reject.reason.text().as_str())
                .text("content", line.as_str())
                .text("run_id", self.run_id.as_str());
            // The encoder begins another row group there, and its steps with it.
            let is_last = (self.group.rows() + self.batch.rows()).is_multiple_of(GROUP_ROWS_MAX);
            if is_last || self.batch.is_full(BATCH_ROWS) {
                self.flush()?;
            }
        }
        self.flush()
    }

    /// The part.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn finish(self) -> Result<Part, Error> {
        Part::of(&REJECTS, &[self.group.finish()?])
    }

    fn flush(&mut self) -> Result<(), Error> {
        let batch = self.batch.finish().map_err(ParquetError::from);
        let written = batch.and_then(|batch| self.group.write(&batch));
        written.map_err(|error| Error::encode(REJECTS.name, &error))
    }
}

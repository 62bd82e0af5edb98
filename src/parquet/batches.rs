//! Record batches, counted: the rows decoded are the rows that the row group claims. If a column
//! cannot be decoded, the error names it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::Length as _;

use super::fetched::Fetched;
use super::file::File;
use super::guard::guarded;
use super::mended::locations;
use super::{Error, bounds, deltas, footer, instants96};

/// Record batches that hold as many rows as were expected of them.
#[derive(Debug)]
pub(crate) struct Batches {
    reader: Counted,
    columns: Columns,
    done: bool,
}

/// Some columns of a row group, as far as they have been fetched.
#[derive(Clone, Debug)]
struct Columns {
    file: File,
    fetched: Fetched,
    row_group: usize,
    roots: Vec<usize>,
    /// The selected rows, or `None` for all.
    rows: Option<RowSelection>,
}

/// A reader, with what it must return.
struct Counted {
    reader: ParquetRecordBatchReader,
    /// The root columns that it reads.
    roots: Vec<usize>,
    /// Those of them that hold 96-bit instants, and a reader of them in milliseconds.
    of_96: Option<(Vec<usize>, ParquetRecordBatchReader)>,
    /// The rows that the row group claims to have.
    claimed: usize,
    /// The rows that were asked for.
    expected: usize,
    decoded: usize,
}

impl File {
    /// The selected rows of these root columns of a row group, in batches.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) fn batches(
        &self,
        fetched: Fetched,
        row_group: usize,
        roots: &[usize],
        rows: Option<RowSelection>,
    ) -> std::result::Result<Batches, Error> {
        // All rows are read without a selection, so that rows past the claimed ones show.
        let rows = rows.filter(|rows| rows.row_count() < self.group_rows(row_group));
        // The manifest may map several columns of a log to one of the file. It is read once.
        let mut roots = roots.to_vec();
        roots.sort_unstable();
        roots.dedup();
        let columns = Columns { file: self.clone(), fetched, row_group, roots, rows };
        match columns.reader() {
            Ok(reader) => Ok(Batches { reader, columns, done: false }),
            Err(error) => Err(columns.corrupt(&error)),
        }
    }
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = self.reader.batch().transpose()?;
        self.done = batch.is_err();
        Some(batch.map_err(|error| self.columns.corrupt(&error)))
    }
}

impl Columns {
    fn reader(&self) -> Result<Counted> {
        let claimed = self.file.group_rows(self.row_group);
        let expected = self.rows.as_ref().map_or(claimed, RowSelection::row_count);
        let roots = self.roots.clone();
        guarded(|| {
            let schema = self.file.arrow.schema();
            let reader = self.reader_of(&roots, schema)?;
            let of_96 = instants96::among(&self.file, &roots);
            let of_96 = if of_96.is_empty() {
                None
            } else {
                let schema = instants96::in_milliseconds(schema, &of_96);
                let reader = self.reader_of(&of_96, &schema)?;
                Some((of_96, reader))
            };
            Ok(Counted { reader, roots, of_96, claimed, expected, decoded: 0 })
        })
    }

    fn leaves(&self) -> Vec<usize> {
        self.file.leaves(&self.roots).collect()
    }

    fn reader_of(&self, roots: &[usize], schema: &SchemaRef) -> Result<ParquetRecordBatchReader> {
        let Self { file, fetched, row_group, rows, .. } = self.clone();
        let leaves: Vec<_> = file.leaves(roots).collect();
        let batch_rows = file.batch_rows(&fetched, row_group, &self.leaves())?;
        let (fetched, metadata) = file.mended(fetched, row_group, &leaves)?;
        let now = metadata.as_ref().unwrap_or(file.metadata());
        for &leaf in &leaves {
            let column = now.row_group(row_group).column(leaf);
            let chunk = footer::chunk_range(column, fetched.len()).map_err(ParquetError::EOF)?;
            let places = bounds::places(&chunk, locations(now, row_group, leaf).as_deref());
            deltas::check(&fetched, column, &places, file.group_rows(row_group))?;
        }
        let arrow = if metadata.is_none() && Arc::ptr_eq(schema, file.arrow.schema()) {
            file.arrow.clone()
        } else {
            let metadata = metadata.map_or_else(|| file.arrow.metadata().clone(), Arc::new);
            let options = ArrowReaderOptions::new().with_schema(schema.clone());
            ArrowReaderMetadata::try_new(metadata, options)?
        };
        let mask = ProjectionMask::roots(arrow.parquet_schema(), roots.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(fetched, arrow)
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows);
        if let Some(rows) = rows {
            // By default a short selection becomes a mask, which decodes the pages between the rows
            // as well. Only the pages of the selected rows have been fetched.
            builder = builder
                .with_row_selection(rows)
                .with_row_selection_policy(RowSelectionPolicy::Selectors);
        }
        builder.build()
    }

    /// The error, with the name of the column that it comes from. The columns are read again, each
    /// by itself: together they do not tell.
    fn corrupt(&self, error: &ParquetError) -> Error {
        let fails = |&root: &usize| {
            let alone = Self { roots: vec![root], ..self.clone() };
            let read = alone.reader().and_then(|mut reader| {
                while reader.batch()?.is_some() {}
                Ok(())
            });
            Some((root, read.err()?))
        };
        let uri = &self.file.object.uri;
        match self.roots.iter().find_map(fails) {
            Some((root, error)) => {
                let column = self.file.schema().field(root).name();
                let codec = self.codec(root);
                let reason = format!("column {column:?} in the codec {codec}: {error}");
                Error::corrupt(uri, self.row_group, reason)
            }
            None => Error::corrupt(uri, self.row_group, error),
        }
    }

    /// The name of a root column's codec, without its level.
    fn codec(&self, root: usize) -> String {
        let group = self.file.metadata().row_group(self.row_group);
        let leaf = self.file.leaves(&[root]).next();
        let codec = leaf.map_or(Compression::UNCOMPRESSED, |leaf| group.column(leaf).compression());
        codec.to_string().split('(').next().unwrap_or_default().to_owned()
    }
}

impl Counted {
    /// The next batch, or `None` once all rows that were expected have been returned.
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = guarded(|| {
            let batch = self.reader.next().transpose()?;
            let Some((of_96, reader)) = &mut self.of_96 else { return Ok(batch) };
            match (batch, reader.next().transpose()?) {
                (Some(batch), Some(milliseconds)) => {
                    let roots = &self.roots;
                    Ok(Some(instants96::put_right(&batch, &milliseconds, roots, of_96)?))
                }
                (batch, _) => Ok(batch),
            }
        })?;
        self.decoded += batch.as_ref().map_or(0, RecordBatch::num_rows);
        if self.decoded > self.expected || batch.is_none() && self.decoded < self.expected {
            return Err(ParquetError::General(format!(
                "{} rows of the {} expected; the row group claims {}",
                self.decoded, self.expected, self.claimed
            )));
        }
        Ok(batch)
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("expected", &self.expected).finish_non_exhaustive()
    }
}

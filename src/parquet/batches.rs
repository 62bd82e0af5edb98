//! Record batches, counted: the rows decoded are the rows that the row group claims.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

/// Record batches that hold as many rows as were expected of them.
pub(crate) struct Batches {
    reader: ParquetRecordBatchReader,
    /// The rows that the row group claims to have.
    claimed: usize,
    /// The rows that were asked for.
    expected: usize,
    decoded: usize,
    done: bool,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let batch = match self.reader.next() {
            Some(Ok(batch)) => {
                self.decoded += batch.num_rows();
                if self.decoded <= self.expected {
                    return Some(Ok(batch));
                }
                None
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.decoded == self.expected => None,
            None => Some(Err(self.short())),
        };
        self.done = true;
        batch.or_else(|| (self.decoded > self.expected).then(|| Err(self.short())))
    }
}

impl Batches {
    /// The batches of a reader. Its row group claims to have `claimed` rows, of which the reader
    /// must return `expected`.
    pub(crate) const fn new(
        reader: ParquetRecordBatchReader,
        claimed: usize,
        expected: usize,
    ) -> Self {
        Self { reader, claimed, expected, decoded: 0, done: false }
    }

    fn short(&self) -> ArrowError {
        ArrowError::ParquetError(format!(
            "{} rows of the {} expected; the row group claims {}",
            self.decoded, self.expected, self.claimed
        ))
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("expected", &self.expected).finish_non_exhaustive()
    }
}

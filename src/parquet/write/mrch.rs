//! Row groups of MRCH.

use cohort_core::batch::MrchBatch;
use cohort_core::{Event, EventRows, Names};
use parquet::errors::ParquetError;

use super::part::{BATCH_ROWS, Group, GroupWriter};
use crate::layout::RunId;
use crate::parquet::Error;
use cohort_core::contract::MRCH;

/// A row group of MRCH in the making.
#[derive(Debug)]
pub(crate) struct MrchWriter {
    group: GroupWriter,
    rows: MrchBatch,
}

impl MrchWriter {
    /// An empty row group.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn new(run_id: &RunId) -> Result<Self, Error> {
        Ok(Self { group: GroupWriter::new(&MRCH)?, rows: MrchBatch::new(run_id.as_str()) })
    }

    /// Appends an event's rows.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn write(
        &mut self,
        names: &Names<'_>,
        event: &Event,
        rows: &EventRows<'_>,
    ) -> Result<(), Error> {
        let group = &mut self.group;
        self.rows
            .push(names, event, rows, BATCH_ROWS, |batch| group.write(&batch))
            .map_err(|error: ParquetError| Error::encode(MRCH.name, &error))
    }

    /// Ends the row group.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn finish(mut self) -> Result<Group, Error> {
        if self.rows.rows() > 0 {
            let last = self.rows.finish().map_err(ParquetError::from);
            last.and_then(|batch| self.group.write(&batch))
                .map_err(|error| Error::encode(MRCH.name, &error))?;
        }
        self.group.finish()
    }
}

//! A file's columns checked against the contract, with the names that the manifest maps.

use cohort_core::batch::{ColumnFault, LogColumns};
use cohort_core::contract::Log;

use super::Error;
use super::file::File;
use crate::manifest::Dataset;

/// Finds the log's columns in a file.
///
/// # Errors
/// [`Error::Columns`].
pub(crate) fn of(log: &'static Log, dataset: &Dataset, file: &File) -> Result<LogColumns, Error> {
    LogColumns::of(log, file.schema().fields(), |name| dataset.column(name)).map_err(|fault| {
        // What such a column was made to look like is not what its type is.
        if let ColumnFault::Type { column, .. } = &fault
            && let Some(root) = file.schema().index_of(column).ok()
            && let Some(found) = file.fault_of(root)
        {
            return Error::unreadable(&file.object.uri, column.clone(), found);
        }
        let advice = match fault {
            ColumnFault::Missing { .. } => "map it under \"columns\" in the manifest, or write it",
            ColumnFault::Two { .. } => {
                "map the right one under \"columns\" in the manifest, or write the file with one \
                 of them"
            }
            ColumnFault::Type { .. } => "write it with that type",
        };
        Error::Columns { uri: file.object.uri.clone(), fault, advice }
    })
}

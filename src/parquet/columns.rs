//! A file's columns checked against the contract, with the names that the manifest maps.

use cohort_core::batch::{ColumnFault, LogColumns};
use cohort_core::contract::Log;

use super::Error;
use super::file::File;
use crate::manifest::Dataset;

/// Finds the log's columns in a file.
///
/// # Errors
/// [`Error::Columns`], and [`Error::Unreadable`] if nobody could read one of them.
pub(crate) fn of(log: &'static Log, dataset: &Dataset, file: &File) -> Result<LogColumns, Error> {
    let unreadable = |root| {
        let column = file.schema().field(root).name().clone();
        file.fault_of(root).map(|found| Error::unreadable(&file.object.uri, column, found))
    };
    let found = LogColumns::of(log, file.schema().fields(), |name| dataset.column(name));
    let columns = found.map_err(|fault| {
        // What such a column was made to look like is not what its type is.
        if let ColumnFault::Type { column, .. } = &fault
            && let Some(root) = file.schema().index_of(column).ok()
            && let Some(error) = unreadable(root)
        {
            return error;
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
    })?;
    // Bounds that belong to another column must not let its rows be skipped.
    let mut roots = log.columns.iter().filter_map(|column| columns.place(column.name));
    roots.find_map(unreadable).map_or(Ok(columns), Err)
}

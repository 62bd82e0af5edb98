//! The minority-report log, decoded whole: the small log (SPEC 2).

use std::ops::Range;

use cohort_core::batch::{DecodedReports, Pass, ReportDecoder};
use cohort_core::contract::MRDL;

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use super::prune::selection;

/// The root columns to fetch.
pub(crate) fn roots(source: &Source) -> Vec<usize> {
    MRDL.columns.iter().filter_map(|column| source.columns.place(column.name)).collect()
}

/// Decodes these rows of a row group.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn decode(
    source: &Source,
    row_group: usize,
    rows: &[Range<usize>],
    fetched: Fetched,
    pass: &Pass,
) -> Result<DecodedReports, Error> {
    let select = selection(rows, source.file.group_rows(row_group));
    let mut numbers = rows.iter().cloned().flatten();
    let mut decoder = ReportDecoder::new(pass, source.file.partition, 0).without_duplicates();
    for batch in source.file.batches(fetched, row_group, &roots(source), Some(select))? {
        let batch = batch?;
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        decoder.batch(&column, numbers.by_ref().take(batch.num_rows()));
    }
    Ok(decoder.finish())
}

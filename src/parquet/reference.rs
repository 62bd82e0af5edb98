//! Campaigns and context, decoded whole (SPEC 2).

use cohort_core::Candidates;
use cohort_core::batch::CandidateLog;

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use cohort_core::rejects::Rejects;

/// What a row group gave.
#[derive(Debug, Default)]
pub(crate) struct DecodedCandidates {
    /// Candidate causes.
    pub candidates: Candidates,
    /// Rows without a required value.
    pub rejects: Rejects,
}

/// The root columns to fetch.
pub(crate) fn roots(of: &CandidateLog, source: &Source) -> Vec<usize> {
    of.log.columns.iter().filter_map(|column| source.columns.place(column.name)).collect()
}

/// Decodes a row group.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn decode(
    of: &CandidateLog,
    source: &Source,
    row_group: usize,
    fetched: Fetched,
) -> Result<DecodedCandidates, Error> {
    let mut decoded = DecodedCandidates::default();
    let mut first = 0;
    for batch in source.file.batches(fetched, row_group, &roots(of, source), None)? {
        let batch = batch?;
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        let DecodedCandidates { candidates, rejects } = &mut decoded;
        of.read(&column, batch.num_rows(), first, candidates, rejects);
        first += batch.num_rows();
    }
    Ok(decoded)
}

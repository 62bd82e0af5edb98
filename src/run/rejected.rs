//! Rejected rows: how many are too many, and where they are written (SPEC 2, *Bad rows*).

use cohort_core::contract::Inputs;
use cohort_core::rejects::{are_too_many, by_reason};

use super::inputs::Read;
use super::{Error, Shell};
use crate::manifest::Manifest;
use crate::parquet::dataset::Source;
use crate::parquet::prune::selection;
use crate::parquet::write::part::Part;
use crate::parquet::write::rejects::{RejectsPart, all_columns, place};

/// Fails if more than `max_reject_ratio` of a log's rows in the interval were rejected.
///
/// # Errors
/// [`Error::Rejects`].
pub(super) fn check_ratio(reads: &Inputs<Read>, manifest: &Manifest) -> Result<(), Error> {
    let judged = [Some(&reads.reports), reads.scores.as_ref(), reads.sales.as_ref()];
    for read in judged.into_iter().flatten() {
        let rejected = read.rejected.iter().map(|(.., rejects)| rejects.len()).sum();
        let rows = read.rows_in_interval;
        if are_too_many(rejected, rows, manifest.max_reject_ratio) {
            let reasons = by_reason(read.rejected.iter().map(|(.., rejects)| rejects));
            let reasons: Vec<_> =
                reasons.iter().map(|(reason, n)| format!("{reason}: {n}")).collect();
            return Err(Error::Rejects {
                log: read.log.name,
                limit: manifest.max_reject_ratio,
                rejected,
                rows,
                reasons: reasons.join(", "),
            });
        }
    }
    Ok(())
}

impl Shell {
    /// The rejected rows of all logs as a part; `None` if the manifest does not ask for them.
    ///
    /// # Errors
    /// Whatever is wrong with a file, and [`crate::parquet::Error::Encode`].
    pub(super) async fn encode_rejects(
        &self,
        reads: &Inputs<Read>,
        manifest: &Manifest,
    ) -> Result<Option<Vec<Part>>, Error> {
        if manifest.outputs.rejects.is_none() {
            return Ok(None);
        }
        let mut groups = Vec::new();
        for (_, read) in reads.each() {
            for of_group in read.rejected.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let (file, group, _) = of_group[0];
                groups.push((&read.sources[file], group, of_group));
            }
        }
        groups.sort_by_cached_key(|(source, group, _)| place(source, *group));
        if groups.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let objects = &*self.objects;
        let mut part = RejectsPart::new(&manifest.run_id)?;
        for (source, group, of_group) in groups {
            let runs = of_group.iter().flat_map(|(.., rejects)| rejects.runs());
            let rows: Vec<_> = runs.map(|(rows, _)| rows).collect();
            let select = selection(&rows, source.file.group_rows(group));
            let write = async |source: &Source| {
                let columns = all_columns(source, group);
                let fetched =
                    source.file.fetch_rows(objects, group, &columns, Some(&select)).await?;
                let rejects = of_group.iter().flat_map(|(.., rejects)| rejects.iter());
                part.write(source, group, rejects, (&select, &fetched))
            };
            // Where a column that nobody needs cannot be read, that need not be the index's fault.
            source.read_quietly(write).await?;
        }
        Ok(Some(vec![part.finish()?]))
    }
}

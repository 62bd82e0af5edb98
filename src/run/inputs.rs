//! What was read of a dataset, as the lineage shows it, and the small reference tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use cohort_core::batch::CandidateLog;
use cohort_core::contract::Log;
use cohort_core::rejects::by_reason;
use cohort_core::{Candidates, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::{Error, Shell};
use crate::lineage;
use crate::manifest::Dataset;
use crate::parquet::dataset::{self, Source};
use crate::parquet::reference::{DecodedCandidates, decode, roots};
use crate::parquet::scan::Rejected;

/// What was read of one dataset.
#[derive(Debug)]
pub(super) struct Read {
    /// The dataset.
    pub log: &'static Log,
    /// The first instant whose partition was looked into, if the dataset has partitions.
    pub opened_from: Option<Timestamp>,
    /// Its files, in the order of their URIs.
    pub sources: Arc<Vec<Source>>,
    /// Rows that were looked at.
    pub rows_read: u64,
    /// Rows that gave way to a greater duplicate.
    pub rows_duplicate: u64,
    /// Rejected rows that count, in the order of files and rows.
    pub rejected: Vec<Rejected>,
    /// Rows in the run's interval; known only if a row was rejected.
    pub rows_in_interval: u64,
    /// Amounts in the run's interval that are out of range, by column.
    pub out_of_range: BTreeMap<String, u64>,
}

impl Read {
    /// As the lineage shows it.
    pub(super) fn lineage(&self, dataset: &Dataset) -> lineage::Input {
        lineage::Input {
            uri: dataset.uri.clone(),
            opened_from: self.opened_from,
            files: files(&self.sources),
            rows_read: self.rows_read,
            rows_rejected: by_reason(self.rejected.iter().map(|(.., rejects)| rejects)),
            rows_duplicate: self.rows_duplicate,
            values_out_of_range: self.out_of_range.clone(),
            onsets_ignored: None,
        }
    }
}

/// Files as the lineage shows them.
pub(super) fn files(sources: &[Source]) -> Vec<lineage::InputFile> {
    let file = |source: &Source| lineage::InputFile {
        uri: source.file.object.uri.clone(),
        bytes: source.file.object.bytes,
        etag: Some(source.file.tag().to_owned()),
        rows: source.file.rows(),
    };
    sources.iter().map(file).collect()
}

/// Counts by column, without those that are zero.
pub(super) fn out_of_range(columns: &[&str], counts: &[u64]) -> BTreeMap<String, u64> {
    let counts = columns.iter().zip(counts).filter(|&(_, &count)| count > 0);
    counts.map(|(&column, &count)| (column.to_owned(), count)).collect()
}

impl Shell {
    /// Reads campaigns or context, if the manifest names them.
    pub(super) async fn read_reference(
        &self,
        table: CandidateLog,
        dataset: Option<&Dataset>,
    ) -> Result<(Option<Read>, Candidates), Error> {
        let Some(dataset) = dataset else { return Ok((None, Candidates::default())) };
        let sources = dataset::open_all(&*self.objects, table.log, dataset).await?;
        let sources = Arc::new(sources);
        let groups = sources.iter().enumerate().flat_map(|(file, source)| {
            source.file.groups_with_rows().map(move |group| (file, group))
        });
        let mut decoded = stream::iter(groups)
            .map(|(file, group)| self.decode_reference(table, &sources, file, group))
            .buffered(self.workers.count() + 1);
        let rows = sources.iter().map(|source| source.file.rows()).sum();
        let mut candidates = Candidates::default();
        let mut rejected = Vec::new();
        while let Some((file, group, of_group)) = decoded.try_next().await? {
            candidates.append(of_group.candidates);
            if !of_group.rejects.is_empty() {
                rejected.push((file, group, of_group.rejects));
            }
        }
        drop(decoded);
        let read = Read {
            log: table.log,
            opened_from: None,
            sources,
            rows_read: rows,
            rows_duplicate: 0,
            rejected,
            rows_in_interval: rows,
            out_of_range: BTreeMap::new(),
        };
        Ok((Some(read), candidates))
    }

    async fn decode_reference(
        &self,
        table: CandidateLog,
        sources: &Arc<Vec<Source>>,
        file: usize,
        group: usize,
    ) -> Result<(usize, usize, DecodedCandidates), Error> {
        let source = &sources[file];
        let fetched =
            source.file.fetch_rows(&*self.objects, group, &roots(&table, source), None).await?;
        let shared = sources.clone();
        let decoded =
            self.workers.run(move || decode(&table, &shared[file], group, fetched)).await??;
        Ok((file, group, decoded))
    }
}

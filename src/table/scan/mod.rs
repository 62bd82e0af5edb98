//! The prediction scan: out of many millions of rows, the few that a line needs.
//!
//! Row groups and pages that statistics rule out are never fetched ([`super::prune`]). Of the others the key
//! columns come first, as runs of codes ([`runs`], [`codes`], [`keys`]), held against what the lines need
//! ([`probe`], [`open`]). Values are fetched and decoded only for the rows that matched ([`group`]), and gathered
//! without duplicates ([`points`]). Memory depends on the lines, never on the number of rows scanned.

pub mod codes;
pub mod group;
pub mod keys;
pub mod open;
pub mod plain;
pub mod points;
pub mod probe;
pub mod runs;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cohort_core::batch::predictions::ReadPredictions;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;

use self::points::{ByCell, Gathered, Point};
use self::probe::Probe;
use super::Error;
use super::dataset::Source;
use super::prune::{Wanted, candidate_rows};
use super::rejects::{Reject, Scope};
use crate::cohort::Interval;
use crate::objects::Objects;
use crate::workers::{Stopped, Workers};

/// How the scans of a run, together, spend memory and connections.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Row groups that are on their way at once.
    groups: usize,
    /// KiB of column chunks that are held at once, and how many of them are free.
    kib: u32,
    free_kib: Arc<Semaphore>,
}

/// A rejected row: its file's place among the sources, its row group, and the row.
pub type Rejected = (usize, usize, Reject);

/// What a scan found.
#[derive(Debug)]
pub struct Found<R> {
    /// The rows that lines need.
    pub rows: ByCell<R>,
    /// Rows that were looked at.
    pub rows_read: u64,
    /// Matched rows that gave way to a greater duplicate.
    pub duplicates: u64,
    /// Rejected rows that count, in the order of files and rows.
    pub rejected: Vec<Rejected>,
}

/// Where a scan reads and computes.
#[derive(Clone, Debug)]
pub struct Scan<L> {
    /// The storage.
    pub objects: Arc<dyn Objects>,
    /// The processors.
    pub workers: Workers,
    /// The limits.
    pub budget: Budget,
    /// The run's interval, in which rejected rows count.
    pub interval: Interval,
    /// The log.
    pub log: PhantomData<L>,
}

/// What one row group gave.
struct GroupFound<V> {
    points: Vec<Point<V>>,
    rejected: Vec<Rejected>,
}

impl<L: ReadPredictions> Scan<L> {
    /// Scans the log's files for what the probe needs.
    ///
    /// # Errors
    /// Whatever is wrong with a file, and [`Error::Objects`].
    pub async fn run(
        &self,
        sources: &Arc<Vec<Source>>,
        probe: &Arc<Probe>,
    ) -> Result<Found<L::Row>, Error> {
        let groups = self.candidates(sources, probe);
        let rows_read =
            groups.iter().flat_map(|(.., rows)| rows).map(|rows| rows.len() as u64).sum();
        let mut found = stream::iter(groups)
            .map(|(file, group, rows)| self.group(sources, probe, file, group, rows))
            .buffer_unordered(self.budget.groups);
        let mut gathered = Gathered::<L>::new(probe.cells.count());
        let mut rejected = Vec::new();
        while let Some(group) = found.try_next().await? {
            gathered.extend(group.points);
            rejected.extend(group.rejected);
        }
        drop(found);
        rejected.sort_unstable();
        let (rows, duplicates) = self.workers.run(move || gathered.finish()).await?;
        Ok(Found { rows, rows_read, duplicates, rejected })
    }

    /// The row groups that may hold something, as (file, row group, candidate rows).
    fn candidates(
        &self,
        sources: &[Source],
        probe: &Probe,
    ) -> Vec<(usize, usize, Vec<Range<usize>>)> {
        // Without lines nothing is wanted but the rejected rows: no store is.
        let ticks = probe.span.unwrap_or((self.interval.start, self.interval.start));
        let wanted = Wanted {
            ticks,
            stores: Some(probe.cells.stores.clone()),
            rejects_in: Some(self.interval),
        };
        let groups = sources.iter().enumerate().flat_map(|(file, source)| {
            (0..source.file.metadata().num_row_groups()).map(move |group| (file, source, group))
        });
        let candidates = groups.map(|(file, source, group)| {
            (file, group, candidate_rows(source, group, &wanted, ("tick_at", "store_id")))
        });
        candidates.filter(|(.., rows)| !rows.is_empty()).collect()
    }

    async fn group(
        &self,
        sources: &Arc<Vec<Source>>,
        probe: &Arc<Probe>,
        file: usize,
        group: usize,
        rows: Vec<Range<usize>>,
    ) -> Result<GroupFound<L::Value>, Error> {
        let source = &sources[file];
        let keys =
            source.file.fetch(&*self.objects, group::key_ranges(source, group, &rows)).await?;
        let (shared, wanted, interval) = (sources.clone(), probe.clone(), self.interval);
        let matches = self
            .workers
            .run(move || group::match_keys(&shared[file], group, &rows, keys, &wanted, interval))
            .await??;
        let rejected = matches.rejects.iter().map(|&reject| (file, group, reject)).collect();
        if matches.rows.is_empty() {
            return Ok(GroupFound { points: Vec::new(), rejected });
        }
        let select = group::matched_rows(source, group, &matches);
        let roots = group::value_roots::<L>(source);
        let ranges = source
            .file
            .leaves(&roots)
            .flat_map(|leaf| source.file.column_ranges(group, leaf, Some(&select)));
        let ranges: Vec<_> = ranges.collect();
        let kib = ranges.iter().map(|range| range.end - range.start).sum::<u64>() >> 10;
        let _held = self.budget.hold(kib).await;
        let values = source.file.fetch(&*self.objects, ranges).await?;
        let (shared, probe) = (sources.clone(), probe.clone());
        let points = self
            .workers
            .run(move || group::values::<L>(&shared[file], group, &matches, values, &probe.cells))
            .await??;
        Ok(GroupFound { points, rejected })
    }

    /// Rows of the log whose tick lies in the interval, for the share that the rejected ones have in them.
    ///
    /// # Errors
    /// As [`Scan::run`].
    pub async fn rows_in_interval(&self, sources: &Arc<Vec<Source>>) -> Result<u64, Error> {
        let groups = sources.iter().enumerate().flat_map(|(file, source)| {
            (0..source.file.metadata().num_row_groups()).map(move |group| (file, group))
        });
        let counts = stream::iter(groups).map(|(file, group)| async move {
            let source = &sources[file];
            let rows = [0..source.file.group_rows(group)];
            let keys =
                source.file.fetch(&*self.objects, group::key_ranges(source, group, &rows)).await?;
            let scope = Scope::new(self.interval, source.file.partition);
            let shared = sources.clone();
            let count = move || group::count_in_scope(&shared[file], group, keys, scope);
            self.workers.run(count).await?
        });
        counts
            .buffer_unordered(self.budget.groups)
            .try_fold(0, |sum, n| async move { Ok(sum + n) })
            .await
    }
}

impl Budget {
    /// Limits for so many row groups and MiB.
    pub fn new(groups: usize, mib: u16) -> Self {
        let kib = u32::from(mib) << 10;
        Self { groups, kib, free_kib: Arc::new(Semaphore::new(kib as usize)) }
    }

    /// Waits until so many KiB are free; more than there are count as all of them.
    async fn hold(&self, kib: u64) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).min(self.kib);
        // The semaphore is never closed.
        self.free_kib.acquire_many(kib).await.ok()
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        Self::Worker(stopped.0)
    }
}

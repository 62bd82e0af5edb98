//! The prediction scan: out of many millions of rows, the few that a line needs.
//!
//! Memory depends on the lines, never on the number of rows scanned. Each step reads less than the
//! one before it would have to:
//!
//! 1. Row groups and pages that the statistics rule out are never fetched ([`super::prune`]).
//! 2. Statistics do not show a text that must be rejected: one that is not UTF-8, or too long. So
//!    what the stores' bounds rule out is skipped only if all texts of the row group are sound. If
//!    every text is in a dictionary, the dictionaries are fetched and tell. If not, all rows in the
//!    run's interval stay candidates ([`texts`]).
//! 3. Of the candidates, the key columns are fetched and turned into codes ([`cells`], [`codes`]):
//!    a number for each store and SKU that has lines (0 is the null SKU), one mark for all others.
//!    Runs of equal values stay runs ([`runs`]).
//! 4. The codes are compared with what the lines need ([`probe`], [`open`], [`keys`]). That gives
//!    the numbers of the wanted rows.
//! 5. Values are fetched and decoded for the wanted rows only. If the scan cannot decode a group,
//!    the Parquet crate reads it ([`group`]).
//! 6. They are gathered by cell, without duplicates ([`cohort_core::Gathered`]).
//!
//! # Ten rows
//!
//! Store `b` has one line about the SKU `x`, with a window from 12:00 to 12:05. No other store has
//! a line. `b` thus has the code 0, `x` has 1, and the pair is cell 0. A row group, written tick by
//! tick, holds:
//!
//! | row | `store_id` | `sku` | `tick_at` | codes       |
//! |-----|------------|-------|-----------|-------------|
//! | 0   | a          | x     | 12:00     | unwanted, 1 |
//! | 1   | a          | y     | 12:00     | unwanted, unwanted |
//! | 2   | b          | x     | 12:00     | 0, 1        |
//! | 3   | b          | y     | 12:00     | 0, unwanted |
//! | 4   | c          | x     | 12:00     | unwanted, 1 |
//! | 5   | a          | x     | 12:10     | unwanted, 1 |
//! | 6   | a          | y     | 12:10     | unwanted, unwanted |
//! | 7   | b          | x     | 12:10     | 0, 1        |
//! | 8   | b          | y     | 12:10     | 0, unwanted |
//! | 9   | (empty) | x   | 12:10     | missing, 1  |
//!
//! The streams know their runs: the tick 12:00 lasts for five rows, the store `a` for two. (In a
//! real page a run has at least eight rows. Shorter ones are packed, and decoded before use.)
//!
//! The bounds of `store_id`, the empty text and `c`, have `b` between them, so every row is a
//! candidate, whatever its texts are: step 2 has nothing to read. Were they `c` and `f`, the row
//! group would be skipped if its dictionaries are sound. The matcher proceeds in five pieces:
//!
//! - Rows 0 and 1. At 12:00 one window is open, that of cell 0. The tick has more rows than there
//!   are stores and windows to visit, so the open windows are found once for all its rows. `a` has
//!   none, and two rows are skipped in all three columns.
//! - Rows 2 and 3. `b` has an open window, of the SKU `x`. Only the SKUs are decoded. Row 2 has
//!   `x`, and is wanted.
//! - Row 4. `c` has no open window and is skipped.
//! - Rows 5 to 8. At 12:10 no window is open. `a` and `b` are skipped together.
//! - Row 9. It has no store, and must be rejected. It is decoded and judged.
//!
//! Values are fetched for row 2 only.

#[cfg(feature = "bench")]
pub mod bench;
pub(crate) mod cells;
pub(crate) mod codes;
pub(crate) mod group;
pub(crate) mod keys;
pub(crate) mod open;
mod page_values;
pub(crate) mod plain;
pub(crate) mod probe;
pub(crate) mod runs;
mod texts;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cohort_core::batch::ReadPredictions;
use cohort_core::{ByCell, Gathered, Point};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;

use self::group::Reader;
use self::keys::Matches;
use self::probe::Probe;
use super::Error;
use super::dataset::Source;
use super::prune::{Wanted, candidate_rows};
use crate::objects::Objects;
use crate::progress::{Step, Unit};
use crate::workers::Workers;
use cohort_core::Interval;
use cohort_core::rejects::{Rejects, Scope};

/// How much memory and how many connections the scans of a run may use, together.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Row groups that are on their way at once.
    groups: usize,
    /// KiB of column chunks that may be held at once, and how many of them are free.
    kib: u32,
    free_kib: Arc<Semaphore>,
}

/// Rejected rows: the place of their file among the sources, their row group, and the rows.
pub(crate) type Rejected = (usize, usize, Rejects);

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Found<R> {
    /// The rows that lines need.
    pub rows: ByCell<R>,
    /// Rows that were looked at.
    pub rows_read: u64,
    /// Wanted rows that gave way to a greater duplicate.
    pub duplicates: u64,
    /// Rejected rows that count, in the order of files and rows.
    pub rejected: Vec<Rejected>,
    /// By value column, how many amounts in the run's interval are out of range.
    pub out_of_range: Vec<u64>,
}

/// Where a scan reads and computes.
#[derive(Clone, Debug)]
pub(crate) struct Scan<L> {
    /// The storage.
    pub objects: Arc<dyn Objects>,
    /// The processors.
    pub workers: Workers,
    /// The limits.
    pub limits: Limits,
    /// The run's interval, in which rejected rows count.
    pub interval: Interval,
    /// The log.
    pub log: PhantomData<L>,
}

/// The rows of a row group that may matter.
struct CandidateRows {
    file: usize,
    group: usize,
    /// Those that may, if all texts are sound.
    rows: Vec<Range<usize>>,
    /// Those that may, whatever the texts are.
    with_any_text: Vec<Range<usize>>,
}

impl CandidateRows {
    /// How many rows may matter, if all texts are sound.
    fn rows(&self) -> u64 {
        self.rows.iter().map(|rows| rows.len() as u64).sum()
    }
}

/// What one row group gave.
struct GroupFound<V> {
    points: Vec<Point<V>>,
    rows_read: u64,
    out_of_range: Vec<u64>,
    rejected: Option<Rejected>,
}

impl<L: ReadPredictions> Scan<L> {
    /// Scans the log's files for what the probe needs.
    ///
    /// # Errors
    /// Whatever is wrong with a file, and [`Error::Objects`].
    pub(crate) async fn run(
        &self,
        sources: &Arc<Vec<Source>>,
        probe: &Arc<Probe>,
    ) -> Result<Found<L::Row>, Error> {
        let groups = self.candidates(sources, probe);
        let begun = Step::begin(L::LOG.name, Unit::Rows);
        let step = &begun;
        step.expect(groups.iter().map(CandidateRows::rows).sum());
        let mut found = stream::iter(groups)
            .map(|candidates| async move {
                let CandidateRows { file, group, .. } = candidates;
                let read = async |source: &Source| {
                    let candidates = self.candidates_in(source, file, group, probe);
                    self.group(source, probe, candidates, step).await
                };
                let found = sources[file].read(read).await;
                step.advance(candidates.rows());
                found
            })
            .buffer_unordered(self.limits.groups);
        let mut rows_read = 0;
        let mut gathered = Gathered::<L>::new(probe.cells.count());
        let mut rejected = Vec::new();
        let mut out_of_range = vec![0; L::VALUES.len()];
        while let Some(group) = found.try_next().await? {
            rows_read += group.rows_read;
            gathered.extend(group.points);
            out_of_range.iter_mut().zip(group.out_of_range).for_each(|(all, more)| *all += more);
            rejected.extend(group.rejected);
        }
        drop(found);
        begun.finish();
        rejected.sort_unstable_by_key(|&(file, group, _): &Rejected| (file, group));
        let (rows, duplicates) = self.workers.run(move || gathered.finish()).await?;
        Ok(Found { rows, rows_read, duplicates, rejected, out_of_range })
    }

    /// How many rows a scan would look at, if all texts are sound.
    pub(crate) fn rows(&self, sources: &[Source], probe: &Probe) -> u64 {
        self.candidates(sources, probe).iter().map(CandidateRows::rows).sum()
    }

    /// The row groups that may hold something.
    fn candidates(&self, sources: &[Source], probe: &Probe) -> Vec<CandidateRows> {
        let groups = sources.iter().enumerate().flat_map(|(file, source)| {
            (0..source.file.metadata().num_row_groups()).map(move |group| (file, source, group))
        });
        groups
            .map(|(file, source, group)| self.candidates_in(source, file, group, probe))
            .filter(|candidates| !candidates.with_any_text.is_empty())
            .collect()
    }

    /// The candidate rows of one row group.
    fn candidates_in(
        &self,
        source: &Source,
        file: usize,
        group: usize,
        probe: &Probe,
    ) -> CandidateRows {
        // Without lines no store is wanted, and only rejected rows are looked for.
        let ticks = probe.bounds.unwrap_or((self.interval.start, self.interval.start));
        let wanted = Wanted {
            ticks,
            stores: Some(probe.cells.stores.clone()),
            rejects_in: Some(self.interval),
            any_text: false,
        };
        let with_any_text = Wanted { any_text: true, ..wanted.clone() };
        let rows = |wanted| candidate_rows(source, group, wanted, ("tick_at", "store_id"));
        let (rows, with_any_text) = (rows(&wanted), rows(&with_any_text));
        CandidateRows { file, group, rows, with_any_text }
    }

    /// The candidate rows, once it is known whether all texts are sound.
    async fn known_candidates(
        &self,
        source: &Source,
        candidates: CandidateRows,
    ) -> Result<Vec<Range<usize>>, Error> {
        let CandidateRows { group, rows, with_any_text, .. } = candidates;
        if rows == with_any_text {
            return Ok(rows);
        }
        let Some(ranges) = texts::dictionaries(source, group) else { return Ok(with_any_text) };
        let fetched = source.file.fetch(&*self.objects, ranges).await?;
        let shared = source.clone();
        let check = move || texts::are_sound(&shared, group, &fetched);
        Ok(if self.workers.run(check).await? { rows } else { with_any_text })
    }

    async fn group(
        &self,
        source: &Source,
        probe: &Arc<Probe>,
        candidates: CandidateRows,
        step: &Step,
    ) -> Result<GroupFound<L::Value>, Error> {
        let (file, group) = (candidates.file, candidates.group);
        let rows = self.known_candidates(source, candidates).await?;
        let rows_read = rows.iter().map(|rows| rows.len() as u64).sum();
        let (points, out_of_range, rejected) = (Vec::new(), Vec::new(), None);
        let nothing = GroupFound { points, rows_read, out_of_range, rejected };
        if rows.is_empty() {
            return Ok(nothing);
        }
        let matches = self.matches(source, probe, group, &rows, Reader::Scan).await;
        let matches = match matches {
            Err(Error::Corrupt { .. }) => {
                self.matches(source, probe, group, &rows, Reader::Crate).await
            }
            other => other,
        };
        let (mut matches, key_bytes) = matches?;
        step.moved(key_bytes);
        let rejects = std::mem::take(&mut matches.rejects);
        let rejected = (!rejects.is_empty()).then_some((file, group, rejects));
        if matches.rows.is_empty() {
            return Ok(GroupFound { rejected, ..nothing });
        }
        let select = group::matched_rows(source, group, &matches);
        let roots = group::value_roots::<L>(source);
        let ranges = source.file.row_ranges(group, &roots, Some(&select))?;
        let bytes = length(&ranges);
        step.moved(bytes);
        let _held = self.limits.hold(bytes >> 10).await;
        let values = source.file.fetch(&*self.objects, ranges).await?;
        let (shared, interval) = (source.clone(), self.interval);
        let values = self
            .workers
            .run(move || group::values::<L>(&shared, group, &matches, values, interval))
            .await??;
        let (points, out_of_range) = (values.points, values.out_of_range);
        Ok(GroupFound { points, rows_read, out_of_range, rejected })
    }

    /// The wanted rows of a row group, from its key columns, and the bytes of these.
    async fn matches(
        &self,
        source: &Source,
        probe: &Arc<Probe>,
        group: usize,
        rows: &[Range<usize>],
        reader: Reader,
    ) -> Result<(Matches, u64), Error> {
        let ranges = group::key_ranges(source, group, rows, reader)?;
        let bytes = length(&ranges);
        let keys = source.file.fetch(&*self.objects, ranges).await?;
        let (source, probe, interval) = (source.clone(), probe.clone(), self.interval);
        let rows = rows.to_vec();
        let matches = move || {
            let wanted = (&*probe, interval);
            group::match_keys(&source, group, &rows, keys, wanted, reader)
        };
        Ok((self.workers.run(matches).await??, bytes))
    }

    /// How many rows of the log have a tick in the interval: what the rejected rows are a share of.
    ///
    /// # Errors
    /// As [`Scan::run`].
    pub(crate) async fn rows_in_interval(&self, sources: &Arc<Vec<Source>>) -> Result<u64, Error> {
        let groups = sources.iter().enumerate().flat_map(|(file, source)| {
            source.file.groups_with_rows().map(move |group| (file, group))
        });
        let counts = stream::iter(groups).map(|(file, group)| async move {
            let count = async |source: &Source| {
                let counted = self.count(source, group, Reader::Scan).await;
                match counted {
                    Err(Error::Corrupt { .. }) => self.count(source, group, Reader::Crate).await,
                    other => other,
                }
            };
            sources[file].read(count).await
        });
        counts
            .buffer_unordered(self.limits.groups)
            .try_fold(0, |sum, n| async move { Ok(sum + n) })
            .await
    }

    /// How many rows of a row group have a tick in the interval.
    async fn count(&self, source: &Source, group: usize, reader: Reader) -> Result<u64, Error> {
        let rows = [0..source.file.group_rows(group)];
        let ranges = group::key_ranges(source, group, &rows, reader)?;
        let keys = source.file.fetch(&*self.objects, ranges).await?;
        let scope = Scope::new(self.interval, source.file.partition);
        let shared = source.clone();
        let count = move || group::count_in_scope(&shared, group, keys, scope, reader);
        self.workers.run(count).await?
    }
}

/// The bytes of byte ranges.
fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

impl Limits {
    /// Limits of this many row groups and MiB.
    pub(crate) fn new(groups: usize, mib: u16) -> Self {
        let kib = u32::from(mib) << 10;
        Self { groups, kib, free_kib: Arc::new(Semaphore::new(kib as usize)) }
    }

    /// Waits until this many KiB are free. More than there are count as all of them.
    async fn hold(&self, kib: u64) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let kib = u32::try_from(kib).unwrap_or(u32::MAX).min(self.kib);
        // The semaphore is never closed.
        self.free_kib.acquire_many(kib).await.ok()
    }
}

//! Reads MRDL, back until every store's events are known from their first tick (SPEC 5).

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use cohort_core::batch::{DecodedReports, Pass};
use cohort_core::contract::MRDL;
use cohort_core::rejects::Rejects;
use cohort_core::{ChainBegin, ChainSeen, Duration, Lookback, Report, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::inputs::{Read, out_of_range};
use super::{Error, Shell};
use crate::manifest::{Dataset, Manifest};
use crate::objects::Uri;
use crate::parquet;
use crate::parquet::dataset::{self, Source};
use crate::parquet::prune::{Wanted, candidate_rows, selection};
use crate::parquet::reports::{decode, roots};
use crate::progress::{Step, Unit};

/// How far the first step back goes if there are no partitions. Each later step goes twice as far.
const STRIDE_FIRST: Duration = Duration::from_us(86_400_000_000);

/// Rows that one worker decodes at a time.
const SLICE_ROWS_MAX: usize = 1 << 16;

/// A store's rows, as they were decoded: list by list, each without duplicates.
#[derive(Debug, Default)]
pub(super) struct StoreReports {
    /// The rows.
    pub lists: Vec<Vec<Report>>,
    /// How many more of a tick gave way to a duplicate.
    pub gave_way: Vec<(Timestamp, u64)>,
}

/// What was read of MRDL.
pub(super) struct Reports {
    /// The files and the rejected rows.
    pub read: Read,
    /// Accepted rows by store.
    pub rows: BTreeMap<Arc<str>, StoreReports>,
    /// For each store that can write a row, the instant from which its rows matter.
    pub begins: BTreeMap<Arc<str>, ChainBegin>,
    /// Rows in the interval whose onset is ignored.
    pub onsets_ignored: u64,
    /// The earliest instant that had to be looked at.
    pub lookback_start: Timestamp,
}

/// What has been read so far.
struct Reading {
    /// Each file once, by its URI.
    files: BTreeMap<Uri, Arc<Source>>,
    /// (file, row group, candidate rows) that were decoded: a later pass may come back to one.
    decoded: BTreeMap<(Uri, usize), BTreeSet<(usize, usize)>>,
    rows: BTreeMap<Arc<str>, StoreReports>,
    rejected: Vec<(Uri, usize, Rejects)>,
    rows_in_interval: u64,
    onsets_ignored: u64,
    sales_out_of_range: u64,
    step: Step,
}

impl Shell {
    /// Reads the rows that the interval's events are made of.
    ///
    /// # Errors
    /// Whatever is wrong with a file.
    pub(super) async fn read_reports(&self, manifest: &Manifest) -> Result<Reports, Error> {
        let interval = manifest.interval;
        let lookback = Lookback { start: interval.start, life: manifest.life };
        let mut reading = Reading::new();
        // No store is ever read further back, however its partitions and row groups lie.
        let bound = lookback.bound();
        let mut covered = partition_start(manifest, lookback.first_read()).max(bound);
        let mut needed = lookback.first_read();
        let mut stride = STRIDE_FIRST;
        let mut pass = Pass {
            from: covered,
            to: interval.end,
            stores: None,
            rejects_in: Some(interval),
            max_lookback: manifest.max_lookback,
            numbered: false,
        };
        loop {
            self.read_pass(&manifest.inputs.reports, &pass, &mut reading).await?;
            let judged = judge(&reading.rows, &lookback, covered, pass.stores.as_deref());
            let Some(&from) = judged.iter().map(|(_, from)| from).min() else { break };
            let next = if manifest.inputs.reports.partitioning.is_some() {
                partition_start(manifest, from).max(bound)
            } else {
                let next = from.min(covered.saturating_sub(stride).max(bound));
                stride = Duration::from_us(stride.as_us().saturating_mul(2));
                next
            };
            let stores: Vec<_> = judged.into_iter().map(|(store, _)| store).collect();
            pass = Pass {
                from: next,
                to: covered,
                stores: Some(stores.into()),
                rejects_in: None,
                ..pass
            };
            covered = next;
        }
        let mut begins = BTreeMap::new();
        for (store, rows) in &reading.rows {
            if let ChainSeen::Known(begin) = lookback.chain(&ticks(rows), Timestamp::MIN) {
                needed = needed.min(begin.looked_at(manifest.life.gap));
                begins.insert(store.clone(), begin);
            }
        }
        let onsets_ignored = reading.onsets_ignored;
        let (mut read, rows) = reading.finish();
        read.opened_from = manifest.inputs.reports.partitioning.is_some().then_some(covered);
        Ok(Reports { read, rows, begins, onsets_ignored, lookback_start: needed })
    }

    /// The rows of some stores at the ticks of some spans, both ends included. The spans are apart.
    ///
    /// # Errors
    /// Whatever is wrong with a file.
    pub(super) async fn read_spans(
        &self,
        dataset: &Dataset,
        stores: &Arc<[Arc<str>]>,
        spans: &[(Timestamp, Timestamp)],
        max_lookback: Duration,
    ) -> Result<BTreeMap<Arc<str>, StoreReports>, Error> {
        let mut reading = Reading::new();
        for &(from, to) in spans {
            let pass = Pass {
                from,
                to: to.saturating_add(Duration::from_us(1)),
                stores: Some(stores.clone()),
                rejects_in: None,
                max_lookback,
                numbered: false,
            };
            self.read_pass(dataset, &pass, &mut reading).await?;
        }
        Ok(reading.finish().1)
    }

    async fn read_pass(
        &self,
        dataset: &Dataset,
        pass: &Pass,
        reading: &mut Reading,
    ) -> Result<(), Error> {
        let opened = dataset::open(&*self.objects, &MRDL, dataset, pass.from, pass.to).await?;
        let last = pass.to.saturating_sub(Duration::from_us(1));
        let wanted = Wanted {
            ticks: (pass.from, last),
            stores: pass.stores.clone(),
            rejects_in: pass.rejects_in,
            // Only time decides in the only pass in which rejected rows count.
            any_text: false,
        };
        // What an earlier pass has opened stays what it was.
        let sources = opened.into_iter().map(|source| {
            let known = reading.files.entry(source.file.object.uri.clone());
            known.or_insert_with(|| Arc::new(source)).clone()
        });
        let sources: Vec<_> = sources.collect();
        let candidates = |source: &Source, group| {
            candidate_rows(source, group, &wanted, ("detected_at", "store_id"))
        };
        let groups = sources.iter().flat_map(|source| {
            let groups = 0..source.file.metadata().num_row_groups();
            groups.map(move |group| (source, group, candidates(source, group)))
        });
        let groups: Vec<_> = groups.filter(|(.., rows)| !rows.is_empty()).collect();
        let step = &reading.step;
        let count = |rows: &[Range<usize>]| -> u64 { rows.iter().map(|r| r.len() as u64).sum() };
        groups.iter().for_each(|(.., rows)| step.expect(count(rows)));
        let decoded: Vec<_> = stream::iter(groups)
            .map(|(source, group, rows)| async move {
                let read = async |source: &Source| {
                    let rows = candidates(source, group);
                    self.decode_group(source, group, rows, pass, step).await
                };
                let decoded = source.read(read).await;
                step.advance(count(&rows));
                decoded.map(|(rows, slices)| (source, group, rows, slices))
            })
            .buffered(self.workers.count() + 1)
            .try_collect()
            .await?;
        for (source, group, rows, slices) in decoded {
            let uri = &source.file.object.uri;
            let ranges = rows.iter().map(|rows| (rows.start, rows.end));
            reading.decoded.entry((uri.clone(), group)).or_default().extend(ranges);
            slices.into_iter().for_each(|decoded| reading.take(uri, group, decoded));
        }
        Ok(())
    }

    /// Fetches a row group's candidate rows and decodes them, slice by slice on the workers.
    async fn decode_group(
        &self,
        source: &Source,
        group: usize,
        rows: Vec<Range<usize>>,
        pass: &Pass,
        step: &Step,
    ) -> Result<(Vec<Range<usize>>, Vec<DecodedReports>), parquet::Error> {
        let roots = roots(source);
        let select = selection(&rows, source.file.group_rows(group));
        let ranges = source.file.row_ranges(group, &roots, Some(&select))?;
        step.moved(ranges.iter().map(|range| range.end - range.start).sum());
        let fetched = source.file.fetch(&*self.objects, ranges).await?;
        // Without an offset index, each slice would have to decode what is before it, so there is
        // only one.
        let indexed = source
            .file
            .leaves(&roots)
            .all(|leaf| source.file.page_locations(group, leaf).is_some());
        let most = if indexed { SLICE_ROWS_MAX } else { usize::MAX };
        let source = Arc::new(source.clone());
        let decoded = cut(rows.clone(), most).map(|rows| {
            let (source, fetched, pass) = (source.clone(), fetched.clone(), pass.clone());
            let decode = move || decode(&source, group, &rows, fetched, &pass);
            async { self.workers.run(decode).await? }
        });
        let decoded = stream::iter(decoded).buffered(self.workers.count() + 1).try_collect();
        Ok((rows, decoded.await?))
    }
}

impl Reading {
    fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            decoded: BTreeMap::new(),
            rows: BTreeMap::new(),
            rejected: Vec::new(),
            rows_in_interval: 0,
            onsets_ignored: 0,
            sales_out_of_range: 0,
            step: Step::begin(MRDL.name, Unit::Rows),
        }
    }

    fn take(&mut self, uri: &Uri, group: usize, decoded: DecodedReports) {
        for (store, rows) in decoded.rows {
            self.rows.entry(store).or_default().lists.push(rows);
        }
        for (store, tick, rows) in decoded.gave_way {
            self.rows.entry(store).or_default().gave_way.push((tick, rows));
        }
        let counted = decoded.counted;
        if !counted.rejects.is_empty() {
            self.rejected.push((uri.clone(), group, counted.rejects));
        }
        self.rows_in_interval += counted.in_interval;
        self.onsets_ignored += counted.onsets_ignored;
        self.sales_out_of_range += counted.sales_out_of_range;
    }

    fn finish(self) -> (Read, BTreeMap<Arc<str>, StoreReports>) {
        let position: BTreeMap<_, _> = self.files.keys().zip(0..).collect();
        let rejected =
            self.rejected.into_iter().map(|(uri, group, rejects)| (position[&uri], group, rejects));
        let mut rejected: Vec<_> = rejected.collect();
        // The slices of a row group came in order.
        rejected.sort_by_key(|&(file, group, _)| (file, group));
        self.step.finish();
        let rows_read = self.decoded.values().map(distinct_rows).sum();
        let sources: Vec<_> = self.files.into_values().map(Arc::unwrap_or_clone).collect();
        let read = Read {
            log: &MRDL,
            opened_from: None,
            sources: Arc::new(sources),
            rows_read,
            rows_duplicate: 0,
            rejected,
            rows_in_interval: self.rows_in_interval,
            out_of_range: out_of_range(&["sales_total"], &[self.sales_out_of_range]),
        };
        (read, self.rows)
    }
}

/// Ranges of rows cut into slices of one size, as few as have at most `most` rows each. They are
/// made as they are needed: a row group may claim far more rows than it has.
fn cut(rows: Vec<Range<usize>>, most: usize) -> impl Iterator<Item = Vec<Range<usize>>> {
    let total: usize = rows.iter().map(ExactSizeIterator::len).sum();
    let size = total.div_ceil(total.div_ceil(most).max(1));
    let mut ranges = rows.into_iter().filter(|range| !range.is_empty()).peekable();
    iter::from_fn(move || {
        let mut room = size;
        let mut slice = Vec::new();
        while room > 0
            && let Some(range) = ranges.peek_mut()
        {
            let taken = range.start..range.end.min(range.start + room);
            range.start = taken.end;
            room -= taken.len();
            if range.start >= range.end {
                ranges.next();
            }
            slice.push(taken);
        }
        (!slice.is_empty()).then_some(slice)
    })
}

/// The stores whose first event is not known yet, with the instant back to which they must be read.
fn judge(
    rows: &BTreeMap<Arc<str>, StoreReports>,
    lookback: &Lookback,
    covered: Timestamp,
    stores: Option<&[Arc<str>]>,
) -> Vec<(Arc<str>, Timestamp)> {
    let mut unknown = Vec::new();
    let asked = |store: &Arc<str>| stores.is_none_or(|stores| stores.binary_search(store).is_ok());
    for (store, rows) in rows.iter().filter(|(store, _)| asked(store)) {
        if let ChainSeen::Unknown(from) = lookback.chain(&ticks(rows), covered) {
            unknown.push((store.clone(), from));
        }
    }
    unknown
}

fn ticks(rows: &StoreReports) -> Vec<Timestamp> {
    let mut ticks: Vec<_> = rows.lists.iter().flatten().map(|row| row.detected_at).collect();
    ticks.sort_unstable();
    ticks
}

/// The beginning of the partition that holds the instant, but no more than a day before it. A
/// partition is opened whole, so what it holds of the look-back comes with the first pass.
fn partition_start(manifest: &Manifest, at: Timestamp) -> Timestamp {
    let Some(partitioning) = &manifest.inputs.reports.partitioning else { return at };
    partitioning.partition_at(at).0.start.max(at.saturating_sub(STRIDE_FIRST))
}

/// Rows in the union of ranges.
fn distinct_rows(ranges: &BTreeSet<(usize, usize)>) -> u64 {
    let (mut rows, mut end) = (0, 0);
    for &(from, to) in ranges {
        rows += to.saturating_sub(from.max(end)) as u64;
        end = end.max(to);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_each_row_once_in_order_and_are_of_one_size() {
        let cut = |rows, most| cut(rows, most).collect::<Vec<_>>();
        assert_eq!(cut(vec![0..10], 10), [[0..10]]);
        assert_eq!(cut(vec![0..11], 10), [[0..6], [6..11]]);
        assert_eq!(
            cut(vec![2..5, 7..8, 20..25], 4),
            [vec![2..5], vec![7..8, 20..22], vec![22..25]]
        );
        for (most, last) in (1..12).flat_map(|most| (0..30).map(move |last| (most, last))) {
            let rows = vec![0..last, 40..43, 50..50 + last];
            let slices = cut(rows.clone(), most);
            let all = slices.iter().flatten().cloned().flatten();
            assert_eq!(all.collect::<Vec<_>>(), rows.into_iter().flatten().collect::<Vec<_>>());
            let lengths = slices.iter().map(|slice| slice.iter().map(Range::len).sum::<usize>());
            assert!(lengths.clone().all(|length| 0 < length && length <= most), "{slices:?}");
        }
    }
}

//! Events and predictions to encoded parts, chunk by chunk on the workers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use cohort_core::batch::MelogBatch;
use cohort_core::contract::{MELOG, MRCH};
use cohort_core::{
    ByCell, Candidates, Counts, EventRows, Evidence, Interval, Predictions, Sale, Score, Series,
    rows_in, store_rows,
};
use futures_util::future::try_join_all;
use parquet::errors::ParquetError;

use super::{Error, Highlights, Shell};
use crate::layout::RunId;
use crate::manifest::Manifest;
use crate::parquet::scan::cells::{Cells, StoreCode, StoreEvents};
use crate::parquet::write::mrch::MrchWriter;
use crate::parquet::write::part::{GROUP_ROWS, Group, GroupWriter, PART_ROWS, Part};
use crate::progress::{Step, Unit};

/// Everything that a run writes except the rejects, and what it found.
pub(super) struct Computed {
    /// MRCH.
    pub mrch: Vec<Part>,
    /// MELOG.
    pub melog: Vec<Part>,
    /// The counts of the lineage.
    pub counts: Counts,
    /// The events that people look at first.
    pub highlights: Highlights,
}

/// What the scans found, for all stores.
#[derive(Debug)]
pub(crate) struct AllPredictions {
    /// The cells.
    pub cells: Arc<Cells>,
    /// From the baseline log.
    pub sales: ByCell<Sale>,
    /// From the classifier's log.
    pub scores: ByCell<Score>,
}

/// The same for one store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfStore<'a> {
    all: &'a AllPredictions,
    store: StoreCode,
}

impl AllPredictions {
    /// The predictions of one store.
    pub(crate) fn of_store(&self, store_id: &str) -> OfStore<'_> {
        OfStore { all: self, store: self.cells.store_code(store_id) }
    }
}

impl Predictions for OfStore<'_> {
    fn series(&self, sku: Option<&str>) -> Series<'_> {
        match self.all.cells.of(self.store, sku) {
            Some(cell) => Series {
                sales: self.all.sales.of(cell.index()),
                scores: self.all.scores.of(cell.index()),
            },
            None => Series::default(),
        }
    }
}

/// What a chunk of stores gave: a row group of MRCH, and rows of MELOG.
struct Chunk {
    mrch: Group,
    melog: MelogRows,
    counts: Counts,
    highlights: Highlights,
}

/// Rows of MELOG of a chunk.
enum MelogRows {
    /// As they are.
    Batch(RecordBatch),
    /// A row group of their own, since their texts are very long.
    Group(Group),
}

impl MelogRows {
    fn rows(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.num_rows(),
            Self::Group(group) => group.rows,
        }
    }
}

impl Shell {
    /// Computes and encodes all rows of the interval.
    ///
    /// # Errors
    /// [`Error::Sum`] for a sum that does not fit its column.
    pub(super) async fn compute_parts(
        &self,
        manifest: &Manifest,
        stores: Vec<StoreEvents>,
        predictions: AllPredictions,
        candidates: Candidates,
    ) -> Result<Computed, Error> {
        let (predictions, candidates) = (Arc::new(predictions), Arc::new(candidates));
        let step = Step::begin("events", Unit::Stores);
        step.expect(stores.len() as u64);
        let chunks = chunks(stores, manifest.interval).into_iter().map(|stores| {
            let (count, step) = (stores.len() as u64, &step);
            let (predictions, candidates) = (predictions.clone(), candidates.clone());
            let (interval, run_id) = (manifest.interval, manifest.run_id.clone());
            let chunk = move || chunk(&stores, &predictions, &candidates, interval, run_id);
            async move {
                let done = self.workers.run(chunk).await;
                step.advance(count);
                done
            }
        });
        let chunks = try_join_all(chunks).await?;
        step.finish();
        let (mut counts, mut highlights) = (Counts::default(), Highlights::default());
        let (mut mrch, mut melog) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let chunk = chunk?;
            counts.add(&chunk.counts);
            highlights.merge(chunk.highlights);
            mrch.push(chunk.mrch);
            melog.push(chunk.melog);
        }
        let mrch = parts(mrch, |group| group.rows)
            .into_iter()
            .map(|groups| self.workers.run(move || Part::of(&MRCH, &groups)));
        let melog = parts(melog, MelogRows::rows)
            .into_iter()
            .map(|chunks| self.workers.run(move || melog_part(chunks)));
        let (mrch, melog) = tokio::try_join!(try_join_all(mrch), try_join_all(melog))?;
        let mrch = mrch.into_iter().collect::<Result<_, _>>()?;
        let melog = melog.into_iter().collect::<Result<_, _>>()?;
        Ok(Computed { mrch, melog, counts, highlights })
    }
}

/// The stores of each row group. A row group is closed after the store with which it reaches
/// `GROUP_ROWS`. Nothing about the run as a whole counts, so an engine that sees one store after
/// another can cut the same row groups.
fn chunks(stores: Vec<StoreEvents>, interval: Interval) -> Vec<Vec<StoreEvents>> {
    let rows = |(_, events): &StoreEvents| -> usize {
        events.iter().map(|event| rows_in(event, interval)).sum()
    };
    limited(stores.into_iter().map(|store| (rows(&store), store)), GROUP_ROWS)
}

/// What each part is made of. A part is closed after the chunk with which it reaches its limit of
/// rows. Without rows there is no part.
fn parts<T>(chunks: Vec<T>, rows: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let chunks = chunks.into_iter().map(|chunk| (rows(&chunk), chunk));
    limited(chunks.filter(|&(rows, _)| rows > 0), PART_ROWS)
}

/// Cuts a list of items after each item with which the rows so far reach the limit.
fn limited<T>(all: impl IntoIterator<Item = (usize, T)>, limit: usize) -> Vec<Vec<T>> {
    let mut lists = Vec::new();
    let (mut list, mut total) = (Vec::new(), 0);
    for (rows, item) in all {
        total += rows;
        list.push(item);
        if total >= limit {
            lists.push(std::mem::take(&mut list));
            total = 0;
        }
    }
    if !list.is_empty() {
        lists.push(list);
    }
    lists
}

/// The part of these chunks: one row group, but for chunks that have their own.
fn melog_part(chunks: Vec<MelogRows>) -> Result<Part, crate::parquet::Error> {
    let mut groups = Vec::new();
    let mut open: Option<GroupWriter> = None;
    for chunk in chunks {
        match chunk {
            MelogRows::Batch(batch) => {
                melog_group(&mut open)?.write(&batch).map_err(|error| melog_error(&error))?
            }
            MelogRows::Group(group) => {
                groups.extend(open.take().map(GroupWriter::finish).transpose()?);
                groups.push(group);
            }
        }
    }
    groups.extend(open.map(GroupWriter::finish).transpose()?);
    Part::of(&MELOG, &groups)
}

/// The open row group, or a new one.
fn melog_group(open: &mut Option<GroupWriter>) -> Result<&mut GroupWriter, crate::parquet::Error> {
    match open {
        Some(group) => Ok(group),
        None => Ok(open.insert(GroupWriter::new(&MELOG)?)),
    }
}

/// The rows of these stores.
fn chunk(
    stores: &[StoreEvents],
    predictions: &AllPredictions,
    candidates: &Candidates,
    interval: Interval,
    run_id: RunId,
) -> Result<Chunk, Error> {
    let mut mrch = MrchWriter::new(&run_id)?;
    let mut melog = MelogBatch::new(run_id.as_str());
    let mut long: Option<GroupWriter> = None;
    let mut counts = Counts::default();
    let mut highlights = Highlights::default();
    let mut rows = EventRows::default();
    for (store_id, events) in stores {
        let of_store = predictions.of_store(store_id);
        let evidence = Evidence { store_id, predictions: of_store, candidates };
        store_rows(events, evidence, interval, &mut rows, &mut counts, |names, event, rows| {
            mrch.write(names, event, rows)?;
            melog.push(names, event, rows);
            if melog.is_full() {
                let batch = melog.finish().map_err(|error| melog_error(&error.into()))?;
                melog_group(&mut long)?.write(&batch).map_err(|error| melog_error(&error))?;
            }
            highlights.add_rows(store_id, event, rows);
            Ok::<_, Error>(())
        })?;
    }
    let last = melog.finish().map_err(|error| melog_error(&error.into()))?;
    let melog = match long {
        None => MelogRows::Batch(last),
        Some(mut group) => {
            group.write(&last).map_err(|error| melog_error(&error))?;
            MelogRows::Group(group.finish()?)
        }
    };
    Ok(Chunk { mrch: mrch.finish()?, melog, counts, highlights })
}

fn melog_error(error: &ParquetError) -> crate::parquet::Error {
    crate::parquet::Error::encode(MELOG.name, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cohort_core::{Life, Report, Timestamp, events};

    /// The limit was once a quarter of the run's rows.
    #[test]
    fn row_groups_are_cut_alike_whatever_stores_follow() {
        let life = Life { gap: "PT1H".parse().unwrap(), duration_max: "P7D".parse().unwrap() };
        let hour = |at: i64| Timestamp::from_us(at * 3_600_000_000).unwrap();
        let ticks = (0..5_000).map(|at| Report::at(hour(at))).collect();
        let (events, _) = events(ticks, life, None);
        let interval = Interval { start: hour(0), end: hour(10_000) };
        let groups = |stores: usize| -> Vec<usize> {
            let stores = (0..stores).map(|at| (format!("{at:02}").into(), events.clone()));
            chunks(stores.collect(), interval).iter().map(Vec::len).collect()
        };
        assert_eq!(groups(4), [4]);
        assert_eq!(groups(8), [7, 1]);
        assert_eq!(groups(30), [7, 7, 7, 7, 2]);
    }

    #[test]
    fn a_list_is_cut_after_the_item_with_which_its_rows_reach_the_limit() {
        let cut = |rows: &[usize]| limited(rows.iter().map(|&rows| (rows, rows)), 10);
        assert_eq!(cut(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(cut(&[9, 1, 3, 25, 0, 4]), [vec![9, 1], vec![3, 25], vec![0, 4]]);
        assert_eq!(cut(&[10, 10]), [[10], [10]]);
        assert_eq!(parts(vec![0, PART_ROWS, 0, 1], |&rows| rows), [[PART_ROWS], [1]]);
    }
}

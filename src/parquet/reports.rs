//! The minority-report log, decoded whole: the small log (SPEC 2).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use cohort_core::batch::reports::{ReportColumns, SharedTexts};
use cohort_core::{Duration, Interval, Report, Timestamp};

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use super::prune::selection;
use cohort_core::batch::values::Instant;
use cohort_core::contract::MRDL;
use cohort_core::rejects::{Accepted, Reason, Reject, ReportJudge, Scope};

/// Which rows of MRDL a pass takes.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// Ticks from here on.
    pub from: Timestamp,
    /// Ticks before here.
    pub to: Timestamp,
    /// The stores, sorted; `None` for all.
    pub stores: Option<Arc<[Arc<str>]>>,
    /// The interval in which rejected rows count; `None` in a look-back pass.
    pub rejects_in: Option<Interval>,
    /// The oldest onset allowed, counted from the tick.
    pub max_lookback: Duration,
    /// Whether the places of accepted rows are asked for.
    pub numbered: bool,
}

/// What some rows of a row group gave.
#[derive(Debug, Default)]
pub(crate) struct DecodedReports {
    /// Accepted rows by store, in no particular order of stores.
    pub rows: Vec<(Arc<str>, Vec<Report>)>,
    /// The place in the row group of each accepted row, in the order in which they were decoded,
    /// if places are asked for. In the rows of one store they have the same order.
    pub numbers: Vec<usize>,
    /// Rejected rows that count.
    pub rejects: Vec<Reject>,
    /// Rows with a tick in the interval, rejected ones included.
    pub in_interval: u64,
    /// Rows with a tick in the interval whose onset is ignored.
    pub onsets_ignored: u64,
    /// Rows with a tick in the interval whose `sales_total` is out of range.
    pub sales_out_of_range: u64,
}

/// The root columns to fetch.
pub(crate) fn roots(source: &Source) -> Vec<usize> {
    MRDL.columns.iter().filter_map(|column| source.columns.root(column.name)).collect()
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
    let corrupt = |error| Error::corrupt(&source.file.object.uri, row_group, error);
    let select = selection(rows, source.file.group_rows(row_group));
    let mut numbers = rows.iter().cloned().flatten();
    let mut decoder = Decoder {
        source,
        pass,
        stores: HashMap::new(),
        rows: Vec::with_capacity(rows.iter().map(ExactSizeIterator::len).sum()),
        texts: SharedTexts::default(),
        decoded: DecodedReports::default(),
    };
    for batch in source.file.batches(fetched, row_group, &roots(source), Some(select))? {
        let batch = batch.map_err(|error| corrupt(error.to_string()))?;
        let in_group: Vec<usize> = numbers.by_ref().take(batch.num_rows()).collect();
        decoder.batch(&batch, &in_group);
    }
    Ok(decoder.finish())
}

struct Decoder<'a> {
    source: &'a Source,
    pass: &'a Pass,
    /// Each store's place among the decoded ones.
    stores: HashMap<String, usize>,
    /// The accepted rows, each with its store's place.
    rows: Vec<(usize, Report)>,
    texts: SharedTexts,
    decoded: DecodedReports,
}

impl Decoder<'_> {
    fn batch(&mut self, batch: &RecordBatch, in_group: &[usize]) {
        let source = self.source;
        let columns = ReportColumns::new(&|name| batch.column_by_name(source.columns.name(name)));
        for (row, &in_group) in in_group.iter().enumerate() {
            self.row(&columns, row, in_group);
        }
    }

    fn row(&mut self, batch: &ReportColumns, row: usize, in_group: usize) {
        let key = batch.key(row);
        let detected_at = key.detected_at.and_then(Instant::exact);
        if let Some(interval) = self.pass.rejects_in {
            let scope = Scope::new(interval, self.source.file.partition);
            self.decoded.in_interval += u64::from(scope.counts(detected_at));
        }
        let judge = ReportJudge {
            partition: self.source.file.partition,
            max_lookback: self.pass.max_lookback,
        };
        let accepted = match judge.judge(key) {
            Ok(accepted) => accepted,
            Err(reason) => return self.reject(reason, detected_at, in_group),
        };
        let Accepted { store_id, tick, .. } = accepted;
        let pass = self.pass;
        let other_store =
            |stores: &Arc<[Arc<str>]>| stores.binary_search_by(|s| (**s).cmp(store_id)).is_err();
        if tick < pass.from || tick >= pass.to || pass.stores.as_ref().is_some_and(other_store) {
            return;
        }
        let (report, sales_out_of_range) = batch.report(row, &accepted, &mut self.texts);
        if pass.rejects_in.is_some_and(|interval| interval.contains(tick)) {
            self.decoded.onsets_ignored += u64::from(accepted.onset_ignored);
            self.decoded.sales_out_of_range += u64::from(sales_out_of_range);
        }
        let store = self.store(store_id);
        self.rows.push((store, report));
        if pass.numbered {
            self.decoded.numbers.push(in_group);
        }
    }

    fn reject(&mut self, reason: Reason, tick: Option<Timestamp>, row: usize) {
        if let Some(interval) = self.pass.rejects_in
            && Scope::new(interval, self.source.file.partition).counts(tick)
        {
            self.decoded.rejects.push(Reject { row, reason });
        }
    }

    /// The place of a store, whose rows come later.
    fn store(&mut self, store_id: &str) -> usize {
        if let Some(&known) = self.stores.get(store_id) {
            return known;
        }
        let new = self.decoded.rows.len();
        self.stores.insert(store_id.to_owned(), new);
        self.decoded.rows.push((store_id.into(), Vec::new()));
        new
    }

    /// Deals the rows out to their stores, once it is known how many each has.
    fn finish(self) -> DecodedReports {
        let mut decoded = self.decoded;
        let mut counts = vec![0; decoded.rows.len()];
        self.rows.iter().for_each(|&(store, _)| counts[store] += 1);
        for ((_, rows), count) in decoded.rows.iter_mut().zip(counts) {
            rows.reserve_exact(count);
        }
        self.rows.into_iter().for_each(|(store, report)| decoded.rows[store].1.push(report));
        decoded
    }
}

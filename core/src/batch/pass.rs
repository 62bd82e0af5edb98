//! Which rows of MRDL take part, what they say, and what is counted of the others (SPEC 2).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Lookup;
use super::reports::ReportColumns;
use super::values::Instant;
use crate::SharedTexts;
use crate::rejects::{Accepted, Reason, Rejects, ReportJudge, Scope};
use crate::{Duration, Interval, Report, Timestamp};

/// Which rows of MRDL a pass takes.
#[derive(Clone, Debug)]
pub struct Pass {
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
    /// Whether the numbers of accepted rows are asked for.
    pub numbered: bool,
}

/// What is counted of the rows that a pass looks at.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Rejected rows that count.
    pub rejects: Rejects,
    /// Rows with a tick in the interval, rejected ones included.
    pub in_interval: u64,
    /// Rows with a tick in the interval whose onset is ignored.
    pub onsets_ignored: u64,
    /// Rows with a tick in the interval whose `sales_total` is out of range.
    pub sales_out_of_range: u64,
}

/// Takes rows one by one.
#[derive(Debug)]
pub struct ReportReader<'p> {
    pass: &'p Pass,
    partition: Option<Interval>,
    texts: SharedTexts,
    /// What was counted so far.
    pub counted: Counted,
}

/// Takes the rows of batches, and holds them by store.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
/// use arrow::array::TimestampMicrosecondArray as Instants;
/// use cohort_core::Timestamp;
/// use cohort_core::batch::{Pass, ReportDecoder};
///
/// let pass = Pass {
///     from: Timestamp::MIN,
///     to: Timestamp::MAX,
///     stores: None,
///     rejects_in: None,
///     max_lookback: "P30D".parse()?,
///     numbered: false,
/// };
/// // The caller knows that this input calls `store_id` another name.
/// let stores: ArrayRef = Arc::new(Int64Array::from(vec![327, 327, 12]));
/// let ticks: ArrayRef = Arc::new(Instants::from(vec![Some(5), None, Some(5)]));
/// let skus: ArrayRef = Arc::new(StringArray::from(vec![Some("milk"), None, None]));
/// let columns = [("store_code", stores), ("detected_at", ticks), ("sku", skus)];
/// let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true)))?;
/// let mut decoder = ReportDecoder::new(&pass, None, batch.num_rows());
/// let column = |name: &str| match name {
///     "store_id" => batch.column_by_name("store_code"),
///     _ => batch.column_by_name(name),
/// };
/// decoder.batch(&column, 0..batch.num_rows());
/// // The row without a tick takes no part.
/// let reports = decoder.finish().rows;
/// let of_store = |store: usize| (&*reports[store].0, reports[store].1.len());
/// assert_eq!([of_store(0), of_store(1)], [("327", 1), ("12", 1)]);
/// assert_eq!(reports[0].1[0].sku.as_deref(), Some("milk"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ReportDecoder<'p> {
    reader: ReportReader<'p>,
    /// Each store's place among those seen.
    places: HashMap<String, usize>,
    stores: Vec<Arc<str>>,
    /// The accepted rows, each with its store's place.
    rows: Vec<(usize, Report)>,
    numbers: Vec<usize>,
    /// With more rows, duplicates are dropped; `None` if they are kept.
    rows_max: Option<usize>,
    /// How many rows of a store and a tick gave way to a duplicate.
    gave_way: BTreeMap<(usize, Timestamp), u64>,
}

/// With this many rows, duplicates are dropped early.
const ROWS_FULL: usize = 1 << 16;

/// What batches gave.
#[derive(Debug, Default)]
pub struct DecodedReports {
    /// Accepted rows by store, in no particular order of stores.
    pub rows: Vec<(Arc<str>, Vec<Report>)>,
    /// The number of each accepted row, in the order in which they were decoded, if numbers are
    /// asked for. In the rows of one store they have the same order.
    pub numbers: Vec<usize>,
    /// How many rows of a store and a tick gave way to a duplicate, if they were dropped.
    pub gave_way: Vec<(Arc<str>, Timestamp, u64)>,
    /// What was counted.
    pub counted: Counted,
}

impl<'p> ReportReader<'p> {
    /// A reader of rows in this partition.
    #[must_use]
    pub fn new(pass: &'p Pass, partition: Option<Interval>) -> Self {
        Self { pass, partition, texts: SharedTexts::default(), counted: Counted::default() }
    }

    /// Lets go of the texts that the rows so far share, so that a long stream takes no more memory
    /// than its largest store.
    pub fn forget_texts(&mut self) {
        self.texts = SharedTexts::default();
    }

    /// A row with its store, if the pass takes it. `number` is the number under which it is listed
    /// if it is rejected.
    pub fn row<'c>(
        &mut self,
        columns: &'c ReportColumns,
        row: usize,
        number: usize,
    ) -> Option<(&'c str, Report)> {
        let key = columns.key(row);
        let detected_at = key.detected_at.and_then(Instant::exact);
        if let Some(interval) = self.pass.rejects_in {
            let scope = Scope::new(interval, self.partition);
            self.counted.in_interval += u64::from(scope.counts(detected_at));
        }
        let judge = ReportJudge { partition: self.partition, max_lookback: self.pass.max_lookback };
        let accepted = match judge.judge(key) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.reject(reason, detected_at, number);
                return None;
            }
        };
        let Accepted { store_id, tick, .. } = accepted;
        let pass = self.pass;
        let other_store =
            |stores: &Arc<[Arc<str>]>| stores.binary_search_by(|s| (**s).cmp(store_id)).is_err();
        if tick < pass.from || tick >= pass.to || pass.stores.as_ref().is_some_and(other_store) {
            return None;
        }
        let (report, sales_out_of_range) = columns.report(row, &accepted, &mut self.texts);
        if pass.rejects_in.is_some_and(|interval| interval.contains(tick)) {
            self.counted.onsets_ignored += u64::from(accepted.onset_ignored);
            self.counted.sales_out_of_range += u64::from(sales_out_of_range);
        }
        Some((store_id, report))
    }

    fn reject(&mut self, reason: Reason, tick: Option<Timestamp>, row: usize) {
        if let Some(interval) = self.pass.rejects_in
            && Scope::new(interval, self.partition).counts(tick)
        {
            self.counted.rejects.add(row, reason);
        }
    }
}

impl<'p> ReportDecoder<'p> {
    /// A decoder for about `rows` rows in this partition.
    #[must_use]
    pub fn new(pass: &'p Pass, partition: Option<Interval>, rows: usize) -> Self {
        Self {
            reader: ReportReader::new(pass, partition),
            places: HashMap::new(),
            stores: Vec::new(),
            rows: Vec::with_capacity(rows),
            numbers: Vec::new(),
            rows_max: None,
            gave_way: BTreeMap::new(),
        }
    }

    /// As above, but of duplicates (SPEC 2) it keeps only the greatest, unless numbers are wanted.
    /// However often rows repeat, they take the room of a few.
    #[must_use]
    pub fn without_duplicates(mut self) -> Self {
        self.rows_max = (!self.reader.pass.numbered).then_some(ROWS_FULL);
        self
    }

    fn drop_duplicates(&mut self) {
        self.rows.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then_with(|| b.1.precedence(&a.1)));
        let gave_way = &mut self.gave_way;
        self.rows.dedup_by(|next, kept| {
            let gives_way = key(next) == key(kept);
            if gives_way {
                *gave_way.entry((next.0, next.1.detected_at)).or_default() += 1;
            }
            gives_way
        });
    }

    /// Takes a batch. `numbers` are the numbers of its rows, one for each.
    pub fn batch(&mut self, column: Lookup<'_>, numbers: impl IntoIterator<Item = usize>) {
        let columns = ReportColumns::new(column);
        for (row, number) in numbers.into_iter().enumerate() {
            if let Some((store_id, report)) = self.reader.row(&columns, row, number) {
                let store = self.place(store_id);
                self.rows.push((store, report));
                if self.reader.pass.numbered {
                    self.numbers.push(number);
                }
                if self.rows_max.is_some_and(|most| self.rows.len() >= most) {
                    self.drop_duplicates();
                    self.rows_max = Some(ROWS_FULL.max(2 * self.rows.len()));
                }
            }
        }
    }

    /// The place of a store, whose rows come later.
    fn place(&mut self, store_id: &str) -> usize {
        if let Some(&known) = self.places.get(store_id) {
            return known;
        }
        let new = self.stores.len();
        self.places.insert(store_id.to_owned(), new);
        self.stores.push(store_id.into());
        new
    }

    /// Deals the rows out to their stores, now that it is known how many each has.
    #[must_use]
    pub fn finish(mut self) -> DecodedReports {
        if self.rows_max.is_some() {
            self.drop_duplicates();
        }
        let mut counts = vec![0; self.stores.len()];
        self.rows.iter().for_each(|&(store, _)| counts[store] += 1);
        let of_store = |((store, tick), n): ((usize, _), _)| (self.stores[store].clone(), tick, n);
        let gave_way = self.gave_way.into_iter().map(of_store).collect();
        let stores = self.stores.into_iter().zip(counts);
        let mut rows: Vec<_> =
            stores.map(|(store, count)| (store, Vec::with_capacity(count))).collect();
        self.rows.into_iter().for_each(|(store, report)| rows[store].1.push(report));
        DecodedReports { rows, numbers: self.numbers, gave_way, counted: self.reader.counted }
    }
}

/// What duplicates agree in.
fn key((store, row): &(usize, Report)) -> (usize, Timestamp, Option<&str>, Option<Timestamp>) {
    (*store, row.detected_at, row.sku.as_deref(), row.first_detected_from)
}

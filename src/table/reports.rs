//! The minority-report log, decoded whole: the small log (SPEC 2).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use super::prune::selection;
use super::rejects::{Reason, Reject, Scope};
use super::values::{Amounts, Doubles, Instants, Lists, Pieces, Texts};
use crate::cohort::{Carried, Duration, Interval, Report, Timestamp};
use crate::contract::MRDL;

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
}

/// What some rows of a row group gave.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Accepted rows by store, in no particular order of stores.
    pub rows: Vec<(Arc<str>, Vec<Report>)>,
    /// Rejected rows that count.
    pub rejects: Vec<Reject>,
    /// Rows with a tick in the interval, rejected ones included.
    pub in_interval: u64,
}

/// The root columns to fetch.
pub fn roots(source: &Source) -> Vec<usize> {
    MRDL.columns.iter().filter_map(|column| source.columns.root(column.name)).collect()
}

/// Decodes these rows of a row group.
///
/// # Errors
/// [`Error::Corrupt`], [`Error::Amount`], [`Error::Instant`].
pub fn decode(
    source: &Source,
    row_group: usize,
    rows: &[Range<usize>],
    fetched: Fetched,
    pass: &Pass,
) -> Result<Decoded, Error> {
    let corrupt = |error| Error::corrupt(&source.file.object.uri, row_group, error);
    let select = selection(rows, source.file.group_rows(row_group));
    let mut numbers = rows.iter().cloned().flatten();
    let mut decoder = Decoder {
        source,
        row_group,
        pass,
        stores: HashMap::new(),
        rows: Vec::with_capacity(rows.iter().map(ExactSizeIterator::len).sum()),
        texts: HashMap::new(),
        decoded: Decoded::default(),
    };
    for batch in source.file.batches(fetched, row_group, &roots(source), Some(select))? {
        let batch = batch.map_err(|error| corrupt(error.to_string()))?;
        let in_group: Vec<usize> = numbers.by_ref().take(batch.num_rows()).collect();
        decoder.batch(&batch, &in_group)?;
    }
    Ok(decoder.finish())
}

struct Decoder<'a> {
    source: &'a Source,
    row_group: usize,
    pass: &'a Pass,
    /// Each store's place among the decoded ones.
    stores: HashMap<String, usize>,
    /// The accepted rows, each with its store's place.
    rows: Vec<(usize, Report)>,
    /// One allocation for each distinct text that repeats: SKUs, names.
    texts: HashMap<String, Arc<str>>,
    decoded: Decoded,
}

/// The columns of a batch.
struct Batch {
    store_id: Texts,
    detected_at: Instants,
    sku: Texts,
    first_detected_from: Instants,
    anomaly_id: Pieces,
    severity: Doubles,
    sales_total: Amounts,
    ingested_at: Instants,
    carried: Option<CarriedColumns>,
}

struct CarriedColumns {
    feature_vector: Lists,
    texts: [Texts; 5],
    doubles: [Doubles; 5],
}

impl Batch {
    fn new(source: &Source, batch: &RecordBatch) -> Self {
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        let texts = [
            "cluster_id",
            "cluster_name",
            "proposed_cause",
            "proposed_cause_category",
            "supporting_evidence",
        ];
        let doubles = [
            "similarity_score",
            "cluster_match_confidence",
            "tsne_x",
            "tsne_y",
            "confidence_score",
        ];
        let any = texts
            .iter()
            .chain(&doubles)
            .chain(&["feature_vector"])
            .any(|name| column(name).is_some());
        Self {
            store_id: Texts::new(column("store_id")),
            detected_at: Instants::new(column("detected_at")),
            sku: Texts::new(column("sku")),
            first_detected_from: Instants::new(column("first_detected_from")),
            anomaly_id: Pieces::new(column("anomaly_id")),
            severity: Doubles::new(column("severity")),
            sales_total: Amounts::new(column("sales_total")),
            ingested_at: Instants::new(column("ingested_at")),
            carried: any.then(|| CarriedColumns {
                feature_vector: Lists::new(column("feature_vector")),
                texts: texts.map(|name| Texts::new(column(name))),
                doubles: doubles.map(|name| Doubles::new(column(name))),
            }),
        }
    }
}

impl Decoder<'_> {
    fn batch(&mut self, batch: &RecordBatch, in_group: &[usize]) -> Result<(), Error> {
        let columns = Batch::new(self.source, batch);
        for (row, &in_group) in in_group.iter().enumerate() {
            self.row(&columns, row, in_group)?;
        }
        Ok(())
    }

    fn row(&mut self, batch: &Batch, row: usize, in_group: usize) -> Result<(), Error> {
        let instant =
            |column: &Instants, name| column.get(row).map_err(|_| self.bad_instant(name, in_group));
        let detected_at = instant(&batch.detected_at, "detected_at")?;
        let onset = instant(&batch.first_detected_from, "first_detected_from")?;
        let store_id = batch.store_id.get(row).filter(|store| !store.is_empty());
        if let Some(interval) = self.pass.rejects_in {
            let scope = Scope::new(interval, self.source.file.partition);
            self.decoded.in_interval += u64::from(scope.counts(detected_at));
        }
        let (store_id, detected_at) = match self.judge(store_id, detected_at, onset) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.reject(reason, detected_at, in_group);
                return Ok(());
            }
        };
        let pass = self.pass;
        let other_store =
            |stores: &Arc<[Arc<str>]>| stores.binary_search_by(|s| (**s).cmp(store_id)).is_err();
        if detected_at < pass.from
            || detected_at >= pass.to
            || pass.stores.as_ref().is_some_and(other_store)
        {
            return Ok(());
        }
        let sales_total =
            batch.sales_total.get(row).map_err(|_| self.bad_amount(store_id, in_group))?;
        let report = Report {
            detected_at,
            sku: batch.sku.get(row).map(|sku| self.text(sku)),
            first_detected_from: onset,
            ingested_at: batch
                .ingested_at
                .get(row)
                .map_err(|_| self.bad_instant("ingested_at", in_group))?,
            anomaly_id: batch.anomaly_id.get(row),
            severity: batch.severity.get(row),
            sales_total,
            carried: batch.carried.as_ref().and_then(|columns| self.carried(columns, row)),
        };
        let store = self.store(store_id);
        self.rows.push((store, report));
        Ok(())
    }

    /// The row's store and tick, or the first reason to reject it.
    fn judge<'s>(
        &self,
        store_id: Option<&'s str>,
        detected_at: Option<Timestamp>,
        onset: Option<Timestamp>,
    ) -> Result<(&'s str, Timestamp), Reason> {
        let store_id = store_id.ok_or(Reason::MissingStore)?;
        let tick = detected_at.ok_or(Reason::MissingDetectedAt)?;
        if onset.is_some_and(|onset| onset > tick) {
            return Err(Reason::OnsetAfterDetection);
        }
        if onset.is_some_and(|onset| onset < tick.saturating_sub(self.pass.max_lookback)) {
            return Err(Reason::OnsetTooOld);
        }
        if self.source.file.partition.is_some_and(|partition| !partition.contains(tick)) {
            return Err(Reason::OutsidePartition);
        }
        Ok((store_id, tick))
    }

    fn reject(&mut self, reason: Reason, tick: Option<Timestamp>, row: usize) {
        if let Some(interval) = self.pass.rejects_in
            && Scope::new(interval, self.source.file.partition).counts(tick)
        {
            self.decoded.rejects.push(Reject { row, reason });
        }
    }

    fn carried(&mut self, columns: &CarriedColumns, row: usize) -> Option<Box<Carried>> {
        let [cluster_id, cluster_name, cause, category, evidence] =
            [0, 1, 2, 3, 4].map(|i| columns.texts[i].get(row).map(|text| self.text(text)));
        let [similarity, match_confidence, tsne_x, tsne_y, confidence] =
            [0, 1, 2, 3, 4].map(|i| columns.doubles[i].get(row));
        let carried = Carried {
            feature_vector: columns.feature_vector.get(row),
            cluster_id,
            cluster_name,
            similarity_score: similarity,
            cluster_match_confidence: match_confidence,
            tsne_x,
            tsne_y,
            proposed_cause: cause,
            proposed_cause_category: category,
            supporting_evidence: evidence,
            confidence_score: confidence,
        };
        (!carried.is_null()).then(|| Box::new(carried))
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
    fn finish(self) -> Decoded {
        let mut decoded = self.decoded;
        let mut counts = vec![0; decoded.rows.len()];
        self.rows.iter().for_each(|&(store, _)| counts[store] += 1);
        for ((_, rows), count) in decoded.rows.iter_mut().zip(counts) {
            rows.reserve_exact(count);
        }
        self.rows.into_iter().for_each(|(store, report)| decoded.rows[store].1.push(report));
        decoded
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.texts.insert(text.to_owned(), new.clone());
        new
    }

    fn file_row(&self, in_group: usize) -> u64 {
        self.source.file.first_row(self.row_group) + in_group as u64
    }

    fn bad_instant(&self, column: &'static str, in_group: usize) -> Error {
        let uri = self.source.file.object.uri.clone();
        Error::Instant { uri, log: MRDL.name, column, row: self.file_row(in_group) }
    }

    fn bad_amount(&self, store_id: &str, in_group: usize) -> Error {
        Error::Amount {
            uri: self.source.file.object.uri.clone(),
            log: MRDL.name,
            column: "sales_total",
            row: self.file_row(in_group),
            store_id: store_id.to_owned(),
        }
    }
}

//! A stream of stores, one after the other: rows of all three logs in, each with a tag.

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use cohort_core::batch::{
    Pass, Prediction, PredictionRows, ReadPredictions, ReportColumns, ReportReader, Texts,
    places_of,
};
use cohort_core::contract::MRDL;
use cohort_core::rejects::Scope;
use cohort_core::{
    ByCell, Candidates, Gathered, Point, PredictionLog, Report, Sales, Scores, SharedTexts,
    Timestamp, Windows,
};

use crate::error::Error;
use crate::frames::store_events;
use crate::input::{self, Columns, slices};
use crate::output::{Emit, Output, Store};
use crate::settings::Settings;
use crate::summary::{Found, Summary};

/// Rows of one output batch.
const BATCH_ROWS: usize = 1 << 13;

/// The tags of the rows: the names that the three logs have as arguments.
const TAGS: [&str; 3] = ["reports", "scores", "sales"];

/// What a stream has seen.
#[derive(Debug)]
pub(crate) struct Stream<'p> {
    settings: &'p Settings,
    pass: &'p Pass,
    output: Output,
    reports: ReportReader<'p>,
    scores: Found,
    sales: Found,
    lookback_start: Timestamp,
    duplicates: u64,
    /// Rows by tag.
    rows: [u64; 3],
    current: Option<Current>,
    columns: Option<(SchemaRef, TaggedColumns)>,
}

/// The rows of the store that the stream is at.
#[derive(Debug)]
struct Current {
    id: Arc<str>,
    texts: SharedTexts,
    reports: Vec<Report>,
    scores: Vec<Raw<Scores>>,
    sales: Vec<Raw<Sales>>,
}

/// A prediction of the store, before it is known what its lines need.
#[derive(Debug)]
struct Raw<L: PredictionLog> {
    sku: Option<Arc<str>>,
    at: Timestamp,
    ingested_at: Option<Timestamp>,
    value: L::Value,
    /// The places of its amounts that are out of range, as bits.
    out_of_range: u8,
}

/// The column of the tags.
const TAG: &str = "log";

/// Whether a name may be that of a column of the stream.
pub(crate) fn has_column(name: &str) -> bool {
    let logs = [&MRDL, Scores::LOG, Sales::LOG];
    name.eq_ignore_ascii_case(TAG) || logs.into_iter().any(|log| input::has_column(log, name))
}

/// Which columns of a batch are those of each log. A log whose columns are missing is at fault only
/// once it has a row.
#[derive(Debug)]
struct TaggedColumns {
    tag: Result<Option<usize>, String>,
    reports: Result<Columns, String>,
    scores: Result<Columns, String>,
    sales: Result<Columns, String>,
}

impl<'p> Stream<'p> {
    /// A stream without rows.
    pub(crate) fn new(settings: &'p Settings, pass: &'p Pass, candidates: Candidates) -> Self {
        let output = Output::new(settings.interval, candidates, &settings.run_id, BATCH_ROWS);
        Self {
            settings,
            pass,
            output,
            reports: ReportReader::new(pass, None),
            scores: Found::default(),
            sales: Found::default(),
            lookback_start: settings.lookback().first_read(),
            duplicates: 0,
            rows: [0; 3],
            current: None,
            columns: None,
        }
    }

    /// Takes a batch, and writes the rows of every store that it shows to be complete.
    ///
    /// # Errors
    /// [`Error::Usage`] for a store that comes too late, [`Error::Data`] for rows at fault.
    pub(crate) fn push(&mut self, batch: &RecordBatch, emit: Emit<'_>) -> Result<(), Error> {
        let columns = match self.columns.take() {
            Some((schema, columns)) if schema == batch.schema() => columns,
            _ => TaggedColumns::of(batch),
        };
        let slices = slices(batch)?;
        let taken = slices.iter().try_for_each(|slice| self.slice(&columns, slice, emit));
        self.columns = Some((batch.schema(), columns));
        taken
    }

    /// Writes what is left, and tells what was counted.
    ///
    /// # Errors
    /// As [`Stream::push`].
    pub(crate) fn finish(mut self, emit: Emit<'_>) -> Result<Summary, Error> {
        self.end_store(emit)?;
        self.output.finish(emit)?;
        let [reports, scores, sales] = self.rows;
        let inputs = vec![
            ("reports", Found::reports(reports, self.reports.counted, self.duplicates)),
            ("scores", Found { rows: scores, ..self.scores }),
            ("sales", Found { rows: sales, ..self.sales }),
        ];
        if let Some(ratio_max) = self.settings.max_reject_ratio {
            inputs.iter().try_for_each(|(name, found)| found.check(name, ratio_max))?;
        }
        let lookback_start = self.lookback_start;
        Ok(Summary { counts: self.output.counts, inputs, lookback_start })
    }

    fn slice(
        &mut self,
        columns: &TaggedColumns,
        slice: &RecordBatch,
        emit: Emit<'_>,
    ) -> Result<(), Error> {
        let tags = columns.tags(slice)?;
        let first: u64 = self.rows.iter().sum();
        let number = |row: usize| first as usize + row;
        let has = |tag: u8| tags.contains(&tag);
        let reports = has(0).then(|| of_log(&columns.reports)).transpose()?.map(|columns| {
            let slice = columns.slice(slice, 0);
            ReportColumns::new(&|name| slice.column(name))
        });
        let scores = has(1).then(|| of_log(&columns.scores)).transpose()?;
        let scores = scores.map(|columns| predictions::<Scores>(columns, slice));
        let sales = has(2).then(|| of_log(&columns.sales)).transpose()?;
        let sales = sales.map(|columns| predictions::<Sales>(columns, slice));
        for (row, &tag) in tags.iter().enumerate() {
            self.rows[usize::from(tag)] += 1;
            match (tag, &reports, &scores, &sales) {
                (0, Some(reports), ..) => {
                    if let Some((store, report)) = self.reports.row(reports, row, number(row)) {
                        self.at(store, number(row), emit)?.reports.push(report);
                    }
                }
                (1, _, Some(scores), _) => {
                    let (settings, pass) = (self.settings, self.pass);
                    let taken = take(scores, row, number(row), (settings, pass), &mut self.scores);
                    if let Some((prediction, out_of_range)) = taken {
                        let current = self.at(prediction.store_id, number(row), emit)?;
                        let raw = Raw::of(&prediction, out_of_range, &mut current.texts);
                        current.scores.push(raw);
                    }
                }
                (_, _, _, Some(sales)) => {
                    let (settings, pass) = (self.settings, self.pass);
                    let taken = take(sales, row, number(row), (settings, pass), &mut self.sales);
                    if let Some((prediction, out_of_range)) = taken {
                        let current = self.at(prediction.store_id, number(row), emit)?;
                        let raw = Raw::of(&prediction, out_of_range, &mut current.texts);
                        current.sales.push(raw);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The store of a row, which may end the one before it.
    fn at(&mut self, store: &str, row: usize, emit: Emit<'_>) -> Result<&mut Current, Error> {
        let known = self.current.as_ref().map(|current| (*current.id).cmp(store));
        match known {
            Some(std::cmp::Ordering::Equal) => {}
            Some(std::cmp::Ordering::Greater) => {
                let before = self.current.as_ref().map(|current| current.id.clone());
                return Err(Error::Usage(format!(
                    "expected stores in the ascending order of their bytes, found {store:?} after \
                     {:?} in row {row}; sort the stream by store_id",
                    before.as_deref().unwrap_or_default()
                )));
            }
            Some(std::cmp::Ordering::Less) | None => {
                self.end_store(emit)?;
                self.current = Some(Current {
                    id: store.into(),
                    texts: SharedTexts::default(),
                    reports: Vec::new(),
                    scores: Vec::new(),
                    sales: Vec::new(),
                });
            }
        }
        self.current.as_mut().ok_or_else(|| Error::Bug("a store went away".to_owned()))
    }

    fn end_store(&mut self, emit: Emit<'_>) -> Result<(), Error> {
        let Some(Current { id, reports, scores, sales, .. }) = self.current.take() else {
            return Ok(());
        };
        self.reports.forget_texts();
        let events = store_events(reports, self.settings, &mut self.lookback_start);
        let Some((events, duplicates)) = events else { return Ok(()) };
        self.duplicates += duplicates;
        let ticks = Windows::of_ticks(&events);
        let scores = &gather(scores, &ticks, self.settings, &mut self.scores);
        // Those of a large store take as much memory as its rows.
        drop(ticks);
        let windows = &Windows::of(&events);
        let sales = &gather(sales, windows, self.settings, &mut self.sales);
        let store = Store { id: &id, events: &events, windows, sales, scores, first_cell: 0 };
        self.output.store(store, emit)
    }
}

impl<L: PredictionLog> Raw<L> {
    fn of(
        prediction: &Prediction<'_, L::Value>,
        out_of_range: u8,
        texts: &mut SharedTexts,
    ) -> Self {
        Self {
            sku: prediction.sku.map(|sku| texts.share(sku)),
            at: prediction.at,
            ingested_at: prediction.ingested_at,
            value: prediction.value,
            out_of_range,
        }
    }
}

impl TaggedColumns {
    fn of(batch: &RecordBatch) -> Self {
        let schema = batch.schema();
        let columns = |name: &'static str, log| {
            Columns::of(name, log, schema.fields()).map_err(|error| error.to_string())
        };
        Self {
            tag: tag(&schema),
            reports: columns("reports", &MRDL),
            scores: columns("scores", Scores::LOG),
            sales: columns("sales", Sales::LOG),
        }
    }

    /// The place of each row's tag. Without a column `log`, all rows are reports.
    fn tags(&self, slice: &RecordBatch) -> Result<Vec<u8>, Error> {
        let tag = self.tag.as_ref().map_err(|fault| Error::Data(fault.clone()))?;
        let Some(tag) = *tag else { return Ok(vec![0; slice.num_rows()]) };
        let column: &ArrayRef = slice.column(tag);
        let texts = Texts::new(Some(column));
        let known = |row: usize| {
            let text = (!column.is_null(row)).then(|| texts.get(row)).flatten();
            let place = (0_u8..).zip(TAGS).find(|&(_, tag)| text == Some(tag));
            place.map(|(place, _)| place).ok_or_else(|| {
                Error::Usage(format!(
                    "expected \"reports\", \"scores\" or \"sales\" in the column log, found {}",
                    text.map_or_else(|| "null".to_owned(), |text| format!("{text:?}"))
                ))
            })
        };
        (0..slice.num_rows()).map(known).collect()
    }
}

/// The place of the tags.
fn tag(schema: &Schema) -> Result<Option<usize>, String> {
    match places_of(TAG, schema.fields())[..] {
        [] => Ok(None),
        [place] => Ok(Some(place)),
        ref found => Err(format!(
            "batch: expected one column {TAG:?}, found {}; drop or rename the others",
            found.len()
        )),
    }
}

/// The columns of a log that has rows.
fn of_log(columns: &Result<Columns, String>) -> Result<&Columns, Error> {
    columns.as_ref().map_err(|fault| Error::Data(fault.clone()))
}

fn predictions<L: ReadPredictions>(columns: &Columns, slice: &RecordBatch) -> PredictionRows<L> {
    let slice = columns.slice(slice, 0);
    PredictionRows::new(&|name| slice.column(name), slice.rows)
}

/// A prediction that takes part, and the places of its amounts that are out of range. What is wrong
/// with the row is counted.
fn take<'r, L: ReadPredictions>(
    rows: &'r PredictionRows<L>,
    row: usize,
    number: usize,
    (settings, pass): (&Settings, &Pass),
    found: &mut Found,
) -> Option<(Prediction<'r, L::Value>, u8)> {
    let counts = Scope::new(settings.interval, None).counts(rows.tick(row));
    found.in_interval += u64::from(counts);
    match rows.row(row) {
        Ok(prediction) if prediction.at < pass.to => {
            let out_of_range = rows.out_of_range(row).fold(0, |bits, place| bits | 1 << place);
            Some((prediction, out_of_range))
        }
        Ok(_) => None,
        Err(reason) => {
            if counts {
                found.rejects.add(number, reason);
            }
            None
        }
    }
}

/// The predictions that the store's lines need, by SKU.
fn gather<L: PredictionLog>(
    all: Vec<Raw<L>>,
    windows: &Windows,
    settings: &Settings,
    found: &mut Found,
) -> ByCell<L::Row> {
    let mut gathered = Gathered::<L>::new(windows.skus());
    let mut points = Vec::with_capacity(all.len());
    for Raw { sku, at, ingested_at, value, out_of_range } in all {
        let place = windows.place(sku.as_deref()).filter(|&place| windows.holds(place, at));
        let Some(cell) = place.and_then(|place| u32::try_from(place).ok()) else { continue };
        if settings.interval.contains(at) {
            for (place, &column) in L::VALUES.iter().enumerate() {
                if out_of_range & 1 << place != 0 {
                    *found.out_of_range.entry(column).or_default() += 1;
                }
            }
        }
        points.push(Point { cell, at, ingested_at, value });
    }
    gathered.extend(points);
    let (rows, duplicates) = gathered.finish();
    found.duplicates += duplicates;
    rows
}

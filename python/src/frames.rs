//! Whole frames, with rows in any order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use cohort_core::batch::{
    CAMPAIGN_LOG, CONTEXT_LOG, CandidateLog, PredictionRows, ReadPredictions, ReportDecoder,
};
use cohort_core::contract::MRDL;
use cohort_core::rejects::Scope;
use cohort_core::{
    ByCell, Candidates, ChainSeen, Event, Gathered, Point, Report, Sales, Scores, Timestamp,
    Windows,
};

use crate::error::Error;
use crate::input::Frame;
use crate::output::{Output, Store, Written};
use crate::settings::Settings;
use crate::summary::{Found, Summary};
use crate::worker::Stop;

/// Rows of one output batch.
const BATCH_ROWS: usize = 1 << 16;

/// Bytes of the texts of a batch of windows, one window more or less.
const WINDOW_BYTES_MAX: usize = 1 << 26;

/// The frames of a call.
#[derive(Debug)]
pub(crate) struct Frames {
    pub reports: Frame,
    pub scores: Option<Frame>,
    pub sales: Option<Frame>,
    pub campaigns: Option<Frame>,
    pub context: Option<Frame>,
}

/// What a call gives.
#[derive(Debug)]
pub(crate) struct CohortRows {
    pub mrch: Vec<RecordBatch>,
    pub melog: Vec<RecordBatch>,
    pub summary: Summary,
}

/// A store with its events, and the cell of its first SKU.
#[derive(Debug)]
struct OfStore {
    id: Arc<str>,
    events: Vec<Event>,
    windows: Windows,
    ticks: Windows,
    first_cell: usize,
}

/// All stores that may write a row, in the order of their bytes.
#[derive(Debug)]
struct Stores {
    all: Vec<OfStore>,
    places: HashMap<Arc<str>, usize>,
    cells: usize,
    lookback_start: Timestamp,
}

/// The events of one store's rows, and how many rows gave way to a duplicate; `None` if the store
/// has no row in the interval. `looked_at` is moved to the earliest instant that had to be seen.
pub(crate) fn store_events(
    rows: Vec<Report>,
    settings: &Settings,
    looked_at: &mut Timestamp,
) -> Option<(Vec<Event>, u64)> {
    let lookback = settings.lookback();
    let mut ticks: Vec<_> = rows.iter().map(|row| row.detected_at).collect();
    ticks.sort_unstable();
    let ChainSeen::Known(begin) = lookback.chain(&ticks, Timestamp::MIN) else { return None };
    *looked_at = begin.looked_at(settings.life.gap).min(*looked_at);
    let (events, duplicates) = lookback.events(rows, begin);
    Some((events, duplicates as u64))
}

/// Computes all rows of the interval.
///
/// # Errors
/// [`Error::Data`] for a frame at fault, [`Error::Stopped`].
pub(crate) fn cohort(
    frames: Frames,
    settings: &Settings,
    stop: &Stop,
) -> Result<CohortRows, Error> {
    let (stores, reports) = read_reports(frames.reports, settings, stop)?;
    let mut inputs = vec![("reports", reports)];
    let (scores, found) =
        scan::<Scores>(frames.scores, &stores, |store| &store.ticks, settings, stop)?;
    inputs.extend(found.map(|found| ("scores", found)));
    let (sales, found) =
        scan::<Sales>(frames.sales, &stores, |store| &store.windows, settings, stop)?;
    inputs.extend(found.map(|found| ("sales", found)));
    if let Some(ratio_max) = settings.max_reject_ratio {
        inputs.iter().try_for_each(|(name, found)| found.check(name, ratio_max))?;
    }
    let mut candidates = Candidates::default();
    for (name, frame, log) in
        [("campaigns", frames.campaigns, CAMPAIGN_LOG), ("context", frames.context, CONTEXT_LOG)]
    {
        let Some(frame) = frame else { continue };
        inputs.push((name, read_candidates(frame, log, &mut candidates, stop)?));
    }
    let mut output = Output::new(settings.interval, candidates, &settings.run_id, BATCH_ROWS);
    let (mut mrch, mut melog) = (Vec::new(), Vec::new());
    let mut emit = |log, batch| {
        match log {
            Written::Mrch => mrch.push(batch),
            Written::Melog => melog.push(batch),
        }
        stop.check()
    };
    for OfStore { id, events, windows, first_cell, .. } in &stores.all {
        stop.check()?;
        let (sales, scores, first_cell) = (&sales, &scores, *first_cell);
        output.store(Store { id, events, windows, sales, scores, first_cell }, &mut emit)?;
    }
    output.finish(&mut emit)?;
    let lookback_start = stores.lookback_start;
    Ok(CohortRows {
        mrch,
        melog,
        summary: Summary { counts: output.counts, inputs, lookback_start },
    })
}

/// The windows in which the interval's lines need predictions, by store and SKU.
///
/// # Errors
/// As [`cohort`].
pub(crate) fn windows(
    reports: Frame,
    settings: &Settings,
    stop: &Stop,
) -> Result<Vec<RecordBatch>, Error> {
    let (stores, _) = read_reports(reports, settings, stop)?;
    let each = stores.all.iter().flat_map(|store| {
        store.windows.each().map(|(sku, first, last)| (&*store.id, sku, first, last))
    });
    let (mut batches, mut held, mut bytes) = (Vec::new(), Vec::new(), 0);
    for window @ (id, sku, ..) in each {
        held.push(window);
        bytes += id.len() + sku.map_or(0, str::len);
        if held.len() == BATCH_ROWS || bytes > WINDOW_BYTES_MAX {
            stop.check()?;
            batches.push(windows_batch(&held)?);
            (held, bytes) = (Vec::new(), 0);
        }
    }
    batches.push(windows_batch(&held)?);
    Ok(batches)
}

fn windows_batch(
    windows: &[(&str, Option<&str>, Timestamp, Timestamp)],
) -> Result<RecordBatch, Error> {
    let (mut ids, mut skus) = (StringBuilder::new(), StringBuilder::new());
    let instants = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let (mut starts, mut ends) = (instants(), instants());
    for &(id, sku, first, last) in windows {
        ids.append_value(id);
        skus.append_option(sku);
        starts.append_value(first.as_us());
        ends.append_value(last.as_us());
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(ids.finish()),
        Arc::new(skus.finish()),
        Arc::new(starts.finish()),
        Arc::new(ends.finish()),
    ];
    Ok(RecordBatch::try_new(windows_schema(), columns)?)
}

/// The columns of [`windows`].
pub(crate) fn windows_schema() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("store_id", DataType::Utf8, false),
        Field::new("sku", DataType::Utf8, true),
        Field::new("window_start", instant.clone(), false),
        Field::new("window_end", instant, false),
    ]))
}

fn read_reports(frame: Frame, settings: &Settings, stop: &Stop) -> Result<(Stores, Found), Error> {
    let pass = settings.pass();
    let mut decoder = ReportDecoder::new(&pass, None, 0);
    let rows = frame.each(&MRDL, stop, |slice| {
        decoder.batch(&|name| slice.column(name), slice.first..slice.first + slice.rows);
        Ok(())
    })?;
    let decoded = decoder.finish();
    let by_store: BTreeMap<_, _> = decoded.rows.into_iter().collect();
    let mut stores = Stores {
        all: Vec::new(),
        places: HashMap::new(),
        cells: 0,
        lookback_start: settings.lookback().first_read(),
    };
    let mut duplicates = 0;
    for (id, rows) in by_store {
        stop.check()?;
        let found = store_events(rows, settings, &mut stores.lookback_start);
        let Some((events, of_store)) = found else { continue };
        duplicates += of_store;
        let (windows, ticks) = (Windows::of(&events), Windows::of_ticks(&events));
        let first_cell = stores.cells;
        stores.cells += windows.skus();
        stores.places.insert(id.clone(), stores.all.len());
        stores.all.push(OfStore { id, events, windows, ticks, first_cell });
    }
    Ok((stores, Found::reports(rows as u64, decoded.counted, duplicates)))
}

/// The rows of a prediction log that the stores' lines need.
fn scan<L: ReadPredictions>(
    frame: Option<Frame>,
    stores: &Stores,
    wanted: impl Fn(&OfStore) -> &Windows,
    settings: &Settings,
    stop: &Stop,
) -> Result<(ByCell<L::Row>, Option<Found>), Error> {
    let Some(frame) = frame else { return Ok((ByCell::none(stores.cells), None)) };
    let mut found = Found::default();
    let mut gathered = Gathered::<L>::new(stores.cells);
    let rows = frame.each(L::LOG, stop, |slice| {
        let rows = PredictionRows::<L>::new(&|name| slice.column(name), slice.rows);
        let points = (0..slice.rows).filter_map(|row| {
            take(&rows, row, slice.first + row, settings, &mut found, |store_id, sku, at| {
                let store = &stores.all[*stores.places.get(store_id)?];
                let place = wanted(store).place(sku)?;
                wanted(store).holds(place, at).then_some(store.first_cell + place)
            })
        });
        gathered.extend(points.collect());
        Ok(())
    })?;
    found.rows = rows as u64;
    let (rows, duplicates) = gathered.finish();
    found.duplicates = duplicates;
    Ok((rows, Some(found)))
}

/// A row of a prediction log as a point of the cell that `cell_of` gives it, if it gives any. What
/// is wrong with the row is counted.
fn take<L: ReadPredictions>(
    rows: &PredictionRows<L>,
    row: usize,
    number: usize,
    settings: &Settings,
    found: &mut Found,
    cell_of: impl FnOnce(&str, Option<&str>, Timestamp) -> Option<usize>,
) -> Option<Point<L::Value>> {
    let counts = Scope::new(settings.interval, None).counts(rows.tick(row));
    found.in_interval += u64::from(counts);
    let prediction = match rows.row(row) {
        Ok(prediction) => prediction,
        Err(reason) => {
            if counts {
                found.rejects.add(number, reason);
            }
            return None;
        }
    };
    let cell = cell_of(prediction.store_id, prediction.sku, prediction.at)?;
    if counts {
        for place in rows.out_of_range(row) {
            *found.out_of_range.entry(L::VALUES[place]).or_default() += 1;
        }
    }
    Some(Point {
        cell: u32::try_from(cell).unwrap_or(u32::MAX),
        at: prediction.at,
        ingested_at: prediction.ingested_at,
        value: prediction.value,
    })
}

/// Adds the candidates of campaigns or context.
///
/// # Errors
/// As [`cohort`].
pub(crate) fn read_candidates(
    frame: Frame,
    log: CandidateLog,
    candidates: &mut Candidates,
    stop: &Stop,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let rows = frame.each(log.log, stop, |slice| {
        let (rows, first) = (slice.rows, slice.first);
        log.read(&|name| slice.column(name), rows, first, candidates, &mut found.rejects);
        Ok(())
    })?;
    found.rows = rows as u64;
    Ok(found)
}

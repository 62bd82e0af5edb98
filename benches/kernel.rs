//! The rows that a day's lines need, from record batches in memory to the batches of both logs, by
//! the kernel's own functions and on one thread. benches/bench_spark.py runs it beside the Python
//! package:
//!
//! `cargo bench --bench kernel -- FOLDER`

#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first thing that is wrong")]
#![allow(clippy::disallowed_macros, reason = "its figures go to stdout")]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use cohort_core::batch::{
    MelogBatch, MrchBatch, Pass, PredictionRows, ReadPredictions, ReportDecoder,
};
use cohort_core::{
    ByCell, Candidates, ChainSeen, Counts, Duration, Event, EventRows, Evidence, Gathered,
    Interval, Life, Lookback, Point, Predictions, Sale, Sales, Score, Scores, Series, Timestamp,
    Windows, store_rows,
};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rustix::time::{ClockId, clock_gettime};

/// As the package has them.
const BATCH_ROWS: usize = 1 << 16;
const ROUNDS: usize = 5;

/// A store with its events, where it needs predictions, and the cell of its first SKU.
struct Store {
    events: Vec<Event>,
    windows: Windows,
    ticks: Windows,
    first_cell: usize,
}

/// The predictions of one store.
struct OfStore<'s> {
    store: &'s Store,
    sales: &'s ByCell<Sale>,
    scores: &'s ByCell<Score>,
}

impl Predictions for OfStore<'_> {
    fn series(&self, sku: Option<&str>) -> Series<'_> {
        self.store.windows.place(sku).map_or_else(Series::default, |place| {
            let cell = self.store.first_cell + place;
            Series { sales: self.sales.of(cell), scores: self.scores.of(cell) }
        })
    }
}

/// The stores in the order of their bytes, and how many cells they have.
struct Stores {
    all: BTreeMap<Arc<str>, Store>,
    cells: usize,
}

fn main() {
    // `cargo bench` adds an option of its own.
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let Some(folder) = folder.map(PathBuf::from) else { return };
    let [reports, scores, sales] = ["reports", "scores", "sales"].map(|name| read(&folder, name));
    let mut least = f64::INFINITY;
    let mut rows = 0;
    for _ in 0..ROUNDS {
        let begun = processor_s();
        rows = cohort(&reports, &scores, &sales).iter().map(RecordBatch::num_rows).sum();
        least = least.min(processor_s() - begun);
    }
    println!("{{\"cpu\": {least}, \"rows\": {rows}}}");
}

/// The processor time of this process.
fn processor_s() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn read(folder: &Path, name: &str) -> Vec<RecordBatch> {
    let file = File::open(folder.join(format!("{name}.parquet"))).unwrap();
    let options = ArrowReaderOptions::new();
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
    let reader = reader.with_batch_size(BATCH_ROWS).build().unwrap();
    reader.map(Result::unwrap).collect()
}

/// The day of the data.
fn day() -> (Interval, Life) {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let interval = Interval { start: at("2025-01-01T00:00:00Z"), end: at("2025-01-02T00:00:00Z") };
    let life = Life { gap: "PT30M".parse().unwrap(), duration_max: "P7D".parse().unwrap() };
    (interval, life)
}

/// The batches of MRCH.
fn cohort(
    reports: &[RecordBatch],
    scores: &[RecordBatch],
    sales: &[RecordBatch],
) -> Vec<RecordBatch> {
    let (interval, _) = day();
    let stores = stores(reports);
    let scores = gather::<Scores>(scores, &stores, |store| &store.ticks);
    let sales = gather::<Sales>(sales, &stores, |store| &store.windows);
    let candidates = Candidates::new(Vec::new());
    let (mut mrch, mut melog) = (MrchBatch::new("adhoc"), MelogBatch::new("adhoc"));
    let (mut batches, mut counts) = (Vec::new(), Counts::default());
    for (store_id, store) in &stores.all {
        let predictions = OfStore { store, sales: &sales, scores: &scores };
        let evidence = Evidence { store_id, predictions: &predictions, candidates: &candidates };
        let mut rows = EventRows::default();
        let written = store_rows(
            &store.events,
            evidence,
            interval,
            &mut rows,
            &mut counts,
            |names, event, rows| {
                mrch.push(names, event, rows, BATCH_ROWS, |batch| {
                    batches.push(batch);
                    Ok::<_, Box<dyn std::error::Error>>(())
                })?;
                melog.push(names, event, rows);
                Ok::<_, Box<dyn std::error::Error>>(())
            },
        );
        written.unwrap();
    }
    batches.push(mrch.finish().unwrap());
    std::hint::black_box(melog.finish().unwrap());
    batches
}

fn stores(reports: &[RecordBatch]) -> Stores {
    let (interval, life) = day();
    let lookback = Lookback { start: interval.start, life };
    let pass = Pass {
        from: lookback.bound(),
        to: interval.end,
        stores: None,
        rejects_in: Some(interval),
        max_lookback: "P30D".parse::<Duration>().unwrap(),
        numbered: false,
    };
    let mut decoder = ReportDecoder::new(&pass, None, 0);
    let mut first = 0;
    for batch in reports {
        decoder.batch(&|name| batch.column_by_name(name), first..first + batch.num_rows());
        first += batch.num_rows();
    }
    let by_store: BTreeMap<_, _> = decoder.finish().rows.into_iter().collect();
    let mut stores = Stores { all: BTreeMap::new(), cells: 0 };
    for (id, rows) in by_store {
        let mut ticks: Vec<_> = rows.iter().map(|row| row.detected_at).collect();
        ticks.sort_unstable();
        let ChainSeen::Known(begin) = lookback.chain(&ticks, Timestamp::MIN) else { continue };
        let (events, _) = lookback.events(rows, begin);
        let (windows, ticks) = (Windows::of(&events), Windows::of_ticks(&events));
        let first_cell = stores.cells;
        stores.cells += windows.skus();
        stores.all.insert(id, Store { events, windows, ticks, first_cell });
    }
    stores
}

fn gather<L: ReadPredictions>(
    batches: &[RecordBatch],
    stores: &Stores,
    wanted: impl Fn(&Store) -> &Windows,
) -> ByCell<L::Row> {
    let places: HashMap<&str, &Store> =
        stores.all.iter().map(|(id, store)| (&**id, store)).collect();
    let mut gathered = Gathered::<L>::new(stores.cells);
    for batch in batches {
        let rows = PredictionRows::<L>::new(&|name| batch.column_by_name(name), batch.num_rows());
        let points = (0..batch.num_rows()).filter_map(|row| {
            let found = rows.row(row).ok()?;
            let store = places.get(found.store_id)?;
            let place = wanted(store).place(found.sku)?;
            let cell = u32::try_from(store.first_cell + place).ok()?;
            wanted(store).holds(place, found.at).then_some(Point {
                cell,
                at: found.at,
                ingested_at: found.ingested_at,
                value: found.value,
            })
        });
        gathered.extend(points.collect());
    }
    gathered.finish().0
}

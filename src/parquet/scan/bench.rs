//! What the matcher's micro-benchmark needs of the scan, behind the feature `bench`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::cells::{Cells, StoreEvents};
use super::codes::Codes;
use super::keys::{Keys, Matcher, NULL_TICK};
use super::plain::{Physical, Plain};
use super::probe::Probe;
use cohort_core::rejects::Scope;
use cohort_core::{Duration, Interval, Life, Report, Timestamp, events};

/// Microseconds from one tick to the next.
const TICK_US: i64 = 300_000_000;

/// How many stores, SKUs and ticks a log has: one row for each triple.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Stores.
    pub stores: usize,
    /// SKUs of each store.
    pub skus: usize,
    /// Ticks of each SKU.
    pub ticks: usize,
}

/// The order of a log's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Tick by tick, and store by store within a tick.
    Ticks,
    /// Store by store, and tick by tick within a store.
    Stores,
    /// Cell by cell.
    Cells,
}

/// An encoded log, and what the lines need of it.
#[derive(Debug)]
pub struct Scanned {
    file: Bytes,
    rows: usize,
    probe: Probe,
    scope: Scope,
}

impl Scanned {
    /// A log in which one store in ten has a line about its first SKU, an hour long.
    ///
    /// # Errors
    /// If the log cannot be encoded.
    pub fn new(shape: Shape, order: Order) -> Result<Self> {
        let stores: Vec<_> = (0..shape.stores).step_by(10).map(with_line).collect();
        let cells = Arc::new(Cells::new(&stores));
        let interval = Interval { start: Timestamp::MIN, end: Timestamp::MAX };
        Ok(Self {
            file: encoded(shape, order)?,
            rows: shape.stores * shape.skus * shape.ticks,
            probe: Probe::windows(&cells, &stores),
            scope: Scope::new(interval, None),
        })
    }

    /// Matches all rows, and returns how many are wanted.
    ///
    /// # Errors
    /// If a page cannot be decoded.
    pub fn wanted(&self) -> Result<usize> {
        let matcher = Matcher { probe: &self.probe, scope: self.scope };
        let found = matcher.run(&mut self.keys()?, &[0..self.rows])?;
        Ok(found.rows.len())
    }

    fn keys(&self) -> Result<Keys> {
        let reader = SerializedFileReader::new(self.file.clone())?;
        let group = reader.get_row_group(0)?;
        let (of_stores, of_skus) = (self.probe.cells.clone(), self.probe.cells.clone());
        let stores = move |value: Option<Plain<'_>>| of_stores.store_code(text(value));
        let skus = move |value: Option<Plain<'_>>| of_skus.sku_code(value.map(|v| text(Some(v))));
        let ticks = |value: Option<Plain<'_>>| match value {
            Some(Plain::Integer(tick)) => tick,
            _ => NULL_TICK,
        };
        let pages = |column| group.get_column_page_reader(column);
        Ok(Keys {
            stores: Codes::new(pages(0)?, Physical::Bytes, false, Box::new(stores)),
            skus: Codes::new(pages(1)?, Physical::Bytes, false, Box::new(skus)),
            ticks: Codes::new(pages(2)?, Physical::Int64, false, Box::new(ticks)),
        })
    }
}

fn text(value: Option<Plain<'_>>) -> &str {
    match value {
        Some(Plain::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    }
}

fn store_name(store: usize) -> String {
    format!("store-{store:05}")
}

fn sku_name(sku: usize) -> String {
    format!("sku-{sku:05}")
}

/// A store with one line, about its first SKU. Its onset moves with the store.
fn with_line(store: usize) -> StoreEvents {
    let us = |ticks: usize| Timestamp::from_us(ticks as i64 * TICK_US).unwrap_or(Timestamp::MIN);
    let onset = store / 10;
    let report = |tick: usize| Report {
        sku: Some(sku_name(0).into()),
        first_detected_from: Some(us(onset)),
        ..Report::at(us(onset + tick))
    };
    let gap = Duration::from_us(6 * TICK_US);
    let life = Life { gap, duration_max: Duration::from_us(1 << 50) };
    (store_name(store).into(), events((0..12).map(report).collect(), life, None).0)
}

fn encoded(shape: Shape, order: Order) -> Result<Bytes> {
    let Shape { stores, skus, ticks } = shape;
    let row = |row: usize| match order {
        Order::Ticks => [row / skus % stores, row % skus, row / (skus * stores)],
        Order::Stores => [row / (skus * ticks), row % skus, row / skus % ticks],
        Order::Cells => [row / (skus * ticks), row / ticks % skus, row % ticks],
    };
    let rows = (0..stores * skus * ticks).map(row);
    let store_ids: StringArray = rows.clone().map(|[store, ..]| Some(store_name(store))).collect();
    let sku_ids: StringArray = rows.clone().map(|[_, sku, _]| Some(sku_name(sku))).collect();
    let instants: Int64Array = rows.map(|[.., tick]| Some(tick as i64 * TICK_US)).collect();
    let columns: [(_, ArrayRef, _); 3] = [
        ("store_id", Arc::new(store_ids), false),
        ("sku", Arc::new(sku_ids), false),
        ("tick_at", Arc::new(instants), false),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(ParquetError::from)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?.into())
}

//! The parts of MELOG and MRCH as rows, the columns that a page shows.

use std::collections::BTreeMap;

use arrow::array::types::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::cohort::{Money, Timestamp};
use crate::lineage::{Output, OutputFile, hex};
use crate::objects::{Objects, Uri};

/// The newest row of one event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) store_id: String,
    pub(super) window_start: Timestamp,
    pub(super) window_end: Option<Timestamp>,
    pub(super) status: String,
    pub(super) version: i32,
    pub(super) reports: i32,
    pub(super) skus: i32,
    pub(super) severity: Option<f64>,
    pub(super) impact: Option<Money>,
    pub(super) cause: Option<String>,
}

/// One row of MRCH.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Snapshot {
    pub(super) written_at: Timestamp,
    pub(super) window_start: Timestamp,
    pub(super) sku: Option<String>,
    pub(super) version: i32,
    pub(super) status: String,
    pub(super) severity: Option<f64>,
    pub(super) attributed: Option<Money>,
    pub(super) baseline: Option<Money>,
    pub(super) impact: Option<Money>,
}

/// The registry of one run (SPEC 8): of each event the row with the greatest version, in no order of meaning.
pub(super) async fn events(objects: &dyn Objects, log: &Output) -> Result<Vec<Event>, Error> {
    let mut newest: BTreeMap<String, Event> = BTreeMap::new();
    for part in &log.files {
        let bytes = read_part(objects, part).await?;
        each_row(&part.uri, bytes, EVENT_COLUMNS, |row| {
            let event = row.event()?;
            let id = row.text("event_id")?;
            if newest.get(&id).is_none_or(|seen| seen.version < event.version) {
                newest.insert(id, event);
            }
            Ok(())
        })?;
    }
    Ok(newest.into_values().collect())
}

/// A part, which is its digest.
async fn read_part(objects: &dyn Objects, part: &OutputFile) -> Result<Bytes, Error> {
    let (bytes, _) = objects.read(&part.uri).await?;
    let found = hex(&Sha256::digest(&bytes));
    if found == part.sha256 {
        return Ok(bytes);
    }
    let reason = format!("content whose SHA-256 is {found} instead of {}", part.sha256);
    Err(Error::Part { uri: part.uri.clone(), reason })
}

/// A store's rows of MRCH, in the log's order.
pub(super) async fn snapshots(
    objects: &dyn Objects,
    log: &Output,
    store: &str,
) -> Result<Vec<Snapshot>, Error> {
    let mut rows = Vec::new();
    for part in &log.files {
        let bytes = read_part(objects, part).await?;
        each_row(&part.uri, bytes, SNAPSHOT_COLUMNS, |row| {
            if row.text("store_id")? == store {
                rows.push(row.snapshot()?);
            }
            Ok(())
        })?;
    }
    Ok(rows)
}

const EVENT_COLUMNS: &[&str] = &[
    "event_id",
    "store_id",
    "window_start",
    "window_end",
    "event_status",
    "version",
    "report_count",
    "sku_count",
    "severity_score",
    "impact_estimate",
    "proposed_cause",
];

const SNAPSHOT_COLUMNS: &[&str] = &[
    "report_status",
    "version",
    "store_id",
    "sku",
    "window_start",
    "severity_score",
    "impact_estimate",
    "attributed_sales_total",
    "baseline_sales_total",
    "written_at",
];

fn each_row(
    uri: &Uri,
    bytes: Bytes,
    columns: &[&str],
    mut with: impl FnMut(Row<'_>) -> Result<(), String>,
) -> Result<(), Error> {
    let mut read = || -> Result<(), String> {
        // Without the embedded Arrow schema each column has the one plain type that its Parquet type stands for.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options)
            .map_err(text_of)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        for batch in builder.with_projection(mask).build().map_err(text_of)? {
            let batch = batch.map_err(text_of)?;
            for at in 0..batch.num_rows() {
                with(Row { batch: &batch, at })?;
            }
        }
        Ok(())
    };
    read().map_err(|reason| Error::Part { uri: uri.clone(), reason })
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// One row of a batch, read by column name.
struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    fn column(&self, name: &str) -> Result<&dyn Array, String> {
        match self.batch.column_by_name(name) {
            Some(column) => Ok(column.as_ref()),
            None => Err(format!("no column {name}")),
        }
    }

    fn maybe_text(&self, name: &str) -> Result<Option<String>, String> {
        let column = self.column(name)?;
        let texts = column.as_string_opt::<i32>().ok_or_else(|| mistyped(name, column))?;
        Ok(texts.is_valid(self.at).then(|| texts.value(self.at).to_owned()))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.maybe_text(name)?.ok_or_else(|| null_in(name))
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Option<T::Native>, String> {
        let column = self.column(name)?;
        let values = column.as_primitive_opt::<T>().ok_or_else(|| mistyped(name, column))?;
        Ok(values.is_valid(self.at).then(|| values.value(self.at)))
    }

    fn number(&self, name: &str) -> Result<i32, String> {
        self.primitive::<Int32Type>(name)?.ok_or_else(|| null_in(name))
    }

    fn double(&self, name: &str) -> Result<Option<f64>, String> {
        self.primitive::<Float64Type>(name)
    }

    fn amount(&self, name: &str) -> Result<Option<Money>, String> {
        let units = self.primitive::<Decimal128Type>(name)?;
        units.map(Money::from_units).transpose().map_err(text_of)
    }

    fn maybe_instant(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let us = self.primitive::<TimestampMicrosecondType>(name)?;
        us.map(Timestamp::from_us).transpose().map_err(text_of)
    }

    fn instant(&self, name: &str) -> Result<Timestamp, String> {
        self.maybe_instant(name)?.ok_or_else(|| null_in(name))
    }

    fn event(&self) -> Result<Event, String> {
        Ok(Event {
            store_id: self.text("store_id")?,
            window_start: self.instant("window_start")?,
            window_end: self.maybe_instant("window_end")?,
            status: self.text("event_status")?,
            version: self.number("version")?,
            reports: self.number("report_count")?,
            skus: self.number("sku_count")?,
            severity: self.double("severity_score")?,
            impact: self.amount("impact_estimate")?,
            cause: self.maybe_text("proposed_cause")?,
        })
    }

    fn snapshot(&self) -> Result<Snapshot, String> {
        Ok(Snapshot {
            written_at: self.instant("written_at")?,
            window_start: self.instant("window_start")?,
            sku: self.maybe_text("sku")?,
            version: self.number("version")?,
            status: self.text("report_status")?,
            severity: self.double("severity_score")?,
            attributed: self.amount("attributed_sales_total")?,
            baseline: self.amount("baseline_sales_total")?,
            impact: self.amount("impact_estimate")?,
        })
    }
}

fn mistyped(name: &str, column: &dyn Array) -> String {
    format!("{name} as {}", column.data_type())
}

fn null_in(name: &str) -> String {
    format!("a null in {name}")
}

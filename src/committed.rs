//! A committed run read back: its lineage, and the rows of the parts that the lineage lists.
//!
//! All code that shows or checks what was committed starts here. It reads a lineage, the commit
//! point (SPEC 11), and never lists a folder, so it sees one complete, consistent run.

use std::collections::BTreeMap;

use arrow::array::types::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use sha2::{Digest as _, Sha256};

use cohort_core::{Interval, Money, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::kind::Kind;
use crate::layout::{RunId, lineage_key, run_prefix};
use crate::lineage::{self, Lineage, Output, OutputFile, hex};
use crate::objects::{self, Object, Objects, Uri};

/// Lineages that are read at once.
const READ_AT_ONCE: usize = 16;
/// The name of a lineage in its run's folder.
const LINEAGE: &str = "lineage.json";

/// Why a committed run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed, or the lineage or a part of it is not there.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// What is at the URI is not a lineage.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// A part is not what the job writes.
    #[error("{uri}: expected a part as this release writes it, found {reason}; run the job again")]
    Part {
        /// The part.
        uri: Uri,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Lineage(error) => error.kind(),
            Self::Part { .. } => Kind::Data,
        }
    }
}

/// A committed run.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// Its lineage.
    pub lineage: Lineage,
}

/// A row of MELOG.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventRow {
    pub store_id: String,
    pub window_start: Timestamp,
    pub window_end: Option<Timestamp>,
    pub status: String,
    pub version: i32,
    pub reports: i32,
    pub skus: i32,
    pub severity: Option<f64>,
    pub impact: Option<Money>,
    pub cause: Option<String>,
}

/// A row of MRCH.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineRow {
    pub written_at: Timestamp,
    pub window_start: Timestamp,
    pub sku: Option<String>,
    pub version: i32,
    pub status: String,
    pub severity: Option<f64>,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
    pub impact: Option<Money>,
}

/// Which committed runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Runs whose interval ends after this instant.
    pub from: Option<Timestamp>,
    /// Runs whose interval begins before this instant.
    pub to: Option<Timestamp>,
    /// The run of this name alone.
    pub run_id: Option<RunId>,
}

/// Committed runs, in the order of (interval start, interval end, `run_id` bytes).
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    /// The runs.
    pub runs: Vec<Committed>,
}

impl Runs {
    /// Finds the committed runs below a lineage prefix. Only a lineage makes a run: folders of
    /// parts are never looked at.
    ///
    /// # Errors
    /// [`Error::Objects`], also if a run is asked for by name and is not there; [`Error::Lineage`].
    pub(crate) async fn find(
        objects: &dyn Objects,
        lineage: &Uri,
        selection: &Selection,
    ) -> Result<Self, Error> {
        if let Some(run_id) = &selection.run_id {
            let run = Committed::read(objects, &lineage_key(lineage, run_id)).await?;
            return Ok(Self { runs: vec![run] });
        }
        let listed = objects.list(lineage).await?;
        let keys = listed.into_iter().map(|object| object.uri).filter(|uri| {
            let inner = uri.below(lineage).and_then(|rest| rest.split_once('/'));
            inner.is_some_and(|(folder, name)| {
                name == LINEAGE && RunId::from_path_segment(folder).is_some()
            })
        });
        let keys: Vec<Uri> = keys.collect();
        let read =
            stream::iter(keys).map(|uri| async move { Committed::read(objects, &uri).await });
        let mut runs: Vec<Committed> = read.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        runs.retain(|run| selection.wants(run.lineage.interval));
        runs.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(Self { runs })
    }
}

impl Selection {
    fn wants(&self, interval: Interval) -> bool {
        self.from.is_none_or(|from| from < interval.end)
            && self.to.is_none_or(|to| interval.start < to)
    }
}

impl Committed {
    fn order(&self) -> (Timestamp, Timestamp, &RunId) {
        (self.lineage.interval.start, self.lineage.interval.end, &self.lineage.run_id)
    }

    /// The URIs of the parts of a log, after checking that each is what the lineage lists.
    ///
    /// # Errors
    /// [`Error::Part`] for a part that is missing or damaged, and [`Error::Objects`].
    pub(crate) async fn parts(&self, objects: &dyn Objects, log: &str) -> Result<Vec<Uri>, Error> {
        let outputs = self.lineage.outputs.each();
        let Some(output) =
            outputs.into_iter().find_map(|(l, output)| (l.name == log).then_some(output))
        else {
            return Ok(Vec::new());
        };
        let folder = run_prefix(&output.uri, &self.lineage.run_id);
        let there: BTreeMap<Uri, Object> = objects
            .list(&folder)
            .await?
            .into_iter()
            .map(|object| (object.uri.clone(), object))
            .collect();
        for part in &output.files {
            let wrong = |reason: String| Error::Part { uri: part.uri.clone(), reason };
            let object = there.get(&part.uri).ok_or_else(|| wrong("nothing".to_owned()))?;
            let found = hex(&objects.digest(object).await?);
            if found != part.sha256 {
                return Err(wrong(format!(
                    "content whose SHA-256 is {found} instead of {}",
                    part.sha256
                )));
            }
        }
        Ok(output.files.iter().map(|part| part.uri.clone()).collect())
    }

    /// Reads the lineage of a committed run.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Lineage`].
    pub(crate) async fn read(objects: &dyn Objects, uri: &Uri) -> Result<Self, Error> {
        let (bytes, _) = objects.read(uri).await?;
        Ok(Self { lineage: Lineage::parse(&bytes, uri)? })
    }

    /// The newest row of each event that the run wrote, by the event's id.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Part`].
    pub(crate) async fn events(&self, objects: &dyn Objects) -> Result<Vec<EventRow>, Error> {
        events(objects, &self.lineage.outputs.melog).await
    }

    /// A store's rows of MRCH, in the log's order.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Part`].
    pub(crate) async fn lines(
        &self,
        objects: &dyn Objects,
        store: &str,
    ) -> Result<Vec<LineRow>, Error> {
        lines(objects, &self.lineage.outputs.mrch, store).await
    }
}

async fn events(objects: &dyn Objects, log: &Output) -> Result<Vec<EventRow>, Error> {
    let mut newest: BTreeMap<String, EventRow> = BTreeMap::new();
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

/// Reads a part, and refuses it if its content has another digest.
async fn read_part(objects: &dyn Objects, part: &OutputFile) -> Result<Bytes, Error> {
    let (bytes, _) = objects.read(&part.uri).await?;
    let found = hex(&Sha256::digest(&bytes));
    if found == part.sha256 {
        return Ok(bytes);
    }
    let reason = format!("content whose SHA-256 is {found} instead of {}", part.sha256);
    Err(Error::Part { uri: part.uri.clone(), reason })
}

async fn lines(objects: &dyn Objects, log: &Output, store: &str) -> Result<Vec<LineRow>, Error> {
    let mut rows = Vec::new();
    for part in &log.files {
        let bytes = read_part(objects, part).await?;
        each_row(&part.uri, bytes, LINE_COLUMNS, |row| {
            if row.text("store_id")? == store {
                rows.push(row.line()?);
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

const LINE_COLUMNS: &[&str] = &[
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
        // Without the embedded Arrow schema, each column has the plain Arrow type of its Parquet
        // type.
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

    fn event(&self) -> Result<EventRow, String> {
        Ok(EventRow {
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

    fn line(&self) -> Result<LineRow, String> {
        Ok(LineRow {
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

//! The rows of a committed part, read by column name.

use arrow::array::types::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::array::{Array, ArrowPrimitiveType, AsArray, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use cohort_core::{EventStatus, Money, ReportStatus, Timestamp};

/// A row of MELOG, as far as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredMelogRow {
    pub store_id: String,
    pub window_start: Timestamp,
    pub window_end: Option<Timestamp>,
    pub status: EventStatus,
    /// Why it ended, as the column has it; `None` while it is open.
    pub end_reason: Option<String>,
    pub version: i32,
    pub reports: i32,
    pub skus: i32,
    pub severity: Option<f64>,
    pub impact: Option<Money>,
    pub cause: Option<String>,
}

/// A row of MRCH, as far as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredMrchRow {
    pub written_at: Timestamp,
    pub window_start: Timestamp,
    pub sku: Option<String>,
    pub version: i32,
    pub status: ReportStatus,
    pub severity: Option<f64>,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
    pub impact: Option<Money>,
}

/// A row of MELOG, as far as it says which event it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventRow {
    pub store_id: String,
    pub opened_at: Timestamp,
    pub cohort_id: String,
    pub ended: bool,
}

/// The columns of an [`EventRow`], and its key.
pub(super) const EVENT_COLUMNS: &[&str] =
    &["event_id", "store_id", "event_status", "created_at", "cohort_id"];

/// The columns of a [`StoredMelogRow`].
pub(super) const MELOG_COLUMNS: &[&str] = &[
    "event_id",
    "store_id",
    "window_start",
    "window_end",
    "event_status",
    "end_reason",
    "version",
    "report_count",
    "sku_count",
    "severity_score",
    "impact_estimate",
    "proposed_cause",
];

/// The columns of a [`StoredMrchRow`].
pub(super) const MRCH_COLUMNS: &[&str] = &[
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

/// Calls `with` for every row of a part, which sees these columns.
///
/// # Errors
/// What is wrong with the part, also by the judgement of `with`.
pub(super) fn each_row(
    bytes: Bytes,
    columns: &[&str],
    mut with: impl FnMut(PartRow<'_>) -> Result<(), String>,
) -> Result<(), String> {
    // Without the embedded Arrow schema, each column has the plain Arrow type of its Parquet type.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).map_err(text_of)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    for batch in builder.with_projection(mask).build().map_err(text_of)? {
        let batch = batch.map_err(text_of)?;
        for at in 0..batch.num_rows() {
            with(PartRow { batch: &batch, at })?;
        }
    }
    Ok(())
}

fn text_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// One row of a batch, read by column name.
pub(super) struct PartRow<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl PartRow<'_> {
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

    pub(super) fn text(&self, name: &str) -> Result<String, String> {
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

    fn status<T>(&self, name: &str, of_text: fn(&str) -> Option<T>) -> Result<T, String> {
        let text = self.text(name)?;
        of_text(&text).ok_or_else(|| format!("{text:?} in {name}"))
    }

    pub(super) fn melog(&self) -> Result<StoredMelogRow, String> {
        Ok(StoredMelogRow {
            store_id: self.text("store_id")?,
            window_start: self.instant("window_start")?,
            window_end: self.maybe_instant("window_end")?,
            status: self.status("event_status", EventStatus::of_text)?,
            end_reason: self.maybe_text("end_reason")?,
            version: self.number("version")?,
            reports: self.number("report_count")?,
            skus: self.number("sku_count")?,
            severity: self.double("severity_score")?,
            impact: self.amount("impact_estimate")?,
            cause: self.maybe_text("proposed_cause")?,
        })
    }

    pub(super) fn event(&self) -> Result<EventRow, String> {
        Ok(EventRow {
            store_id: self.text("store_id")?,
            opened_at: self.instant("created_at")?,
            cohort_id: self.text("cohort_id")?,
            ended: self.status("event_status", EventStatus::of_text)? == EventStatus::Ended,
        })
    }

    pub(super) fn mrch(&self) -> Result<StoredMrchRow, String> {
        Ok(StoredMrchRow {
            written_at: self.instant("written_at")?,
            window_start: self.instant("window_start")?,
            sku: self.maybe_text("sku")?,
            version: self.number("version")?,
            status: self.status("report_status", ReportStatus::of_text)?,
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

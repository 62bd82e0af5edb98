//! Record batches of MELOG, MRCH and the edits log as the registry reads them (SPEC 8).

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use super::Lookup;
use super::reports::SharedTexts;
use super::texts::Texts;
use super::values::{AmountColumn, Doubles, Instant, Instants};
use crate::registry::{Edit, EventRow, LineRow};
use crate::rejects::TextFault;
use crate::{EventStatus, Id, Money, Timestamp};

/// What is wrong with a row that the job should have written.
pub type Fault = String;

/// The columns of MELOG that the registry reads; `cohort_id` follows from the others.
pub const EVENT_COLUMNS: [&str; 24] = [
    "event_id",
    "store_id",
    "window_start",
    "window_end",
    "event_status",
    "created_at",
    "finalized_at",
    "version",
    "report_count",
    "sku_count",
    "severity_score",
    "impact_estimate",
    "attributed_sales_total",
    "baseline_sales_total",
    "proposed_cause",
    "proposed_cause_category",
    "confidence_score",
    "cohort_confidence",
    "cohort_name",
    "cohort_reason",
    "continues_event_id",
    "end_reason",
    "run_id",
    "written_at",
];

/// The columns of MRCH that the registry reads.
pub const LINE_COLUMNS: [&str; 19] = [
    "report_id",
    "report_group_id",
    "event_status",
    "version",
    "sku",
    "window_start",
    "window_end",
    "severity_score",
    "run_id",
    "attributed_sales_total",
    "baseline_sales_total",
    "cluster_name",
    "proposed_cause",
    "proposed_cause_category",
    "confidence_score",
    "cohort_confidence",
    "cohort_reason",
    "cohort_size",
    "written_at",
];

/// The columns of a batch of MELOG.
#[derive(Debug)]
pub struct EventColumns(Columns);

/// The columns of a batch of MRCH.
#[derive(Debug)]
pub struct LineColumns(Columns);

/// The columns of a batch of the edits log.
#[derive(Debug)]
pub struct EditColumns {
    texts: [(&'static str, Texts); 6],
    edited_at: Instants,
}

/// Columns by name. The names that a reader asks for are those that it was made with.
#[derive(Debug)]
struct Columns {
    texts: Vec<(&'static str, Texts)>,
    instants: Vec<(&'static str, Instants)>,
    doubles: Vec<(&'static str, Doubles)>,
    amounts: Vec<(&'static str, AmountColumn)>,
    numbers: Vec<(&'static str, Option<Int64Array>)>,
}

/// A column of whole numbers.
fn numbers(column: Lookup<'_>, name: &'static str) -> (&'static str, Option<Int64Array>) {
    let array = column(name).and_then(|array| cast(array, &DataType::Int64).ok());
    (name, array.map(|array| array.as_primitive::<Int64Type>().clone()))
}

fn by_name<'c, T>(columns: &'c [(&'static str, T)], name: &str) -> Option<&'c T> {
    columns.iter().find_map(|(known, column)| (*known == name).then_some(column))
}

impl Columns {
    fn text(&self, name: &str, row: usize) -> Result<Option<&str>, Fault> {
        let Some(column) = by_name(&self.texts, name) else { return Ok(None) };
        // The job's own names may be longer than what it reads: a name holds a store and a cause.
        if column.fault(row) == Some(TextFault::NotUtf8) {
            return Err(format!("{name} that is not UTF-8"));
        }
        Ok(column.get(row))
    }

    fn key(&self, name: &str, row: usize) -> Result<&str, Fault> {
        self.text(name, row)?.ok_or_else(|| format!("a null in {name}"))
    }

    fn id(&self, name: &str, row: usize) -> Result<Id, Fault> {
        let text = self.key(name, row)?;
        Id::parse(text).ok_or_else(|| format!("{text:?} in {name}, which is no SHA-256"))
    }

    fn is_ended(&self, row: usize) -> Result<EventStatus, Fault> {
        let text = self.key("event_status", row)?;
        EventStatus::of_text(text).ok_or_else(|| format!("{text:?} in event_status"))
    }

    fn instant(&self, name: &str, row: usize) -> Option<Timestamp> {
        by_name(&self.instants, name)?.get(row).map(Instant::nearest)
    }

    fn key_instant(&self, name: &str, row: usize) -> Result<Timestamp, Fault> {
        self.instant(name, row).ok_or_else(|| format!("a null in {name}"))
    }

    fn double(&self, name: &str, row: usize) -> Option<f64> {
        by_name(&self.doubles, name)?.get(row)
    }

    fn amount(&self, name: &str, row: usize) -> Result<Option<Money>, Fault> {
        let Some(column) = by_name(&self.amounts, name) else { return Ok(None) };
        column.get(row).map_err(|error| format!("{name}: {error}"))
    }

    fn number<T: TryFrom<i64>>(&self, name: &str, row: usize) -> Result<T, Fault> {
        let column = by_name(&self.numbers, name).and_then(Option::as_ref);
        let found = column.filter(|column| column.is_valid(row)).map(|column| column.value(row));
        let number = found.ok_or_else(|| format!("a null in {name}"))?;
        T::try_from(number).map_err(|_| format!("{number} in {name}"))
    }
}

impl EventColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>) -> Self {
        let text = |name: &'static str| (name, Texts::new(column(name)));
        let double = |name: &'static str| (name, Doubles::new(column(name)));
        let instant = |name: &'static str| (name, Instants::new(column(name)));
        let amount = |name: &'static str| (name, AmountColumn::new(column(name)));
        Self(Columns {
            texts: [
                "event_id",
                "store_id",
                "event_status",
                "proposed_cause",
                "proposed_cause_category",
                "cohort_name",
                "cohort_reason",
                "continues_event_id",
                "end_reason",
                "run_id",
            ]
            .map(text)
            .into(),
            instants: ["window_start", "window_end", "created_at", "finalized_at", "written_at"]
                .map(instant)
                .into(),
            doubles: ["severity_score", "confidence_score", "cohort_confidence"].map(double).into(),
            amounts: ["impact_estimate", "attributed_sales_total", "baseline_sales_total"]
                .map(amount)
                .into(),
            numbers: ["version", "report_count", "sku_count"]
                .map(|name| numbers(column, name))
                .into(),
        })
    }

    /// One row.
    ///
    /// # Errors
    /// What is wrong with it: a null where MELOG has none, or a value that MELOG cannot hold.
    pub fn row(&self, row: usize) -> Result<EventRow<'_>, Fault> {
        let Self(of) = self;
        Ok(EventRow {
            event_id: of.id("event_id", row)?,
            store_id: of.key("store_id", row)?,
            window_start: Some(of.key_instant("window_start", row)?),
            window_end: of.instant("window_end", row),
            event_status: Some(of.is_ended(row)?),
            created_at: of.key_instant("created_at", row)?,
            finalized_at: of.instant("finalized_at", row),
            version: of.number("version", row)?,
            report_count: Some(of.number("report_count", row)?),
            sku_count: Some(of.number("sku_count", row)?),
            severity_score: of.double("severity_score", row),
            impact_estimate: of.amount("impact_estimate", row)?,
            attributed_sales_total: of.amount("attributed_sales_total", row)?,
            baseline_sales_total: of.amount("baseline_sales_total", row)?,
            proposed_cause: of.text("proposed_cause", row)?,
            proposed_cause_category: of.text("proposed_cause_category", row)?,
            confidence_score: of.double("confidence_score", row),
            cohort_confidence: of.double("cohort_confidence", row),
            cohort_name: Some(Cow::Borrowed(of.key("cohort_name", row)?)),
            cohort_reason: Some(of.key("cohort_reason", row)?),
            continues_event_id: of.text("continues_event_id", row)?,
            end_reason: of.text("end_reason", row)?,
            run_id: of.key("run_id", row)?,
            written_at: Some(of.key_instant("written_at", row)?),
        })
    }
}

impl LineColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>) -> Self {
        let text = |name: &'static str| (name, Texts::new(column(name)));
        let double = |name: &'static str| (name, Doubles::new(column(name)));
        let instant = |name: &'static str| (name, Instants::new(column(name)));
        let amount = |name: &'static str| (name, AmountColumn::new(column(name)));
        Self(Columns {
            texts: [
                "report_id",
                "report_group_id",
                "event_status",
                "sku",
                "run_id",
                "cluster_name",
                "proposed_cause",
                "proposed_cause_category",
                "cohort_reason",
            ]
            .map(text)
            .into(),
            instants: ["window_start", "window_end", "written_at"].map(instant).into(),
            doubles: ["severity_score", "confidence_score", "cohort_confidence"].map(double).into(),
            amounts: ["attributed_sales_total", "baseline_sales_total"].map(amount).into(),
            numbers: ["version", "cohort_size"].map(|name| numbers(column, name)).into(),
        })
    }

    /// The event of a row.
    ///
    /// # Errors
    /// If it is no id.
    pub fn event_id(&self, row: usize) -> Result<Id, Fault> {
        self.0.id("report_group_id", row)
    }

    /// One row.
    ///
    /// # Errors
    /// What is wrong with it: a null where MRCH has none, or a value that MRCH cannot hold.
    pub fn row(&self, row: usize) -> Result<LineRow<'_>, Fault> {
        let Self(of) = self;
        let written_at = of.key_instant("written_at", row)?;
        let is_ended = of.is_ended(row)?.is_ended();
        let closed = if is_ended { of.instant("window_end", row) } else { None };
        Ok(LineRow {
            event_id: of.id("report_group_id", row)?,
            report_id: of.key("report_id", row)?,
            sku: of.text("sku", row)?,
            version: of.number("version", row)?,
            is_ended,
            window_start: of.key_instant("window_start", row)?,
            last_tick: closed.unwrap_or(written_at),
            severity_score: of.double("severity_score", row),
            attributed_sales_total: of.amount("attributed_sales_total", row)?,
            baseline_sales_total: of.amount("baseline_sales_total", row)?,
            cluster_name: of.text("cluster_name", row)?,
            proposed_cause: of.text("proposed_cause", row)?,
            proposed_cause_category: of.text("proposed_cause_category", row)?,
            confidence_score: of.double("confidence_score", row),
            cohort_confidence: of.double("cohort_confidence", row),
            cohort_reason: of.key("cohort_reason", row)?,
            cohort_size: of.number("cohort_size", row)?,
            run_id: of.key("run_id", row)?,
            written_at,
        })
    }
}

impl EditColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>) -> Self {
        let names = ["edit_id", "event_id", "field", "new_value", "edited_by", "reason"];
        Self {
            texts: names.map(|name| (name, Texts::new(column(name)))),
            edited_at: Instants::new(column("edited_at")),
        }
    }

    /// One row. Whatever is wrong with it, it is an edit, which then does not apply.
    pub fn row(&self, row: usize, texts: &mut SharedTexts) -> Edit {
        let mut fault = None;
        let [edit_id, event_id, field, new_value, edited_by, reason] =
            self.texts.each_ref().map(|(_, column)| {
                if let Some(found) = column.fault(row) {
                    fault = Some(match found {
                        TextFault::NotUtf8 => "a text of it is not UTF-8",
                        TextFault::TooLong => "a text of it is too long",
                    });
                    return Some(Arc::from("\u{fffd}"));
                }
                column.get(row).map(|text| texts.share(text))
            });
        let edited_at = self.edited_at.get(row);
        if edited_at.is_some_and(|at| at.exact().is_none()) {
            fault = Some("its edited_at is outside the years 0001 to 9999");
        }
        let edited_at = edited_at.map(Instant::nearest);
        Edit { edit_id, edited_at, event_id, field, new_value, edited_by, reason, fault }
    }
}

//! Record batches of MELOG and MRCH as the registry reads them (SPEC 8).

use std::borrow::Cow;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, ArrayRef, Int64Array};
use arrow_cast::cast;
use arrow_schema::DataType;

use super::Lookup;
use super::texts::Texts;
use super::values::{AmountColumn, Doubles, Instant, Instants};
use crate::registry::{EventRow, LineRow};
use crate::rejects::TextFault;
use crate::{EventStatus, Id, Money, Timestamp};

/// What is wrong with a row that the job should have written.
pub type RowFault = String;

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
pub struct EventColumns {
    event_id: Named<Texts>,
    store_id: Named<Texts>,
    window_start: Named<Instants>,
    window_end: Named<Instants>,
    event_status: Named<Texts>,
    created_at: Named<Instants>,
    finalized_at: Named<Instants>,
    version: Named<Numbers>,
    report_count: Named<Numbers>,
    sku_count: Named<Numbers>,
    severity_score: Named<Doubles>,
    impact_estimate: Named<AmountColumn>,
    attributed_sales_total: Named<AmountColumn>,
    baseline_sales_total: Named<AmountColumn>,
    proposed_cause: Named<Texts>,
    proposed_cause_category: Named<Texts>,
    confidence_score: Named<Doubles>,
    cohort_confidence: Named<Doubles>,
    cohort_name: Named<Texts>,
    cohort_reason: Named<Texts>,
    continues_event_id: Named<Texts>,
    end_reason: Named<Texts>,
    run_id: Named<Texts>,
    written_at: Named<Instants>,
}

/// The columns of a batch of MRCH.
#[derive(Debug)]
pub struct LineColumns {
    report_id: Named<Texts>,
    report_group_id: Named<Texts>,
    event_status: Named<Texts>,
    version: Named<Numbers>,
    sku: Named<Texts>,
    window_start: Named<Instants>,
    window_end: Named<Instants>,
    severity_score: Named<Doubles>,
    run_id: Named<Texts>,
    attributed_sales_total: Named<AmountColumn>,
    baseline_sales_total: Named<AmountColumn>,
    cluster_name: Named<Texts>,
    proposed_cause: Named<Texts>,
    proposed_cause_category: Named<Texts>,
    confidence_score: Named<Doubles>,
    cohort_confidence: Named<Doubles>,
    cohort_reason: Named<Texts>,
    cohort_size: Named<Numbers>,
    written_at: Named<Instants>,
}

/// A column, and the name that messages call it by.
#[derive(Debug)]
struct Named<T> {
    name: &'static str,
    column: T,
}

/// A column of whole numbers; `None` if there is none.
#[derive(Debug)]
struct Numbers(Option<Int64Array>);

impl Numbers {
    fn new(column: Option<&ArrayRef>) -> Self {
        let array = column.and_then(|array| cast(array, &DataType::Int64).ok());
        Self(array.map(|array| array.as_primitive::<Int64Type>().clone()))
    }
}

/// The columns of a batch, each read as its type.
struct Of<'c>(Lookup<'c>);

impl Of<'_> {
    fn named<T>(&self, name: &'static str, read: fn(Option<&ArrayRef>) -> T) -> Named<T> {
        Named { name, column: read((self.0)(name)) }
    }

    fn text(&self, name: &'static str) -> Named<Texts> {
        self.named(name, Texts::new)
    }

    fn instant(&self, name: &'static str) -> Named<Instants> {
        self.named(name, Instants::new)
    }

    fn double(&self, name: &'static str) -> Named<Doubles> {
        self.named(name, Doubles::new)
    }

    fn amount(&self, name: &'static str) -> Named<AmountColumn> {
        self.named(name, AmountColumn::new)
    }

    fn number(&self, name: &'static str) -> Named<Numbers> {
        self.named(name, Numbers::new)
    }
}

impl<T> Named<T> {
    fn null(&self) -> RowFault {
        format!("a null in {}", self.name)
    }
}

impl Named<Texts> {
    fn get(&self, row: usize) -> Result<Option<&str>, RowFault> {
        // The job's own names may be longer than what it reads: a name holds a store and a cause.
        if self.column.fault(row) == Some(TextFault::NotUtf8) {
            return Err(format!("{} that is not UTF-8", self.name));
        }
        Ok(self.column.get(row))
    }

    fn key(&self, row: usize) -> Result<&str, RowFault> {
        self.get(row)?.ok_or_else(|| self.null())
    }

    fn id(&self, row: usize) -> Result<Id, RowFault> {
        let text = self.key(row)?;
        let wrong = || format!("{text:?} in {}, which is no SHA-256", self.name);
        Id::parse(text).ok_or_else(wrong)
    }

    fn status(&self, row: usize) -> Result<EventStatus, RowFault> {
        let text = self.key(row)?;
        EventStatus::of_text(text).ok_or_else(|| format!("{text:?} in {}", self.name))
    }
}

impl Named<Instants> {
    fn get(&self, row: usize) -> Option<Timestamp> {
        self.column.get(row).map(Instant::nearest)
    }

    fn key(&self, row: usize) -> Result<Timestamp, RowFault> {
        self.get(row).ok_or_else(|| self.null())
    }
}

impl Named<Doubles> {
    fn get(&self, row: usize) -> Option<f64> {
        self.column.get(row)
    }
}

impl Named<AmountColumn> {
    fn get(&self, row: usize) -> Result<Option<Money>, RowFault> {
        self.column.get(row).map_err(|error| format!("{}: {error}", self.name))
    }
}

impl Named<Numbers> {
    fn key<N: TryFrom<i64>>(&self, row: usize) -> Result<N, RowFault> {
        let valid = self.column.0.as_ref().filter(|column| column.is_valid(row));
        let number = valid.map(|column| column.value(row)).ok_or_else(|| self.null())?;
        N::try_from(number).map_err(|_| format!("{number} in {}", self.name))
    }
}

impl EventColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(columns: Lookup<'_>) -> Self {
        let of = Of(columns);
        Self {
            event_id: of.text("event_id"),
            store_id: of.text("store_id"),
            window_start: of.instant("window_start"),
            window_end: of.instant("window_end"),
            event_status: of.text("event_status"),
            created_at: of.instant("created_at"),
            finalized_at: of.instant("finalized_at"),
            version: of.number("version"),
            report_count: of.number("report_count"),
            sku_count: of.number("sku_count"),
            severity_score: of.double("severity_score"),
            impact_estimate: of.amount("impact_estimate"),
            attributed_sales_total: of.amount("attributed_sales_total"),
            baseline_sales_total: of.amount("baseline_sales_total"),
            proposed_cause: of.text("proposed_cause"),
            proposed_cause_category: of.text("proposed_cause_category"),
            confidence_score: of.double("confidence_score"),
            cohort_confidence: of.double("cohort_confidence"),
            cohort_name: of.text("cohort_name"),
            cohort_reason: of.text("cohort_reason"),
            continues_event_id: of.text("continues_event_id"),
            end_reason: of.text("end_reason"),
            run_id: of.text("run_id"),
            written_at: of.instant("written_at"),
        }
    }

    /// One row.
    ///
    /// # Errors
    /// What is wrong with it: a null where MELOG has none, or a value that MELOG cannot hold.
    pub fn row(&self, row: usize) -> Result<EventRow<'_>, RowFault> {
        Ok(EventRow {
            event_id: self.event_id.id(row)?,
            store_id: self.store_id.key(row)?,
            window_start: Some(self.window_start.key(row)?),
            window_end: self.window_end.get(row),
            event_status: Some(self.event_status.status(row)?),
            created_at: self.created_at.key(row)?,
            finalized_at: self.finalized_at.get(row),
            version: self.version.key(row)?,
            report_count: Some(self.report_count.key(row)?),
            sku_count: Some(self.sku_count.key(row)?),
            severity_score: self.severity_score.get(row),
            impact_estimate: self.impact_estimate.get(row)?,
            attributed_sales_total: self.attributed_sales_total.get(row)?,
            baseline_sales_total: self.baseline_sales_total.get(row)?,
            proposed_cause: self.proposed_cause.get(row)?,
            proposed_cause_category: self.proposed_cause_category.get(row)?,
            confidence_score: self.confidence_score.get(row),
            cohort_confidence: self.cohort_confidence.get(row),
            cohort_name: Some(Cow::Borrowed(self.cohort_name.key(row)?)),
            cohort_reason: Some(self.cohort_reason.key(row)?),
            continues_event_id: self.continues_event_id.get(row)?,
            end_reason: self.end_reason.get(row)?,
            run_id: self.run_id.key(row)?,
            written_at: Some(self.written_at.key(row)?),
        })
    }
}

impl LineColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(columns: Lookup<'_>) -> Self {
        let of = Of(columns);
        Self {
            report_id: of.text("report_id"),
            report_group_id: of.text("report_group_id"),
            event_status: of.text("event_status"),
            version: of.number("version"),
            sku: of.text("sku"),
            window_start: of.instant("window_start"),
            window_end: of.instant("window_end"),
            severity_score: of.double("severity_score"),
            run_id: of.text("run_id"),
            attributed_sales_total: of.amount("attributed_sales_total"),
            baseline_sales_total: of.amount("baseline_sales_total"),
            cluster_name: of.text("cluster_name"),
            proposed_cause: of.text("proposed_cause"),
            proposed_cause_category: of.text("proposed_cause_category"),
            confidence_score: of.double("confidence_score"),
            cohort_confidence: of.double("cohort_confidence"),
            cohort_reason: of.text("cohort_reason"),
            cohort_size: of.number("cohort_size"),
            written_at: of.instant("written_at"),
        }
    }

    /// The event of a row.
    ///
    /// # Errors
    /// If it is no id.
    pub fn event_id(&self, row: usize) -> Result<Id, RowFault> {
        self.report_group_id.id(row)
    }

    /// One row.
    ///
    /// # Errors
    /// What is wrong with it: a null where MRCH has none, or a value that MRCH cannot hold.
    pub fn row(&self, row: usize) -> Result<LineRow<'_>, RowFault> {
        let written_at = self.written_at.key(row)?;
        let is_ended = self.event_status.status(row)?.is_ended();
        let closed = if is_ended { self.window_end.get(row) } else { None };
        Ok(LineRow {
            event_id: self.report_group_id.id(row)?,
            report_id: self.report_id.key(row)?,
            sku: self.sku.get(row)?,
            version: self.version.key(row)?,
            is_ended,
            window_start: self.window_start.key(row)?,
            last_tick: closed.unwrap_or(written_at),
            severity_score: self.severity_score.get(row),
            attributed_sales_total: self.attributed_sales_total.get(row)?,
            baseline_sales_total: self.baseline_sales_total.get(row)?,
            cluster_name: self.cluster_name.get(row)?,
            proposed_cause: self.proposed_cause.get(row)?,
            proposed_cause_category: self.proposed_cause_category.get(row)?,
            confidence_score: self.confidence_score.get(row),
            cohort_confidence: self.cohort_confidence.get(row),
            cohort_reason: self.cohort_reason.key(row)?,
            cohort_size: self.cohort_size.key(row)?,
            run_id: self.run_id.key(row)?,
            written_at,
        })
    }
}

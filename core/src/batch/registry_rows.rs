//! Rows of the registry (SPEC 8).

use std::collections::BTreeMap;
use std::io;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use serde::Serialize;

use super::builder::{BatchBuilder, Row};
use crate::contract::REGISTRY;
use crate::identity::cohort_id;
use crate::registry::{Conflict, Edit, Field, RegistryRow, TrailEntry, Unapplied};
use crate::{EventStatus, Id, Money, Timestamp};

/// The longest list in a cell of a batch, in bytes: as long as a page of an input may be. A list
/// repeats texts that the registry holds once, and a batch needs room for each.
const LIST_BYTES_MAX: usize = 1 << 27;

/// Where the values of a row go, each under its column's name, in the contract's order.
pub trait RegistryColumns {
    /// Why a value is not taken.
    type Error;

    /// A text.
    ///
    /// # Errors
    /// [`Self::Error`], as of all the other functions.
    fn text(&mut self, name: &'static str, value: Option<&str>) -> Result<(), Self::Error>;

    /// An instant.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn instant(&mut self, name: &'static str, value: Option<Timestamp>) -> Result<(), Self::Error>;

    /// A double.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn double(&mut self, name: &'static str, value: Option<f64>) -> Result<(), Self::Error>;

    /// An amount.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn amount(&mut self, name: &'static str, value: Option<Money>) -> Result<(), Self::Error>;

    /// A count.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn count(&mut self, name: &'static str, value: Option<u32>) -> Result<(), Self::Error>;

    /// A list that is shown as JSON.
    ///
    /// # Errors
    /// [`Self::Error`].
    fn list(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), Self::Error>;
}

/// A row with a list that is too long for a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "store {store_id:?}, event {event_id}: expected at most {LIST_BYTES_MAX} bytes in {column}, \
     found more"
)]
pub struct ListTooLong {
    /// The row's store.
    pub store_id: String,
    /// The row's event.
    pub event_id: String,
    /// The column.
    pub column: &'static str,
}

/// A batch of the registry in the making.
#[derive(Debug)]
pub struct RegistryBatch(BatchBuilder);

impl Default for RegistryBatch {
    fn default() -> Self {
        Self(BatchBuilder::new(&REGISTRY))
    }
}

impl RegistryBatch {
    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.0.rows()
    }

    /// As [`BatchBuilder::is_full`].
    #[must_use]
    pub const fn is_full(&self, rows_max: usize) -> bool {
        self.0.is_full(rows_max)
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`ListTooLong`]; the batch is of no use then.
    pub fn push(&mut self, shown: &RegistryRow<'_>) -> Result<(), ListTooLong> {
        registry_row(shown, &mut self.0.row()).map_err(|column| ListTooLong {
            store_id: shown.machine.store_id.to_owned(),
            event_id: shown.machine.event_id.as_str().to_owned(),
            column,
        })
    }

    /// The batch of all rows so far; it is empty again.
    ///
    /// # Errors
    /// As [`BatchBuilder::finish`].
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.0.finish()
    }
}

/// The cells of a batch. A list that is too long is refused with its column.
impl RegistryColumns for Row<'_> {
    type Error = &'static str;

    fn text(&mut self, name: &'static str, value: Option<&str>) -> Result<(), Self::Error> {
        Row::text(self, name, value);
        Ok(())
    }

    fn instant(&mut self, name: &'static str, value: Option<Timestamp>) -> Result<(), Self::Error> {
        Row::instant(self, name, value);
        Ok(())
    }

    fn double(&mut self, name: &'static str, value: Option<f64>) -> Result<(), Self::Error> {
        Row::double(self, name, value);
        Ok(())
    }

    fn amount(&mut self, name: &'static str, value: Option<Money>) -> Result<(), Self::Error> {
        Row::amount(self, name, value);
        Ok(())
    }

    fn count(&mut self, name: &'static str, value: Option<u32>) -> Result<(), Self::Error> {
        self.maybe_count(name, value);
        Ok(())
    }

    fn list(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), Self::Error> {
        let mut bytes = Bounded::default();
        serde_json::to_writer(&mut bytes, value).map_err(|_| name)?;
        // JSON is UTF-8.
        let text = str::from_utf8(&bytes.0).map_err(|_| name)?;
        Row::text(self, name, text);
        Ok(())
    }
}

/// Bytes, as many as a list may have.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > LIST_BYTES_MAX - self.0.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives the values of a row, column by column.
///
/// # Errors
/// The first error of `to`.
pub fn registry_row<C: RegistryColumns>(
    shown: &RegistryRow<'_>,
    to: &mut C,
) -> Result<(), C::Error> {
    let machine = &shown.machine;
    let value = |field| shown.value(field);
    to.text("event_id", Some(machine.event_id.as_str()))?;
    to.text("store_id", Some(machine.store_id))?;
    to.instant("window_start", machine.window_start)?;
    to.instant("window_end", machine.window_end)?;
    to.text("event_status", machine.event_status.map(EventStatus::as_str))?;
    to.instant("created_at", Some(machine.created_at))?;
    to.instant("finalized_at", machine.finalized_at)?;
    to.count("version", Some(machine.version.unsigned_abs()))?;
    to.count("report_count", machine.report_count)?;
    to.count("sku_count", machine.sku_count)?;
    to.double("severity_score", machine.severity_score)?;
    to.amount("impact_estimate", shown.impact_estimate)?;
    to.amount("attributed_sales_total", shown.attributed_sales_total)?;
    to.amount("baseline_sales_total", shown.baseline_sales_total)?;
    to.text("proposed_cause", value(Field::ProposedCause))?;
    to.text("proposed_cause_category", value(Field::ProposedCauseCategory))?;
    to.double("confidence_score", machine.confidence_score)?;
    to.double("cohort_confidence", machine.cohort_confidence)?;
    to.text("cohort_id", Some(&cohort_id(machine.store_id, machine.created_at)))?;
    to.text("cohort_name", value(Field::CohortName))?;
    to.text("cohort_reason", value(Field::CohortReason))?;
    to.text("continues_event_id", machine.continues_event_id)?;
    to.text("end_reason", machine.end_reason)?;
    to.text("run_id", Some(machine.run_id))?;
    to.instant("written_at", machine.written_at)?;
    to.text("machine_proposed_cause", machine.proposed_cause)?;
    to.text("machine_proposed_cause_category", machine.proposed_cause_category)?;
    to.text("machine_cohort_name", machine.cohort_name.as_deref())?;
    to.text("machine_cohort_reason", machine.cohort_reason)?;
    to.amount("own_impact_estimate", machine.impact_estimate)?;
    to.amount("own_attributed_sales_total", machine.attributed_sales_total)?;
    to.amount("own_baseline_sales_total", machine.baseline_sales_total)?;
    to.text("note", value(Field::Note))?;
    to.text("verdict", value(Field::Verdict))?;
    to.text("review_status", value(Field::ReviewStatus))?;
    to.text("assignee", value(Field::Assignee))?;
    to.text("close_reason", value(Field::CloseReason))?;
    to.instant("suppressed_until", shown.suppressed_until())?;
    to.text("merged_into", shown.merged_into.as_ref().map(Id::as_str))?;
    to.list("merged_from", &shown.merged_from.iter().map(Id::as_str).collect::<Vec<_>>())?;
    to.list("trail", &shown.trail.iter().map(applied).collect::<Vec<_>>())?;
    to.list("unapplied", &shown.unapplied.iter().map(ShownEdit::unapplied).collect::<Vec<_>>())?;
    to.list("conflicts", &shown.conflicts.iter().map(conflict).collect::<Vec<_>>())?;
    to.list("undetermined", &undetermined(shown))
}

/// An edit that did not apply, as a JSON object.
#[must_use]
pub fn unapplied_edit(unapplied: &Unapplied) -> impl Serialize {
    ShownEdit::unapplied(unapplied)
}

/// An edit in the columns that hold JSON.
#[derive(Serialize)]
struct ShownEdit<'r> {
    edit_id: Option<&'r str>,
    event_id: Option<&'r str>,
    field: Option<&'r str>,
    new_value: Option<&'r str>,
    edited_by: Option<&'r str>,
    edited_at: Option<String>,
    reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'r str>,
}

#[derive(Serialize)]
struct ShownTrail<'r> {
    #[serde(flatten)]
    edit: ShownEdit<'r>,
    /// The field that it changed, which for a revert is not its `field`.
    changed: &'static str,
    before: Option<&'r str>,
    holds: bool,
}

impl<'r> ShownEdit<'r> {
    fn of(edit: &'r Edit) -> Self {
        Self {
            edit_id: edit.edit_id.as_deref(),
            event_id: edit.event_id.as_deref(),
            field: edit.field.as_deref(),
            new_value: edit.new_value.as_deref(),
            edited_by: edit.edited_by.as_deref(),
            edited_at: edit.edited_at.map(|at| at.to_string()),
            reason: edit.reason.as_deref(),
            because: None,
        }
    }

    fn unapplied(unapplied: &'r Unapplied) -> Self {
        Self { because: Some(&unapplied.because), ..Self::of(&unapplied.edit) }
    }
}

fn applied<'r>(entry: &'r TrailEntry<'_>) -> ShownTrail<'r> {
    ShownTrail {
        edit: ShownEdit::of(entry.edit),
        changed: entry.field.as_str(),
        before: entry.before.as_deref(),
        holds: entry.holds,
    }
}

#[derive(Serialize)]
struct ShownConflict<'r> {
    version: i32,
    columns: &'r [&'static str],
    runs: Vec<ShownRun<'r>>,
}

#[derive(Serialize)]
struct ShownRun<'r> {
    run_id: &'r str,
    says: BTreeMap<&'static str, Option<&'r str>>,
}

fn conflict(conflict: &Conflict) -> ShownConflict<'_> {
    let runs = conflict.runs.iter().map(|(run_id, said)| ShownRun {
        run_id,
        says: conflict.columns.iter().copied().zip(said.iter().map(Option::as_deref)).collect(),
    });
    ShownConflict { version: conflict.version, columns: &conflict.columns, runs: runs.collect() }
}

#[derive(Serialize)]
struct ShownUndetermined<'r> {
    column: &'static str,
    because: &'r str,
}

fn undetermined<'r>(shown: &RegistryRow<'r>) -> Vec<ShownUndetermined<'r>> {
    let columns = shown.undetermined.iter();
    columns.map(|of| ShownUndetermined { column: of.column, because: &of.because }).collect()
}

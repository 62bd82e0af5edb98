//! Rows of the registry (SPEC 8).

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use serde::Serialize;

use super::builder::BatchBuilder;
use crate::contract::REGISTRY;
use crate::identity::cohort_id;
use crate::registry::{Conflict, Edit, Field, RegistryRow, TrailEntry, Unapplied};
use crate::{EventStatus, Id};

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

    /// Appends a row.
    pub fn push(&mut self, shown: &RegistryRow<'_>) {
        let machine = &shown.machine;
        let cohort_id = cohort_id(machine.store_id, machine.created_at);
        let merged_from: Vec<&str> = shown.merged_from.iter().map(Id::as_str).collect();
        let value = |field| shown.value(field);
        self.0
            .row()
            .text("event_id", machine.event_id.as_str())
            .text("store_id", machine.store_id)
            .instant("window_start", machine.window_start)
            .instant("window_end", machine.window_end)
            .text("event_status", machine.event_status.map(EventStatus::as_str))
            .instant("created_at", machine.created_at)
            .instant("finalized_at", machine.finalized_at)
            .count("version", machine.version.unsigned_abs().into())
            .maybe_count("report_count", machine.report_count)
            .maybe_count("sku_count", machine.sku_count)
            .double("severity_score", machine.severity_score)
            .amount("impact_estimate", shown.impact_estimate)
            .amount("attributed_sales_total", shown.attributed_sales_total)
            .amount("baseline_sales_total", shown.baseline_sales_total)
            .text("proposed_cause", value(Field::ProposedCause))
            .text("proposed_cause_category", value(Field::ProposedCauseCategory))
            .double("confidence_score", machine.confidence_score)
            .double("cohort_confidence", machine.cohort_confidence)
            .text("cohort_id", cohort_id.as_str())
            .text("cohort_name", value(Field::CohortName))
            .text("cohort_reason", value(Field::CohortReason))
            .text("continues_event_id", machine.continues_event_id)
            .text("end_reason", machine.end_reason)
            .text("run_id", machine.run_id)
            .instant("written_at", machine.written_at)
            .text("machine_proposed_cause", machine.proposed_cause)
            .text("machine_proposed_cause_category", machine.proposed_cause_category)
            .text("machine_cohort_name", machine.cohort_name.as_deref())
            .text("machine_cohort_reason", machine.cohort_reason)
            .amount("own_impact_estimate", machine.impact_estimate)
            .amount("own_attributed_sales_total", machine.attributed_sales_total)
            .amount("own_baseline_sales_total", machine.baseline_sales_total)
            .text("note", value(Field::Note))
            .text("verdict", value(Field::Verdict))
            .text("review_status", value(Field::ReviewStatus))
            .text("assignee", value(Field::Assignee))
            .text("close_reason", value(Field::CloseReason))
            .instant("suppressed_until", shown.suppressed_until())
            .text("merged_into", shown.merged_into.as_ref().map(Id::as_str))
            .text("merged_from", json(&merged_from).as_str())
            .text("trail", json(&shown.trail.iter().map(applied).collect::<Vec<_>>()).as_str())
            .text("unapplied", unapplied(shown.unapplied).as_str())
            .text(
                "conflicts",
                json(&shown.conflicts.iter().map(conflict).collect::<Vec<_>>()).as_str(),
            )
            .text("undetermined", undetermined(shown).as_str());
    }

    /// The batch of all rows so far; it is empty again.
    ///
    /// # Errors
    /// As [`BatchBuilder::finish`].
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.0.finish()
    }
}

/// Edits that did not apply, as a JSON list.
#[must_use]
pub(super) fn unapplied(edits: &[Unapplied]) -> String {
    json(&edits.iter().map(ShownEdit::unapplied).collect::<Vec<_>>())
}

/// An edit that did not apply, as a JSON object.
#[must_use]
pub fn unapplied_edit(unapplied: &Unapplied) -> String {
    json(&ShownEdit::unapplied(unapplied))
}

/// Lists and maps of texts and numbers have no JSON that can fail.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
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

fn undetermined(shown: &RegistryRow<'_>) -> String {
    #[derive(Serialize)]
    struct Shown<'r> {
        column: &'static str,
        because: &'r str,
    }
    let columns = shown.undetermined.iter();
    let columns = columns.map(|of| Shown { column: of.column, because: &of.because });
    json(&columns.collect::<Vec<_>>())
}

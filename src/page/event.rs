//! An event as the page shows it: the registry's row with the edits over it, in owned values.

use std::collections::BTreeMap;

use cohort_core::registry::{Conflict, Field, REVERT, RegistryRow, TrailEntry};
use cohort_core::{Money, Timestamp};
use serde::Serialize;

use super::values::{Seconds, bounded};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PageEvent {
    pub id: String,
    pub store: String,
    pub opened: Timestamp,
    pub window_start: Option<Timestamp>,
    pub window_end: Option<Timestamp>,
    pub finalized: Option<Timestamp>,
    pub is_open: bool,
    pub reports: Option<u32>,
    pub skus: Option<u32>,
    pub severity: Option<f64>,
    pub impact: Option<Money>,
    pub sales: Option<Money>,
    pub baseline: Option<Money>,
    /// The totals over its own lines only, whatever is merged into it.
    pub own_sales: Option<Money>,
    pub own_baseline: Option<Money>,
    pub cause: Option<String>,
    pub category: Option<String>,
    pub confidence: Option<f64>,
    pub name: Option<String>,
    pub reason: Option<String>,
    pub continues: Option<String>,
    pub end_reason: Option<String>,
    pub run: String,
    pub verdict: Option<String>,
    pub review_status: Option<String>,
    pub note: Option<String>,
    pub assignee: Option<String>,
    pub close_reason: Option<String>,
    pub suppressed_until: Option<Timestamp>,
    pub merged_into: Option<String>,
    /// The ids of those that were merged into it.
    pub merged: Vec<String>,
    /// What the machine says in the columns that a person has edited.
    pub machine: BTreeMap<String, Option<String>>,
    pub trail: Vec<PageEdit>,
    pub conflicts: Vec<PageConflict>,
    /// Whether a check of the runs found that it would be another today.
    pub is_stale: bool,
}

/// One edit that applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PageEdit {
    pub at: Seconds,
    pub by: String,
    pub field: String,
    pub before: Option<String>,
    pub value: Option<String>,
    pub reason: Option<String>,
    /// Whether no revert takes it back.
    pub holds: bool,
}

/// A column of a row about which runs disagree, and what each says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PageConflict {
    pub version: i32,
    pub column: &'static str,
    pub said: Vec<(String, Option<String>)>,
}

impl PageEvent {
    /// The event of a row of the registry.
    pub(super) fn of(row: &RegistryRow<'_>, is_stale: bool) -> Self {
        let machine = &row.machine;
        let value = |field| row.value(field).map(str::to_owned);
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self {
            id: machine.event_id.as_str().to_owned(),
            store: machine.store_id.to_owned(),
            opened: machine.created_at,
            window_start: machine.window_start,
            window_end: machine.window_end,
            finalized: machine.finalized_at,
            is_open: row.is_open(),
            reports: machine.report_count,
            skus: machine.sku_count,
            severity: machine.severity_score,
            impact: row.impact_estimate,
            sales: row.attributed_sales_total,
            baseline: row.baseline_sales_total,
            own_sales: machine.attributed_sales_total,
            own_baseline: machine.baseline_sales_total,
            cause: value(Field::ProposedCause),
            category: value(Field::ProposedCauseCategory),
            confidence: machine.confidence_score,
            name: value(Field::CohortName),
            reason: value(Field::CohortReason),
            continues: text(machine.continues_event_id),
            end_reason: text(machine.end_reason),
            run: machine.run_id.to_owned(),
            verdict: value(Field::Verdict),
            review_status: value(Field::ReviewStatus),
            note: value(Field::Note),
            assignee: value(Field::Assignee),
            close_reason: value(Field::CloseReason),
            suppressed_until: row.suppressed_until(),
            merged_into: row.merged_into.as_ref().map(|id| id.as_str().to_owned()),
            merged: row.merged_from.iter().map(|id| id.as_str().to_owned()).collect(),
            machine: of_machine(row),
            trail: row.trail.iter().map(PageEdit::of).collect(),
            conflicts: row.conflicts.iter().flat_map(PageConflict::all).collect(),
            is_stale,
        }
    }
}

/// What the machine says where a person says something else.
fn of_machine(row: &RegistryRow<'_>) -> BTreeMap<String, Option<String>> {
    let machine = |field: &Field| row.machine.said(field.as_str()).as_deref().map(bounded);
    row.person.keys().map(|field| (field.as_str().to_owned(), machine(field))).collect()
}

impl PageEdit {
    fn of(entry: &TrailEntry<'_>) -> Self {
        let edit = entry.edit;
        let text = |text: Option<&str>| text.map(bounded);
        // An edit that applied has all of its required columns.
        let is_revert = edit.field.as_deref() == Some(REVERT);
        let revert = if is_revert { " (revert)" } else { "" };
        Self {
            at: edit.edited_at.unwrap_or(Timestamp::MIN).into(),
            by: text(edit.edited_by.as_deref()).unwrap_or_default(),
            field: format!("{}{revert}", entry.field.as_str()),
            before: text(entry.before.as_deref()),
            value: text(edit.new_value.as_deref()),
            reason: text(edit.reason.as_deref()),
            holds: entry.holds,
        }
    }
}

impl PageConflict {
    fn all(conflict: &Conflict) -> impl Iterator<Item = Self> {
        conflict.columns.iter().enumerate().map(|(at, column)| Self {
            version: conflict.version,
            column,
            said: conflict
                .runs
                .iter()
                .map(|(run, said)| (run.clone(), said[at].as_deref().map(bounded)))
                .collect(),
        })
    }
}

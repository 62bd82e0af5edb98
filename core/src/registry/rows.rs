//! The registry's rows: the machine's values and people's side by side (SPEC 8).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::edits::{Applied, Edit, EventEdits, Unapplied, Value};
use super::event_row::EventRow;
use super::events::Conflict;
use super::field::Field;
use super::today::Undetermined;
use crate::{Id, Money, Timestamp};

/// One event as the registry shows it.
#[derive(Clone, Debug)]
pub struct RegistryRow<'r> {
    /// What the machine says. Null are also the columns on which runs disagree, and those that the
    /// logs do not determine.
    pub machine: EventRow<'r>,
    /// `attributed - baseline`: the machine's, or over all events that were merged into this one.
    pub impact_estimate: Option<Money>,
    /// Actual sales: the machine's, or over all events that were merged into this one.
    pub attributed_sales_total: Option<Money>,
    /// Baseline sales: the machine's, or over all events that were merged into this one.
    pub baseline_sales_total: Option<Money>,
    /// The event that this one is merged into.
    pub merged_into: Option<Id>,
    /// The events that are merged into this one, sorted.
    pub merged_from: Vec<Id>,
    /// What people set, by field; `None` is cleared. A field that is not here is the machine's.
    pub person: BTreeMap<Field, Option<&'r str>>,
    /// The edits that applied, in order.
    pub trail: Vec<TrailEntry<'r>>,
    /// The event's edits that did not apply, in order.
    pub unapplied: &'r [Unapplied],
    /// What runs disagree about.
    pub conflicts: &'r [Conflict],
    /// What the logs do not determine.
    pub undetermined: Vec<&'r Undetermined>,
}

/// An edit that applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailEntry<'r> {
    /// The edit.
    pub edit: &'r Edit,
    /// The field that it changed; of a revert, that of the edit that it takes back.
    pub field: Field,
    /// The field's value before.
    pub before: Option<Cow<'r, str>>,
    /// Whether no revert takes it back.
    pub holds: bool,
}

impl RegistryRow<'_> {
    /// A field's value: the person's, or else the machine's.
    #[must_use]
    pub fn value(&self, field: Field) -> Option<&str> {
        match (self.person.get(&field), field) {
            (Some(set), _) => *set,
            (None, Field::CohortName) => self.machine.cohort_name.as_deref(),
            (None, Field::ProposedCause) => self.machine.proposed_cause,
            (None, Field::ProposedCauseCategory) => self.machine.proposed_cause_category,
            (None, Field::CohortReason) => self.machine.cohort_reason,
            (None, _) => None,
        }
    }

    /// Until when the event is suppressed.
    #[must_use]
    pub fn suppressed_until(&self) -> Option<Timestamp> {
        self.value(Field::SuppressedUntil)?.parse().ok()
    }

    /// Whether the event has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.machine.event_status.is_none_or(|status| !status.is_ended())
    }
}

/// A field's value as the machine has it.
fn of_machine<'r>(machine: &EventRow<'r>, field: Field) -> Option<Cow<'r, str>> {
    match field {
        Field::CohortName => machine.cohort_name.clone(),
        Field::ProposedCause => machine.proposed_cause.map(Cow::Borrowed),
        Field::ProposedCauseCategory => machine.proposed_cause_category.map(Cow::Borrowed),
        Field::CohortReason => machine.cohort_reason.map(Cow::Borrowed),
        _ => None,
    }
}

/// What people set, by field.
pub(super) fn person(edits: Option<&EventEdits>) -> BTreeMap<Field, Option<&str>> {
    let Some(edits) = edits else { return BTreeMap::new() };
    // The last edit of a field that holds wins.
    let set = edits.applied.iter().filter(|applied| applied.sets() && applied.holds());
    set.map(|applied| (applied.field, applied.edit.new_value.as_deref())).collect()
}

/// The edits that applied, with the values before them.
pub(super) fn trail<'r>(
    edits: Option<&'r EventEdits>,
    machine: &EventRow<'r>,
) -> Vec<TrailEntry<'r>> {
    let entry = |applied: &'r Applied| TrailEntry {
        edit: &applied.edit,
        field: applied.field,
        before: match &applied.before {
            Value::Machine => of_machine(machine, applied.field),
            Value::Person(text) => text.as_deref().map(Cow::Borrowed),
        },
        holds: applied.holds(),
    };
    edits.map(|edits| edits.applied.iter().map(entry).collect()).unwrap_or_default()
}

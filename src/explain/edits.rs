//! The edits that lie over an event: those that applied, in their order, then those that did not.

use cohort_core::Id;
use cohort_core::registry::{Edit, Registry};

use super::report::EditExplained;

/// The edits of an event, and what became of each (SPEC 8).
pub(crate) fn edits<'r>(registry: &'r Registry, event_id: &str) -> Vec<EditExplained<'r>> {
    let Some(row) = Id::parse(event_id).and_then(|id| registry.row(&id)) else {
        return Vec::new();
    };
    let applied = row.trail.into_iter().map(|entry| EditExplained {
        changed: Some(entry.field.as_str()),
        before: entry.before,
        holds: entry.holds,
        ..explained(entry.edit)
    });
    let unapplied = row.unapplied.iter().map(|unapplied| EditExplained {
        unapplied_because: Some(&unapplied.because),
        ..explained(&unapplied.edit)
    });
    applied.chain(unapplied).collect()
}

fn explained(edit: &Edit) -> EditExplained<'_> {
    EditExplained {
        edit_id: edit.edit_id.as_deref(),
        field: edit.field.as_deref(),
        new_value: edit.new_value.as_deref(),
        edited_by: edit.edited_by.as_deref(),
        edited_at: edit.edited_at,
        reason: edit.reason.as_deref(),
        changed: None,
        before: None,
        holds: false,
        unapplied_because: None,
    }
}

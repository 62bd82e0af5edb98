//! The edits that lie over an event: those that applied, in their order, then those that did not.

use cohort_core::Id;
use cohort_core::registry::{Edit, Registry};

use super::report::EditExplained;

/// The edits of an event, and what became of each (SPEC 8).
pub(crate) fn edits(registry: &Registry, event_id: &str) -> Vec<EditExplained> {
    let Some(row) = Id::parse(event_id).and_then(|id| registry.row(&id)) else {
        return Vec::new();
    };
    let applied = row.trail.iter().map(|entry| EditExplained {
        changed: Some(entry.field.as_str()),
        before: entry.before.as_deref().map(str::to_owned),
        holds: entry.holds,
        ..explained(entry.edit)
    });
    let unapplied = row.unapplied.iter().map(|unapplied| EditExplained {
        unapplied_because: Some(unapplied.because.clone()),
        ..explained(&unapplied.edit)
    });
    applied.chain(unapplied).collect()
}

fn explained(edit: &Edit) -> EditExplained {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    EditExplained {
        edit_id: text(&edit.edit_id),
        field: text(&edit.field),
        new_value: text(&edit.new_value),
        edited_by: text(&edit.edited_by),
        edited_at: edit.edited_at,
        reason: text(&edit.reason),
        changed: None,
        before: None,
        holds: false,
        unapplied_because: None,
    }
}

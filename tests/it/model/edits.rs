//! SPEC 8, *Edits*, *Reverts* and *Merges*: whether each edit applies, found anew for each from all
//! those before it.

use std::collections::{BTreeMap, BTreeSet};

/// A row of the edits log. The order of the fields is that in which rows of one `edit_id` go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EditRow {
    pub edit_id: Option<String>,
    pub edited_at: Option<i64>,
    pub event_id: Option<String>,
    pub field: Option<String>,
    pub new_value: Option<String>,
    pub edited_by: Option<String>,
    pub reason: Option<String>,
}

pub(super) const TEXTS: [&str; 7] = [
    "cohort_name",
    "proposed_cause",
    "proposed_cause_category",
    "cohort_reason",
    "note",
    "assignee",
    "close_reason",
];

/// Edits in the order in which they are judged, each once; `true` for one that only shares its id
/// with an earlier row.
pub(super) fn in_order<'e>(edits: impl Iterator<Item = &'e EditRow>) -> Vec<(EditRow, bool)> {
    let rows: BTreeSet<&EditRow> = edits.collect();
    let mut ordered: Vec<(EditRow, bool)> = rows
        .iter()
        .map(|row| {
            let earlier = rows.iter().any(|other| other < row && other.edit_id == row.edit_id);
            ((*row).clone(), earlier && row.edit_id.is_some())
        })
        .collect();
    ordered
        .sort_by(|(a, _), (b, _)| (a.edited_at, &a.edit_id, a).cmp(&(b.edited_at, &b.edit_id, b)));
    ordered
}

/// Whether each edit applies.
pub(super) fn judge(edits: &[(EditRow, bool)], ids: &BTreeSet<String>) -> Vec<bool> {
    let mut applies: Vec<bool> = Vec::new();
    for (index, (edit, is_copy)) in edits.iter().enumerate() {
        let before = &edits[..index];
        let good = !is_copy && is_well_formed(edit, ids) && can_apply(edit, before, &applies);
        applies.push(good);
        if good && changes_merges(edit, before) && !merges_are_flat(&edits[..=index], &applies) {
            applies[index] = false;
        }
    }
    applies
}

fn is_well_formed(edit: &EditRow, ids: &BTreeSet<String>) -> bool {
    let required = [&edit.edit_id, &edit.event_id, &edit.field, &edit.edited_by];
    if required.into_iter().any(Option::is_none) || edit.edited_at.is_none() {
        return false;
    }
    let Some(value) = &edit.new_value else { return edit.field.as_deref() != Some("revert") };
    let good = match edit.field.as_deref().unwrap_or_default() {
        field if TEXTS.contains(&field) => true,
        "verdict" => {
            ["confirmed", "false_positive", "planned_activity", "duplicate"].contains(&&**value)
        }
        "review_status" => ["open", "acknowledged", "resolved"].contains(&&**value),
        "suppressed_until" => value.ends_with('Z') && value.contains('T'),
        "merged_into" => ids.contains(value),
        "revert" => true,
        _ => false,
    };
    good && edit.event_id.as_ref().is_some_and(|id| ids.contains(id))
}

fn can_apply(edit: &EditRow, before: &[(EditRow, bool)], applies: &[bool]) -> bool {
    let known = TEXTS.iter().chain(&["verdict", "review_status", "suppressed_until"]);
    match edit.field.as_deref().unwrap_or_default() {
        "revert" => target(edit, before, applies).is_some_and(|at| holds(at, before, applies)),
        "merged_into" => true,
        field => known.into_iter().any(|name| *name == field),
    }
}

/// The place of the edit that a revert names, if it is one of the same event that applied.
fn target(revert: &EditRow, before: &[(EditRow, bool)], applies: &[bool]) -> Option<usize> {
    (0..before.len()).find(|&at| {
        applies[at]
            && before[at].0.edit_id == revert.new_value
            && before[at].0.event_id == revert.event_id
    })
}

/// Whether no revert that holds takes the edit back.
pub(super) fn holds(at: usize, edits: &[(EditRow, bool)], applies: &[bool]) -> bool {
    (at + 1..edits.len()).all(|later| {
        let revert = &edits[later].0;
        let names_it = applies[later]
            && revert.field.as_deref() == Some("revert")
            && target(revert, &edits[..later], applies) == Some(at);
        !names_it || !holds(later, edits, applies)
    })
}

/// The field that an edit or a revert changes.
pub(super) fn changed<'e>(edit: &'e EditRow, before: &'e [(EditRow, bool)]) -> Option<&'e str> {
    if edit.field.as_deref() != Some("revert") {
        return edit.field.as_deref();
    }
    // Ids of edits that applied are unique, so any row of the id that is no copy will do.
    let at = (0..before.len()).rev().find(|&at| {
        !before[at].1
            && before[at].0.edit_id == edit.new_value
            && before[at].0.event_id == edit.event_id
    })?;
    changed(&before[at].0, &before[..at])
}

fn changes_merges(edit: &EditRow, before: &[(EditRow, bool)]) -> bool {
    changed(edit, before) == Some("merged_into")
}

/// What people set in a field of an event: `None` if nothing holds.
pub(super) fn value(
    event: &str,
    field: &str,
    edits: &[(EditRow, bool)],
    applies: &[bool],
) -> Option<Option<String>> {
    let at = (0..edits.len()).rev().find(|&at| {
        let edit = &edits[at].0;
        applies[at]
            && edit.event_id.as_deref() == Some(event)
            && edit.field.as_deref() == Some(field)
            && holds(at, edits, applies)
    })?;
    Some(edits[at].0.new_value.clone())
}

/// Into which event each is merged.
pub(super) fn merges(edits: &[(EditRow, bool)], applies: &[bool]) -> BTreeMap<String, String> {
    let events: BTreeSet<&String> =
        edits.iter().filter_map(|(edit, _)| edit.event_id.as_ref()).collect();
    let into = |event: &&String| {
        let into = value(event, "merged_into", edits, applies).flatten()?;
        Some(((*event).clone(), into))
    };
    events.iter().filter_map(into).collect()
}

fn merges_are_flat(edits: &[(EditRow, bool)], applies: &[bool]) -> bool {
    let merges = merges(edits, applies);
    merges.iter().all(|(from, into)| from != into && !merges.contains_key(into))
}

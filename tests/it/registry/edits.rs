//! The edits log of the tests: rows written as Parquet, and random ones.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::model::EditRow;

/// Writes a file of edits into a folder.
pub(crate) fn write(folder: &Path, name: &str, rows: &[EditRow]) {
    fs::create_dir_all(folder).unwrap();
    let text = |of: &dyn Fn(&EditRow) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let edited_at = rows.iter().map(|row| row.edited_at).collect::<TimestampMicrosecondArray>();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("edit_id", text(&|row| row.edit_id.clone()), true),
        ("event_id", text(&|row| row.event_id.clone()), true),
        ("field", text(&|row| row.field.clone()), true),
        ("new_value", text(&|row| row.new_value.clone()), true),
        ("edited_by", text(&|row| row.edited_by.clone()), true),
        ("edited_at", Arc::new(edited_at.with_timezone("UTC")) as ArrayRef, true),
        ("reason", text(&|row| row.reason.clone()), true),
    ])
    .unwrap();
    let file = fs::File::create(folder.join(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// An edit before it is known which events there are.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    id: u8,
    event: Index,
    field: &'static str,
    value: Index,
    at: i64,
    null: u8,
}

const FIELDS: [&str; 14] = [
    "cohort_name",
    "proposed_cause",
    "note",
    "verdict",
    "verdict",
    "review_status",
    "suppressed_until",
    "merged_into",
    "merged_into",
    "merged_into",
    "revert",
    "revert",
    "revert",
    "severity_score",
];

pub(crate) fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let draft = (0..10_u8, any::<Index>(), select(&FIELDS[..]), any::<Index>(), 0..6_i64, 0..60_u8)
        .prop_map(|(id, event, field, value, at, null)| Draft {
            id,
            event,
            field,
            value,
            at,
            null,
        });
    vec(draft, 0..14)
}

/// The edits of these events, made around an instant.
pub(crate) fn rows(drafts: &[Draft], events: &[String], around: i64) -> Vec<EditRow> {
    let mut events = events.to_vec();
    // People also edit events that vanished.
    events.extend(["0".repeat(64), "no id".to_owned()]);
    let row = |draft: &Draft| {
        let pick = |of: &[&str]| {
            let of: Vec<_> = of.iter().map(|text| Some((*text).to_owned())).chain([None]).collect();
            draft.value.get(&of).clone()
        };
        let ids: Vec<String> = (0..10).map(|id| format!("e{id}")).collect();
        let new_value = match draft.field {
            "verdict" => pick(&["confirmed", "duplicate", "Confirmed"]),
            "review_status" => pick(&["open", "resolved", ""]),
            "suppressed_until" => pick(&["2025-01-01T00:00:00Z", "tomorrow"]),
            "merged_into" => pick(&events.iter().map(String::as_str).collect::<Vec<_>>()),
            "revert" => pick(&ids.iter().map(String::as_str).collect::<Vec<_>>()),
            _ => pick(&["a", "", "b|\u{1b}[31m\n\u{202e}"]),
        };
        let text = |text: &str, null: u8| (draft.null != null).then(|| text.to_owned());
        EditRow {
            edit_id: text(&format!("e{}", draft.id), 0),
            edited_at: (draft.null != 1).then_some(around + draft.at),
            event_id: text(draft.event.get(&events).as_str(), 2),
            field: text(draft.field, 3),
            new_value,
            edited_by: text("ann", 4),
            reason: None,
        }
    };
    drafts.iter().map(row).collect()
}

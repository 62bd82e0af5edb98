//! Changes as lines of text for a terminal.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Change, Changes, EventChange, RowChange, RowCounts};
use crate::escape;

/// Events that are shown.
const EVENTS_SHOWN_MAX: usize = 20;
/// Rows of one event that are shown.
const ROWS_SHOWN_MAX: usize = 8;

/// The changes, one line for each event, each of its first rows and each of their columns. Every
/// line begins with `indent`.
pub(crate) fn lines(changes: &Changes, indent: &str) -> String {
    let mut text = String::new();
    for event in changes.events.iter().take(EVENTS_SHOWN_MAX) {
        event_lines(event, indent, &mut text);
    }
    let more = changes.events.len().saturating_sub(EVENTS_SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(text, "{indent}and {more} more events; --as json has them all");
    }
    if changes.rejects != RowCounts::default() {
        let _ = writeln!(text, "{indent}rejects: {}", counts(changes.rejects));
    }
    text
}

fn event_lines(event: &EventChange, indent: &str, text: &mut String) {
    let name = escape::line(&event.cohort_id);
    let (id, counts) = (escape::line(&event.event_id), counts(event.counts));
    let _ = writeln!(text, "{indent}event {name} ({id}): {counts}");
    for row in event.rows.iter().take(ROWS_SHOWN_MAX) {
        row_lines(row, indent, text);
    }
    let RowCounts { rows_added, rows_removed, rows_changed } = event.counts;
    let all = rows_added + rows_removed + rows_changed;
    let more = all.saturating_sub(event.rows.len().min(ROWS_SHOWN_MAX) as u64);
    if more > 0 {
        let _ = writeln!(text, "{indent}  and {more} more rows");
    }
}

fn row_lines(row: &RowChange, indent: &str, text: &mut String) {
    let (log, change) = match row.report_id {
        Some(_) => ("MRCH", row.change),
        None => ("MELOG", row.change),
    };
    let sku = match (&row.report_id, &row.sku) {
        (Some(_), Some(sku)) => format!(", SKU {}", escape::line(sku)),
        (Some(_), None) => ", whole store".to_owned(),
        (None, _) => String::new(),
    };
    let change = match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    };
    let at = shown(&row.written_at);
    let _ = writeln!(text, "{indent}  {change} {log} row at {at}, version {}{sku}", row.version);
    for column in &row.columns {
        let (old, new) = (shown(&column.old), shown(&column.new));
        let _ = writeln!(text, "{indent}    {}: {old} -> {new}", column.column);
    }
}

fn counts(counts: RowCounts) -> String {
    let RowCounts { rows_added, rows_removed, rows_changed } = counts;
    let kinds = [(rows_added, "added"), (rows_removed, "removed"), (rows_changed, "changed")];
    let kinds = kinds.into_iter().filter(|(rows, _)| *rows > 0);
    let kinds: Vec<String> = kinds.map(|(rows, what)| format!("{rows} {what}")).collect();
    format!("rows {}", kinds.join(", "))
}

/// A value on one line.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => escape::line(text),
        other => escape::line(&other.to_string()),
    }
}

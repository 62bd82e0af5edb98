//! The registry as a table for a terminal.

use cohort_core::registry::{Field, Registry, RegistryRow, Unapplied};
use cohort_core::{Money, Timestamp, grouped};

use crate::screen::Look;
use crate::table::{Column, Holds, TableCell, table};

/// Rows of a table; the others are left to JSON and Parquet.
const ROWS_MAX: usize = 1000;

const EVENTS: [Column; 9] = [
    Column::new("Event", Holds::Fixed, 0),
    Column::new("Store", Holds::Text, 0),
    Column::new("Since (UTC)", Holds::Fixed, 2),
    Column::new("Status", Holds::Fixed, 3),
    Column::new("SKUs", Holds::Number, 7),
    Column::new("Severity", Holds::Number, 4),
    Column::new("Impact", Holds::Number, 0),
    Column::new("Verdict", Holds::Text, 5),
    Column::new("Name", Holds::Text, 6),
];

/// The rows of the registry that `shown` wants, as a table, and what does not fit it.
pub(super) fn page(registry: &Registry, shown: impl Fn(&RegistryRow<'_>) -> bool) -> String {
    let mut cells = Vec::new();
    let (mut rows, mut open, mut conflicts, mut undetermined) = (0, 0, 0, 0);
    for row in registry.rows().filter(|row| shown(row)) {
        rows += 1;
        open += u64::from(row.is_open());
        conflicts += u64::from(!row.conflicts.is_empty());
        undetermined += u64::from(!row.undetermined.is_empty());
        if cells.len() < ROWS_MAX {
            cells.push(of_event(&row));
        }
    }
    let mut page = table(&EVENTS, &cells, Look::of_stdout());
    let events = if rows == 1 { "event" } else { "events" };
    page.push_str(&format!("\n {} {events}, {} of them open", grouped(rows), grouped(open)));
    if rows > ROWS_MAX as u64 {
        page.push_str(&format!("; the first {} are shown", grouped(ROWS_MAX as u64)));
    }
    page.push('\n');
    let mut note = |count: u64, what: &str| {
        if count > 0 {
            page.push_str(&format!(" {} {what}\n", grouped(count)));
        }
    };
    note(conflicts, "of which runs say different things: see conflicts in --as jsonl");
    note(undetermined, "with figures that are not known: see undetermined in --as jsonl");
    note(registry.unapplied().len() as u64, "edits that do not apply: see --unapplied");
    page
}

fn of_event(row: &RegistryRow<'_>) -> Vec<TableCell> {
    let machine = &row.machine;
    let text = |text: Option<&str>| text.map_or_else(dash, str::to_owned);
    [
        machine.event_id.as_str()[..12].to_owned(),
        machine.store_id.to_owned(),
        minute(machine.created_at),
        match (row.merged_into, machine.event_status) {
            (Some(_), _) => "merged".to_owned(),
            (None, Some(status)) => status.as_str().to_owned(),
            (None, None) => dash(),
        },
        machine.sku_count.map_or_else(dash, |count| count.to_string()),
        machine.severity_score.map_or_else(dash, |score| format!("{score:.2}")),
        row.impact_estimate.map_or_else(dash, Money::to_whole),
        text(row.value(Field::Verdict)),
        text(row.value(Field::CohortName)),
    ]
    .map(TableCell::from)
    .to_vec()
}

const UNAPPLIED: [Column; 5] = [
    Column::new("Edit", Holds::Text, 0),
    Column::new("By", Holds::Text, 2),
    Column::new("At (UTC)", Holds::Fixed, 1),
    Column::new("Field", Holds::Text, 3),
    Column::new("Why it does not apply", Holds::Text, 0),
];

/// Edits that do not apply, as a table.
pub(super) fn unapplied(edits: &[&Unapplied]) -> String {
    let text = |text: Option<&str>| text.map_or_else(dash, str::to_owned);
    let cells = |unapplied: &&Unapplied| {
        let edit = &unapplied.edit;
        [
            text(edit.edit_id.as_deref()),
            text(edit.edited_by.as_deref()),
            edit.edited_at.map_or_else(dash, minute),
            text(edit.field.as_deref()),
            unapplied.because.clone(),
        ]
        .map(TableCell::from)
        .to_vec()
    };
    table(&UNAPPLIED, &edits.iter().map(cells).collect::<Vec<_>>(), Look::of_stdout())
}

fn dash() -> String {
    "-".to_owned()
}

fn minute(at: Timestamp) -> String {
    at.to_string()[..16].replace('T', " ")
}

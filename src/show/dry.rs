//! A dry run as text.

use std::fmt::Write as _;

use cohort_core::grouped;
use indicatif::HumanBytes;

use super::page::{minute, plural};
use crate::escape::line;
use crate::progress::label;
use crate::run::{DryRun, ToRead};
use crate::screen::Look;
use crate::table::{Column, Holds, TableCell, table};

const INPUTS: [Column; 5] = [
    Column::new("Input", Holds::Text, 0),
    Column::new("Files", Holds::Number, 2),
    Column::new("Bytes", Holds::Number, 0),
    Column::new("Rows", Holds::Number, 3),
    Column::new("Partitions", Holds::Text, 1),
];

/// What a run would do.
pub(crate) fn page(run: &DryRun, look: Look) -> String {
    let (start, end) = (minute(run.interval.start), minute(run.interval.end));
    let mut page = format!(
        "\n Dry run of {}: {start} to {end} UTC, gap {}. Nothing was written.\n\n",
        run.run_id, run.gap
    );
    let rows: Vec<_> = run.inputs.each().map(|(log, input)| cells(log.name, input)).collect();
    page.push_str(&table(&INPUTS, &rows, look));
    let _ = writeln!(page, "\n Look-back  reports back to {} UTC", minute(run.lookback.start));
    let (events, stores) = (plural(run.events, "event"), plural(run.stores, "store"));
    let _ = writeln!(page, " Events     {events} of {stores}");
    let committed = match &run.committed {
        None => "nothing yet under this run_id".to_owned(),
        Some(old) => format!(
            "a run for {} to {} UTC, which this one replaces unless it is the same",
            minute(old.interval.start),
            minute(old.interval.end)
        ),
    };
    let _ = writeln!(page, " Committed  {committed}");
    page.push_str("\n It would write below\n");
    let folders = run.outputs.each().map(|(_, folder)| &folder.0);
    for uri in folders.chain([&run.lineage]) {
        let _ = writeln!(page, "   {}", line(&uri.to_string()));
    }
    page
}

fn cells(name: &'static str, input: &ToRead) -> Vec<TableCell> {
    let partitions = input.partitions.as_ref().map_or_else(
        || "none".to_owned(),
        |read| {
            let (first, last) = (read.first.trim_end_matches('/'), read.last.trim_end_matches('/'));
            let span = if first == last { first.into() } else { format!("{first} to {last}") };
            format!("{} of {}, {span}", read.found, read.needed)
        },
    );
    vec![
        label(name).into(),
        grouped(input.files.len() as u64).into(),
        HumanBytes(input.bytes()).to_string().into(),
        grouped(input.rows).into(),
        partitions.into(),
    ]
}

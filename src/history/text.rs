//! The history as text for a terminal. Whatever came from outside is on one line.

use std::fmt::Write as _;

use super::{History, Step, Version};
use crate::changes;
use crate::escape;

/// Input files that are shown.
const INPUTS_SHOWN_MAX: usize = 20;

/// The whole page.
pub(crate) fn page(history: &History) -> String {
    let mut page = format!("\n Run {}\n", history.run_id);
    if history.versions.len() == 1 {
        page.push_str("\n It was never replaced, or what it replaced was not kept.\n");
    }
    for (number, version) in (1..).zip(&history.versions) {
        page.push_str(&version_lines(number, version));
    }
    page
}

fn version_lines(number: usize, version: &Version) -> String {
    let until = match version.replaced_at {
        Some(at) => format!("until {at}"),
        None if version.next.is_some() => "replaced".to_owned(),
        None => "committed now".to_owned(),
    };
    let mut text = format!("\n Version {number}, {until}\n");
    let (interval, job) = (version.interval, escape::line(&version.job_version));
    let _ = writeln!(text, "   for {} to {}, by version {job}", interval.start, interval.end);
    for (log, rows) in version.rows.each() {
        let _ = writeln!(text, "   {}: {rows} rows", log.name);
    }
    let _ = writeln!(text, "   {}", escape::line(&version.lineage.to_string()));
    if let Some(step) = &version.next {
        text.push_str(&step_lines(step));
    }
    text
}

fn step_lines(step: &Step) -> String {
    let mut text = "   The next version:\n".to_owned();
    for input in step.inputs.iter().take(INPUTS_SHOWN_MAX) {
        let (change, file) = (input.change.as_str(), escape::line(&input.file.to_string()));
        let _ = writeln!(text, "     input {change}: {file} ({})", input.dataset);
    }
    let more = step.inputs.len().saturating_sub(INPUTS_SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(text, "     and {more} more input files; --as json has them all");
    }
    for setting in &step.settings {
        let value =
            |value: &Option<String>| value.as_deref().map_or("none".to_owned(), escape::line);
        let (old, new) = (value(&setting.old), value(&setting.new));
        let _ = writeln!(text, "     {}: {old} -> {new}", escape::line(&setting.setting));
    }
    if let Some(reason) = &step.incomparable {
        let _ = writeln!(text, "     its rows cannot be compared: {}", escape::line(reason));
    } else if step.changes.is_none() {
        text.push_str("     has the same rows\n");
    }
    text.push_str(&changes::lines(&step.changes, "     "));
    text
}

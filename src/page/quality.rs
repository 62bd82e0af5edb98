//! What the runs say of themselves: what each was for, and the quality of what it read (SPEC 12).

use std::collections::BTreeMap;

use cohort_core::{Timestamp, grouped};

use super::html::{PageCell, View};
use crate::lineage::{Input, Lineage};

/// What one log's rows came to, over all runs.
#[derive(Clone, Debug, Default)]
struct LogSums {
    files: u64,
    read: u64,
    rejected: BTreeMap<String, u64>,
    duplicate: u64,
    out_of_range: u64,
    onsets_ignored: u64,
    /// Ticks of lines without a row in this log.
    missing: Option<u64>,
}

/// Fills in what the runs say.
pub(super) fn describe(view: &mut View, runs: &[&Lineage]) {
    let from = runs.iter().map(|run| run.interval.start).min();
    let to = runs.iter().map(|run| run.interval.end).max();
    view.covered = match (from, to) {
        (Some(from), Some(to)) => {
            format!("{} to {} UTC, {}", minute(from), minute(to), plural(runs.len() as u64, "run"))
        }
        _ => "no committed run".to_owned(),
    };
    let logs = sums(runs);
    let rejected: u64 = logs.values().flat_map(|sums| sums.rejected.values()).sum();
    let ignored: u64 = logs.values().map(|sums| sums.onsets_ignored).sum();
    let missing: u64 = logs.values().filter_map(|sums| sums.missing).sum();
    view.quality = format!(
        "{} rejected, {} ignored, {} without a prediction",
        plural(rejected, "row"),
        plural(ignored, "onset"),
        plural(missing, "tick"),
    );
    let titles = vec![
        "Log",
        "Files",
        "Rows read",
        "Rejected",
        "Reasons",
        "Duplicates",
        "Out of range",
        "Onsets ignored",
        "Ticks without a row",
    ];
    view.rejects = (titles, logs.iter().map(|(log, sums)| log_row(log, sums)).collect());
    let titles = vec![
        "Run",
        "From (UTC)",
        "To (UTC)",
        "Gap",
        "Opened",
        "Closed",
        "Open at the end",
        "Rejected",
        "Onsets ignored",
        "No score",
        "No baseline",
        "Release",
    ];
    view.runs = (titles, runs.iter().map(|run| run_row(run)).collect());
}

fn sums(runs: &[&Lineage]) -> BTreeMap<&'static str, LogSums> {
    let mut logs: BTreeMap<&'static str, LogSums> = BTreeMap::new();
    for run in runs {
        for (log, input) in run.inputs.each() {
            let sums = logs.entry(log.name).or_default();
            sums.files += input.files.len() as u64;
            sums.read += input.rows_read;
            sums.duplicate += input.rows_duplicate;
            sums.out_of_range += input.values_out_of_range.values().sum::<u64>();
            sums.onsets_ignored += input.onsets_ignored.unwrap_or(0);
            for (reason, rows) in &input.rows_rejected {
                *sums.rejected.entry(reason.clone()).or_default() += rows;
            }
        }
        for (log, missing) in [
            (&cohort_core::contract::CLASSIFIER, run.counts.ticks_without_score),
            (&cohort_core::contract::BASELINE, run.counts.ticks_without_baseline),
        ] {
            let sums = logs.entry(log.name).or_default();
            sums.missing = Some(sums.missing.unwrap_or(0) + missing);
        }
    }
    logs
}

fn log_row(log: &str, sums: &LogSums) -> Vec<PageCell> {
    let reasons: Vec<String> = sums
        .rejected
        .iter()
        .filter(|(_, rows)| **rows > 0)
        .map(|(reason, rows)| format!("{reason} {}", grouped(*rows)))
        .collect();
    let rejected = sums.rejected.values().sum();
    vec![
        text(log),
        number(sums.files),
        number(sums.read),
        number(rejected),
        text(if reasons.is_empty() { "–".to_owned() } else { reasons.join(", ") }),
        number(sums.duplicate),
        number(sums.out_of_range),
        number(sums.onsets_ignored),
        sums.missing.map_or_else(|| PageCell::Number("–".to_owned()), number),
    ]
}

fn run_row(run: &Lineage) -> Vec<PageCell> {
    let rejected = |input: &Input| input.rows_rejected.values().sum::<u64>();
    vec![
        text(run.run_id.as_str()),
        text(minute(run.interval.start)),
        text(minute(run.interval.end)),
        text(run.gap.to_string()),
        number(run.counts.events_opened),
        number(run.counts.events_closed),
        number(run.counts.events_active),
        number(run.inputs.each().map(|(_, input)| rejected(input)).sum()),
        number(run.inputs.reports.onsets_ignored.unwrap_or(0)),
        number(run.counts.ticks_without_score),
        number(run.counts.ticks_without_baseline),
        text(run.job.version.as_str()),
    ]
}

fn text(text: impl Into<String>) -> PageCell {
    PageCell::Text(text.into())
}

fn number(number: u64) -> PageCell {
    PageCell::Number(grouped(number))
}

/// An instant to the minute.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_string()[..16].replace('T', " ")
}

/// A number of things.
pub(super) fn plural(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

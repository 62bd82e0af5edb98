//! The report as text for a terminal. Whatever came from outside is on one line.

use std::fmt::Write as _;

use cohort_core::{Interval, Timestamp};

use super::report::{Finding, Rerun, RunReport, VerifyReport};
use crate::changes;
use crate::escape;

/// Files or parts of one run that are shown.
const SHOWN_MAX: usize = 20;

/// The whole page.
pub(crate) fn page(report: &VerifyReport) -> String {
    let how = if report.quick { "by the tags of their files" } else { "by computing them again" };
    let runs = report.runs.len();
    let plural = if runs == 1 { "" } else { "s" };
    let mut page = format!("\n {runs} committed run{plural}, verified {how}\n");
    for run in report.runs.iter().filter(|run| !run.findings.is_empty()) {
        page.push_str(&run_lines(run));
    }
    for lineage in &report.unreadable {
        let _ = writeln!(page, "\n Unreadable lineage {}", shown(&lineage.lineage));
        let _ =
            writeln!(page, "   found {}; move it away, and run it again", shown(&lineage.reason));
    }
    if !report.uncommitted.is_empty() {
        page.push_str(
            "\n Parts of runs that were never committed; the next run of the same run_id\n",
        );
        page.push_str(" clears them away. A run that is under way has some too.\n");
        list(&mut page, report.uncommitted.iter().map(|part| shown(&part.0)));
    }
    for gap in &report.gaps {
        let _ = writeln!(page, "\n Gap: no run is for {}", span(*gap));
    }
    for overlap in &report.overlaps {
        let [one, other] = &overlap.run_ids;
        let _ =
            writeln!(page, "\n Overlap: {one} and {other} are both for {}", span(overlap.interval));
    }
    page.push_str(&conclusion(report));
    page
}

fn run_lines(run: &RunReport) -> String {
    let findings: Vec<&str> = run.findings.iter().map(|finding| finding.as_str()).collect();
    let mut text = format!("\n Run {}: {}\n", run.run_id, findings.join(", "));
    let _ = writeln!(text, "   for {}", span(run.interval));
    if run.findings.contains(&Finding::Stale) || run.unrepeatable.is_some() {
        list(
            &mut text,
            run.inputs.iter().map(|input| {
                let (change, dataset) = (input.change.as_str(), input.dataset);
                format!("input {change}: {} ({dataset})", shown(&input.file))
            }),
        );
    }
    text.push_str(&changes::lines(&run.changes, "   "));
    list(
        &mut text,
        run.damaged.iter().map(|part| {
            format!("damaged part: {}, found {}", shown(&part.part), shown(&part.found))
        }),
    );
    list(&mut text, run.uncommitted.iter().map(|part| format!("not listed: {}", shown(&part.0))));
    for setting in &run.settings {
        let text_of = |value: &Option<String>| value.as_ref().map_or("none".to_owned(), shown);
        let (of_run, of_manifest) = (text_of(&setting.of_run), text_of(&setting.of_manifest));
        let name = shown(&setting.setting);
        let _ = writeln!(text, "   {name}: {of_run} in the run, {of_manifest} in the manifest");
    }
    if let Some(version) = &run.other_version {
        let this = env!("CARGO_PKG_VERSION");
        let _ = writeln!(text, "   computed by version {}; this is {this}", shown(version));
    }
    if let Some(reason) = &run.unrepeatable {
        let _ = writeln!(text, "   a rerun would fail: {}", shown(reason));
    }
    text
}

fn conclusion(report: &VerifyReport) -> String {
    if report.sound {
        return "\n All is sound.\n".to_owned();
    }
    if report.reruns.is_empty() {
        return "\n No rerun can mend this.\n".to_owned();
    }
    let mut text = "\n Run again, in this order:\n".to_owned();
    for Rerun { arguments, .. } in &report.reruns {
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        let _ = writeln!(text, "   cohort {}", words.join(" "));
    }
    text
}

/// The lines, as many as are shown, each behind three blanks.
fn list(text: &mut String, lines: impl ExactSizeIterator<Item = String>) {
    let more = lines.len().saturating_sub(SHOWN_MAX);
    lines.take(SHOWN_MAX).for_each(|line| {
        let _ = writeln!(text, "   {line}");
    });
    if more > 0 {
        let _ = writeln!(text, "   and {more} more; --as json has them all");
    }
}

fn shown(value: &impl ToString) -> String {
    escape::line(&value.to_string())
}

fn span(interval: Interval) -> String {
    let short = |at: Timestamp| at.to_string().replace(".000000Z", "Z");
    format!("{} to {}", short(interval.start), short(interval.end))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:/.+@%,~".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", escape::line(word).replace('\'', r"'\''"))
}

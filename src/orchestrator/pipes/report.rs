//! What a finished run tells Dagster: the metadata of each asset, and the checks.

use serde_json::Value;

use super::context::Context;
use super::message::{Message, Metadata};
use crate::orchestrator::facts::{Announcement, Facts, WrittenFacts};
use cohort_core::contract::{Log, MELOG, MRCH};

/// The check that the rejected rows stay under a limit. It is the only check that the job makes
/// itself: its outputs are better checked by another program that reads them.
const REJECTS_UNDER_LIMIT: &str = "rejects_under_limit";

/// Rows of the table of events, unless Dagster asks for another number.
const TOP_EVENTS_MAX: usize = 10;

/// The messages of a finished run, the summary for Python first.
pub(super) fn messages(context: &Context, announced: &Announcement, facts: &Facts) -> Vec<Message> {
    let mut messages = vec![Message::log(&sentence(announced, facts))];
    if let Ok(summary) = serde_json::from_str::<Value>(&facts.summary) {
        messages.push(Message::custom(summary));
    }
    let rows = context.top_events_max.unwrap_or(TOP_EVENTS_MAX);
    for (asset_key, output) in assets(&context.asset_keys, facts) {
        let common = common(announced, facts, output.map(|(_, written)| written));
        let metadata = match output {
            Some((log, _)) if *log == MRCH => lines_metadata(common, facts),
            Some((log, _)) if *log == MELOG => events_metadata(common, facts, rows),
            _ => events_metadata(lines_metadata(common, facts), facts, rows),
        };
        messages.push(Message::materialization(asset_key, metadata, &facts.content_sha256));
    }
    messages.extend(reject_check(context, announced, facts));
    messages
}

/// The assets asked for, each with the output whose name ends its key.
fn assets<'a>(
    asset_keys: &'a [String],
    facts: &'a Facts,
) -> impl Iterator<Item = (&'a str, Option<(&'static Log, &'a WrittenFacts)>)> {
    asset_keys.iter().map(|key| {
        let name = key.rsplit('/').next().unwrap_or_default();
        (key.as_str(), facts.outputs.each().find(|(log, _)| log.name == name))
    })
}

/// One sentence for the log.
fn sentence(announced: &Announcement, facts: &Facts) -> String {
    let rows: Vec<String> = facts
        .outputs
        .each()
        .map(|(log, written)| format!("{} rows of {}", written.rows, log.name))
        .collect();
    format!(
        "{} {} for {} to {}: {}; {} events opened, {} closed, {} active; lineage {}",
        facts.status,
        announced.run_id,
        announced.interval.start,
        announced.interval.end,
        rows.join(", "),
        facts.counts.events_opened,
        facts.counts.events_closed,
        facts.counts.events_active,
        facts.lineage,
    )
}

fn common(announced: &Announcement, facts: &Facts, output: Option<&WrittenFacts>) -> Metadata {
    let mut metadata = Metadata::default()
        .with("run_id", "text", announced.run_id.as_str())
        .with("status", "text", facts.status.as_str())
        .with("interval_start", "timestamp", seconds(announced.interval.start.as_us()))
        .with("interval_end", "timestamp", seconds(announced.interval.end.as_us()))
        .with("lineage", "path", facts.lineage.to_string())
        .with("stores", "int", facts.counts.stores)
        .with("duration_s", "float", facts.elapsed_s);
    if let Some(bytes) = facts.peak_memory_bytes {
        metadata = metadata.with("peak_memory_mib", "int", bytes / (1024 * 1024));
    }
    match output {
        // Dagster shows these names beside an asset and plots their values.
        Some(written) => metadata
            .with("dagster/row_count", "int", written.rows)
            .with("dagster/uri", "text", written.uri.as_str())
            .with("files", "int", written.files)
            .with("bytes", "int", written.bytes),
        None => metadata,
    }
}

fn lines_metadata(metadata: Metadata, facts: &Facts) -> Metadata {
    metadata
        .with("reports", "int", facts.counts.reports)
        .with("lines", "int", facts.counts.lines)
        .with("rows_read", "int", facts.detected_rows())
        .with("rows_rejected", "int", facts.rejected())
}

fn events_metadata(metadata: Metadata, facts: &Facts, rows: usize) -> Metadata {
    let metadata = metadata
        .with("events_opened", "int", facts.counts.events_opened)
        .with("events_closed", "int", facts.counts.events_closed)
        .with("events_active", "int", facts.counts.events_active)
        .with("top_events", "md", facts.highlights.to_markdown(rows));
    match facts.highlights.impact() {
        // A plot needs a number. The exact amounts are in the logs.
        #[expect(clippy::cast_precision_loss, reason = "for a plot")]
        Some(impact) => {
            metadata.with("impact_of_closed_events", "float", impact.units() as f64 / 10_000.0)
        }
        None => metadata,
    }
}

/// The check, on the asset of lines, if the step declares it.
fn reject_check(context: &Context, announced: &Announcement, facts: &Facts) -> Option<Message> {
    if !context.checks.iter().any(|name| name == REJECTS_UNDER_LIMIT) {
        return None;
    }
    let (asset_key, _) = assets(&context.asset_keys, facts)
        .find(|(_, output)| output.is_some_and(|(log, _)| *log == MRCH))?;
    let limit = context.reject_ratio_max.unwrap_or(announced.max_reject_ratio);
    let (rejected, rows) = (facts.rejected(), facts.detected_rows());
    #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
    let ratio = if rows == 0 { 0.0 } else { rejected as f64 / rows as f64 };
    let metadata = Metadata::default()
        .with("rows_rejected", "int", rejected)
        .with("rows_read", "int", rows)
        .with("ratio", "float", ratio)
        .with("limit", "float", limit);
    Some(Message::check(asset_key, REJECTS_UNDER_LIMIT, ratio <= limit, "ERROR", metadata))
}

/// Dagster's timestamps are seconds.
#[expect(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

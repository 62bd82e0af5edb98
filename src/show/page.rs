//! The page: heading, events, the versions of a store's lines, counts and paths.

use std::cmp::Reverse;
use std::fmt::Write as _;

use crate::committed::{StoredMelogRow, StoredMrchRow};
use crate::escape::{cell, line};
use cohort_core::{EndReason, EventStatus, Money, Timestamp, grouped};

use crate::lineage::{Input, Lineage};
use crate::objects::Uri;
use crate::screen::{Look, NOTABLE};
use crate::table::{Column, Holds, TableCell, table};

const EVENTS: [Column; 9] = [
    Column::new("Store", Holds::Text, 0),
    Column::new("Window (UTC)", Holds::Fixed, 2),
    Column::new("Hours", Holds::Number, 5),
    Column::new("SKUs", Holds::Number, 6),
    Column::new("Reports", Holds::Number, 7),
    Column::new("Severity", Holds::Number, 3),
    Column::new("Impact", Holds::Number, 0),
    Column::new("Status", Holds::Fixed, 1),
    Column::new("Cause", Holds::Text, 4),
];

const LINES: [Column; 9] = [
    Column::new("Written at (UTC)", Holds::Fixed, 0),
    Column::new("Onset", Holds::Fixed, 4),
    Column::new("Ver", Holds::Number, 5),
    Column::new("Status", Holds::Fixed, 1),
    Column::new("Severity", Holds::Number, 3),
    Column::new("Sales", Holds::Number, 6),
    Column::new("Baseline", Holds::Number, 7),
    Column::new("Impact", Holds::Number, 0),
    Column::new("SKU", Holds::Text, 2),
];

/// The widest store and the widest reason in a sentence.
const STORE_WIDTH_MAX: usize = 40;
const REASON_WIDTH_MAX: usize = 40;

/// What to show of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How many events, those that matter most first.
    pub top: usize,
    /// Only one store: its events, and every row of its lines.
    pub store: Option<String>,
    /// Where it is shown.
    pub look: Look,
}

/// The whole page, from what was read.
pub(super) fn page(
    run: &Lineage,
    lineage: &Uri,
    mut events: Vec<StoredMelogRow>,
    lines: &[StoredMrchRow],
    options: &Options,
) -> String {
    events.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| place(a).cmp(&place(b))));
    let shown = &events[..events.len().min(options.top)];
    let interval = (minute(run.interval.start), minute(run.interval.end));
    let mut page =
        format!("\n Run {}: {} to {} UTC, gap {}\n\n", run.run_id, interval.0, interval.1, run.gap);
    let all = plural(events.len() as u64, "event");
    let of_store = options
        .store
        .as_ref()
        .map_or(String::new(), |store| format!(" of store {}", cell(store, STORE_WIDTH_MAX)));
    if shown.len() == events.len() {
        let _ = writeln!(page, " {all}{of_store}\n");
    } else {
        let _ = writeln!(page, " The {} that matter most of {all}{of_store}\n", shown.len());
    }
    let cells: Vec<_> = shown.iter().map(event_cells).collect();
    page.push_str(&table(&EVENTS, &cells, options.look));
    if options.store.is_some() {
        let _ = writeln!(page, "\n {} of its lines\n", plural(lines.len() as u64, "row"));
        let cells: Vec<_> = lines.iter().map(line_cells).collect();
        page.push_str(&table(&LINES, &cells, options.look));
    } else {
        page.push_str(&counts(run));
        page.push_str(&paths(run, lineage));
    }
    page
}

/// What makes an event matter: its impact either way, then its severity. Severities are hardly ever
/// negative. If one is, only the order of events with equal impact suffers.
fn weight(event: &StoredMelogRow) -> (Option<u64>, Option<u64>) {
    let impact = event.impact.map(|impact| impact.units().unsigned_abs());
    (impact, event.severity.map(|severity| severity.max(0.0).to_bits()))
}

fn place(event: &StoredMelogRow) -> (Timestamp, &str) {
    (event.window_start, &event.store_id)
}

fn event_cells(event: &StoredMelogRow) -> Vec<TableCell> {
    let status = TableCell::from(status(event));
    let open = event.status == EventStatus::Active;
    vec![
        TableCell::from(&event.store_id),
        window(event.window_start, event.window_end).into(),
        event.window_end.map_or("-".to_owned(), |end| length(event.window_start, end)).into(),
        event.skus.to_string().into(),
        event.reports.to_string().into(),
        score(event.severity).into(),
        whole(event.impact).into(),
        if open { status.styled(NOTABLE) } else { status },
        event.cause.as_deref().unwrap_or("-").into(),
    ]
}

/// The status, and of an event that was cut also that it was: another one may continue it.
fn status(event: &StoredMelogRow) -> &'static str {
    match event.end_reason.as_deref() {
        Some(reason) if reason == EndReason::MaxDuration.as_str() => "ended, cut",
        _ => event.status.as_str(),
    }
}

fn line_cells(row: &StoredMrchRow) -> Vec<TableCell> {
    vec![
        minute(row.written_at).into(),
        TableCell::from(&minute(row.window_start)[11..]),
        row.version.to_string().into(),
        row.status.as_str().into(),
        score(row.severity).into(),
        amount(row.attributed).into(),
        amount(row.baseline).into(),
        amount(row.impact).into(),
        row.sku.as_deref().unwrap_or("(whole store)").into(),
    ]
}

/// What the run read and found.
fn counts(run: &Lineage) -> String {
    let (found, inputs) = (&run.counts, &run.inputs);
    let mut text = String::from("\n");
    let (reports, scores, sales) =
        (Some(&inputs.reports), inputs.scores.as_ref(), inputs.sales.as_ref());
    for (what, input) in [("Reports", reports), ("Scores", scores), ("Baselines", sales)] {
        if let Some(input) = input {
            let _ = writeln!(text, " {what:<10} {}", input_counts(input));
        }
    }
    let _ = writeln!(
        text,
        " {:<10} {} opened, {} closed, {} active at the end; {}, {}, {}",
        "Events",
        grouped(found.events_opened),
        grouped(found.events_closed),
        grouped(found.events_active),
        plural(found.stores, "store"),
        plural(found.reports, "report"),
        plural(found.lines, "line"),
    );
    text
}

fn input_counts(input: &Input) -> String {
    let mut reasons: Vec<_> = input.rows_rejected.iter().filter(|(_, rows)| **rows > 0).collect();
    reasons.sort_by_key(|(_, rows)| Reverse(**rows));
    let rejected: u64 = reasons.iter().map(|(_, rows)| **rows).sum();
    let mut text = format!("{} read", plural(input.rows_read, "row"));
    if input.rows_duplicate > 0 {
        let _ = write!(text, ", {}", plural(input.rows_duplicate, "duplicate"));
    }
    if rejected > 0 {
        let reasons: Vec<_> = reasons
            .iter()
            .map(|(reason, rows)| format!("{} {}", grouped(**rows), cell(reason, REASON_WIDTH_MAX)))
            .collect();
        let _ = write!(text, ", {} rejected:\n{:12}{}", grouped(rejected), "", reasons.join(", "));
    }
    text
}

/// Where everything is. Paths are never cut, since people copy them.
fn paths(run: &Lineage, lineage: &Uri) -> String {
    let mut text = format!("\n Lineage    {}\n", line(&lineage.to_string()));
    for (log, output) in run.outputs.each() {
        let name = log.name;
        let _ = writeln!(text, "\n {name}, {}", plural(output.rows, "row"));
        for file in &output.files {
            let _ = writeln!(text, "   {}", line(&file.uri.to_string()));
        }
    }
    text
}

pub(super) fn minute(at: Timestamp) -> String {
    at.to_string()[..16].replace('T', " ")
}

/// `01-01 11:55 - 12:05`, with the end's date if it differs. The page's heading has the year.
fn window(start: Timestamp, end: Option<Timestamp>) -> String {
    let start = minute(start);
    let Some(end) = end.map(minute) else {
        return format!("{} - ...", &start[5..]);
    };
    let end = if start[..10] == end[..10] { &end[11..] } else { &end[5..] };
    format!("{} - {end}", &start[5..])
}

/// Hours and minutes: `2:50`.
fn length(start: Timestamp, end: Timestamp) -> String {
    let minutes = (end.as_us() - start.as_us()) / 60_000_000;
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn score(score: Option<f64>) -> String {
    score.map_or("-".to_owned(), |score| format!("{score:.2}"))
}

/// An amount rounded to the unit, its digits grouped.
fn whole(amount: Option<Money>) -> String {
    amount.map_or_else(|| "-".to_owned(), Money::to_whole)
}

fn amount(amount: Option<Money>) -> String {
    amount.map_or_else(|| "-".to_owned(), Money::to_hundredths)
}

pub(super) fn plural(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_was_cut_is_told_from_one_that_went_quiet() {
        let event = |status, end_reason: Option<&str>| StoredMelogRow {
            store_id: "104".to_owned(),
            window_start: Timestamp::MIN,
            window_end: None,
            status,
            end_reason: end_reason.map(str::to_owned),
            version: 1,
            reports: 1,
            skus: 1,
            severity: None,
            impact: None,
            cause: None,
        };
        assert_eq!(status(&event(EventStatus::Active, None)), "active");
        assert_eq!(status(&event(EventStatus::Ended, Some("quiet"))), "ended");
        assert_eq!(status(&event(EventStatus::Ended, Some("max_duration"))), "ended, cut");
    }

    #[test]
    fn windows_show_the_date_once_where_one_is_enough() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let start = at("2025-01-01T23:30:00Z");
        assert_eq!(window(start, Some(at("2025-01-01T23:45:00Z"))), "01-01 23:30 - 23:45");
        assert_eq!(window(start, Some(at("2025-01-02T00:40:00Z"))), "01-01 23:30 - 01-02 00:40");
        assert_eq!(window(start, None), "01-01 23:30 - ...");
        assert_eq!(length(start, at("2025-01-02T00:40:00Z")), "1:10");
    }
}

//! The explanation as text for a terminal. Whatever came from outside is on one line.

use std::fmt::{Display, Write as _};

use cohort_core::Timestamp;

use super::report::{EditExplained, Explained, Explanation, Figures, LineExplained, RowExplained};
use crate::escape;
use crate::objects::Uri;

/// Candidates of one line that are shown.
const CANDIDATES_SHOWN_MAX: usize = 10;

/// The whole page.
pub(crate) fn page(explanation: &Explanation<'_>) -> String {
    let mut page = format!(
        "\n Event {}\n   id {}\n   explained by run {}, over today's inputs\n",
        escape::line(&explanation.cohort_id),
        escape::line(&explanation.event_id),
        explanation.explained_by,
    );
    if !explanation.inputs_changed.is_empty() {
        page.push_str(
            "\n Its inputs have changed since that run; cohort verify says what follows:\n",
        );
        for input in &explanation.inputs_changed {
            let file = escape::line(&input.file.to_string());
            let _ = writeln!(page, "   {}: {file} ({})", input.change.as_str(), input.dataset);
        }
    }
    match &explanation.event {
        Some(event) => page.push_str(&event_lines(event)),
        None => page.push_str("\n Today's inputs give no such event any more.\n"),
    }
    if !explanation.edits.is_empty() {
        page.push_str("\n Edits that lie over it\n");
    }
    for edit in &explanation.edits {
        page.push_str(&edit_lines(edit));
    }
    page
}

fn edit_lines(edit: &EditExplained<'_>) -> String {
    let shown = |text: Option<&str>| text.map_or("null".to_owned(), escape::line);
    let at = edit.edited_at.map_or("null".to_owned(), short);
    let (who, field, value) = (shown(edit.edited_by), shown(edit.field), shown(edit.new_value));
    let mut text = format!("   {at} {who} set {field} to {value}\n");
    let outcome = match (edit.unapplied_because, edit.changed) {
        (Some(because), _) => format!("does not apply: {}", escape::line(because)),
        (None, Some(changed)) => {
            let state = if edit.holds { "holds" } else { "was taken back" };
            format!("{state}; {changed} was {}", shown(edit.before.as_deref()))
        }
        (None, None) => "does not apply".to_owned(),
    };
    let _ = writeln!(text, "     {outcome}");
    if let Some(reason) = edit.reason {
        let _ = writeln!(text, "     because: {}", escape::line(reason));
    }
    text
}

fn event_lines(event: &Explained) -> String {
    let mut text = format!("\n Opened {}: {}\n", short(event.opened_at), event.opened_because);
    if let Some(before) = &event.continues_event_id {
        let _ = writeln!(text, "   continues {before}");
    }
    let (closes, reason, why) = (short(event.closed_at), event.end_reason, &event.closed_because);
    let _ = writeln!(text, " Closes {closes} ({reason}): {why}");
    let _ = writeln!(text, "\n Ticks, at most {} apart, and the event after each", event.gap);
    let mut shown = String::new();
    for tick in &event.ticks {
        let (at, since) = (short(tick.at), tick.since_previous);
        let since = since.map_or("first".to_owned(), |since| format!("+{since}"));
        let _ = writeln!(text, "   {at} {since}: {}", figures(tick.figures));
        // What hardly ever changes is shown when it does.
        let (reports, skus) = (tick.report_count, tick.sku_count);
        let cause = tick.proposed_cause.as_deref().map_or("none".to_owned(), escape::line);
        let so_far = format!("     reports {reports}, SKUs {skus}, cause {cause}\n");
        if so_far != shown {
            text.push_str(&so_far);
            shown = so_far;
        }
    }
    for line in &event.lines {
        text.push_str(&line_lines(line));
    }
    text.push_str("\n Causes, by the sum of their lines' confidence\n");
    for cause in &event.causes {
        let (name, sum, lines) = (escape::line(&cause.cause), cause.confidence_sum, cause.lines);
        let _ =
            writeln!(text, "   {name}: {sum:.4} over {lines} lines, {:.4} behind", cause.behind);
    }
    if event.causes.is_empty() {
        text.push_str("   no line has one\n");
    }
    text
}

fn line_lines(line: &LineExplained) -> String {
    let sku = line
        .sku
        .as_deref()
        .map_or("the whole store".to_owned(), |sku| format!("SKU {}", escape::line(sku)));
    let how = if line.onset_derived { "its first tick: its rows give none" } else { "given" };
    let mut text = format!("\n Line of {sku}, onset {} ({how})\n", short(line.onset));
    let window = short(line.window_start);
    let _ = writeln!(text, "   report {}\n   window from {window}", line.report_id);
    let mut file = None;
    for row in &line.rows {
        text.push_str(&row_lines(row, &mut file));
    }
    match &line.cause {
        None => text.push_str("   no cause: no row names one, and no candidate claims it\n"),
        Some(cause) => {
            let name = escape::line(&cause.cause);
            let _ = writeln!(
                text,
                "   cause {name}, {}, confidence {}",
                cause.source,
                or_none(cause.confidence)
            );
        }
    }
    let reported = line.cause.as_ref().is_some_and(|cause| cause.source == "reported");
    for candidate in line.candidates.iter().take(CANDIDATES_SHOWN_MAX) {
        let (id, cause) = (escape::line(&candidate.id), escape::line(&candidate.cause));
        let outcome = if reported {
            "not asked, as a row names the cause".to_owned()
        } else {
            format!("{:.4} behind", candidate.behind)
        };
        let (source, score) = (candidate.source, candidate.score);
        let _ = writeln!(text, "     candidate {id} of {source}: {cause}, {score:.4}, {outcome}");
    }
    let more = line.candidates.len().saturating_sub(CANDIDATES_SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(text, "     and {more} more candidates; --as json has them all");
    }
    text
}

/// A row, and before it its file if that is not the one shown last.
fn row_lines<'a>(row: &'a RowExplained, file: &mut Option<&'a Uri>) -> String {
    let mut text = String::new();
    for (place, what) in row
        .places
        .iter()
        .map(|place| (place, "row"))
        .chain(row.duplicates.iter().map(|place| (place, "its duplicate gave way: row")))
    {
        if *file != Some(&place.file) {
            let _ = writeln!(text, "   in {}", escape::line(&place.file.to_string()));
            *file = Some(&place.file);
        }
        let _ = writeln!(text, "   {} {what} {}", short(row.at), place.row);
    }
    let severity = match row.anomaly_score {
        Some(score) => format!("score {score}"),
        None => format!("own severity {}", or_none(row.severity)),
    };
    let sales = match row.actual_sales {
        Some(sales) => format!("sales {sales}"),
        None => format!("own sales {}", or_none(row.sales_total)),
    };
    let _ = writeln!(text, "     {severity}, {sales}, expected {}", or_none(row.baseline_sales));
    let _ = writeln!(text, "     so far {}", figures(row.so_far));
    text
}

fn short(at: Timestamp) -> String {
    at.to_string().replace(".000000Z", "Z")
}

fn figures(figures: Figures) -> String {
    format!(
        "severity {}, sales {}, expected {}, impact {}",
        or_none(figures.severity_score),
        or_none(figures.attributed_sales_total),
        or_none(figures.baseline_sales_total),
        or_none(figures.impact_estimate),
    )
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

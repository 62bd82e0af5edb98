//! An open event as of the last of its ticks that the runs cover (SPEC 8, *Open events show
//! today*).

use super::coverage::Coverage;
use super::events::{Conflict, conflict};
use super::lines::{Lines, Today};
use super::packed::{Packed, Symbols};
use crate::Overflow;

/// A column of an event's row that the logs of the set do not determine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undetermined {
    /// The column; it is null in the row.
    pub column: &'static str,
    /// Why.
    pub because: String,
}

/// What the lines of an open event say of it.
#[derive(Debug)]
pub(super) struct Brought {
    pub row: Packed,
    pub conflict: Option<Conflict>,
    pub undetermined: Vec<Undetermined>,
}

/// The columns that a line would change that no run of the set has written.
const OF_ALL_LINES: [&str; 6] = [
    "window_start",
    "sku_count",
    "severity_score",
    "impact_estimate",
    "attributed_sales_total",
    "baseline_sales_total",
];

/// Brings an event's opening row up to its last tick; `None` if no run of the set has a line of it.
///
/// # Errors
/// [`Overflow`] if a sum does not fit.
pub(super) fn brought(
    opening: &Packed,
    lines: &Lines,
    coverage: &Coverage,
    symbols: &mut Symbols,
) -> Result<Option<Brought>, Overflow> {
    let mut views: Vec<Today> = Vec::new();
    for run in lines.views(coverage) {
        let same =
            |view: &Today, other: &Today| Today { run: view.run.clone(), ..other.clone() } == *view;
        if let Some(view) = lines.today(Some(&run), coverage)?
            && !views.iter().any(|other| same(&view, other))
        {
            views.push(view);
        }
    }
    if views.is_empty() {
        views.extend(lines.today(None, coverage)?);
    }
    views.sort_by(|a, b| a.run.cmp(&b.run));
    let mut rows = Vec::with_capacity(views.len());
    for view in &views {
        rows.push(opening.with(view, symbols)?);
    }
    let said = rows.iter().map(|row| row.row(symbols)).collect();
    let conflict = (rows.len() > 1).then(|| conflict(opening.version, said));
    let Some((view, row)) = views.first().zip(rows.into_iter().next()) else { return Ok(None) };
    let undetermined = undetermined(&row, view, coverage);
    let conflict = conflict.filter(|conflict| !conflict.columns.is_empty());
    Ok(Some(Brought { row, conflict, undetermined }))
}

fn undetermined(row: &Packed, view: &Today, coverage: &Coverage) -> Vec<Undetermined> {
    let mut unknown = Vec::new();
    let mut add = |column: &'static str, because: String| {
        unknown.push(Undetermined { column, because });
    };
    let unnamed = view.shared.cause.is_none();
    if let Some(hole) = coverage.hole(row.created_at, view.shared.written_at) {
        let because = format!("no run of the set covers {hole}, when the event was open");
        OF_ALL_LINES.into_iter().for_each(|column| add(column, because.clone()));
        if unnamed {
            add("cohort_name", because);
        }
        return unknown;
    }
    let (attributed, baseline) = (view.totals.attributed, view.totals.baseline);
    let meet = || "windows of one SKU meet, and the logs do not show what each instant sold";
    if attributed.is_unknown() || baseline.is_unknown() {
        add("impact_estimate", meet().to_owned());
    }
    if attributed.is_unknown() {
        add("attributed_sales_total", meet().to_owned());
    }
    if baseline.is_unknown() {
        add("baseline_sales_total", meet().to_owned());
    }
    if unnamed && view.cluster_name.is_err() {
        add(
            "cohort_name",
            "several clusters begin at the cut, where onsets do not show".to_owned(),
        );
    }
    unknown
}

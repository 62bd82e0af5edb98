//! An open event as of the last of its ticks that the runs cover (SPEC 8, *Open events show
//! today*).

use std::collections::BTreeSet;

use super::coverage::Coverage;
use super::events::{Conflict, conflict};
use super::exact::{Answer, Sku};
use super::lines::{Lines, Today};
use super::packed::{Packed, Symbols};
use crate::{Overflow, Timestamp};

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
    /// If the inputs show more: the SKUs of which the sales are needed.
    pub needs: Option<BTreeSet<Sku>>,
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
    answer: Answer<'_>,
) -> Result<Option<Brought>, Overflow> {
    let mut views: Vec<Today> = Vec::new();
    let asked = (symbols.text(opening.store), answer);
    for run in lines.views(coverage) {
        let same =
            |view: &Today, other: &Today| Today { run: view.run.clone(), ..other.clone() } == *view;
        if let Some(view) = lines.today(Some(&run), coverage, asked)
            && !views.iter().any(|other| same(&view, other))
        {
            views.push(view);
        }
    }
    if views.is_empty() {
        views.extend(lines.today(None, coverage, asked));
    }
    views.sort_by(|a, b| a.run.cmp(&b.run));
    let mut rows = Vec::with_capacity(views.len());
    for view in &views {
        rows.push(opening.with(view, symbols)?);
    }
    let said = rows.iter().map(|row| row.row(symbols)).collect();
    let conflict = (rows.len() > 1).then(|| conflict(opening.version, said));
    let Some((view, row)) = views.first().zip(rows.into_iter().next()) else { return Ok(None) };
    let hole = coverage.hole(row.created_at, view.shared.written_at);
    let unknown = undetermined(&views);
    // A view that does not know a value says nothing of it, not even null.
    let is_known = |column: &str| unknown.iter().all(|unknown| unknown.column != column);
    let conflict = conflict.and_then(|conflict| conflict.only(is_known));
    let undetermined = hole.map_or(unknown, |hole| unseen(view, hole));
    let open = |view: &&Today| !view.meeting.is_empty() || view.is_unnamed();
    let open: Vec<_> = views.iter().filter(open).filter(|_| hole.is_none()).collect();
    let needs = (!open.is_empty())
        .then(|| open.into_iter().flat_map(|view| view.meeting.iter().cloned()).collect());
    Ok(Some(Brought { row, conflict, undetermined, needs }))
}

/// What is not known of an event if no run looked at an instant at which it was open.
fn unseen(view: &Today, hole: Timestamp) -> Vec<Undetermined> {
    let because = format!("no run of the set covers {hole}, when the event was open");
    let name = view.shared.cause.is_none().then_some("cohort_name");
    let columns = OF_ALL_LINES.into_iter().chain(name);
    columns.map(|column| Undetermined { column, because: because.clone() }).collect()
}

/// What some of the views do not know, with the reason of the first of them.
fn undetermined(views: &[Today]) -> Vec<Undetermined> {
    const ORDER: &str = "several clusters begin at the cut, where onsets do not show";
    type Reason = fn(&Today) -> Option<&'static str>;
    let reasons: [(&'static str, Reason); 4] = [
        ("impact_estimate", |view| view.totals.impact().err()),
        ("attributed_sales_total", |view| view.totals.attributed.err()),
        ("baseline_sales_total", |view| view.totals.baseline.err()),
        ("cohort_name", |view| view.is_unnamed().then_some(ORDER)),
    ];
    let first = reasons.map(|(column, reason)| {
        let because = views.iter().find_map(reason)?.to_owned();
        Some(Undetermined { column, because })
    });
    first.into_iter().flatten().collect()
}

impl Today {
    /// Whether a cluster names the event, and it is not known which.
    fn is_unnamed(&self) -> bool {
        self.shared.cause.is_none() && self.cluster_name.is_err()
    }
}

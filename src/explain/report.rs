//! Why reports are one event, as its JSON has it (`schemas/explain.v1.json`).

use std::borrow::Cow;

use cohort_core::{Duration, Money, Timestamp};
use serde::Serialize;

use crate::layout::RunId;
use crate::objects::Uri;
use crate::text;
use crate::verify::InputChange;

/// The version of this explanation's JSON.
pub(crate) const VERSION: u32 = 1;

/// Why the reports of an event are one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Explanation<'r> {
    /// Always [`VERSION`].
    pub version: u32,
    /// The event.
    pub event_id: String,
    /// Its store.
    pub store_id: String,
    /// Its readable key.
    pub cohort_id: String,
    /// The committed runs that wrote a row of it in MELOG.
    pub run_ids: Vec<RunId>,
    /// The run whose inputs were read again.
    pub explained_by: RunId,
    /// Its lineage.
    #[serde(with = "text::uri")]
    pub lineage: Uri,
    /// The input files that are not what that run read.
    pub inputs_changed: Vec<InputChange>,
    /// The event, as today's inputs give it; none if they give no such event any more.
    pub event: Option<Explained>,
    /// The edits that lie over it: those that applied, in their order, then those that did not.
    pub edits: Vec<EditExplained<'r>>,
}

/// An edit of the event, and what became of it (SPEC 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EditExplained<'r> {
    /// Its id.
    pub edit_id: Option<&'r str>,
    /// The field that it names; of a revert, `revert`.
    pub field: Option<&'r str>,
    /// The value that it gives.
    pub new_value: Option<&'r str>,
    /// Who made it.
    pub edited_by: Option<&'r str>,
    /// When.
    #[serde(with = "text::option")]
    pub edited_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<&'r str>,
    /// The field that it changed, which for a revert is not its `field`; none if it did not apply.
    pub changed: Option<&'static str>,
    /// That field's value before.
    pub before: Option<Cow<'r, str>>,
    /// Whether it applied, and no revert takes it back.
    pub holds: bool,
    /// Why it did not apply.
    pub unapplied_because: Option<&'r str>,
}

/// An event, step by step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Explained {
    /// The longest quiet time inside an event.
    #[serde(with = "text")]
    pub gap: Duration,
    /// The period at whose boundaries long chains are cut.
    #[serde(with = "text")]
    pub max_event_duration: Duration,
    /// Its first tick.
    #[serde(with = "text")]
    pub opened_at: Timestamp,
    /// Why it opened then.
    pub opened_because: String,
    /// The event that it continues.
    pub continues_event_id: Option<String>,
    /// Its last tick so far.
    #[serde(with = "text")]
    pub last_tick: Timestamp,
    /// When it is ended.
    #[serde(with = "text")]
    pub closed_at: Timestamp,
    /// `quiet` or `max_duration`.
    pub end_reason: &'static str,
    /// Why it closes then.
    pub closed_because: String,
    /// Its ticks, and what the event is after each.
    pub ticks: Vec<Tick>,
    /// Its lines, by (onset, SKU).
    pub lines: Vec<LineExplained>,
    /// The causes that its lines have, the dominant one first.
    pub causes: Vec<CauseExplained>,
}

/// A tick of an event, and what the event is after it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tick {
    /// The tick.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// The time since the tick before it, at most the gap; none at the first.
    #[serde(with = "text::option")]
    pub since_previous: Option<Duration>,
    /// Lines that have a row at it.
    pub rows: usize,
    /// Distinct reports so far.
    pub report_count: u32,
    /// Distinct SKUs so far.
    pub sku_count: u32,
    /// The figures so far.
    #[serde(flatten)]
    pub figures: Figures,
    /// The dominant cause so far.
    pub proposed_cause: Option<String>,
}

/// Severity and totals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// The greatest severity so far.
    pub severity_score: Option<f64>,
    /// Actual sales so far.
    #[serde(with = "text::option")]
    pub attributed_sales_total: Option<Money>,
    /// Expected sales so far.
    #[serde(with = "text::option")]
    pub baseline_sales_total: Option<Money>,
    /// Their difference.
    #[serde(with = "text::option")]
    pub impact_estimate: Option<Money>,
}

/// A line of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LineExplained {
    /// Its report.
    pub report_id: String,
    /// Its SKU; none in a store-level line.
    pub sku: Option<String>,
    /// When its anomaly began.
    #[serde(with = "text")]
    pub onset: Timestamp,
    /// Whether the rows give no onset, so that it is the line's first tick.
    pub onset_derived: bool,
    /// The later of the onset and the cut at which the event begins.
    #[serde(with = "text")]
    pub window_start: Timestamp,
    /// Its rows, one for each of its ticks.
    pub rows: Vec<RowExplained>,
    /// The cause that it has after its last tick.
    pub cause: Option<LineCause>,
    /// The campaigns and the context that claim it, by score. If the rows name a cause, none of
    /// them counts.
    pub candidates: Vec<CandidateExplained>,
}

/// A row of MRDL that is part of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RowExplained {
    /// Its tick.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// Where it is; several places if equal rows are.
    pub places: Vec<RowPlace>,
    /// The rows that gave way to it as duplicates.
    pub duplicates: Vec<RowPlace>,
    /// The classifier's score at the tick; it comes before the row's own severity.
    pub anomaly_score: Option<f64>,
    /// The row's own severity.
    pub severity: Option<f64>,
    /// The actual sales of the baseline log at the tick; they come before the row's own.
    #[serde(with = "text::option")]
    pub actual_sales: Option<Money>,
    /// The row's own sales.
    #[serde(with = "text::option")]
    pub sales_total: Option<Money>,
    /// The expected sales at the tick.
    #[serde(with = "text::option")]
    pub baseline_sales: Option<Money>,
    /// The line's figures so far, over its window.
    #[serde(flatten)]
    pub so_far: Figures,
}

/// Where a row is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RowPlace {
    /// The file.
    #[serde(with = "text::uri")]
    pub file: Uri,
    /// The row in it, from 0.
    pub row: u64,
}

/// The cause of a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LineCause {
    /// Its text.
    pub cause: String,
    /// `reported` if a row names it, else the table of the winner.
    pub source: &'static str,
    /// How sure it is.
    pub confidence: Option<f64>,
}

/// A campaign or context that claims a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CandidateExplained {
    /// Its table.
    pub source: &'static str,
    /// Its id there.
    pub id: String,
    /// What would become the cause.
    pub cause: String,
    /// Confidence, specificity and overlap, multiplied.
    pub score: f64,
    /// By how much it is behind the best.
    pub behind: f64,
}

/// A cause that lines of an event have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CauseExplained {
    /// Its text.
    pub cause: String,
    /// The sum of its lines' confidence.
    pub confidence_sum: f64,
    /// Its lines.
    pub lines: usize,
    /// By how much its sum is behind the dominant cause's.
    pub behind: f64,
}

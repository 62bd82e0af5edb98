//! A row of MELOG as the registry takes it in and gives it out (SPEC 8, *The machine's row*).

use std::borrow::Cow;
use std::fmt;

use crate::{EventStatus, Id, Money, Timestamp};

/// What a row of MELOG says of an event. `cohort_id` follows from store and opening.
///
/// A log's row has nulls only where SPEC 6 allows them. In the registry's row, a column on which
/// runs disagree is null as well, and so is one that the logs do not determine.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow<'a> {
    /// `event_id`.
    pub event_id: Id,
    /// `store_id`.
    pub store_id: &'a str,
    /// `window_start`.
    pub window_start: Option<Timestamp>,
    /// `window_end`.
    pub window_end: Option<Timestamp>,
    /// `event_status`.
    pub event_status: Option<EventStatus>,
    /// `created_at`: the event's first tick.
    pub created_at: Timestamp,
    /// `finalized_at`.
    pub finalized_at: Option<Timestamp>,
    /// `version`.
    pub version: i32,
    /// `report_count`.
    pub report_count: Option<u32>,
    /// `sku_count`.
    pub sku_count: Option<u32>,
    /// `severity_score`; never NaN.
    pub severity_score: Option<f64>,
    /// `impact_estimate`.
    pub impact_estimate: Option<Money>,
    /// `attributed_sales_total`.
    pub attributed_sales_total: Option<Money>,
    /// `baseline_sales_total`.
    pub baseline_sales_total: Option<Money>,
    /// `proposed_cause`.
    pub proposed_cause: Option<&'a str>,
    /// `proposed_cause_category`.
    pub proposed_cause_category: Option<&'a str>,
    /// `confidence_score`; never NaN.
    pub confidence_score: Option<f64>,
    /// `cohort_confidence`; never NaN.
    pub cohort_confidence: Option<f64>,
    /// `cohort_name`.
    pub cohort_name: Option<Cow<'a, str>>,
    /// `cohort_reason`.
    pub cohort_reason: Option<&'a str>,
    /// `continues_event_id`.
    pub continues_event_id: Option<&'a str>,
    /// `end_reason`.
    pub end_reason: Option<&'a str>,
    /// `run_id`.
    pub run_id: &'a str,
    /// `written_at`.
    pub written_at: Option<Timestamp>,
}

/// The columns of MELOG that two runs can say different things about; the others are the event's
/// identity.
pub(super) const DISPUTABLE: [&str; 19] = [
    "window_start",
    "window_end",
    "event_status",
    "finalized_at",
    "report_count",
    "sku_count",
    "severity_score",
    "impact_estimate",
    "attributed_sales_total",
    "baseline_sales_total",
    "proposed_cause",
    "proposed_cause_category",
    "confidence_score",
    "cohort_confidence",
    "cohort_name",
    "cohort_reason",
    "continues_event_id",
    "end_reason",
    "written_at",
];

/// A column's value as its text; `None` is null.
pub(crate) type Said = Option<String>;

impl EventRow<'_> {
    /// The text of a column's value; `None` also for a column that is no MELOG column.
    #[must_use]
    pub fn said(&self, column: &str) -> Said {
        fn text<T: fmt::Display>(value: Option<T>) -> Said {
            value.map(|value| value.to_string())
        }
        match column {
            "window_start" => text(self.window_start),
            "window_end" => text(self.window_end),
            "event_status" => text(self.event_status.map(EventStatus::as_str)),
            "finalized_at" => text(self.finalized_at),
            "report_count" => text(self.report_count),
            "sku_count" => text(self.sku_count),
            "severity_score" => text(self.severity_score),
            "impact_estimate" => text(self.impact_estimate),
            "attributed_sales_total" => text(self.attributed_sales_total),
            "baseline_sales_total" => text(self.baseline_sales_total),
            "proposed_cause" => text(self.proposed_cause),
            "proposed_cause_category" => text(self.proposed_cause_category),
            "confidence_score" => text(self.confidence_score),
            "cohort_confidence" => text(self.cohort_confidence),
            "cohort_name" => text(self.cohort_name.as_deref()),
            "cohort_reason" => text(self.cohort_reason),
            "continues_event_id" => text(self.continues_event_id),
            "end_reason" => text(self.end_reason),
            "written_at" => text(self.written_at),
            _ => None,
        }
    }

    /// Makes a column null that is one of those that runs can disagree about.
    pub(super) fn clear(&mut self, column: &str) {
        match column {
            "window_start" => self.window_start = None,
            "window_end" => self.window_end = None,
            "event_status" => self.event_status = None,
            "finalized_at" => self.finalized_at = None,
            "report_count" => self.report_count = None,
            "sku_count" => self.sku_count = None,
            "severity_score" => self.severity_score = None,
            "impact_estimate" => self.impact_estimate = None,
            "attributed_sales_total" => self.attributed_sales_total = None,
            "baseline_sales_total" => self.baseline_sales_total = None,
            "proposed_cause" => self.proposed_cause = None,
            "proposed_cause_category" => self.proposed_cause_category = None,
            "confidence_score" => self.confidence_score = None,
            "cohort_confidence" => self.cohort_confidence = None,
            "cohort_name" => self.cohort_name = None,
            "cohort_reason" => self.cohort_reason = None,
            "continues_event_id" => self.continues_event_id = None,
            "end_reason" => self.end_reason = None,
            "written_at" => self.written_at = None,
            _ => {}
        }
    }
}

//! MELOG: the versions of every event (SPEC 6).

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int32Builder, StringBuilder, TimestampMicrosecondBuilder,
};

use super::mrch::{AmountColumns, Names, instants, int32, repeated};
use crate::cohort::{Event, EventRows, Timestamp};
use crate::layout::RunId;

/// The columns of a batch of MELOG, `run_id` left out.
#[derive(Debug)]
pub struct MelogRows {
    event_id: StringBuilder,
    store_id: StringBuilder,
    window_start: TimestampMicrosecondBuilder,
    window_end: TimestampMicrosecondBuilder,
    event_status: StringBuilder,
    created_at: TimestampMicrosecondBuilder,
    finalized_at: TimestampMicrosecondBuilder,
    version: Int32Builder,
    report_count: Int32Builder,
    sku_count: Int32Builder,
    severity_score: Float64Builder,
    amounts: AmountColumns,
    proposed_cause: StringBuilder,
    proposed_cause_category: StringBuilder,
    confidence_score: Float64Builder,
    cohort_confidence: Float64Builder,
    cohort_id: StringBuilder,
    cohort_name: StringBuilder,
    cohort_reason: StringBuilder,
    written_at: TimestampMicrosecondBuilder,
    len: usize,
}

impl MelogRows {
    /// No rows.
    pub fn new() -> Self {
        let texts = StringBuilder::new;
        let doubles = Float64Builder::new;
        Self {
            event_id: texts(),
            store_id: texts(),
            window_start: instants(),
            window_end: instants(),
            event_status: texts(),
            created_at: instants(),
            finalized_at: instants(),
            version: Int32Builder::new(),
            report_count: Int32Builder::new(),
            sku_count: Int32Builder::new(),
            severity_score: doubles(),
            amounts: AmountColumns::new(),
            proposed_cause: texts(),
            proposed_cause_category: texts(),
            confidence_score: doubles(),
            cohort_confidence: doubles(),
            cohort_id: texts(),
            cohort_name: texts(),
            cohort_reason: texts(),
            written_at: instants(),
            len: 0,
        }
    }

    /// Appends an event's rows.
    pub fn push(&mut self, store_id: &str, names: &Names, event: &Event, rows: &EventRows<'_>) {
        for row in &rows.registrations {
            let cohort = &rows.cohorts[row.cohort];
            let cause = cohort.cause.as_ref();
            let ended = |at: Timestamp| row.closing.then_some(at.as_us());
            self.event_id.append_value(names.id.as_str());
            self.store_id.append_value(store_id);
            self.window_start.append_value(row.window_start.as_us());
            self.window_end.append_option(ended(event.last_tick));
            self.event_status.append_value(if row.closing { "ended" } else { "active" });
            self.created_at.append_value(event.opened_at.as_us());
            self.finalized_at.append_option(ended(event.closed_at));
            self.version.append_value(if row.closing { 2 } else { 1 });
            self.report_count.append_value(int32(cohort.size));
            self.sku_count.append_value(int32(row.sku_count));
            self.severity_score.append_option(row.severity);
            self.amounts.push(row.amounts);
            self.proposed_cause.append_option(cause.map(|cause| cause.cause));
            self.proposed_cause_category.append_option(cause.and_then(|cause| cause.category));
            self.confidence_score.append_option(cause.and_then(|cause| cause.confidence));
            self.cohort_confidence.append_option(cause.map(|cause| cause.cohort_confidence));
            self.cohort_id.append_value(&names.cohort_id);
            names.push_name(cohort, row.cluster_name, &mut self.cohort_name);
            self.cohort_reason.append_value(cohort.reason.as_str());
            self.written_at.append_value(cohort.written_at.as_us());
            self.len += 1;
        }
    }

    /// The columns in the contract's order.
    pub fn finish(mut self, run_id: &RunId) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.event_id.finish()),
            Arc::new(self.store_id.finish()),
            Arc::new(self.window_start.finish()),
            Arc::new(self.window_end.finish()),
            Arc::new(self.event_status.finish()),
            Arc::new(self.created_at.finish()),
            Arc::new(self.finalized_at.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.report_count.finish()),
            Arc::new(self.sku_count.finish()),
            Arc::new(self.severity_score.finish()),
            Arc::new(self.amounts.impact.finish()),
            Arc::new(self.amounts.attributed.finish()),
            Arc::new(self.amounts.baseline.finish()),
            Arc::new(self.proposed_cause.finish()),
            Arc::new(self.proposed_cause_category.finish()),
            Arc::new(self.confidence_score.finish()),
            Arc::new(self.cohort_confidence.finish()),
            Arc::new(self.cohort_id.finish()),
            Arc::new(self.cohort_name.finish()),
            Arc::new(self.cohort_reason.finish()),
            repeated(run_id.as_str(), self.len),
            Arc::new(self.written_at.finish()),
        ]
    }
}

impl Default for MelogRows {
    fn default() -> Self {
        Self::new()
    }
}

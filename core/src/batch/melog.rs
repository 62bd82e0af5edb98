//! Rows of MELOG: the versions of every event (SPEC 6).

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::builder::BatchBuilder;
use crate::contract::MELOG;
use crate::identity::Names;
use crate::rows::MelogRow;
use crate::{Event, EventRows, Id, Timestamp};

/// A batch of MELOG in the making.
///
/// ```
/// # use cohort_core::{Candidates, Evidence, Interval, Life, Predictions, Report, Series, events};
/// use cohort_core::batch::MelogBatch;
/// use cohort_core::{EventRows, Names, event_rows};
///
/// # struct NoPredictions;
/// # impl Predictions for NoPredictions {
/// #     fn series(&self, _sku: Option<&str>) -> Series<'_> {
/// #         Series::default()
/// #     }
/// # }
/// # let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
/// # let reports = vec![Report::at("2025-01-01T11:55:00Z".parse()?)];
/// # let (events, _) = events(reports, life, None);
/// # let day = Interval {
/// #     start: "2025-01-01T00:00:00Z".parse()?,
/// #     end: "2025-01-02T00:00:00Z".parse()?,
/// # };
/// # let candidates = Candidates::default();
/// # let evidence =
/// #     Evidence { store_id: "327", predictions: &NoPredictions, candidates: &candidates };
/// // An event of store 327 that opens and closes on one day.
/// let (event, mut rows) = (&events[0], EventRows::default());
/// event_rows(event, evidence, day, &mut rows)?;
/// let mut melog = MelogBatch::new("my-run");
/// melog.push(&Names::new("327", event.opened_at), event, &rows);
/// let batch = melog.finish()?;
/// assert_eq!((batch.num_rows(), batch.num_columns()), (2, 25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MelogBatch {
    batch: BatchBuilder,
    run_id: String,
    /// Holds one `cohort_name` at a time.
    name: String,
}

impl MelogBatch {
    /// No rows, to be written by this run.
    #[must_use]
    pub fn new(run_id: &str) -> Self {
        Self { batch: BatchBuilder::new(&MELOG), run_id: run_id.to_owned(), name: String::new() }
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Whether very long texts fill a batch already.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.batch.is_full(usize::MAX)
    }

    /// Appends an event's rows.
    pub fn push(&mut self, names: &Names<'_>, event: &Event, rows: &EventRows<'_>) {
        rows.melog.iter().for_each(|row| self.push_row(names, event, row, rows));
    }

    fn push_row(
        &mut self,
        names: &Names<'_>,
        event: &Event,
        shown: &MelogRow<'_>,
        rows: &EventRows<'_>,
    ) {
        let cohort = &rows.cohorts[shown.cohort];
        let cause = cohort.cause.as_ref();
        let ended = |at: Timestamp| shown.status.is_ended().then_some(at);
        let continues = event.continues.map(|opened_at| Id::of(names.store_id, opened_at));
        let ended_by = shown.status.is_ended().then_some(event.end_reason.as_str());
        self.name.clear();
        names.cohort_name(cause.map(|cause| cause.cause).or(shown.cluster_name), &mut self.name);
        let mut row = self.batch.row();
        row.text("event_id", names.id.as_str())
            .text("store_id", names.store_id)
            .instant("window_start", shown.window_start)
            .instant("window_end", ended(event.last_tick))
            .text("event_status", shown.status.as_str())
            .instant("created_at", event.opened_at)
            .instant("finalized_at", ended(event.closed_at))
            .count("version", shown.status.version())
            .count("report_count", cohort.size.into())
            .count("sku_count", shown.sku_count.into())
            .double("severity_score", shown.severity)
            .amount("impact_estimate", shown.amounts.impact)
            .amount("attributed_sales_total", shown.amounts.attributed)
            .amount("baseline_sales_total", shown.amounts.baseline)
            .text("proposed_cause", cause.map(|cause| cause.cause))
            .text("proposed_cause_category", cause.and_then(|cause| cause.category))
            .double("confidence_score", cause.and_then(|cause| cause.confidence))
            .double("cohort_confidence", cause.map(|cause| cause.cohort_confidence))
            .text("cohort_id", names.cohort_id.as_str())
            .text("cohort_name", self.name.as_str())
            .text("cohort_reason", cohort.reason.as_str())
            .text("continues_event_id", continues.as_ref().map(Id::as_str))
            .text("end_reason", ended_by)
            .text("run_id", self.run_id.as_str())
            .instant("written_at", cohort.written_at);
    }

    /// The batch of all rows.
    ///
    /// # Errors
    /// As [`BatchBuilder::finish`].
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.batch.finish()
    }
}

//! Rows of MRCH: the versions of every line (SPEC 6).

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::builder::BatchBuilder;
use crate::contract::MRCH;
use crate::identity::Names;
use crate::rows::{Cohort, MrchRow};
use crate::{Event, EventRows, Id};

/// A batch of MRCH in the making.
///
/// ```
/// # use cohort_core::{Candidates, Evidence, Interval, Life, Predictions, Report, Series, events};
/// use cohort_core::batch::MrchBatch;
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
/// // An event of store 327 on one day, with one report at one tick.
/// let (event, mut rows) = (&events[0], EventRows::default());
/// event_rows(event, evidence, day, &mut rows)?;
/// let mut mrch = MrchBatch::new("my-run");
/// let names = Names::new("327", event.opened_at);
/// mrch.push(&names, event, &rows, 1000, |full| -> Result<(), arrow::error::ArrowError> {
///     unreachable!("{} rows are not enough for a batch", full.num_rows())
/// })?;
/// let batch = mrch.finish()?;
/// // The report has a row at its tick, and one at which the event closes.
/// assert_eq!((batch.num_rows(), batch.num_columns()), (2, 31));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MrchBatch {
    batch: BatchBuilder,
    run_id: String,
    /// Holds one `cohort_name` at a time.
    name: String,
}

impl MrchBatch {
    /// No rows, to be written by this run.
    #[must_use]
    pub fn new(run_id: &str) -> Self {
        Self { batch: BatchBuilder::new(&MRCH), run_id: run_id.to_owned(), name: String::new() }
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// Appends an event's rows. Each time there are `rows_max` of them, or fewer with very long
    /// texts, they are handed over as a batch.
    ///
    /// # Errors
    /// Whatever the receiver returns, and [`ArrowError`] for a batch that cannot be built.
    pub fn push<E: From<ArrowError>>(
        &mut self,
        names: &Names<'_>,
        event: &Event,
        rows: &EventRows<'_>,
        rows_max: usize,
        mut full: impl FnMut(RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        // Lines are sorted by onset, so reports with equal onsets are neighbours: hash each once.
        let ids: Vec<_> = event
            .lines
            .chunk_by(|a, b| a.onset == b.onset)
            .map(|report| (report[0].onset, Id::of(names.store_id, report[0].onset)))
            .collect();
        for row in &rows.mrch {
            let report = ids.binary_search_by_key(&row.line.onset, |&(onset, _)| onset);
            let report_id = report.map_or(names.id, |i| ids[i].1);
            self.push_row(names, report_id, row, rows);
            if self.batch.is_full(rows_max) {
                full(self.finish()?)?;
            }
        }
        Ok(())
    }

    /// The batch of the rows since the last one.
    ///
    /// # Errors
    /// As [`BatchBuilder::finish`].
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.batch.finish()
    }

    fn push_row(
        &mut self,
        names: &Names<'_>,
        report_id: Id,
        line: &MrchRow<'_>,
        rows: &EventRows<'_>,
    ) {
        let (state, cohort) = (rows.state(line), &rows.cohorts[line.cohort]);
        let Cohort { cause, reason, size, written_at, .. } = cohort;
        let (cause, latest) = (cause.as_ref(), &state.latest);
        self.name.clear();
        names.cohort_name(cause.map(|cause| cause.cause).or(latest.cluster_name), &mut self.name);
        let mut row = self.batch.row();
        row.text("report_id", report_id.as_str())
            .text("report_group_id", names.id.as_str())
            .text("event_status", line.status.of_event().as_str())
            .text("report_status", line.status.as_str())
            .count("version", line.version.into())
            .text("store_id", names.store_id)
            .text("sku", line.line.sku.as_deref())
            .instant("window_start", line.line.window_start)
            .instant("window_end", line.status.is_closed().then_some(state.tick))
            .double("severity_score", state.severity)
            .amount("impact_estimate", line.amounts.impact)
            .text("run_id", self.run_id.as_str())
            .amount("attributed_sales_total", line.amounts.attributed)
            .amount("baseline_sales_total", line.amounts.baseline)
            .doubles("feature_vector", latest.feature_vector)
            .text("cluster_id", latest.cluster_id)
            .text("cluster_name", latest.cluster_name)
            .double("similarity_score", latest.similarity_score)
            .double("cluster_match_confidence", latest.cluster_match_confidence)
            .double("tsne_x", latest.tsne_x)
            .double("tsne_y", latest.tsne_y)
            .text("proposed_cause", cause.map(|cause| cause.cause))
            .text("proposed_cause_category", cause.and_then(|cause| cause.category))
            .double("confidence_score", cause.and_then(|cause| cause.confidence))
            .text("supporting_evidence", cause.and_then(|cause| cause.evidence.as_deref()))
            .text("cohort_id", names.cohort_id.as_str())
            .text("cohort_name", self.name.as_str())
            .double("cohort_confidence", cause.map(|cause| cause.cohort_confidence))
            .text("cohort_reason", reason.as_str())
            .count("cohort_size", (*size).into())
            .instant("written_at", *written_at);
    }
}

//! MRCH: the versions of every line (SPEC 6).

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Builder, Float64Builder, Int32Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::DataType;

use super::part::{BATCH_ROWS, Group, GroupWriter, data_type};
use crate::cohort::identity::{Id, base_name, cohort_id};
use crate::cohort::lines::LineState;
use crate::cohort::rows::{Amounts, Cohort, Snapshot, Status};
use crate::cohort::{Event, EventRows, Money, Timestamp};
use crate::contract::{ColumnType, MRCH};
use crate::layout::RunId;
use crate::table::Error;

/// Bytes that a row is likely to need of a hashed id, of a short name, and of a label.
const ID_BYTES: usize = 64;
const NAME_BYTES: usize = 16;
const LABEL_BYTES: usize = 48;

/// What the rows of an event share.
#[derive(Clone, Debug)]
pub struct Names {
    /// `report_group_id` and `event_id`.
    pub id: Id,
    /// `cohort_id`.
    pub cohort_id: String,
    /// `cohort_name` before anything is known of the cause.
    base_name: String,
}

impl Names {
    /// The names of an event.
    pub fn new(store_id: &str, event: &Event) -> Self {
        Self {
            id: Id::of(store_id, event.opened_at),
            cohort_id: cohort_id(store_id, event.opened_at),
            base_name: base_name(store_id, event.opened_at),
        }
    }

    /// Appends `cohort_name`: with the cause where there is one, else with the cluster where there is one.
    pub fn push_name(
        &self,
        cohort: &Cohort<'_>,
        cluster_name: Option<&str>,
        to: &mut StringBuilder,
    ) {
        use std::fmt::Write as _;
        // Writing to a builder cannot fail.
        let _ = to.write_str(&self.base_name);
        if let Some(label) = cohort.cause.as_ref().map(|cause| cause.cause).or(cluster_name) {
            let _ = write!(to, ", {label}");
        }
        to.append_value("");
    }
}

/// A row group of MRCH in the making.
#[derive(Debug)]
pub struct MrchWriter {
    group: GroupWriter,
    run_id: RunId,
    rows: Rows,
}

/// The three columns of amounts.
#[derive(Debug)]
pub struct AmountColumns {
    /// `impact_estimate`.
    pub impact: Decimal128Builder,
    /// `attributed_sales_total`.
    pub attributed: Decimal128Builder,
    /// `baseline_sales_total`.
    pub baseline: Decimal128Builder,
}

/// The columns of a batch, `run_id` left out.
#[derive(Debug)]
struct Rows {
    report_id: StringBuilder,
    report_group_id: StringBuilder,
    event_status: StringBuilder,
    report_status: StringBuilder,
    version: Int32Builder,
    store_id: StringBuilder,
    sku: StringBuilder,
    window_start: TimestampMicrosecondBuilder,
    window_end: TimestampMicrosecondBuilder,
    severity_score: Float64Builder,
    amounts: AmountColumns,
    feature_vector: ListBuilder<Float64Builder>,
    cluster_id: StringBuilder,
    cluster_name: StringBuilder,
    doubles: [Float64Builder; 4],
    proposed_cause: StringBuilder,
    proposed_cause_category: StringBuilder,
    confidence_score: Float64Builder,
    supporting_evidence: StringBuilder,
    cohort_id: StringBuilder,
    cohort_name: StringBuilder,
    cohort_confidence: Float64Builder,
    cohort_reason: StringBuilder,
    cohort_size: Int32Builder,
    written_at: TimestampMicrosecondBuilder,
    len: usize,
}

impl MrchWriter {
    /// An empty row group.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn new(run_id: RunId) -> Result<Self, Error> {
        Ok(Self { group: GroupWriter::new(&MRCH)?, run_id, rows: Rows::new() })
    }

    /// Appends an event's rows.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn write(
        &mut self,
        store_id: &str,
        names: &Names,
        event: &Event,
        rows: &EventRows<'_>,
    ) -> Result<(), Error> {
        // Lines are sorted by onset, so that reports with equal onsets stand together; hash each once.
        let ids: Vec<_> = event
            .lines
            .chunk_by(|a, b| a.onset == b.onset)
            .map(|report| (report[0].onset, Id::of(store_id, report[0].onset)))
            .collect();
        for snapshot in &rows.snapshots {
            let report = ids.binary_search_by_key(&snapshot.line.onset, |&(onset, _)| onset);
            let report_id = report.map_or(names.id, |i| ids[i].1);
            let shown = (snapshot, rows.state(snapshot), &rows.cohorts[snapshot.cohort]);
            self.rows.push(store_id, names, report_id, shown);
            if self.rows.len == BATCH_ROWS {
                let full = std::mem::replace(&mut self.rows, Rows::new());
                self.group.write(full.finish(&self.run_id))?;
            }
        }
        Ok(())
    }

    /// Ends the row group.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn finish(mut self) -> Result<Group, Error> {
        if self.rows.len > 0 {
            self.group.write(self.rows.finish(&self.run_id))?;
        }
        self.group.finish()
    }
}

impl Rows {
    /// No rows, and room for a batch, so that the columns that every row fills need not grow.
    fn new() -> Self {
        let texts = StringBuilder::new;
        let roomy = |bytes: usize| StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * bytes);
        Self {
            report_id: roomy(ID_BYTES),
            report_group_id: roomy(ID_BYTES),
            event_status: roomy(NAME_BYTES),
            report_status: roomy(NAME_BYTES),
            version: Int32Builder::with_capacity(BATCH_ROWS),
            store_id: roomy(NAME_BYTES),
            sku: roomy(NAME_BYTES),
            window_start: instants(),
            window_end: instants(),
            severity_score: Float64Builder::with_capacity(BATCH_ROWS),
            amounts: AmountColumns::new(),
            feature_vector: ListBuilder::new(Float64Builder::new()),
            cluster_id: texts(),
            cluster_name: texts(),
            doubles: std::array::from_fn(|_| Float64Builder::new()),
            proposed_cause: texts(),
            proposed_cause_category: texts(),
            confidence_score: Float64Builder::new(),
            supporting_evidence: texts(),
            cohort_id: roomy(LABEL_BYTES),
            cohort_name: roomy(LABEL_BYTES),
            cohort_confidence: Float64Builder::new(),
            cohort_reason: roomy(LABEL_BYTES),
            cohort_size: Int32Builder::with_capacity(BATCH_ROWS),
            written_at: instants(),
            len: 0,
        }
    }

    fn push(
        &mut self,
        store_id: &str,
        names: &Names,
        report_id: Id,
        (row, state, cohort): (&Snapshot<'_>, &LineState<'_>, &Cohort<'_>),
    ) {
        let (event_status, report_status) = match row.status {
            Status::New => ("active", "new"),
            Status::Ongoing => ("active", "ongoing"),
            Status::Closed => ("ended", "closed"),
        };
        let window_end = (row.status == Status::Closed).then_some(state.tick);
        let latest = &state.latest;
        let cause = cohort.cause.as_ref();
        self.report_id.append_value(report_id.as_str());
        self.report_group_id.append_value(names.id.as_str());
        self.event_status.append_value(event_status);
        self.report_status.append_value(report_status);
        self.version.append_value(int32(row.version));
        self.store_id.append_value(store_id);
        self.sku.append_option(row.line.sku.as_deref());
        self.window_start.append_value(row.line.onset.as_us());
        self.window_end.append_option(window_end.map(Timestamp::as_us));
        self.severity_score.append_option(state.severity);
        self.amounts.push(row.amounts);
        match latest.feature_vector {
            Some(vector) => self.feature_vector.append_value(vector.iter().copied()),
            None => self.feature_vector.append_null(),
        }
        self.cluster_id.append_option(latest.cluster_id);
        self.cluster_name.append_option(latest.cluster_name);
        let doubles = [
            latest.similarity_score,
            latest.cluster_match_confidence,
            latest.tsne_x,
            latest.tsne_y,
        ];
        self.doubles
            .iter_mut()
            .zip(doubles)
            .for_each(|(column, value)| column.append_option(value));
        self.proposed_cause.append_option(cause.map(|cause| cause.cause));
        self.proposed_cause_category.append_option(cause.and_then(|cause| cause.category));
        self.confidence_score.append_option(cause.and_then(|cause| cause.confidence));
        self.supporting_evidence.append_option(cause.and_then(|cause| cause.evidence.as_deref()));
        self.cohort_id.append_value(&names.cohort_id);
        names.push_name(cohort, latest.cluster_name, &mut self.cohort_name);
        self.cohort_confidence.append_option(cause.map(|cause| cause.cohort_confidence));
        self.cohort_reason.append_value(cohort.reason.as_str());
        self.cohort_size.append_value(int32(cohort.size));
        self.written_at.append_value(cohort.written_at.as_us());
        self.len += 1;
    }

    /// The batch's columns in the contract's order.
    fn finish(mut self, run_id: &RunId) -> Vec<ArrayRef> {
        let len = self.len;
        let [similarity, confidence, tsne_x, tsne_y] = &mut self.doubles;
        vec![
            Arc::new(self.report_id.finish()),
            Arc::new(self.report_group_id.finish()),
            Arc::new(self.event_status.finish()),
            Arc::new(self.report_status.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.store_id.finish()),
            Arc::new(self.sku.finish()),
            Arc::new(self.window_start.finish()),
            Arc::new(self.window_end.finish()),
            Arc::new(self.severity_score.finish()),
            Arc::new(self.amounts.impact.finish()),
            repeated(run_id.as_str(), len),
            Arc::new(self.amounts.attributed.finish()),
            Arc::new(self.amounts.baseline.finish()),
            Arc::new(self.feature_vector.finish()),
            Arc::new(self.cluster_id.finish()),
            Arc::new(self.cluster_name.finish()),
            Arc::new(similarity.finish()),
            Arc::new(confidence.finish()),
            Arc::new(tsne_x.finish()),
            Arc::new(tsne_y.finish()),
            Arc::new(self.proposed_cause.finish()),
            Arc::new(self.proposed_cause_category.finish()),
            Arc::new(self.confidence_score.finish()),
            Arc::new(self.supporting_evidence.finish()),
            Arc::new(self.cohort_id.finish()),
            Arc::new(self.cohort_name.finish()),
            Arc::new(self.cohort_confidence.finish()),
            Arc::new(self.cohort_reason.finish()),
            Arc::new(self.cohort_size.finish()),
            Arc::new(self.written_at.finish()),
        ]
    }
}

impl AmountColumns {
    /// Empty columns.
    pub fn new() -> Self {
        let column = || Decimal128Builder::new().with_data_type(data_type(ColumnType::Decimal));
        Self { impact: column(), attributed: column(), baseline: column() }
    }

    /// Appends a row's amounts.
    pub fn push(&mut self, amounts: Amounts) {
        let units = |amount: Option<Money>| amount.map(|amount| i128::from(amount.units()));
        self.impact.append_option(units(amounts.impact));
        self.attributed.append_option(units(amounts.attributed));
        self.baseline.append_option(units(amounts.baseline));
    }
}

impl Default for AmountColumns {
    fn default() -> Self {
        Self::new()
    }
}

/// A column of instants.
pub fn instants() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_data_type(data_type(ColumnType::Timestamp))
}

/// One text in every row.
pub fn repeated(text: &str, rows: usize) -> ArrayRef {
    debug_assert_eq!(data_type(ColumnType::String), DataType::Utf8);
    Arc::new(arrow::array::StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
}

/// A count as its column has it; more than 2^31 rows do not fit in memory.
pub fn int32(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

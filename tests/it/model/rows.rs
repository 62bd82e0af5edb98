//! The input rows of SPEC 2 and the output rows of SPEC 6 as plain structs.

use std::cmp::Ordering;

use super::Amount;

/// A row of `minority_reports_detected_log`. Here and below, instants and amounts may also be such
/// that SPEC 2 does not accept them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub store_id: Option<String>,
    pub detected_at: Option<i64>,
    pub sku: Option<String>,
    pub first_detected_from: Option<i64>,
    pub anomaly_id: Option<String>,
    pub severity: Option<f64>,
    pub sales_total: Option<Amount>,
    pub ingested_at: Option<i64>,
    pub feature_vector: Option<Vec<Option<f64>>>,
    pub cluster_id: Option<String>,
    pub cluster_name: Option<String>,
    pub similarity_score: Option<f64>,
    pub cluster_match_confidence: Option<f64>,
    pub tsne_x: Option<f64>,
    pub tsne_y: Option<f64>,
    pub proposed_cause: Option<String>,
    pub proposed_cause_category: Option<String>,
    pub supporting_evidence: Option<String>,
    pub confidence_score: Option<f64>,
}

/// A row of `anomaly_classifier_model_prediction_log`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Score {
    pub store_id: Option<String>,
    pub tick_at: Option<i64>,
    pub sku: Option<String>,
    pub ingested_at: Option<i64>,
    pub anomaly_score: Option<f64>,
}

/// A row of `baseline_sales_model_prediction_log`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sale {
    pub store_id: Option<String>,
    pub tick_at: Option<i64>,
    pub sku: Option<String>,
    pub ingested_at: Option<i64>,
    pub baseline_sales: Option<Amount>,
    pub actual_sales: Option<Amount>,
}

/// A row of `all_campaign_data` or of `contextual_data`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Candidate {
    pub id: String,
    pub name: String,
    pub starts_at: i64,
    pub ends_at: i64,
    pub store_id: Option<String>,
    pub sku: Option<String>,
    pub category: Option<String>,
    pub confidence: Option<f64>,
}

/// All inputs. An absent dataset and one without rows mean the same to the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Input {
    pub reports: Vec<Report>,
    pub scores: Vec<Score>,
    pub sales: Vec<Sale>,
    pub campaigns: Vec<Candidate>,
    pub context: Vec<Candidate>,
}

/// A row of MRCH, in the order of its columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MrchRow {
    pub report_id: String,
    pub report_group_id: String,
    pub event_status: String,
    pub report_status: String,
    pub version: i32,
    pub store_id: String,
    pub sku: Option<String>,
    pub window_start: i64,
    pub window_end: Option<i64>,
    pub severity_score: Option<f64>,
    pub impact_estimate: Option<Amount>,
    pub run_id: String,
    pub attributed_sales_total: Option<Amount>,
    pub baseline_sales_total: Option<Amount>,
    pub feature_vector: Option<Vec<Option<f64>>>,
    pub cluster_id: Option<String>,
    pub cluster_name: Option<String>,
    pub similarity_score: Option<f64>,
    pub cluster_match_confidence: Option<f64>,
    pub tsne_x: Option<f64>,
    pub tsne_y: Option<f64>,
    pub proposed_cause: Option<String>,
    pub proposed_cause_category: Option<String>,
    pub confidence_score: Option<f64>,
    pub supporting_evidence: Option<String>,
    pub cohort_id: String,
    pub cohort_name: String,
    pub cohort_confidence: Option<f64>,
    pub cohort_reason: String,
    pub cohort_size: i32,
    pub written_at: i64,
}

/// A row of MELOG, in the order of its columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MelogRow {
    pub event_id: String,
    pub store_id: String,
    pub window_start: i64,
    pub window_end: Option<i64>,
    pub event_status: String,
    pub created_at: i64,
    pub finalized_at: Option<i64>,
    pub version: i32,
    pub report_count: i32,
    pub sku_count: i32,
    pub severity_score: Option<f64>,
    pub impact_estimate: Option<Amount>,
    pub attributed_sales_total: Option<Amount>,
    pub baseline_sales_total: Option<Amount>,
    pub proposed_cause: Option<String>,
    pub proposed_cause_category: Option<String>,
    pub confidence_score: Option<f64>,
    pub cohort_confidence: Option<f64>,
    pub cohort_id: String,
    pub cohort_name: String,
    pub cohort_reason: String,
    pub continues_event_id: Option<String>,
    pub end_reason: Option<String>,
    pub run_id: String,
    pub written_at: i64,
}

impl Report {
    /// The store of a row that is not rejected.
    pub(crate) fn store(&self) -> &str {
        self.store_id.as_deref().expect("rejected rows take no part")
    }

    /// The tick of a row that is not rejected.
    pub(crate) fn tick(&self) -> i64 {
        self.detected_at.expect("rejected rows take no part")
    }

    /// SPEC 2, duplicates: rows that agree here are one row.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.store_id == other.store_id
            && self.sku == other.sku
            && self.detected_at == other.detected_at
            && self.first_detected_from == other.first_detected_from
    }

    /// SPEC 2, duplicates: of rows that agree, the greatest in this order stays.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let (a, b) = (self, other);
        // `Option` sorts `None` first, `str` by its bytes: null smallest, strings by bytes.
        a.ingested_at
            .cmp(&b.ingested_at)
            .then_with(|| a.anomaly_id.cmp(&b.anomaly_id))
            .then_with(|| by_double(a.severity, b.severity))
            .then_with(|| a.sales_total.cmp(&b.sales_total))
            .then_with(|| by_list(a.feature_vector.as_ref(), b.feature_vector.as_ref()))
            .then_with(|| a.cluster_id.cmp(&b.cluster_id))
            .then_with(|| a.cluster_name.cmp(&b.cluster_name))
            .then_with(|| by_double(a.similarity_score, b.similarity_score))
            .then_with(|| by_double(a.cluster_match_confidence, b.cluster_match_confidence))
            .then_with(|| by_double(a.tsne_x, b.tsne_x))
            .then_with(|| by_double(a.tsne_y, b.tsne_y))
            .then_with(|| a.proposed_cause.cmp(&b.proposed_cause))
            .then_with(|| a.proposed_cause_category.cmp(&b.proposed_cause_category))
            .then_with(|| a.supporting_evidence.cmp(&b.supporting_evidence))
            .then_with(|| by_double(a.confidence_score, b.confidence_score))
    }
}

/// Null first, then the total order of IEEE 754, in which -0.0 comes before 0.0.
pub(super) fn by_double(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.is_some().cmp(&b.is_some()),
    }
}

fn by_list(a: Option<&Vec<Option<f64>>>, b: Option<&Vec<Option<f64>>>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_some().cmp(&b.is_some());
    };
    for (x, y) in a.iter().zip(b) {
        if by_double(*x, *y) != Ordering::Equal {
            return by_double(*x, *y);
        }
    }
    a.len().cmp(&b.len())
}

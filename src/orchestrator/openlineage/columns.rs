//! Which input columns each output column comes from (SPEC 6 and 7), in OpenLineage's vocabulary.

use super::columns::Way::{Aggregation, Condition, Identity, Transformation};
use cohort_core::contract::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, Log, MRCH, MRDL};

/// How an input column enters an output column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The value itself.
    Identity,
    /// Computed from one row.
    Transformation,
    /// Computed from several rows.
    Aggregation,
    /// Decides which value is taken, but is not part of it.
    Condition,
}

impl Way {
    /// OpenLineage's type and subtype.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Identity => ("DIRECT", "IDENTITY"),
            Self::Transformation => ("DIRECT", "TRANSFORMATION"),
            Self::Aggregation => ("DIRECT", "AGGREGATION"),
            Self::Condition => ("INDIRECT", "CONDITIONAL"),
        }
    }
}

/// An input column and how it enters.
pub(super) type SourceColumn = (&'static Log, &'static str, Way);

/// The sources of a column of an output log; none if the job makes the value by itself.
pub(super) fn sources(log: &Log, column: &str) -> Vec<SourceColumn> {
    let of_lines = log.name == MRCH.name;
    match column {
        "report_id" => REPORT.to_vec(),
        "report_group_id" | "event_id" | "cohort_id" | "continues_event_id" => EVENT.to_vec(),
        "event_status" | "report_status" | "version" | "created_at" | "finalized_at"
        | "written_at" | "end_reason" => TICKS.to_vec(),
        "store_id" => vec![(&MRDL, "store_id", Identity)],
        "sku" => vec![(&MRDL, "sku", Identity)],
        "window_start" | "window_end" | "cohort_size" | "report_count" => ONSETS.to_vec(),
        "sku_count" => vec![(&MRDL, "sku", Aggregation)],
        "severity_score" => SEVERITY.to_vec(),
        "attributed_sales_total" => ATTRIBUTED.to_vec(),
        "baseline_sales_total" => vec![(&BASELINE, "baseline_sales", Aggregation)],
        "impact_estimate" => IMPACT.to_vec(),
        "proposed_cause" | "cohort_reason" => CAUSE.to_vec(),
        "proposed_cause_category" => CATEGORY.to_vec(),
        "confidence_score" | "cohort_confidence" => CONFIDENCE.to_vec(),
        "supporting_evidence" => EVIDENCE.to_vec(),
        "cohort_name" => NAME.to_vec(),
        _ if of_lines => clustering(column),
        _ => vec![],
    }
}

/// Columns that decide which rows come together at all.
pub(super) static GROUPING: [(&Log, &str, &str); 9] = [
    (&MRDL, "store_id", "GROUP_BY"),
    (&MRDL, "sku", "GROUP_BY"),
    (&MRDL, "detected_at", "WINDOW"),
    (&CLASSIFIER, "store_id", "JOIN"),
    (&CLASSIFIER, "sku", "JOIN"),
    (&CLASSIFIER, "tick_at", "JOIN"),
    (&BASELINE, "store_id", "JOIN"),
    (&BASELINE, "sku", "JOIN"),
    (&BASELINE, "tick_at", "JOIN"),
];

static REPORT: [SourceColumn; 3] = [
    (&MRDL, "store_id", Transformation),
    (&MRDL, "first_detected_from", Transformation),
    (&MRDL, "detected_at", Aggregation),
];
static EVENT: [SourceColumn; 2] =
    [(&MRDL, "store_id", Transformation), (&MRDL, "detected_at", Aggregation)];
static TICKS: [SourceColumn; 1] = [(&MRDL, "detected_at", Aggregation)];
static ONSETS: [SourceColumn; 2] =
    [(&MRDL, "first_detected_from", Aggregation), (&MRDL, "detected_at", Aggregation)];
static SEVERITY: [SourceColumn; 2] =
    [(&CLASSIFIER, "anomaly_score", Aggregation), (&MRDL, "severity", Aggregation)];
static ATTRIBUTED: [SourceColumn; 2] =
    [(&BASELINE, "actual_sales", Aggregation), (&MRDL, "sales_total", Aggregation)];
static IMPACT: [SourceColumn; 3] = [
    (&BASELINE, "actual_sales", Aggregation),
    (&MRDL, "sales_total", Aggregation),
    (&BASELINE, "baseline_sales", Aggregation),
];
static CAUSE: [SourceColumn; 5] = [
    (&MRDL, "proposed_cause", Aggregation),
    (&MRDL, "confidence_score", Condition),
    (&CAMPAIGNS, "name", Aggregation),
    (&CONTEXT, "label", Aggregation),
    (&CAMPAIGNS, "confidence", Condition),
];
static CATEGORY: [SourceColumn; 4] = [
    (&MRDL, "proposed_cause_category", Aggregation),
    (&MRDL, "confidence_score", Condition),
    (&CAMPAIGNS, "category", Aggregation),
    (&CONTEXT, "category", Aggregation),
];
static CONFIDENCE: [SourceColumn; 3] = [
    (&MRDL, "confidence_score", Aggregation),
    (&CAMPAIGNS, "confidence", Aggregation),
    (&CONTEXT, "confidence", Aggregation),
];
static EVIDENCE: [SourceColumn; 3] = [
    (&MRDL, "supporting_evidence", Aggregation),
    (&CAMPAIGNS, "campaign_id", Transformation),
    (&CONTEXT, "context_id", Transformation),
];
static NAME: [SourceColumn; 6] = [
    (&MRDL, "store_id", Transformation),
    (&MRDL, "detected_at", Aggregation),
    (&MRDL, "proposed_cause", Aggregation),
    (&MRDL, "cluster_name", Aggregation),
    (&CAMPAIGNS, "name", Aggregation),
    (&CONTEXT, "label", Aggregation),
];

/// The seven columns of clustering are the line's last values, under their own names.
fn clustering(column: &str) -> Vec<SourceColumn> {
    match column {
        "feature_vector" => vec![(&MRDL, "feature_vector", Aggregation)],
        "cluster_id" => vec![(&MRDL, "cluster_id", Aggregation)],
        "cluster_name" => vec![(&MRDL, "cluster_name", Aggregation)],
        "similarity_score" => vec![(&MRDL, "similarity_score", Aggregation)],
        "cluster_match_confidence" => vec![(&MRDL, "cluster_match_confidence", Aggregation)],
        "tsne_x" => vec![(&MRDL, "tsne_x", Aggregation)],
        "tsne_y" => vec![(&MRDL, "tsne_y", Aggregation)],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cohort_core::contract::MELOG;

    #[test]
    fn every_column_but_the_run_id_has_a_source_that_exists() {
        for log in [&MRCH, &MELOG] {
            for column in log.columns {
                let sources = sources(log, column.name);
                assert_eq!(sources.is_empty(), column.name == "run_id", "{}", column.name);
                for (input, field, _) in sources {
                    assert!(input.column(field).is_some(), "{}: {field}", input.name);
                }
            }
        }
        assert!(GROUPING.iter().all(|(log, field, _)| log.column(field).is_some()));
    }
}

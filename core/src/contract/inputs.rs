//! The input logs (SPEC 2 and 8).

use super::log::ColumnType::{Decimal, Double, DoubleList, String, Timestamp};
use super::log::{CURRENCY, Direction, Log, key, nullable, optional};

/// `minority_reports_detected_log`: what the detectors saw.
pub static MRDL: Log = Log {
    name: "minority_reports_detected_log",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per store, SKU and tick at which a detector saw an anomaly",
    sorted_by: &[],
    columns: &[
        key("store_id", String, "the store; an integer is read as its decimal text"),
        key("detected_at", Timestamp, "the tick that this row reports on"),
        optional("sku", String, "the SKU; null in a store-level report"),
        optional("first_detected_from", Timestamp, "the onset, if the detector tracks one"),
        optional("anomaly_id", String, "the detector's own id"),
        optional("severity", Double, "the detector's severity at this tick"),
        optional("sales_total", Decimal, "actual sales in this tick").in_unit(CURRENCY),
        optional(
            "ingested_at",
            Timestamp,
            "when the row was written; the latest of duplicates wins",
        ),
        optional("feature_vector", DoubleList, "the clustering's features"),
        optional("cluster_id", String, "the cluster's id"),
        optional("cluster_name", String, "the cluster's name"),
        optional("similarity_score", Double, "how near the row is to its cluster"),
        optional("cluster_match_confidence", Double, "how sure the clustering is"),
        optional("tsne_x", Double, "abscissa in the clustering's map"),
        optional("tsne_y", Double, "ordinate in the clustering's map"),
        optional("proposed_cause", String, "the cause that attribution proposes"),
        optional("proposed_cause_category", String, "that cause's category"),
        optional("supporting_evidence", String, "what speaks for that cause"),
        optional("confidence_score", Double, "how sure attribution is of that cause"),
    ],
};

/// `anomaly_classifier_model_prediction_log`: scores.
pub static CLASSIFIER: Log = Log {
    name: "anomaly_classifier_model_prediction_log",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per store, SKU and tick that the anomaly classifier scored",
    sorted_by: &[],
    columns: &[
        key("store_id", String, "the store; an integer is read as its decimal text"),
        key("tick_at", Timestamp, "the tick that the score is for"),
        nullable("anomaly_score", Double, "the classifier's score; null scores nothing"),
        optional("sku", String, "the SKU; null matches only store-level lines"),
        optional(
            "ingested_at",
            Timestamp,
            "when the row was written; the latest of duplicates wins",
        ),
    ],
};

/// `baseline_sales_model_prediction_log`: expected and actual sales.
pub static BASELINE: Log = Log {
    name: "baseline_sales_model_prediction_log",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per store, SKU and tick for which sales were expected",
    sorted_by: &[],
    columns: &[
        key("store_id", String, "the store; an integer is read as its decimal text"),
        key("tick_at", Timestamp, "the tick that the amounts are for"),
        nullable("baseline_sales", Decimal, "expected sales in this tick").in_unit(CURRENCY),
        optional("actual_sales", Decimal, "actual sales in this tick").in_unit(CURRENCY),
        optional("sku", String, "the SKU; null matches only store-level lines"),
        optional(
            "ingested_at",
            Timestamp,
            "when the row was written; the latest of duplicates wins",
        ),
    ],
};

/// `all_campaign_data`: marketing campaigns, candidates for causes.
pub static CAMPAIGNS: Log = Log {
    name: "all_campaign_data",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per campaign and the store and SKU that it is for",
    sorted_by: &[],
    columns: &[
        key("campaign_id", String, "the campaign's id"),
        key("name", String, "the cause that it proposes"),
        key("starts_at", Timestamp, "its first instant"),
        key("ends_at", Timestamp, "its last instant, included"),
        optional("store_id", String, "its store; null: every store"),
        optional("sku", String, "its SKU; null: every SKU"),
        optional("category", String, "the cause's category; null: Marketing"),
        optional("confidence", Double, "how likely it is to cause an anomaly; null: 1"),
    ],
};

/// `contextual_data`: weather, holidays and the like, candidates for causes.
pub static CONTEXT: Log = Log {
    name: "contextual_data",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per circumstance and the store and SKU that it is for",
    sorted_by: &[],
    columns: &[
        key("context_id", String, "the circumstance's id"),
        key("label", String, "the cause that it proposes"),
        key("starts_at", Timestamp, "its first instant"),
        key("ends_at", Timestamp, "its last instant, included"),
        optional("store_id", String, "its store; null: every store"),
        optional("sku", String, "its SKU; null: every SKU"),
        optional("category", String, "the cause's category; null: Context"),
        optional("confidence", Double, "how likely it is to cause an anomaly; null: 1"),
    ],
};

/// `user_minority_events_edits_log`: what people changed in the registry; `cohort run` does not
/// read it.
pub static EDITS: Log = Log {
    name: "user_minority_events_edits_log",
    version: 1,
    direction: Direction::Input,
    meaning: "one row per field of an event that a person changed in the registry",
    sorted_by: &[],
    columns: &[
        key("edit_id", String, "the edit's id"),
        key("event_id", String, "the event that it changes"),
        key("field", String, "the field that it changes"),
        optional("new_value", String, "the field's new value; null clears it"),
        key("edited_by", String, "who made it"),
        key("edited_at", Timestamp, "when it was made; edits apply in this order, then by edit_id"),
        optional("reason", String, "why it was made"),
    ],
};

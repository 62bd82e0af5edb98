//! The registry's rows (SPEC 8): what `cohort registry` prints.

use super::log::ColumnType::{Decimal, Double, Int32, String, Timestamp};
use super::log::{CURRENCY, Direction, Log, key, nullable};

/// The registry: MELOG's columns with people's values in their place, and then what people and
/// several runs add.
pub static REGISTRY: Log = Log {
    name: "registry",
    version: 1,
    direction: Direction::Output,
    meaning: "one row per event of a set of committed runs, with people's edits applied",
    sorted_by: &["store_id", "created_at"],
    columns: &[
        key("event_id", String, "id(store_id, opened_at), lower-case hex SHA-256"),
        key("store_id", String, "the store"),
        nullable("window_start", Timestamp, "the least onset so far"),
        nullable("window_end", Timestamp, "null while active; the last tick once ended"),
        nullable("event_status", String, "active or ended"),
        key("created_at", Timestamp, "the event's first tick"),
        nullable("finalized_at", Timestamp, "null while active; last tick plus gap once ended"),
        key("version", Int32, "1 while active, 2 once ended"),
        nullable("report_count", Int32, "distinct onsets so far"),
        nullable("sku_count", Int32, "distinct SKUs so far; null counts as one"),
        nullable("severity_score", Double, "the greatest of its lines'"),
        nullable("impact_estimate", Decimal, "attributed less baseline sales").in_unit(CURRENCY),
        nullable(
            "attributed_sales_total",
            Decimal,
            "actual sales over the union of its windows, and of those of all events merged into it",
        )
        .in_unit(CURRENCY),
        nullable(
            "baseline_sales_total",
            Decimal,
            "expected sales over the union of its windows, and of those of all events merged \
             into it",
        )
        .in_unit(CURRENCY),
        nullable("proposed_cause", String, "the person's, else the dominant cause so far"),
        nullable("proposed_cause_category", String, "the person's, else that cause's category"),
        nullable("confidence_score", Double, "the greatest confidence in the machine's cause"),
        nullable("cohort_confidence", Double, "the machine's cause's confidence per line"),
        key("cohort_id", String, "<store_id>:<opened_at>, the readable key"),
        nullable("cohort_name", String, "the person's, else store, opening and cause or cluster"),
        nullable("cohort_reason", String, "the person's, else why the reports are together"),
        nullable("continues_event_id", String, "the event that this one continues after a cut"),
        nullable("end_reason", String, "quiet or max_duration; null while active"),
        key("run_id", String, "the run that wrote the row"),
        nullable("written_at", Timestamp, "the row's time; while active, the last tick covered"),
        nullable("machine_proposed_cause", String, "what the machine says"),
        nullable("machine_proposed_cause_category", String, "what the machine says"),
        nullable("machine_cohort_name", String, "what the machine says"),
        nullable("machine_cohort_reason", String, "what the machine says"),
        nullable("own_impact_estimate", Decimal, "without the events merged into it")
            .in_unit(CURRENCY),
        nullable("own_attributed_sales_total", Decimal, "without the events merged into it")
            .in_unit(CURRENCY),
        nullable("own_baseline_sales_total", Decimal, "without the events merged into it")
            .in_unit(CURRENCY),
        nullable("note", String, "free text"),
        nullable("verdict", String, "confirmed, false_positive, planned_activity or duplicate"),
        nullable("review_status", String, "open, acknowledged or resolved"),
        nullable("assignee", String, "who looks after the event"),
        nullable("close_reason", String, "why its review was closed"),
        nullable("suppressed_until", Timestamp, "until when nobody wants to hear of it"),
        nullable("merged_into", String, "the event that this one is part of"),
        key("merged_from", String, "JSON list of the ids of the events merged into it"),
        key("trail", String, "JSON list of the edits that applied, each with the value before it"),
        key("unapplied", String, "JSON list of its edits that did not apply, each with the reason"),
        key("conflicts", String, "JSON list of what runs disagree about"),
        key("undetermined", String, "JSON list of the columns that are not known, with why"),
    ],
};

/// The columns that hold JSON.
pub const JSON_COLUMNS: [&str; 5] =
    ["merged_from", "trail", "unapplied", "conflicts", "undetermined"];

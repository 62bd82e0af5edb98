//! The output logs (SPEC 6), and the table of rejected rows (SPEC 2, *Bad rows*).

use super::log::ColumnType::{Decimal, Double, DoubleList, Int32, Int64, String, Timestamp};
use super::log::{CURRENCY, Direction, Log, key, nullable};

/// `minority_reports_cohorted_log` (MRCH): the versions of every line.
pub static MRCH: Log = Log {
    name: "minority_reports_cohorted_log",
    version: 1,
    direction: Direction::Output,
    meaning: "one row per line at each of its ticks, and one when its event closes",
    sorted_by: &["store_id", "written_at", "window_start"],
    columns: &[
        key("report_id", String, "id(store_id, onset), lower-case hex SHA-256"),
        key("report_group_id", String, "id(store_id, opened_at): the event's id"),
        key("event_status", String, "active or ended"),
        key("report_status", String, "new at the line's first tick, ongoing later, closed at last"),
        key("version", Int32, "counts the line's rows from 1"),
        key("store_id", String, "the store"),
        nullable("sku", String, "the SKU; null in a store-level line"),
        key("window_start", Timestamp, "the onset, or the cut at which a continued event begins"),
        nullable("window_end", Timestamp, "null while active; the line's last tick once ended"),
        nullable("severity_score", Double, "the greatest score of the line's ticks so far"),
        nullable("impact_estimate", Decimal, "attributed less baseline sales").in_unit(CURRENCY),
        key("run_id", String, "the run that wrote the row"),
        nullable("attributed_sales_total", Decimal, "actual sales over the window so far")
            .in_unit(CURRENCY),
        nullable("baseline_sales_total", Decimal, "expected sales over the window so far")
            .in_unit(CURRENCY),
        nullable("feature_vector", DoubleList, "the line's last features so far"),
        nullable("cluster_id", String, "the line's last cluster so far"),
        nullable("cluster_name", String, "the line's last cluster's name so far"),
        nullable("similarity_score", Double, "the line's last similarity so far"),
        nullable("cluster_match_confidence", Double, "the line's last match confidence so far"),
        nullable("tsne_x", Double, "the line's last abscissa so far"),
        nullable("tsne_y", Double, "the line's last ordinate so far"),
        nullable("proposed_cause", String, "the event's dominant cause so far"),
        nullable("proposed_cause_category", String, "that cause's category"),
        nullable("confidence_score", Double, "the greatest confidence in that cause"),
        nullable("supporting_evidence", String, "what speaks for that cause"),
        key("cohort_id", String, "<store_id>:<opened_at>, the readable key of the event"),
        key("cohort_name", String, "store, opening and cause or cluster, for people"),
        nullable(
            "cohort_confidence",
            Double,
            "the dominant cause's confidence per line of the event",
        ),
        key("cohort_reason", String, "why the event's reports are together"),
        key("cohort_size", Int32, "distinct reports in the event so far"),
        key("written_at", Timestamp, "the row's time, which follows from the data"),
    ],
};

/// `minority_event_log` (MELOG): the versions of every event.
pub static MELOG: Log = Log {
    name: "minority_event_log",
    version: 1,
    direction: Direction::Output,
    meaning: "one row per event when it opens and one when it closes",
    sorted_by: &["store_id", "written_at", "created_at"],
    columns: &[
        key("event_id", String, "id(store_id, opened_at), lower-case hex SHA-256"),
        key("store_id", String, "the store"),
        key("window_start", Timestamp, "the least onset so far"),
        nullable("window_end", Timestamp, "null while active; the last tick once ended"),
        key("event_status", String, "active or ended"),
        key("created_at", Timestamp, "the event's first tick"),
        nullable("finalized_at", Timestamp, "null while active; last tick plus gap once ended"),
        key("version", Int32, "1 when it opens, 2 when it closes"),
        key("report_count", Int32, "distinct onsets so far"),
        key("sku_count", Int32, "distinct SKUs so far; null counts as one"),
        nullable("severity_score", Double, "the greatest of its lines'"),
        nullable("impact_estimate", Decimal, "attributed less baseline sales").in_unit(CURRENCY),
        nullable("attributed_sales_total", Decimal, "actual sales over the union of its windows")
            .in_unit(CURRENCY),
        nullable("baseline_sales_total", Decimal, "expected sales over the union of its windows")
            .in_unit(CURRENCY),
        nullable("proposed_cause", String, "the dominant cause so far"),
        nullable("proposed_cause_category", String, "that cause's category"),
        nullable("confidence_score", Double, "the greatest confidence in that cause"),
        nullable("cohort_confidence", Double, "the dominant cause's confidence per line"),
        key("cohort_id", String, "<store_id>:<opened_at>, the readable key"),
        key("cohort_name", String, "store, opening and cause or cluster, for people"),
        key("cohort_reason", String, "why the event's reports are together"),
        nullable("continues_event_id", String, "the event that this one continues after a cut"),
        nullable("end_reason", String, "quiet or max_duration; null while active"),
        key("run_id", String, "the run that wrote the row"),
        key("written_at", Timestamp, "the row's time, which follows from the data"),
    ],
};

/// The manifest's `rejects` output: input rows that took no part.
pub static REJECTS: Log = Log {
    name: "rejects",
    version: 1,
    direction: Direction::Output,
    meaning: "one row per rejected input row of the run's interval, with the row as it was",
    sorted_by: &["dataset", "file", "row"],
    columns: &[
        key("dataset", String, "the input log that the row is from"),
        key("file", String, "the URI of the file that it is in"),
        key("row", Int64, "its place in that file, from 0").in_unit("rows"),
        key("reason", String, "why it was rejected"),
        key("content", String, "the whole row as a JSON object, every column of the file"),
        key("run_id", String, "the run that rejected it"),
    ],
};

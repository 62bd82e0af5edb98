//! Which columns of a file are a log's, by name and type: the names of the contract, and others
//! that people give the same thing.

use arrow::datatypes::{DataType, Schema};
use cohort_core::batch::is_readable;
use cohort_core::contract::{Column, Log};

/// Other names of a column.
const ALSO: [(&str, &[&str]); 21] = [
    (
        "store_id",
        &[
            "store",
            "store_code",
            "store_no",
            "store_nr",
            "store_nbr",
            "store_num",
            "store_number",
            "store_key",
            "shop",
            "shop_id",
            "shop_code",
            "shop_no",
            "site",
            "site_id",
            "site_code",
            "branch",
            "branch_id",
            "branch_code",
            "outlet",
            "outlet_id",
            "location",
            "location_id",
        ],
    ),
    (
        "sku",
        &[
            "sku_id",
            "sku_code",
            "sku_no",
            "product",
            "product_id",
            "product_code",
            "item",
            "item_id",
            "item_code",
            "article",
            "article_id",
            "article_no",
            "article_number",
            "ean",
            "gtin",
            "upc",
        ],
    ),
    (
        "detected_at",
        &[
            "detected",
            "detected_time",
            "detected_ts",
            "detection_time",
            "detection_ts",
            "detection_timestamp",
            "detected_on",
            "tick",
            "tick_at",
            "tick_time",
            "tick_ts",
            "ts",
            "timestamp",
            "event_time",
            "event_ts",
            "time",
            "at",
        ],
    ),
    (
        "first_detected_from",
        &[
            "onset",
            "onset_at",
            "onset_time",
            "onset_ts",
            "first_detected",
            "first_detected_at",
            "first_seen",
            "first_seen_at",
            "anomaly_start",
            "anomaly_started_at",
        ],
    ),
    (
        "tick_at",
        &[
            "tick",
            "tick_time",
            "tick_ts",
            "ts",
            "timestamp",
            "time",
            "event_time",
            "event_ts",
            "predicted_at",
            "predicted_for",
            "prediction_time",
            "prediction_ts",
            "datetime",
        ],
    ),
    (
        "anomaly_score",
        &["score", "anomaly_probability", "anomaly_prob", "probability", "classifier_score"],
    ),
    (
        "baseline_sales",
        &[
            "baseline",
            "sales_baseline",
            "baseline_amount",
            "expected",
            "expected_sales",
            "predicted_sales",
            "sales_predicted",
            "forecast",
            "forecast_sales",
            "sales_forecast",
        ],
    ),
    ("actual_sales", &["actual", "sales_actual", "observed_sales", "actual_amount", "sales"]),
    ("sales_total", &["total_sales", "sales", "sales_amount", "revenue", "actual_sales"]),
    (
        "ingested_at",
        &[
            "ingested",
            "ingested_ts",
            "ingest_time",
            "ingestion_time",
            "ingestion_ts",
            "loaded_at",
            "load_time",
            "inserted_at",
            "written_at",
        ],
    ),
    ("anomaly_id", &["detection_id", "alert_id"]),
    ("severity", &["anomaly_severity", "severity_score"]),
    ("campaign_id", &["campaign", "promotion_id", "promo_id", "id"]),
    ("name", &["campaign_name", "promotion_name", "promo_name", "title"]),
    ("context_id", &["circumstance_id", "id"]),
    ("label", &["name", "title", "context_name"]),
    (
        "starts_at",
        &[
            "start",
            "starts",
            "start_at",
            "start_time",
            "start_ts",
            "start_date",
            "started_at",
            "begin",
            "begins_at",
            "begin_date",
            "from_date",
            "valid_from",
        ],
    ),
    (
        "ends_at",
        &[
            "end",
            "ends",
            "end_at",
            "end_time",
            "end_ts",
            "end_date",
            "ended_at",
            "to_date",
            "until",
            "valid_to",
            "valid_until",
        ],
    ),
    ("category", &["cause_category", "type"]),
    ("confidence", &["confidence_score"]),
    ("edit_id", &["id"]),
];

/// What the path of a log's folder may say.
pub(super) fn keywords(log: &Log) -> &'static [&'static str] {
    match log.name {
        "minority_reports_detected_log" => &["report", "detect", "minority"],
        "anomaly_classifier_model_prediction_log" => &["classif", "score"],
        "baseline_sales_model_prediction_log" => &["baseline", "forecast", "expected"],
        "all_campaign_data" => &["campaign", "promo", "marketing"],
        "contextual_data" => &["context", "weather", "holiday", "calendar"],
        "user_minority_events_edits_log" => &["edit"],
        _ => &[],
    }
}

/// The columns that a log must have.
pub(super) fn needed(log: &Log) -> String {
    let required = log.columns.iter().filter(|column| column.required);
    required.map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// How alike two names must be to be taken for the same.
const ALIKE: f64 = 0.8;

/// A column that was found for one of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The contract's column.
    pub column: &'static Column,
    /// The name in the file.
    pub name: String,
    /// Whether the contract's name is taken without a mapping.
    pub same: bool,
}

/// The log's columns in a file, in the order of the contract.
pub(super) fn columns(log: &'static Log, schema: &Schema) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let same = |column: &Column, name: &str| name.eq_ignore_ascii_case(column.name);
    let is_ours = |name: &str| log.columns.iter().any(|column| same(column, name));
    for column in log.columns {
        let readable = |kind: &DataType| is_readable(column, kind);
        let fields = schema.fields().iter().filter(|field| readable(field.data_type()));
        let free = |name: &str| !is_ours(name) && found.iter().all(|one| one.name != name);
        let near = fields.clone().filter(|field| free(field.name()));
        let exact = fields.clone().find(|field| same(column, field.name()));
        let best = exact.map(|field| (field, 0)).or_else(|| {
            let ranked = near.filter_map(|field| Some((field, distance(column, field.name())?)));
            ranked.min_by_key(|(_, distance)| *distance)
        });
        if let Some((field, _)) = best {
            let is_same = exact.is_some();
            found.push(Found { column, name: field.name().clone(), same: is_same });
        }
    }
    found
}

/// How far a name is from what people call a column; `None` if it is something else.
fn distance(column: &Column, name: &str) -> Option<usize> {
    let name = words(name).join("_");
    let also = ALSO.iter().find(|(contract, _)| *contract == column.name);
    let listed = also.and_then(|(_, names)| names.iter().position(|other| *other == name));
    listed.or_else(|| {
        let own = words(column.name);
        let has_all = own.len() > 1 && own.iter().all(|word| words(&name).contains(word));
        let alike = strsim::normalized_damerau_levenshtein(&name, column.name) >= ALIKE;
        (has_all || alike).then_some(usize::MAX)
    })
}

/// The words of a name, in lower case: of `store_code`, `StoreCode` and `STORE CODE` alike.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                words.push(String::new());
            }
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, TimeUnit};
    use cohort_core::contract::{BASELINE, CAMPAIGNS, MRDL};

    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        let fields = fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    fn pairs(log: &'static Log, fields: &[(&str, DataType)]) -> Vec<(&'static str, String, bool)> {
        let found = columns(log, &schema(fields)).into_iter();
        found.map(|found| (found.column.name, found.name, found.same)).collect()
    }

    fn at() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, None)
    }

    #[test]
    fn near_names_are_found_and_a_columns_own_name_comes_first() {
        let fields = [
            ("StoreCode", DataType::Int32),
            ("DETECTED_AT", at()),
            ("tick", at()),
            ("article_no", DataType::Utf8),
            ("onset", at()),
            ("severty", DataType::Float64),
        ];
        let expected = [
            ("store_id", "StoreCode", false),
            ("detected_at", "DETECTED_AT", true),
            ("sku", "article_no", false),
            ("first_detected_from", "onset", false),
            ("severity", "severty", false),
        ];
        let expected = expected.map(|(column, name, same)| (column, name.to_owned(), same));
        assert_eq!(pairs(&MRDL, &fields), expected);
    }

    #[test]
    fn a_column_of_another_type_or_that_is_taken_is_not_found() {
        let fields =
            [("store_id", DataType::Utf8), ("ts", DataType::Utf8), ("sales", DataType::Float64)];
        let found = pairs(&BASELINE, &fields);
        let names: Vec<_> = found.iter().map(|(column, ..)| *column).collect();
        assert_eq!(names, ["store_id", "actual_sales"]);
        let fields = [("id", DataType::Utf8), ("campaign_id", DataType::Int64)];
        let found = pairs(&CAMPAIGNS, &fields);
        assert_eq!(found, [("campaign_id", "campaign_id".to_owned(), true)]);
    }

    #[test]
    fn words_are_those_of_every_way_to_write_a_name() {
        for name in
            ["store_code", "StoreCode", "store code", "STORE_CODE", "storeCode", "_store-code"]
        {
            assert_eq!(words(name), ["store", "code"], "{name}");
        }
    }
}

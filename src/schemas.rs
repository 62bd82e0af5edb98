//! The published schemas, embedded: JSON Schemas of manifest, lineage, summary and reports, and the
//! columns of every log.

/// A schema and its name.
#[derive(Debug)]
pub struct Schema {
    /// Its file's name without `.json`, such as `run_manifest.v1`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        [$(Schema { name: $name, text: include_str!(concat!("../schemas/", $name, ".json")) }),+]
    };
}

/// Every schema: documents first, then the logs in the contract's order.
pub static ALL: [Schema; 17] = embedded![
    "run_manifest.v1",
    "lineage.v1",
    "summary.v1",
    "verify.v1",
    "explain.v1",
    "history.v1",
    "dry_run.v1",
    "minority_reports_detected_log.v1",
    "anomaly_classifier_model_prediction_log.v1",
    "baseline_sales_model_prediction_log.v1",
    "all_campaign_data.v1",
    "contextual_data.v1",
    "user_minority_events_edits_log.v1",
    "minority_reports_cohorted_log.v1",
    "minority_event_log.v1",
    "rejects.v1",
    "registry.v1",
];

/// The schema of that name. Without a version, it is the latest. The name may end in `.json`.
pub fn find(name: &str) -> Option<&'static Schema> {
    let name = name.strip_suffix(".json").unwrap_or(name);
    // Later versions come after earlier ones.
    let unversioned = |schema: &Schema| schema.name.rsplit_once('.').map(|(stem, _)| stem);
    ALL.iter().rfind(|schema| schema.name == name || unversioned(schema) == Some(name))
}

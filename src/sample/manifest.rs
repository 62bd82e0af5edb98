//! The sample's run manifest (SPEC 10): the last day, with outputs beside the inputs.

use super::Error;
use super::place::Place;

/// `gap` is an hour, as in the worked example (SPEC 9). Events that never pause are cut at
/// midnight.
const RUN_MANIFEST: &str = r#"{
  "version": 1,
  "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
  "gap": "PT1H",
  "max_event_duration": "P1D",
  "demo_run_config": "demo_run_config.json",
  "inputs": {
    "minority_reports_detected_log": {
      "uri": "minority_reports_detected_log/",
      "partitioning": "date=%Y-%m-%d"
    },
    "anomaly_classifier_model_prediction_log": {
      "uri": "anomaly_classifier_model_prediction_log/",
      "partitioning": "date=%Y-%m-%d"
    },
    "baseline_sales_model_prediction_log": {
      "uri": "baseline_sales_model_prediction_log/",
      "partitioning": "date=%Y-%m-%d"
    },
    "all_campaign_data": {"uri": "all_campaign_data/"},
    "contextual_data": {"uri": "contextual_data/"}
  },
  "outputs": {
    "minority_reports_cohorted_log": "out/minority_reports_cohorted_log/",
    "minority_event_log": "out/minority_event_log/",
    "lineage": "out/lineage/",
    "rejects": "out/rejects/"
  }
}
"#;

const DEMO_RUN_CONFIG: &str = "{\"run_id\": \"demo__2025-01-01\"}\n";

/// Writes `run_manifest.json`, the last of the sample's files, and what it refers to; gives the
/// manifest's name.
pub(super) fn write(place: &Place) -> Result<String, Error> {
    place.put("demo_run_config.json", DEMO_RUN_CONFIG)?;
    place.put("run_manifest.json", RUN_MANIFEST)?;
    Ok(place.name("run_manifest.json"))
}

//! The reporters as the shell calls them, over files and an in-memory bucket.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};

use super::facts::{AnnouncedDataset, Announcement, Facts, ReadFacts, WrittenFacts};
use super::{EndFiles, Reporters, Surroundings};
use crate::kind::Kind;
use crate::objects::{Memory, Objects, Uri};
use crate::run::{Highlight, Highlights};
use cohort_core::contract::{Inputs, Outputs};
use cohort_core::{Counts, Duration, Interval, Timestamp};

fn uri(text: &str) -> Uri {
    Uri::from_argument(Path::new("/"), text).unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The announcement of a run with a renamed column and no campaigns.
pub(super) fn announced() -> Announcement {
    let dataset = |name: &str| AnnouncedDataset {
        uri: uri(&format!("s3://lake/{name}/")),
        columns: BTreeMap::new(),
    };
    let mut detected = dataset("minority_reports_detected_log");
    detected.columns.insert("store_id".to_owned(), "store_code".to_owned());
    Announcement {
        run_id: "scheduled__2025-01-01T00:00:00+00:00".to_owned(),
        interval: Interval {
            start: instant("2025-01-01T00:00:00Z"),
            end: instant("2025-01-02T00:00:00Z"),
        },
        gap: Duration::from_us(1_800_000_000),
        max_reject_ratio: 0.01,
        inputs: Inputs {
            reports: detected,
            sales: Some(dataset("baseline_sales_model_prediction_log")),
            scores: None,
            campaigns: None,
            context: None,
            edits: None,
        },
        outputs: Outputs {
            mrch: dataset("minority_reports_cohorted_log"),
            melog: dataset("minority_event_log"),
            rejects: None,
        },
    }
}

/// What that run did: one row of a hundred rejected.
pub(super) fn facts() -> Facts {
    let mut highlights = Highlights::new(10);
    highlights.add(Highlight {
        store_id: "327".into(),
        label: None,
        ended: true,
        opened_at: instant("2025-01-01T11:55:00Z"),
        sku_count: 1,
        severity_score: Some(0.72),
        impact_estimate: None,
    });
    let written = |name: &str, rows| WrittenFacts {
        uri: format!("s3://lake/{name}/run=r/"),
        rows,
        files: 1,
        bytes: 4_096,
    };
    Facts {
        status: "committed".to_owned(),
        lineage: uri("s3://lake/lineage/run=r/lineage.json"),
        content_sha256: "c0ffee".to_owned(),
        inputs: Inputs {
            reports: ReadFacts {
                files: 2,
                bytes: 10_000,
                rows: 100,
                rejected: BTreeMap::from([("missing_store_id".to_owned(), 1)]),
                duplicates: 3,
            },
            ..Inputs::default()
        },
        outputs: Outputs {
            mrch: written("minority_reports_cohorted_log", 4),
            melog: written("minority_event_log", 2),
            rejects: None,
        },
        counts: Counts { stores: 1, events_opened: 1, events_closed: 1, ..Counts::default() },
        elapsed_s: 0.5,
        peak_memory_bytes: Some(64 << 20),
        highlights,
        summary: r#"{"run_id":"r","status":"committed","lineage":"l","execution":{}}"#.to_owned(),
    }
}

/// A value as Dagster packs it into a variable.
fn packed(value: &Value) -> String {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(value.to_string().as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(zlib.finish().unwrap())
}

fn context(extras: &Value) -> Value {
    json!({"data": {
        "asset_keys": ["lake/minority_reports_cohorted_log", "minority_event_log"],
        "extras": extras,
    }})
}

struct Outside {
    folder: tempfile::TempDir,
    objects: Arc<dyn Objects>,
    env: BTreeMap<String, String>,
}

impl Outside {
    fn new(messages: &Value, context: &Value) -> Self {
        let env = BTreeMap::from([
            ("DAGSTER_PIPES_CONTEXT".to_owned(), packed(context)),
            ("DAGSTER_PIPES_MESSAGES".to_owned(), packed(messages)),
        ]);
        Self { folder: tempfile::tempdir().unwrap(), objects: Arc::new(Memory::new()), env }
    }

    async fn reporters(&self) -> Reporters {
        let termination_log = self.folder.path().join("termination-log");
        fs::write(&termination_log, "").unwrap();
        Reporters::open(Surroundings {
            env: &|name| self.env.get(name).cloned(),
            objects: Arc::clone(&self.objects),
            clock: || Timestamp::from_us(1_735_776_000_000_000).unwrap(),
            files: EndFiles::new(Vec::new(), self.folder.path(), &termination_log),
        })
        .await
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn methods(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["method"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_finished_run_reports_every_asset_and_the_declared_check_and_closes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages");
    let extras = json!({"checks": ["rejects_under_limit"], "reject_ratio_max": 0.001});
    let outside = Outside::new(&json!({"path": path}), &context(&extras));
    let mut reporters = outside.reporters().await;
    reporters.started(announced()).await;
    reporters.finished(&facts()).await.unwrap();

    let messages = parsed(&fs::read_to_string(path).unwrap());
    assert_eq!(
        methods(&messages),
        [
            "opened",
            "log",
            "log",
            "report_custom_message",
            "report_asset_materialization",
            "report_asset_materialization",
            "report_asset_check",
            "closed"
        ]
    );
    let lines = &messages[4]["params"];
    assert_eq!(lines["asset_key"], "lake/minority_reports_cohorted_log");
    assert_eq!(lines["data_version"], "c0ffee");
    assert_eq!(lines["metadata"]["dagster/row_count"], json!({"raw_value": 4, "type": "int"}));
    let events = &messages[5]["params"]["metadata"];
    assert!(events["top_events"]["raw_value"].as_str().unwrap().contains("Store 327"));
    let check = &messages[6]["params"];
    assert_eq!((&check["passed"], &check["severity"]), (&json!(false), &json!("ERROR")));
    assert_eq!(messages[7]["params"], json!({}));
    assert_eq!(
        outside.file("return.json"),
        "{\"run_id\":\"r\",\"status\":\"committed\",\"lineage\":\"l\",\"execution\":{}}\n"
    );
    assert_eq!(outside.file("termination-log"), "");
}

#[tokio::test]
async fn an_undeclared_check_is_not_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages");
    let outside = Outside::new(&json!({"path": path}), &context(&json!({})));
    let mut reporters = outside.reporters().await;
    reporters.started(announced()).await;
    reporters.finished(&facts()).await.unwrap();
    assert!(!fs::read_to_string(path).unwrap().contains("report_asset_check"));
}

#[tokio::test]
async fn a_bucket_holds_numbered_chunks_and_the_context_may_lie_there_too() {
    let extras = json!({"top_events": 25});
    let outside = Outside::new(
        &json!({"bucket": "pipes", "key_prefix": "abc"}),
        &json!({"bucket": "pipes", "key": "context"}),
    );
    let data = context(&extras)["data"].to_string();
    outside.objects.create(&uri("s3://pipes/context"), data.into()).await.unwrap();
    let mut reporters = outside.reporters().await;
    reporters.started(announced()).await;
    reporters.finished(&facts()).await.unwrap();

    let mut messages = Vec::new();
    for chunk in 1.. {
        match outside.objects.read(&uri(&format!("s3://pipes/abc/{chunk}.json"))).await {
            Ok((bytes, _)) => messages.extend(parsed(std::str::from_utf8(&bytes).unwrap())),
            Err(_) => break,
        }
    }
    assert_eq!(methods(&messages)[0], "opened");
    assert_eq!(methods(&messages)[messages.len() - 1], "closed");
    assert_eq!(messages.len(), 7);
}

#[tokio::test]
async fn a_failure_reaches_dagster_xcom_and_kubernetes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages");
    let outside = Outside::new(&json!({"path": path}), &context(&json!({})));
    let mut reporters = outside.reporters().await;
    reporters.started(announced()).await;
    reporters.failed(Kind::Temporary, "s3://lake/: could not list (throttled)").await;

    let messages = parsed(&fs::read_to_string(path).unwrap());
    let last = &messages[messages.len() - 1];
    assert_eq!(last["method"], "closed");
    assert_eq!(
        last["params"]["exception"]["message"],
        "s3://lake/: could not list (throttled) (exit 75)"
    );
    for file in ["return.json", "termination-log"] {
        let json: Value = serde_json::from_str(&outside.file(file)).unwrap();
        assert_eq!((&json["exit_code"], &json["retry"]), (&json!(75), &json!(true)), "{file}");
    }
}

#[tokio::test]
async fn a_stop_is_reported_as_temporary() {
    let outside = Outside::new(&json!({"path": "/nowhere/at/all"}), &context(&json!({})));
    let mut reporters = outside.reporters().await;
    reporters.started(announced()).await;
    reporters.aborted("SIGTERM").await;
    let json: Value = serde_json::from_str(&outside.file("return.json")).unwrap();
    assert_eq!((&json["exit_code"], &json["kind"]), (&json!(75), &json!("temporary")));
}

#[tokio::test]
async fn damaged_variables_do_not_fail_the_run() {
    let mut outside = Outside::new(&json!({"floppy": "a:"}), &context(&json!({})));
    for variable in ["DAGSTER_PIPES_MESSAGES", "DAGSTER_PIPES_CONTEXT"] {
        let mut reporters = outside.reporters().await;
        reporters.started(announced()).await;
        reporters.finished(&facts()).await.unwrap();
        outside.env.insert(variable.to_owned(), "damaged".to_owned());
    }
}

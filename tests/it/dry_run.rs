//! `cohort run --dry-run`: it says what a run would read, and writes nothing.

use std::path::Path;
use std::process::Command;

use cohort::find_schema;
use serde_json::Value;

use crate::s3_job::{self, Ended, Place};
use crate::sample;
use crate::seaweed::{READER, server};

fn cohort(arguments: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::binary());
    command.args(arguments).env_remove("RUST_LOG").output().unwrap().into()
}

/// Everything below a folder, with when it was changed, and every folder.
fn listing(folder: &Path) -> Vec<(String, Option<std::time::SystemTime>, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        found.push((next.display().to_string(), None, 0));
        for entry in std::fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().display().to_string();
                found.push((path, Some(about.modified().unwrap()), about.len()));
            }
        }
    }
    found.sort();
    found
}

/// The dry run as JSON.
fn plan(manifest: &Path, more: &[&str]) -> Value {
    let run = ["run", "--manifest", manifest.to_str().unwrap(), "--dry-run", "--as", "json"];
    let done = cohort(&[&run[..], more].concat());
    assert_eq!(done.exit, Some(0), "{}", done.log);
    let plan = done.summary.unwrap();
    let schema: Value = serde_json::from_str(find_schema("dry_run").unwrap().text).unwrap();
    let valid = jsonschema::validator_for(&schema).unwrap();
    assert!(valid.is_valid(&plan), "{:?}: {plan}", valid.iter_errors(&plan).next());
    plan
}

#[test]
fn a_dry_run_says_what_the_run_then_reads_and_writes_nothing() {
    let (_folder, root) = sample::write(3);
    let manifest = root.join("run_manifest.json");
    let before = listing(&root);
    let plan_before = plan(&manifest, &[]);
    let text = Command::new(crate::binary::binary())
        .args(["run", "--dry-run", "--manifest", manifest.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(listing(&root), before);
    let text = String::from_utf8(text.stdout).unwrap();
    for word in ["date=2025-01-01", "Look-back", "nothing yet under this run_id", "Nothing was"] {
        assert!(text.contains(word), "{word}: {text}");
    }

    let done = cohort(&["run", "--manifest", manifest.to_str().unwrap()]);
    let uri = done.summary.unwrap()["lineage"].as_str().unwrap().to_owned();
    let lineage = std::fs::read(uri.strip_prefix("file://").unwrap()).unwrap();
    let lineage: Value = serde_json::from_slice(&lineage).unwrap();
    assert_eq!(plan_before["lineage"], uri);
    assert_eq!(plan_before["lookback"], lineage["lookback"]);
    let logs = lineage["inputs"].as_object().unwrap();
    assert_eq!(plan_before["inputs"].as_object().unwrap().len(), logs.len());
    for (log, read) in logs {
        let planned = &plan_before["inputs"][log];
        assert_eq!(planned["files"], read["files"], "{log}");
        assert_eq!(planned["rows"], read["rows_read"], "{log}");
    }
    let reports = &plan_before["inputs"]["minority_reports_detected_log"]["partitions"];
    assert_eq!(reports["last"], "date=2025-01-01/");
    assert_eq!(plan_before["committed"], Value::Null);

    let before = listing(&root);
    let plan_after = plan(&manifest, &[]);
    assert_eq!(listing(&root), before);
    assert_eq!(plan_after["committed"]["content_sha256"], lineage["content_sha256"]);
}

#[test]
fn a_dry_run_counts_the_partitions_that_are_not_there() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let more =
        ["--interval-start", "2024-12-28T00:00:00Z", "--interval-end", "2025-01-03T00:00:00Z"];
    let plan = plan(&manifest, &more);
    let partitions = &plan["inputs"]["baseline_sales_model_prediction_log"]["partitions"];
    assert_eq!(partitions["last"], "date=2025-01-02/");
    assert_eq!(partitions["found"], 1);
    assert!(partitions["needed"].as_u64().unwrap() >= 6, "{partitions}");
}

#[test]
fn a_dry_run_fails_as_the_run_would_and_writes_nothing() {
    for (exit, spoil) in [
        (66, "minority_reports_detected_log"),
        (66, "baseline_sales_model_prediction_log"),
        (66, "run_manifest.json"),
        (66, "demo_run_config.json"),
    ] {
        let (_folder, root) = sample::write(1);
        let path = root.join(spoil);
        if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
            .unwrap();
        let before = listing(&root);
        let manifest = root.join("run_manifest.json");
        let run = ["run", "--manifest", manifest.to_str().unwrap()];
        let dry = cohort(&[&run[..], &["--dry-run"]].concat());
        assert_eq!(dry.exit, Some(exit), "{spoil}: {}", dry.log);
        assert_eq!(listing(&root), before, "{spoil}");
        assert_eq!(cohort(&run).exit, Some(exit), "{spoil}");
    }
}

#[test]
fn a_dry_run_tells_no_orchestrator() {
    let (folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let run = ["run", "--manifest", manifest.to_str().unwrap(), "--dry-run"];
    let events = folder.path().join("events.jsonl");
    let mut command = Command::new(crate::binary::binary());
    command.args(run).env("OPENLINEAGE_FILE", &events);
    assert!(command.output().unwrap().status.success());
    assert!(!events.exists());
    // Both at once are no dry run, but a wrong command line, which is told.
    let result = folder.path().join("result.json");
    let refused = cohort(&[&run[..], &["--result-file", result.to_str().unwrap()]].concat());
    assert_eq!(refused.exit, Some(2), "{}", refused.log);
    assert!(std::fs::read_to_string(&result).unwrap().contains("\"exit_code\":2"));
    let refused = cohort(&["run", "--manifest", "x", "--as", "json"]);
    assert_eq!(refused.exit, Some(2), "{}", refused.log);
}

#[test]
fn a_reader_may_make_a_dry_run_on_s3() {
    let place = Place::new("dry", &s3_job::sample(1));
    let before = place.everything();
    let mut command = place.command(server().port, READER);
    let dry: Ended = command.args(["--dry-run", "--as", "json"]).output().unwrap().into();
    assert_eq!(dry.exit, Some(0), "{}", dry.log);
    let planned = dry.summary.unwrap();
    assert_eq!(place.everything(), before);
    place.run_clean();
    let before = place.everything();
    let mut command = place.command(server().port, READER);
    let dry: Ended = command.args(["--dry-run", "--as", "json"]).output().unwrap().into();
    assert_eq!(place.everything(), before);
    let again = dry.summary.unwrap();
    assert_eq!(again["inputs"], planned["inputs"]);
    assert!(again["committed"].is_object() && planned["committed"].is_null());
}

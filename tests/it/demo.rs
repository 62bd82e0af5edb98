//! What `make demo` does, on a small chain: `sample`, `run` and `show` from outside.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::lake;

fn cohort(arguments: &[&str]) -> String {
    let done = Command::new(crate::binary::binary())
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Makes a sample and runs the job for its last day. Returns the summary.
fn sample_and_run(folder: &Path) -> Value {
    let sample = folder.join("chain");
    let size = ["--stores", "12", "--skus", "10", "--days", "3", "--seed", "7"];
    cohort(&[&["sample", sample.to_str().unwrap()], &size[..]].concat());
    let manifest = sample.join("run_manifest.json");
    serde_json::from_str(&cohort(&["run", "--manifest", manifest.to_str().unwrap()])).unwrap()
}

#[test]
fn the_sample_runs_as_it_is_and_has_what_real_logs_have() {
    let folder = tempfile::tempdir().unwrap();
    let summary = sample_and_run(folder.path());
    assert_eq!(summary["status"], "committed");
    assert_eq!(summary["run_id"], "demo__2025-01-01");
    let lineage = summary["lineage"].as_str().unwrap().strip_prefix("file://").unwrap();
    let lineage: Value = serde_json::from_slice(&std::fs::read(lineage).unwrap()).unwrap();
    for (dataset, rejected) in [
        ("minority_reports_detected_log", true),
        ("anomaly_classifier_model_prediction_log", true),
        ("baseline_sales_model_prediction_log", true),
        ("all_campaign_data", false),
        ("contextual_data", false),
    ] {
        let input = &lineage["inputs"][dataset];
        assert!(input["rows_read"].as_u64().unwrap() > 0, "{dataset}");
        let reasons = input["rows_rejected"].as_object().unwrap();
        let rows: u64 = reasons.values().filter_map(Value::as_u64).sum();
        assert_eq!(rows > 0, rejected, "{dataset}: {reasons:?}");
    }
    let reports = &lineage["inputs"]["minority_reports_detected_log"];
    assert!(reports["rows_duplicate"].as_u64().unwrap() > 0);
    // A stuck detector's rows, at least one in twenty minutes.
    assert!(reports["onsets_ignored"].as_u64().unwrap() >= 4);
}

#[test]
fn the_sample_has_a_store_that_is_never_quiet_and_one_with_a_stuck_onset() {
    let folder = tempfile::tempdir().unwrap();
    let summary = sample_and_run(folder.path());
    let committed = lake::read(&folder.path().join("chain"), "demo__2025-01-01");
    let midnight = 1_735_689_600_000_000;
    let of = |store: &str| -> Vec<_> {
        let rows = committed.output.melog.iter();
        rows.filter(|row| row.store_id == store).cloned().collect()
    };
    let quiet = of("104");
    let closed = quiet.iter().find(|row| row.finalized_at == Some(midnight)).unwrap();
    assert_eq!(closed.end_reason.as_deref(), Some("max_duration"));
    let goes_on: Vec<_> = quiet
        .iter()
        .filter(|row| row.continues_event_id.as_ref() == Some(&closed.event_id))
        .map(|row| (row.event_status.as_str(), row.window_start))
        .collect();
    assert_eq!(goes_on, [("active", midnight)]);
    let lineage = summary["lineage"].as_str().unwrap();
    let page = cohort(&["show", "--lineage", lineage, "--store", "104"]);
    assert!(page.lines().any(|line| line.contains("104") && line.contains("ended, cut")), "{page}");
    // The stuck onset is months old; every window of the store begins on the day or before it.
    let stuck = of("105");
    assert!(!stuck.is_empty());
    assert!(stuck.iter().all(|row| row.window_start > midnight - 86_400_000_000), "{stuck:?}");
}

#[test]
fn show_prints_the_worked_example_as_the_contract_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let summary = sample_and_run(folder.path());
    let lineage = summary["lineage"].as_str().unwrap();
    let page = cohort(&["show", "--lineage", lineage, "--store", "327"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = page.lines().filter(|line| line.ends_with("BEV-0001")).map(words).collect();
    let expected = [
        ["11:55", "11:55", "1", "new", "0.61", "2,700.00"],
        ["12:00", "11:55", "2", "ongoing", "0.72", "5,600.00"],
        ["12:05", "11:55", "3", "ongoing", "0.72", "8,200.00"],
        ["13:05", "11:55", "4", "closed", "0.72", "8,200.00"],
    ];
    assert_eq!(rows.len(), 4, "{page}");
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(row[0], "2025-01-01");
        assert_eq!(row[1..7], expected);
    }
    assert!(
        page.contains("01-01 11:55 - 12:05   0:10") && page.contains("New Year sale"),
        "{page}"
    );
}

#[test]
fn show_puts_the_greatest_impact_first_within_100_columns() {
    let folder = tempfile::tempdir().unwrap();
    let summary = sample_and_run(folder.path());
    let lineage = summary["lineage"].as_str().unwrap();
    let page = cohort(&["show", "--lineage", lineage, "--top", "5"]);
    let at = |word| page.lines().find_map(|line| line.find(word)).unwrap();
    let (from, to) = (at("Severity") + "Severity".len(), at("Impact") + "Impact".len());
    let events: Vec<_> =
        page.lines().skip_while(|line| !line.contains('─')).skip(1).take(5).collect();
    let impacts: Vec<u64> = events
        .iter()
        .map(|line| line[from..to].replace([',', '-', ' '], "").parse().unwrap())
        .collect();
    assert!(impacts.is_sorted_by(|a, b| a >= b), "{page}");
    // People copy paths, so they are never cut.
    for line in page.lines().filter(|line| !line.contains("file://")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(page.contains(lineage), "{page}");
}

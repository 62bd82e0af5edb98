//! The manifest's rules, one row per rule: what is changed in a good manifest, and what the job
//! then says.

mod precedence;

use std::path::Path;

use serde_json::{Value, json};

use super::{CommitMode, Error, Manifest, Overrides, utf8};
use crate::kind::Kind;
use crate::objects::Uri;

fn uri() -> Uri {
    Uri::from_argument(Path::new("/lake/conf"), "run.json").unwrap()
}

fn good() -> Value {
    json!({
        "version": 1,
        "run_id": "r1",
        "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
        "inputs": {"minority_reports_detected_log": {"uri": "mrdl"}},
        "outputs": {
            "minority_reports_cohorted_log": "out/mrch",
            "minority_event_log": "out/melog/",
            "lineage": "s3://lake/lineage"
        }
    })
}

/// The good manifest with the value at a pointer replaced, or removed if the new value is null.
fn with(changes: &[(&str, Value)]) -> String {
    let mut manifest = good();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = manifest.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value.clone());
        }
    }
    manifest.to_string()
}

fn parse(text: &str) -> Result<Manifest, Error> {
    Manifest::parse(text, &uri(), &Overrides::default(), None)
}

#[test]
fn defaults_are_filled_in_and_paths_start_beside_the_manifest() {
    let manifest = parse(&good().to_string()).unwrap();
    assert_eq!(manifest.life.gap.to_string(), "PT30M");
    assert_eq!(manifest.max_lookback.to_string(), "P30D");
    assert!((manifest.max_reject_ratio - 0.01).abs() < f64::EPSILON);
    assert_eq!(manifest.commit, CommitMode::Conditional);
    assert!(manifest.keep_superseded && !manifest.expect_same);
    assert_eq!(manifest.inputs.reports.uri.to_string(), "file:///lake/conf/mrdl/");
    assert_eq!(manifest.outputs.mrch.to_string(), "file:///lake/conf/out/mrch/");
    assert_eq!(manifest.outputs.melog.to_string(), "file:///lake/conf/out/melog/");
    assert_eq!(manifest.lineage.to_string(), "s3://lake/lineage/");
    assert_eq!(manifest.inputs.scores, None);
}

#[test]
fn the_contracts_example_is_a_manifest() {
    let spec = include_str!("../../SPEC.md");
    let start = spec.find("```json\n").unwrap() + 8;
    let example = &spec[start..start + spec[start..].find("```").unwrap()];
    let manifest = parse(example).unwrap();
    assert_eq!(manifest.run_id.as_str(), "scheduled__2025-01-01T00:00:00+00:00");
    assert_eq!(manifest.inputs.reports.column("store_id"), "store_code");
    assert_eq!(manifest.inputs.reports.column("sku"), "sku");
}

#[test]
fn the_resolved_manifest_resolves_to_itself() {
    let text = with(&[
        ("/gap", json!("PT5M")),
        ("/commit", json!("unconditional")),
        ("/keep_superseded", json!(false)),
        ("/demo_run_config", json!("demo.json")),
        (
            "/inputs/contextual_data",
            json!({"uri": "c", "partitioning": "%Y", "columns": {"label": "l"}}),
        ),
        ("/outputs/rejects", json!("rej")),
    ]);
    let resolved = parse(&text).unwrap().resolved();
    let written = serde_json::to_string(&resolved).unwrap();
    assert_eq!(parse(&written).unwrap().resolved(), resolved);
    assert_eq!(serde_json::from_str::<super::Resolved>(&written).unwrap(), resolved);
    assert!(written.starts_with(
        r#"{"version":1,"run_id":"r1","interval":{"start":"2025-01-01T00:00:00.000000Z","#
    ));
    assert!(written.ends_with(concat!(
        r#""outputs":{"minority_reports_cohorted_log":"file:///lake/conf/out/mrch/","#,
        r#""minority_event_log":"file:///lake/conf/out/melog/","#,
        r#""lineage":"s3://lake/lineage/","rejects":"file:///lake/conf/rej/"}}"#,
    )));
}

const MRDL: &str = "/inputs/minority_reports_detected_log";

/// What is changed in the good manifest, its new value as JSON, and what the job then says.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "/gaps",
        r#""PT5M""#,
        r#"the top level: expected a known key, found "gaps"; did you mean "gap"?"#,
    ),
    (
        "/interval/strat",
        r#""x""#,
        r#"interval: expected a known key, found "strat"; did you mean "start"?"#,
    ),
    ("/inputs/baseline_sales", "{}", r#"did you mean "baseline_sales_model_prediction_log"?"#),
    (
        "/inputs/minority_reports_detected_log/url",
        r#""x""#,
        "inputs.minority_reports_detected_log: expected a known key, found \"url\"; did you \
             mean \"uri\"?",
    ),
    (
        "/inputs/minority_reports_detected_log/columns",
        r#"{"storeid": "x"}"#,
        "inputs.minority_reports_detected_log.columns: expected a known key, found \
             \"storeid\"; did you mean \"store_id\"?",
    ),
    (
        "/outputs/linage",
        r#""x""#,
        r#"outputs: expected a known key, found "linage"; did you mean "lineage"?"#,
    ),
    ("/version", "null", r#"the top level: expected the key "version", found none; add it"#),
    ("/version", "2", "version: expected 1, found the number 2"),
    ("/version", r#""1""#, r#"version: expected 1, found the string "1""#),
    ("/outputs/lineage", "null", r#"outputs: expected the key "lineage", found none; add it"#),
    (
        MRDL,
        "null",
        r#"inputs: expected the key "minority_reports_detected_log", found none; add it"#,
    ),
    ("/gap", "30", "gap: expected a string, found the number 30; correct the value"),
    (
        "/max_reject_ratio",
        r#""0.1""#,
        r#"max_reject_ratio: expected a number, found the string "0.1""#,
    ),
    ("/inputs", "[]", "inputs: expected an object, found an array"),
    (
        MRDL,
        r#""s3://b/k""#,
        "inputs.minority_reports_detected_log: expected an object, found the string \
             \"s3://b/k\"",
    ),
    (
        "/outputs/lineage",
        r#""""#,
        "outputs.lineage: expected a string that is not empty, found an empty string",
    ),
    (
        "/gap",
        r#""30M""#,
        "gap: expected an ISO 8601 duration in days or smaller units such as PT30M or P30D, \
             found \"30M\"",
    ),
    ("/gap", r#""PT0S""#, "gap: expected a positive duration such as PT30M, found PT0S"),
    ("/gap", r#""-PT5M""#, r#"found "-PT5M""#),
    ("/max_lookback", r#""P1M""#, r#"max_lookback: expected an ISO 8601 duration"#),
    (
        "/interval/end",
        r#""2025-01-01T00:00:00Z""#,
        "interval: expected an end after the start 2025-01-01T00:00:00.000000Z, found \
             2025-01-01T00:00:00.000000Z",
    ),
    ("/interval/end", r#""2024-01-01T00:00:00Z""#, "interval: expected an end after"),
    (
        "/interval/start",
        r#""yesterday""#,
        "interval.start: expected an RFC 3339 instant such as 2025-01-01T00:00:00Z, found \
             \"yesterday\"",
    ),
    (
        "/interval",
        "null",
        "expected an interval, found none; give \"interval\" in the manifest, or both",
    ),
    (
        "/run_id",
        r#""a/b""#,
        r#"run_id: expected a run_id of characters of A-Za-z0-9._:+@=~-, found '/' in "a/b""#,
    ),
    (
        "/run_id",
        r#""""#,
        "run_id: expected a run_id of 1 to 250 characters of A-Za-z0-9._:+@=~-, found an empty \
             string",
    ),
    (
        "/run_id",
        "null",
        "expected a run_id, found none; give it as --run-id, as \"run_id\" in the manifest, or \
             in the object that \"demo_run_config\" names",
    ),
    ("/max_reject_ratio", "1.5", "max_reject_ratio: expected a number from 0 to 1, found 1.5"),
    ("/max_reject_ratio", "-0.1", "max_reject_ratio: expected a number from 0 to 1, found -0.1"),
    (
        "/commit",
        r#""maybe""#,
        r#"commit: expected "conditional" or "unconditional", found "maybe""#,
    ),
    (
        MRDL,
        r#"{"uri": "x", "partitioning": "date=%m"}"#,
        "inputs.minority_reports_detected_log.partitioning: expected a partition pattern with \
             the year (%Y)",
    ),
    (
        MRDL,
        r#"{"uri": "gs://b/k"}"#,
        "inputs.minority_reports_detected_log.uri: expected s3://bucket/path, file:///path or \
             a relative path, found \"gs://b/k\"",
    ),
    ("/outputs/rejects", r#""s3:///k""#, "outputs.rejects: expected s3://bucket/path"),
    ("/demo_run_config", r#""x://y""#, "demo_run_config: expected s3://bucket/path"),
];

#[test]
fn each_fault_of_a_manifest_is_named_with_its_place() {
    for (pointer, value, message) in FAULTS {
        let value = serde_json::from_str(value).unwrap();
        let error = parse(&with(&[(pointer, value)])).unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        let said = error.to_string();
        assert!(said.starts_with("manifest file:///lake/conf/run.json: "), "{said}");
        assert!(said.contains(message), "{pointer}\n said:     {said}\n expected: {message}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn a_run_id_that_is_too_long_is_named_with_its_length() {
    let error = parse(&with(&[("/run_id", json!("x".repeat(251)))])).unwrap_err();
    let expected = "run_id: expected a run_id of 1 to 250 characters, found 251";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for (text, message) in [
        ("", "expected one JSON object, found EOF while parsing"),
        ("version: 1", "expected one JSON object, found expected value at line 1 column 1"),
        ("{\"version\": 1", "found EOF while parsing an object at line 1 column 13"),
        ("[]", "the top level: expected an object, found an array"),
        ("{\"version\": 1} {}", "found trailing characters at line 1 column 16"),
        (
            "{\"version\": 1, \"version\": 1}",
            "found the key \"version\" twice in one object at line 1",
        ),
        ("{\"inputs\": {\"a\": 1, \"a\": 2}}", "found the key \"a\" twice in one object"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
    let error = utf8(b"{\"\xff\"}", &uri()).unwrap_err();
    assert!(error.to_string().contains("a byte that is not UTF-8 at offset 2"), "{error}");
}

#[test]
fn outputs_keep_apart_from_each_other_and_from_inputs() {
    for (changes, message) in [
        (
            vec![("/outputs/lineage", json!("out/mrch"))],
            "outputs.lineage: expected a place of its own, found file:///lake/conf/out/mrch/, \
             which is the same as outputs.minority_reports_cohorted_log",
        ),
        (
            vec![("/outputs/rejects", json!("out/mrch/rejects"))],
            "outputs.rejects: expected a place of its own, found \
             file:///lake/conf/out/mrch/rejects/, which is inside \
             outputs.minority_reports_cohorted_log",
        ),
        (
            vec![("/outputs/rejects", json!("out"))],
            "which is around outputs.minority_reports_cohorted_log",
        ),
        (
            vec![("/outputs/rejects", json!("mrdl/../mrdl"))],
            "which is the same as inputs.minority_reports_detected_log",
        ),
        (
            vec![("/outputs/rejects", json!("mrdl/rejects"))],
            "which is inside inputs.minority_reports_detected_log",
        ),
        (
            vec![("/inputs/contextual_data", json!({"uri": "out/mrch/run=r1"}))],
            "outputs.minority_reports_cohorted_log: expected a place of its own, found \
             file:///lake/conf/out/mrch/, which is around inputs.contextual_data",
        ),
    ] {
        let error = parse(&with(&changes)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    for changes in [
        ("/outputs/rejects", json!("mrdl-rejects")),
        ("/outputs/rejects", json!("s3://other/lineage")),
        ("/inputs/contextual_data", json!({"uri": "out/mrch/context"})),
        ("/inputs/contextual_data", json!({"uri": "mrdl"})),
    ] {
        assert!(parse(&with(std::slice::from_ref(&changes))).is_ok(), "{changes:?}");
    }
}

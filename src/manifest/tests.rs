//! The manifest's rules, one row per rule: what is changed in a good manifest, and what the job
//! then says.

mod faults;
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

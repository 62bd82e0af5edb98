//! Each fault of a manifest is named with its place and with what to do.

use serde_json::{Value, json};

use super::{parse, with};
use crate::kind::Kind;

/// The input that every manifest has.
const INPUT: &str = "/inputs/minority_reports_detected_log";

/// Changes a good manifest at each pointer to a value, and expects the message about it.
fn assert_named(cases: &[(&str, Value, &str)]) {
    for (pointer, value, message) in cases {
        let error = parse(&with(&[(pointer, value.clone())])).unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        let said = error.to_string();
        assert!(said.starts_with("manifest file:///lake/conf/run.json: "), "{said}");
        assert!(said.contains(message), "{pointer}\n said:     {said}\n expected: {message}");
        assert!(!said.contains('\n'), "{said}");
    }
}

#[test]
fn an_unknown_key_is_named_with_the_known_key_that_is_nearest() {
    assert_named(&[
        (
            "/gaps",
            json!("PT5M"),
            r#"the top level: expected a known key, found "gaps"; did you mean "gap"?"#,
        ),
        (
            "/interval/strat",
            json!("x"),
            r#"interval: expected a known key, found "strat"; did you mean "start"?"#,
        ),
        (
            "/inputs/baseline_sales",
            json!({}),
            r#"did you mean "baseline_sales_model_prediction_log"?"#,
        ),
        (
            "/inputs/minority_reports_detected_log/url",
            json!("x"),
            "inputs.minority_reports_detected_log: expected a known key, found \"url\"; did you \
             mean \"uri\"?",
        ),
        (
            "/inputs/minority_reports_detected_log/columns",
            json!({"storeid": "x"}),
            "inputs.minority_reports_detected_log.columns: expected a known key, found \
             \"storeid\"; did you mean \"store_id\"?",
        ),
        (
            "/outputs/linage",
            json!("x"),
            r#"outputs: expected a known key, found "linage"; did you mean "lineage"?"#,
        ),
    ]);
}

#[test]
fn a_missing_key_and_a_value_of_another_type_are_named_with_their_place() {
    assert_named(&[
        (
            "/version",
            Value::Null,
            r#"the top level: expected the key "version", found none; add it"#,
        ),
        ("/version", json!(2), "version: expected 1, found the number 2"),
        ("/version", json!("1"), r#"version: expected 1, found the string "1""#),
        (
            "/outputs/lineage",
            Value::Null,
            r#"outputs: expected the key "lineage", found none; add it"#,
        ),
        (
            INPUT,
            Value::Null,
            r#"inputs: expected the key "minority_reports_detected_log", found none; add it"#,
        ),
        ("/gap", json!(30), "gap: expected a string, found the number 30; correct the value"),
        (
            "/max_reject_ratio",
            json!("0.1"),
            r#"max_reject_ratio: expected a number, found the string "0.1""#,
        ),
        ("/inputs", json!([]), "inputs: expected an object, found an array"),
        (
            INPUT,
            json!("s3://b/k"),
            "inputs.minority_reports_detected_log: expected an object, found the string \
             \"s3://b/k\"",
        ),
        (
            "/outputs/lineage",
            json!(""),
            "outputs.lineage: expected a string that is not empty, found an empty string",
        ),
    ]);
}

#[test]
fn what_is_no_duration_and_no_interval_is_named_with_what_is_expected() {
    assert_named(&[
        (
            "/gap",
            json!("30M"),
            "gap: expected an ISO 8601 duration in days or smaller units such as PT30M or P30D, \
             found \"30M\"",
        ),
        ("/gap", json!("PT0S"), "gap: expected a positive duration such as PT30M, found PT0S"),
        ("/gap", json!("-PT5M"), r#"found "-PT5M""#),
        ("/max_lookback", json!("P1M"), r#"max_lookback: expected an ISO 8601 duration"#),
        (
            "/interval/end",
            json!("2025-01-01T00:00:00Z"),
            "interval: expected an end after the start 2025-01-01T00:00:00.000000Z, found \
             2025-01-01T00:00:00.000000Z",
        ),
        ("/interval/end", json!("2024-01-01T00:00:00Z"), "interval: expected an end after"),
        (
            "/interval/start",
            json!("yesterday"),
            "interval.start: expected an RFC 3339 instant such as 2025-01-01T00:00:00Z, found \
             \"yesterday\"",
        ),
        (
            "/interval",
            Value::Null,
            "expected an interval, found none; give \"interval\" in the manifest, or both",
        ),
    ]);
}

#[test]
fn a_run_id_a_ratio_and_a_commit_mode_out_of_range_are_named() {
    assert_named(&[
        (
            "/run_id",
            json!("a/b"),
            r#"run_id: expected a run_id of characters of A-Za-z0-9._:+@=~-, found '/' in "a/b""#,
        ),
        (
            "/run_id",
            json!(""),
            "run_id: expected a run_id of 1 to 250 characters of A-Za-z0-9._:+@=~-, found an empty \
             string",
        ),
        (
            "/run_id",
            json!("x".repeat(251)),
            "run_id: expected a run_id of 1 to 250 characters, found 251",
        ),
        (
            "/run_id",
            Value::Null,
            "expected a run_id, found none; give it as --run-id, as \"run_id\" in the manifest, or \
             in the object that \"demo_run_config\" names",
        ),
        (
            "/max_reject_ratio",
            json!(1.5),
            "max_reject_ratio: expected a number from 0 to 1, found 1.5",
        ),
        (
            "/max_reject_ratio",
            json!(-0.1),
            "max_reject_ratio: expected a number from 0 to 1, found -0.1",
        ),
        (
            "/commit",
            json!("maybe"),
            r#"commit: expected "conditional" or "unconditional", found "maybe""#,
        ),
    ]);
}

#[test]
fn a_pattern_without_a_year_and_a_uri_of_another_scheme_are_named() {
    assert_named(&[
        (
            INPUT,
            json!({"uri": "x", "partitioning": "date=%m"}),
            "inputs.minority_reports_detected_log.partitioning: expected a partition pattern with \
             the year (%Y)",
        ),
        (
            INPUT,
            json!({"uri": "gs://b/k"}),
            "inputs.minority_reports_detected_log.uri: expected s3://bucket/path, file:///path or \
             a relative path, found \"gs://b/k\"",
        ),
        ("/outputs/rejects", json!("s3:///k"), "outputs.rejects: expected s3://bucket/path"),
        ("/demo_run_config", json!("x://y"), "demo_run_config: expected s3://bucket/path"),
    ]);
}

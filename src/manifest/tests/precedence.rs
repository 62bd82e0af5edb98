//! The command line wins over the manifest, the manifest over `demo_run_config`.

use serde_json::{Value, json};

use super::{good, uri, with};
use crate::kind::Kind;
use crate::manifest::{Manifest, Overrides, demo_run_config_uri};

fn overrides(run_id: Option<&str>, start: Option<&str>, end: Option<&str>) -> Overrides {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Overrides {
        run_id: owned(run_id),
        start: owned(start),
        end: owned(end),
        ..Overrides::default()
    }
}

fn durations(gap: &str, max_lookback: &str) -> Overrides {
    Overrides {
        gap: Some(gap.to_owned()),
        max_lookback: Some(max_lookback.to_owned()),
        ..Overrides::default()
    }
}

#[test]
fn the_command_line_wins_over_the_manifest_and_the_manifest_over_the_demo() {
    let bare = with(&[("/run_id", Value::Null), ("/demo_run_config", json!("demo.json"))]);
    let named = with(&[("/demo_run_config", json!("demo.json"))]);
    let typed = overrides(Some("typed"), None, None);
    let none = Overrides::default();
    let demo = Some(r#"{"run_id": "demo", "anything": [1]}"#);
    for (text, overrides, run_id) in [
        (&bare, &none, "demo"),
        (&named, &none, "r1"),
        (&named, &typed, "typed"),
        (&bare, &typed, "typed"),
    ] {
        let manifest = Manifest::parse(text, &uri(), overrides, demo).unwrap();
        assert_eq!(manifest.run_id.as_str(), run_id);
        let asked = demo_run_config_uri(text, &uri(), overrides).unwrap();
        assert_eq!(asked.is_some(), run_id == "demo");
    }
    let asked = demo_run_config_uri(&bare, &uri(), &none).unwrap().unwrap();
    assert_eq!(asked.to_string(), "file:///lake/conf/demo.json");
}

#[test]
fn a_faulty_demo_run_config_is_named() {
    let bare = with(&[("/run_id", Value::Null), ("/demo_run_config", json!("demo.json"))]);
    for (demo, message) in [
        ("{", "demo_run_config file:///lake/conf/demo.json: expected one JSON object"),
        ("[]", "demo.json: the top level: expected an object, found an array"),
        (r#"{"run_id": 7}"#, "demo.json: run_id: expected a string, found the number 7"),
        (r#"{"run_id": "a/b"}"#, "demo.json: run_id: expected a run_id of characters"),
        ("{}", "expected a run_id, found none"),
    ] {
        let error = Manifest::parse(&bare, &uri(), &Overrides::default(), Some(demo)).unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn the_interval_may_come_from_the_command_line_in_whole_or_in_part() {
    let bare = with(&[("/interval", Value::Null)]);
    let both = overrides(None, Some("2025-02-01T00:00:00+01:00"), Some("2025-02-02T00:00:00Z"));
    let manifest = Manifest::parse(&bare, &uri(), &both, None).unwrap();
    assert_eq!(
        manifest.interval.to_string(),
        "[2025-01-31T23:00:00.000000Z, 2025-02-02T00:00:00.000000Z)"
    );
    let end = overrides(None, None, Some("2025-01-01T12:00:00Z"));
    let manifest = Manifest::parse(&good().to_string(), &uri(), &end, None).unwrap();
    assert_eq!(manifest.interval.end.to_string(), "2025-01-01T12:00:00.000000Z");
    let error = Manifest::parse(&bare, &uri(), &end, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Manifest);
    assert!(error.to_string().contains("expected an interval, found only its end"), "{error}");
}

#[test]
fn a_wrong_value_on_the_command_line_is_a_usage_error_that_names_the_option() {
    for (typed, message) in [
        (overrides(Some("a/b"), None, None), "--run-id: expected a run_id of characters"),
        (overrides(Some(""), None, None), "--run-id: expected a run_id of 1 to 250"),
        (overrides(None, Some("now"), None), "--interval-start: expected an RFC 3339 instant"),
        (overrides(None, None, Some("now")), "--interval-end: expected an RFC 3339 instant"),
        (
            overrides(None, None, Some("2024-12-31T00:00:00Z")),
            "--interval-end: expected an end after",
        ),
        (
            overrides(None, Some("2025-01-02T00:00:00Z"), None),
            "--interval-start: expected an end after",
        ),
    ] {
        let error = Manifest::parse(&good().to_string(), &uri(), &typed, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    for (gap, lookback, message) in [
        ("5M", "P1D", "--gap: expected an ISO 8601 duration"),
        ("PT0S", "P1D", "--gap: expected a positive duration such as PT30M, found PT0S"),
        ("PT5M", "P1M", "--max-lookback: expected an ISO 8601 duration"),
    ] {
        let typed = durations(gap, lookback);
        let error = Manifest::parse(&good().to_string(), &uri(), &typed, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn gap_and_lookback_of_the_command_line_win() {
    let text = with(&[("/gap", json!("PT1H")), ("/max_lookback", json!("P2D"))]);
    let typed = durations("PT5M", "P1D");
    let manifest = Manifest::parse(&text, &uri(), &typed, None).unwrap();
    assert_eq!(
        (manifest.life.gap.to_string(), manifest.max_lookback.to_string()),
        ("PT5M".into(), "P1D".into())
    );
}

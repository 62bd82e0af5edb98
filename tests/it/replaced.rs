//! `cohort history`: what a run said before it was run again.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lake::{Lake, Shape};
use crate::model::{Input, Params, Report};
use crate::schemas;

const MINUTE: i64 = 60_000_000;
/// 2025-01-01T00:00:00Z.
const MIDNIGHT: i64 = 1_735_689_600_000_000;

fn input(severity: f64, minutes: &[i64]) -> Input {
    let row = |minute: &i64| Report {
        store_id: Some("327\u{1b}[2J".to_owned()),
        detected_at: Some(MIDNIGHT + minute * MINUTE),
        severity: Some(severity),
        ..Report::default()
    };
    Input { reports: minutes.iter().map(row).collect(), ..Input::default() }
}

fn params(gap: i64) -> Params {
    Params {
        gap: gap * MINUTE,
        max_event_duration: 7 * 24 * 60 * MINUTE,
        max_lookback: 0,
        start: MIDNIGHT,
        end: MIDNIGHT + 24 * 60 * MINUTE,
        run_id: "day".to_owned(),
    }
}

fn history(lake: &Lake, arguments: &[&str]) -> Output {
    let manifest = lake.path().join("manifest.json");
    let fixed = ["history", "--manifest", manifest.to_str().unwrap()];
    let mut command = Command::new(crate::binary::binary());
    command.args(fixed).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

#[track_caller]
fn versions(lake: &Lake) -> Vec<Value> {
    let done = history(lake, &["--run-id", "day", "--as", "json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let history: Value = serde_json::from_slice(&done.stdout).unwrap();
    schemas::check("history", &history).unwrap();
    history["versions"].as_array().unwrap().clone()
}

#[test]
fn a_run_that_was_never_replaced_has_one_version() {
    let lake = Lake::new(&input(0.5, &[600]), Shape::PLAIN);
    lake.committed(&params(30), &[]);
    let versions = versions(&lake);
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0]["replaced_at"], Value::Null);
    assert_eq!(versions[0]["rows"]["minority_event_log"], 2);
    assert_eq!(history(&lake, &["--run-id", "nobody"]).status.code(), Some(66));
    assert_eq!(history(&lake, &["--run-id", "a b"]).status.code(), Some(2));
}

#[test]
fn each_version_says_until_when_and_what_the_next_one_says_differently() {
    let lake = Lake::new(&input(0.5, &[600]), Shape::PLAIN);
    lake.committed(&params(30), &[]);
    lake.rewrite(&input(0.75, &[600, 700]), Shape::PLAIN);
    lake.committed(&params(30), &[]);
    lake.committed(&params(100), &[]);
    let versions = versions(&lake);
    assert_eq!(versions.len(), 3);
    let until: Vec<_> = versions.iter().map(|version| version["replaced_at"].as_str()).collect();
    assert!(until[0].unwrap() <= until[1].unwrap() && until[2].is_none(), "{until:?}");
    let first = &versions[0]["next"];
    assert_eq!(first["inputs"][0]["change"], "changed");
    let changed = &first["events"][0]["rows"][0];
    assert_eq!(
        (&changed["log"], &changed["change"]),
        (&json!("minority_event_log"), &json!("changed"))
    );
    let severity = json!({"column": "severity_score", "old": 0.5, "new": 0.75});
    assert!(changed["columns"].as_array().unwrap().contains(&severity), "{changed:#}");
    assert_eq!(first["events"][1]["rows_added"], 4);
    let second = &versions[1]["next"];
    assert_eq!(second["settings"], json!([{"setting": "gap", "old": "PT30M", "new": "PT1H40M"}]));
    let page = String::from_utf8(history(&lake, &["--run-id", "day"]).stdout).unwrap();
    assert!(page.contains("severity_score: 0.5 -> 0.75"), "{page}");
    assert!(page.contains("gap: PT30M -> PT1H40M"), "{page}");
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
}

#[test]
fn a_version_that_came_back_is_told_apart_from_a_copy_that_a_killed_run_left() {
    let (one, other) = (input(0.5, &[600]), input(0.75, &[600]));
    let lake = Lake::new(&one, Shape::PLAIN);
    for rows in [&one, &other, &one] {
        lake.rewrite(rows, Shape::PLAIN);
        lake.committed(&params(30), &[]);
    }
    // Written again, the first file is equal byte for byte, and so is the lineage.
    assert_eq!(versions(&lake).len(), 3);
    let lake = Lake::new(&one, Shape::PLAIN);
    lake.committed(&params(30), &[]);
    let folder = lake.path().join("out/lineage/run=day");
    let kept = folder.join("superseded/0123456789abcdef");
    fs::create_dir_all(&kept).unwrap();
    fs::copy(folder.join("lineage.json"), kept.join("lineage.json")).unwrap();
    assert_eq!(versions(&lake).len(), 1);
}

#[test]
fn a_part_that_history_lacks_is_named() {
    let lake = Lake::new(&input(0.5, &[600]), Shape::PLAIN);
    lake.committed(&params(30), &[]);
    lake.committed(&params(60), &[]);
    let kept = lake.path().join("out/lineage/run=day/superseded");
    let folder = fs::read_dir(kept).unwrap().next().unwrap().unwrap().path();
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let part = files.into_iter().find(|path| path.extension().unwrap() == "parquet").unwrap();
    fs::remove_file(&part).unwrap();
    let versions = versions(&lake);
    let reason = versions[0]["next"]["incomparable"].as_str().unwrap();
    assert!(reason.contains(part.file_name().unwrap().to_str().unwrap()), "{reason}");
}

//! `cohort verify`: each kind of damage and staleness, planted one at a time on local disk. The
//! reruns that it names mend what a rerun can mend. `verify_histories` has random ones, and
//! `s3_access` a reader's identity.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lake::{Lake, Partitioning, Shape};
use crate::model::{Input, Params, Report};
use crate::schemas;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// 2025-01-01T00:00:00Z.
const MIDNIGHT: i64 = 1_735_689_600_000_000;
pub(crate) const SHAPE: Shape = Shape { partitioning: Partitioning::Daily, ..Shape::PLAIN };
const MRDL: &str = "minority_reports_detected_log";

pub(crate) fn cohort(arguments: &[&str]) -> Output {
    let mut command = Command::new(crate::binary::binary());
    command.args(arguments).env_remove("RUST_LOG").output().unwrap()
}

/// What `cohort verify` says of the runs that a folder's manifest leads to, and its exit code.
#[track_caller]
pub(crate) fn verify(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let manifest = folder.join("manifest.json");
    let fixed = ["verify", "--as", "json", "--manifest", manifest.to_str().unwrap()];
    let done = cohort(&[&fixed[..], arguments].concat());
    let log = String::from_utf8_lossy(&done.stderr);
    let exit = done.status.code().unwrap();
    assert!(exit < 2, "{exit}: {log}");
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    schemas::check("verify", &report).unwrap();
    assert_eq!(report["sound"], exit == 0, "{report:#}");
    (exit, report)
}

/// Runs again what a report names, in its order.
#[track_caller]
pub(crate) fn rerun(report: &Value) {
    for rerun in report["reruns"].as_array().unwrap() {
        let arguments = texts(&rerun["arguments"]);
        let done = cohort(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The runs to run again, each with its reasons.
pub(crate) fn reruns(report: &Value) -> Vec<(String, Vec<String>)> {
    let reruns = report["reruns"].as_array().unwrap().iter();
    let named = |run: &Value| (run["run_id"].as_str().unwrap().to_owned(), texts(&run["reasons"]));
    reruns.map(named).collect()
}

/// A report of store 327 and SKU x, that many minutes after midnight.
fn report(minute: i64) -> Report {
    Report {
        store_id: Some("327".to_owned()),
        sku: Some("x".to_owned()),
        detected_at: Some(MIDNIGHT + minute * MINUTE),
        severity: Some(0.5),
        sales_total: Some(10_000),
        ..Report::default()
    }
}

/// Three days, each with a run, and an event that opens at 23:40 of the first.
pub(crate) fn input() -> Input {
    let minutes = [8 * 60, 23 * 60 + 40, 24 * 60 + 20, 32 * 60, 56 * 60];
    Input { reports: minutes.map(report).to_vec(), ..Input::default() }
}

pub(crate) fn day(number: i64) -> Params {
    Params {
        gap: 30 * MINUTE,
        max_event_duration: 7 * DAY,
        max_lookback: 30 * DAY,
        start: MIDNIGHT + (number - 1) * DAY,
        end: MIDNIGHT + number * DAY,
        run_id: format!("day+{number}"),
    }
}

/// Three committed days.
pub(crate) fn days() -> Lake {
    let lake = Lake::new(&input(), SHAPE);
    for number in 1..=3 {
        assert_eq!(lake.run(&day(number), &[]).exit, 0);
    }
    lake
}

pub(crate) fn lineage(lake: &Lake, number: i64) -> PathBuf {
    lake.path().join(format!("out/lineage/run=day%2B{number}/lineage.json"))
}

fn change_json(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// The part of a day's run, in the log's folder.
pub(crate) fn part(lake: &Lake, log: &str, number: i64) -> PathBuf {
    let folder = lake.path().join(format!("out/{log}/run=day%2B{number}"));
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

fn input_file(lake: &Lake, date: &str) -> PathBuf {
    lake.path().join(format!("{MRDL}/date={date}/part-0.parquet"))
}

#[test]
fn what_was_committed_and_never_touched_is_sound() {
    let lake = days();
    for arguments in [&[][..], &["--quick"], &["--threads", "1"], &["--run-id", "day+2"]] {
        let (exit, report) = verify(lake.path(), arguments);
        assert_eq!((exit, reruns(&report)), (0, Vec::new()), "{arguments:?}: {report:#}");
        let runs = if arguments.contains(&"day+2") { 1 } else { 3 };
        assert_eq!(report["runs"].as_array().unwrap().len(), runs);
    }
    let two = verify(lake.path(), &["--from", "2025-01-02", "--to", "2025-01-03T00:00:00Z"]).1;
    assert_eq!(two["runs"][0]["run_id"], "day+2");
    assert_eq!(two["runs"].as_array().unwrap().len(), 1);
}

/// What is done to a lake.
type Plant = fn(&Lake);

/// What a rerun mends: name, what is done, the finding, and whether a quick look finds it.
const MENDED: [(&str, Plant, &str, bool); 9] = [
    (
        "a part is missing",
        |lake| fs::remove_file(part(lake, "events", 2)).unwrap(),
        "damaged",
        true,
    ),
    (
        "a part is cut short",
        |lake| {
            let path = part(lake, "mrch", 2);
            let content = fs::read(&path).unwrap();
            fs::write(path, &content[..content.len() - 1]).unwrap();
        },
        "damaged",
        true,
    ),
    (
        "one bit of a part is flipped",
        |lake| {
            let path = part(lake, "mrch", 2);
            let mut content = fs::read(&path).unwrap();
            content[100] ^= 1;
            fs::write(path, content).unwrap();
        },
        "damaged",
        false,
    ),
    (
        "a part is that of another run",
        |lake| {
            fs::copy(part(lake, "mrch", 1), part(lake, "mrch", 2)).unwrap();
        },
        "damaged",
        true,
    ),
    (
        "a part that no lineage lists",
        |lake| {
            let name = "part-00000-0123456789abcdef.parquet";
            fs::write(part(lake, "events", 2).with_file_name(name), "x").unwrap();
        },
        "uncommitted",
        true,
    ),
    (
        "another release computed it",
        |lake| change_json(&lineage(lake, 2), |l| l["job"]["version"] = json!("0.0.7\u{1b}[31m")),
        "version",
        true,
    ),
    (
        "it was computed with another gap",
        |lake| {
            let rerun =
                ["rerun", "--lineage", lineage(lake, 2).to_str().unwrap(), "--gap", "PT40M"]
                    .map(str::to_owned);
            let rerun: Vec<&str> = rerun.iter().map(String::as_str).collect();
            assert_eq!(cohort(&rerun).status.code(), Some(0));
        },
        "settings",
        true,
    ),
    (
        "an input file is gone",
        |lake| fs::remove_file(input_file(lake, "2025-01-02")).unwrap(),
        "stale",
        true,
    ),
    (
        "an input file has other rows",
        |lake| {
            let mut changed = input();
            changed.reports[3].severity = Some(0.9);
            lake.rewrite(&changed, SHAPE);
        },
        "stale",
        true,
    ),
];

#[test]
fn each_damage_is_found_alone_and_the_reruns_mend_it() {
    for (name, plant, finding, quick) in MENDED {
        let lake = days();
        plant(&lake);
        let (exit, quickly) = verify(lake.path(), &["--quick"]);
        assert_eq!(exit, i32::from(quick), "{name}: {quickly:#}");
        let (exit, report) = verify(lake.path(), &[]);
        assert_eq!(exit, 1, "{name}");
        let named = reruns(&report);
        let second = named.iter().find(|(run_id, _)| run_id == "day+2");
        assert_eq!(second.unwrap().1, [finding], "{name}: {report:#}");
        rerun(&report);
        let (exit, report) = verify(lake.path(), &[]);
        assert_eq!(exit, 0, "{name}: {report:#}");
        // A run whose rows all stand keeps its lineage, and with it the old tags.
        let sound_before = quickly["reruns"].as_array().unwrap().len() > named.len();
        let (exit, report) = verify(lake.path(), &["--quick"]);
        assert!(exit == 0 || sound_before, "{name}: {report:#}");
    }
}

#[test]
fn damage_names_the_part_and_what_is_in_its_place() {
    let lake = days();
    let path = part(&lake, "events", 1);
    let elsewhere = lake.path().join("elsewhere.parquet");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let report = verify(lake.path(), &[]).1;
    let damaged = &report["runs"][0]["damaged"];
    assert_eq!(damaged[0]["found"], "a link");
    assert_eq!(damaged[0]["part"], format!("file://{}", path.display()));
    assert_eq!(damaged.as_array().unwrap().len(), 1);
    // A rerun deletes no stranger, so none is named.
    assert!(reruns(&report).is_empty(), "{report:#}");
    let reason = report["runs"][0]["unrepeatable"].as_str().unwrap();
    assert!(reason.contains("a link") && reason.contains("move it away"), "{reason}");
    fs::remove_file(&path).unwrap();
    let report = verify(lake.path(), &[]).1;
    rerun(&report);
    assert_eq!(verify(lake.path(), &[]).0, 0);
}

#[test]
fn a_late_row_that_bridges_two_events_names_every_run_that_it_touches() {
    let lake = days();
    let mut late = input();
    late.reports.push(report(23 * 60 + 58));
    lake.rewrite(&late, SHAPE);
    let (exit, found) = verify(lake.path(), &[]);
    assert_eq!(exit, 1);
    let stale = vec!["stale".to_owned()];
    let both = vec![("day+1".to_owned(), stale.clone()), ("day+2".to_owned(), stale)];
    assert_eq!(reruns(&found), both, "{found:#}");
    let file = format!("file://{}", input_file(&lake, "2025-01-01").display());
    for run in &found["runs"].as_array().unwrap()[..2] {
        let changed: Vec<_> = run["inputs"].as_array().unwrap().iter().collect();
        assert!(changed.iter().any(|input| input["file"] == *file), "{run:#}");
    }
    // The second day's rows speak of an event that closes and one that opens; both go.
    let events = found["runs"][1]["events"].as_array().unwrap();
    let named: Vec<_> = events.iter().map(|event| event["cohort_id"].as_str().unwrap()).collect();
    assert_eq!(named, ["327:20250101T234000Z", "327:20250102T002000Z"]);
    assert_eq!(events[1]["rows_added"], 0);
    assert!(events[1]["rows_removed"].as_u64() > Some(0));
    // The quick look names both too, by the tag of the file that their look-back read.
    let quick = reruns(&verify(lake.path(), &["--quick"]).1);
    assert!(both.iter().all(|run| quick.contains(run)), "{quick:?}");
    rerun(&found);
    assert_eq!(verify(lake.path(), &[]).0, 0);
}

#[test]
fn inputs_written_again_with_the_same_rows_leave_every_row_standing() {
    let lake = days();
    let again = input_file(&lake, "2025-01-01").with_file_name("again.parquet");
    fs::copy(input_file(&lake, "2025-01-01"), again).unwrap();
    let (exit, report) = verify(lake.path(), &[]);
    assert_eq!(exit, 0, "{report:#}");
    assert_eq!(report["runs"][0]["inputs"][0]["change"], "came");
    let (exit, report) = verify(lake.path(), &["--quick"]);
    assert_eq!((exit, reruns(&report).len()), (1, 2), "{report:#}");
}

#[test]
fn inputs_over_which_a_rerun_would_fail_are_named_and_no_rerun() {
    let lake = days();
    fs::write(input_file(&lake, "2025-01-02").with_file_name("late.parquet"), "no Parquet")
        .unwrap();
    let (exit, report) = verify(lake.path(), &[]);
    assert_eq!((exit, reruns(&report)), (1, vec![]), "{report:#}");
    for run in &report["runs"].as_array().unwrap()[1..] {
        assert_eq!(run["findings"], json!(["unrepeatable"]), "{report:#}");
        assert!(run["unrepeatable"].as_str().unwrap().contains("late.parquet"));
        assert_eq!(run["inputs"][0]["change"], "came");
    }
    fs::remove_dir_all(lake.path().join(MRDL)).unwrap();
    let (_, report) = verify(lake.path(), &[]);
    assert_eq!(report["runs"][0]["findings"], json!(["unrepeatable"]));
    assert_eq!(report["runs"][0]["inputs"][0]["change"], "went");
}

#[test]
fn verifying_writes_nothing() {
    let lake = days();
    let mut late = input();
    late.reports.push(report(23 * 60 + 58));
    lake.rewrite(&late, SHAPE);
    let before = crate::lake::files_under(lake.path());
    verify(lake.path(), &[]);
    verify(lake.path(), &["--quick"]);
    assert!(crate::lake::files_under(lake.path()) == before, "something was written");
}

#[test]
fn no_text_from_the_logs_can_pretend_to_be_a_line_or_move_the_cursor() {
    let evil = "1\u{1b}[2J\n All is sound.\n\u{202e}x\u{7}";
    let reports = |severity: f64| {
        let row = |minute| Report {
            store_id: Some(evil.to_owned()),
            proposed_cause: Some(evil.to_owned()),
            severity: Some(severity),
            ..report(minute)
        };
        Input { reports: [8 * 60, 9 * 60].map(row).to_vec(), ..Input::default() }
    };
    let lake = Lake::new(&reports(0.5), SHAPE);
    assert_eq!(lake.run(&day(1), &[]).exit, 0);
    lake.rewrite(&reports(0.6), SHAPE);
    let manifest = lake.path().join("manifest.json");
    let done = cohort(&["verify", "--manifest", manifest.to_str().unwrap()]);
    let page = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(page.contains("event 1\\u{1b}[2J\\n All is sound."), "{page}");
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    assert!(page.lines().all(|line| !line.starts_with(" All is sound")), "{page}");
}

//! Each rule of SPEC 8 by itself, on a day of one store.

use serde_json::Value;

use super::lake::{Cell, EDITS, Row, Scene};
use crate::lake::{Lake, Shape};
use crate::model::{EditRow, Input, Params, Report, clock_text, id};

pub(super) const MINUTE: i64 = 60_000_000;
/// 2025-01-01T00:00:00Z.
pub(super) const MIDNIGHT: i64 = 1_735_689_600_000_000;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// A report that many minutes after midnight.
pub(super) fn report(store: &str, sku: &str, minute: i64) -> Report {
    Report {
        store_id: Some(store.to_owned()),
        sku: Some(sku.to_owned()),
        detected_at: Some(MIDNIGHT + minute * MINUTE),
        severity: Some(minute as f64 / 100.0),
        sales_total: Some(10_000 * i128::from(minute)),
        ..Report::default()
    }
}

/// Store 1 has an event from 00:10 to 00:20 and one that is open at the end, 02:30 to 02:50.
pub(super) fn input() -> Input {
    let reports = [10, 20, 150, 160, 170].map(|minute| report("1", "x", minute));
    Input { reports: reports.into(), ..Input::default() }
}

pub(super) fn run(name: &str, start: i64, end: i64) -> Params {
    Params {
        gap: 30 * MINUTE,
        max_event_duration: 7 * 24 * HOUR,
        max_lookback: 30 * 24 * HOUR,
        start: MIDNIGHT + start,
        end: MIDNIGHT + end,
        run_id: name.to_owned(),
    }
}

pub(super) fn event(minute: i64) -> String {
    id("1", MIDNIGHT + minute * MINUTE)
}

pub(super) fn edit(
    edit_id: &str,
    event_id: &str,
    field: &str,
    value: &str,
    second: i64,
) -> EditRow {
    EditRow {
        edit_id: Some(edit_id.to_owned()),
        edited_at: Some(MIDNIGHT + second * 1_000_000),
        event_id: Some(event_id.to_owned()),
        field: Some(field.to_owned()),
        new_value: Some(value.to_owned()),
        edited_by: Some("ann".to_owned()),
        reason: None,
    }
}

fn day() -> Scene {
    Scene::new(&input(), &[run("day", 0, 3 * HOUR)])
}

pub(super) fn of<'r>(rows: &'r [Row], event_id: &str) -> &'r Row {
    let is_it = |row: &&Row| row["event_id"] == Cell::Text(event_id.to_owned());
    rows.iter().find(is_it).unwrap()
}

#[test]
fn an_open_event_has_the_figures_of_its_last_covered_tick() {
    let scene = day();
    let rows = scene.rows(&["--open"]);
    assert_eq!(rows.len(), 1);
    let open = of(&rows, &event(150));
    assert_eq!(open["severity_score"], Cell::Double(1.7));
    assert_eq!(open["attributed_sales_total"], Cell::Amount(10_000 * (150 + 160 + 170)));
    assert_eq!(open["written_at"], Cell::Instant(MIDNIGHT + 170 * MINUTE));
    let then = clock_text(MIDNIGHT + 165 * MINUTE);
    let rows = scene.rows(&["--as-of", &then]);
    assert_eq!(of(&rows, &event(150))["severity_score"], Cell::Double(1.6));
    let then = clock_text(MIDNIGHT + 25 * MINUTE);
    let rows = scene.rows(&["--as-of", &then]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["event_status"], Cell::Text("active".to_owned()));
    assert_eq!(scene.rows(&["--from", "2025-01-02"]), Vec::<Row>::new());
}

#[test]
fn an_explanation_shows_the_edits_that_lie_over_the_event_and_what_became_of_each() {
    let scene = day();
    let evil = "\u{1b}[2Jheavy\nrain";
    let edits = [
        edit("e1", &event(10), "proposed_cause", evil, 1),
        edit("e2", &event(10), "verdict", "perhaps", 2),
        edit("e3", &event(10), "revert", "e1", 3),
        edit("e4", &event(150), "note", "of another event", 4),
    ];
    scene.write_edits("a.parquet", &edits);
    let explained = scene.says("explain", &["--event", &event(10), "--as", "json"]);
    let explained: Value = serde_json::from_slice(&explained).unwrap();
    let shown = explained["edits"].as_array().unwrap();
    let ids: Vec<_> = shown.iter().map(|edit| edit["edit_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["e1", "e3", "e2"]);
    assert_eq!(shown[0]["changed"], "proposed_cause");
    assert_eq!((&shown[0]["before"], &shown[0]["holds"]), (&Value::Null, &false.into()));
    assert_eq!(
        (&shown[1]["changed"], &shown[1]["before"]),
        (&"proposed_cause".into(), &evil.into())
    );
    assert!(shown[2]["unapplied_because"].as_str().unwrap().contains("perhaps"), "{shown:#?}");
    let page = String::from_utf8(scene.says("explain", &["--event", &event(10)])).unwrap();
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    for words in
        ["ann set proposed_cause to", "was taken back; proposed_cause was null", "does not"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn runs_that_say_different_things_are_a_conflict_that_names_both_and_the_columns() {
    let lake = Lake::new(&input(), Shape::PLAIN);
    let early = run("early", 0, HOUR);
    assert_eq!(lake.run(&early, &[]).exit, 0);
    // A row comes late, and another run covers the same hour.
    let mut late = input();
    late.reports.push(Report { ingested_at: Some(1), severity: Some(9.0), ..report("1", "x", 20) });
    let later = Lake::new(&late, Shape::PLAIN);
    for entry in std::fs::read_dir(later.path()).unwrap().map(Result::unwrap) {
        let to = lake.path().join(entry.file_name());
        std::fs::remove_dir_all(&to).unwrap();
        std::fs::rename(entry.path(), to).unwrap();
    }
    assert_eq!(lake.run(&run("late", 0, 2 * HOUR), &[]).exit, 0);
    let scene = Scene::over(lake, &early);
    let rows = scene.rows(&[]);
    let row = of(&rows, &event(10));
    assert_eq!(row["severity_score"], Cell::Null);
    assert_eq!(row["run_id"], Cell::Text("early".to_owned()));
    let json = scene.json("registry", &["--as", "jsonl"]);
    let conflicts =
        &json.iter().find(|row| row["event_id"] == event(10).as_str()).unwrap()["conflicts"];
    assert_eq!(conflicts[0]["columns"], serde_json::json!(["severity_score"]));
    let runs = conflicts[0]["runs"].as_array().unwrap();
    let said: Vec<_> =
        runs.iter().map(|run| (&run["run_id"], &run["says"]["severity_score"])).collect();
    assert_eq!(
        format!("{said:?}"),
        r#"[(String("early"), String("0.2")), (String("late"), String("9"))]"#
    );
}

#[test]
fn an_open_event_of_which_two_runs_say_different_things_is_a_conflict_too() {
    let lake = Lake::new(&input(), Shape::PLAIN);
    let early = run("early", 0, 3 * HOUR);
    assert_eq!(lake.run(&early, &[]).exit, 0);
    let mut late = input();
    late.reports.push(report("1", "y", 165));
    let later = Lake::new(&late, Shape::PLAIN);
    for entry in std::fs::read_dir(later.path()).unwrap().map(Result::unwrap) {
        let to = lake.path().join(entry.file_name());
        std::fs::remove_dir_all(&to).unwrap();
        std::fs::rename(entry.path(), to).unwrap();
    }
    assert_eq!(lake.run(&run("late", 2 * HOUR, 3 * HOUR), &[]).exit, 0);
    let scene = Scene::over(lake, &early);
    let rows = scene.rows(&[]);
    let row = of(&rows, &event(150));
    assert_eq!(row["sku_count"], Cell::Null);
    assert_eq!(row["severity_score"], Cell::Double(1.7), "both say so");
    assert_eq!(of(&rows, &event(10))["conflicts"], Cell::Text("[]".to_owned()));
}

#[test]
fn an_edit_is_one_new_file_and_its_row_is_printed() {
    let scene = day();
    let rows = scene.json("edit", &["--event", &event(10), "--set", "verdict=confirmed"]);
    assert_eq!((rows.len(), &rows[0]["verdict"]), (1, &Value::from("confirmed")));
    assert_eq!(rows[0]["trail"][0]["edited_by"], "ann");
    let first = scene.edit_files();
    let again = scene.json("edit", &["--event", &event(10), "--set", "verdict=duplicate"]);
    assert_eq!(again[0]["trail"][1]["before"], "confirmed");
    let both = scene.edit_files();
    assert_eq!((first.len(), both.len()), (1, 2));
    assert!(first.iter().all(|(path, content)| both[path] == *content));
    let edit_id = again[0]["trail"][1]["edit_id"].as_str().unwrap().to_owned();
    let back = scene.json("edit", &["--event", &event(10), "--revert", &edit_id, "--reason", "no"]);
    assert_eq!(back[0]["verdict"], "confirmed");
    assert_eq!(back[0]["trail"][1]["holds"], false);
    assert_eq!(back[0]["trail"][2]["reason"], "no");
    let cleared = scene.json("edit", &["--event", &event(10), "--clear", "verdict"]);
    assert_eq!(cleared[0]["verdict"], Value::Null);
    assert_eq!(scene.rows(&[]), {
        let arguments = ["--as", "jsonl"];
        assert_eq!(scene.json("registry", &arguments)[0], cleared[0]);
        scene.rows(&[])
    });
}

#[test]
fn an_edit_that_would_not_apply_is_refused_with_the_reason_and_nothing_is_written() {
    let scene = day();
    let into_itself = format!("merged_into={}", event(10));
    let unknown = id("1", 0);
    for (event_id, set, words) in [
        (event(10), "verdict=yes", ["confirmed, false_positive", "\"yes\""]),
        (event(10), "severity_score=1", ["one of cohort_name", "\"severity_score\""]),
        (event(10), "suppressed_until=tomorrow", ["RFC 3339", "tomorrow"]),
        (event(10), &into_itself, ["into itself", "nothing was written"]),
        (unknown, "note=x", ["no event of these runs", "event_id"]),
    ] {
        scene.fails("edit", &["--event", &event_id, "--set", set], 2, &words);
    }
    scene.fails("edit", &["--event", &event(10), "--revert", "e1"], 2, &["edit_id"]);
    scene.fails("edit", &["--event", "x", "--set", "note=x"], 2, &["--event", "64"]);
    assert!(scene.edit_files().is_empty());
}

#[test]
fn a_manifest_without_an_edits_log_has_a_registry_and_takes_no_edit() {
    let lake = Lake::new(&input(), Shape::PLAIN);
    let day = run("day", 0, 3 * HOUR);
    assert_eq!(lake.run(&day, &[]).exit, 0);
    let manifest = lake.path().join("registry.json");
    let scene = Scene::over(lake, &day);
    let mut without: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    without["inputs"].as_object_mut().unwrap().remove(EDITS);
    std::fs::write(&manifest, without.to_string()).unwrap();
    assert_eq!(scene.rows(&[]).len(), 2);
    scene.fails("edit", &["--event", &event(10), "--set", "note=x"], 78, &[EDITS]);
}

#[test]
fn edits_of_an_event_that_ended_apply_and_those_of_one_that_vanished_are_listed() {
    let scene = day();
    let gone = id("1", MIDNIGHT);
    scene.write_edits(
        "a.parquet",
        &[edit("e1", &event(10), "note", "late", 9_000_000), edit("e2", &gone, "note", "x", 0)],
    );
    assert_eq!(of(&scene.rows(&[]), &event(10))["note"], Cell::Text("late".to_owned()));
    let unapplied = scene.json("registry", &["--unapplied", "--as", "jsonl"]);
    assert_eq!((unapplied.len(), &unapplied[0]["edit_id"]), (1, &Value::from("e2")));
    assert!(unapplied[0]["because"].as_str().unwrap().contains("no event of these runs"));
}

#[test]
fn a_merge_shows_both_ways_and_adds_up_and_edits_of_a_merged_event_still_apply() {
    let scene = day();
    let (first, second) = (event(10), event(150));
    scene.write_edits(
        "a.parquet",
        &[
            edit("e1", &second, "merged_into", &first, 1),
            edit("e2", &second, "note", "after", 2),
            edit("e3", &first, "merged_into", &second, 3),
        ],
    );
    let rows = scene.rows(&[]);
    let (target, merged) = (of(&rows, &first), of(&rows, &second));
    assert_eq!(target["attributed_sales_total"], Cell::Amount(10_000 * (10 + 20 + 480)));
    assert_eq!(target["own_attributed_sales_total"], Cell::Amount(10_000 * 30));
    assert_eq!(target["merged_from"], Cell::Text(format!("[\"{second}\"]")));
    assert_eq!(merged["merged_into"], Cell::Text(first.clone()));
    assert_eq!(merged["note"], Cell::Text("after".to_owned()));
    let unapplied = scene.json("registry", &["--unapplied", "--as", "jsonl"]);
    assert_eq!(unapplied.len(), 1);
    scene.write_edits("b.parquet", &[edit("e4", &second, "revert", "e1", 4)]);
    let rows = scene.rows(&[]);
    assert_eq!(of(&rows, &first)["merged_from"], Cell::Text("[]".to_owned()));
}

#[test]
fn labels_name_the_events_that_people_judged_with_their_skus() {
    let mut input = input();
    input.reports.push(report("1", "y", 12));
    let scene = Scene::new(&input, &[run("day", 0, 3 * HOUR)]);
    scene.write_edits("a.parquet", &[edit("e1", &event(10), "verdict", "planned_activity", 1)]);
    let labels = scene.json("edit", &["--export-labels"]);
    assert_eq!(labels.len(), 1);
    assert_eq!(labels[0]["event_id"], event(10).as_str());
    assert_eq!(labels[0]["skus"], serde_json::json!(["x", "y"]));
    assert_eq!(labels[0]["window_end"], clock_text(MIDNIGHT + 20 * MINUTE).as_str());
    assert_eq!(labels[0]["verdict"], "planned_activity");
}

#[test]
fn only_what_a_lineage_lists_counts_and_a_part_that_is_damaged_or_gone_is_refused() {
    let scene = day();
    let out = scene.lake.path().join("out/events/run=day");
    std::fs::write(out.join("part-00009-0123456789abcdef.parquet"), b"junk").unwrap();
    assert_eq!(scene.rows(&[]).len(), 2);
    let parts = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let part = parts.into_iter().find(|path| !path.to_string_lossy().contains("00009")).unwrap();
    let content = std::fs::read(&part).unwrap();
    std::fs::write(&part, &content[1..]).unwrap();
    let name = part.file_name().unwrap().to_str().unwrap();
    scene.fails("registry", &[], 65, &[name, "SHA-256"]);
    std::fs::remove_file(&part).unwrap();
    scene.fails("registry", &[], 65, &[name, "found nothing"]);
    std::fs::remove_dir_all(scene.lake.path().join("out/lineage")).unwrap();
    assert_eq!(scene.rows(&[]), Vec::<Row>::new());
}

#[test]
fn what_reruns_have_replaced_is_not_even_listed() {
    let scene = day();
    let folder = scene.lake.path().join("out/lineage/run=day/superseded");
    std::fs::create_dir_all(&folder).unwrap();
    // A listing of all that is there would not end.
    std::os::unix::fs::symlink(&folder, folder.join("again")).unwrap();
    assert_eq!(scene.rows(&[]).len(), 2);
}

#[test]
fn an_edits_log_of_garbage_is_refused_by_name() {
    let scene = day();
    let folder = scene.lake.path().join("edits");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("edits.parquet"), b"this is no Parquet file at all").unwrap();
    scene.fails("registry", &[], 65, &["edits.parquet", "expected a Parquet file"]);
}

#[test]
fn hostile_texts_neither_break_the_table_nor_the_lines_of_json() {
    let hostile = "a|b\u{1b}[31m\u{202e}\r\n\u{0}\u{9b}<script>\u{2028}\"\\";
    let scene = day();
    let mut rows = Vec::new();
    for (number, field) in
        ["note", "cohort_name", "assignee", "close_reason", "verdict", "x"].into_iter().enumerate()
    {
        rows.push(EditRow {
            edited_by: Some(hostile.to_owned()),
            reason: Some(hostile.to_owned()),
            ..edit(&format!("{hostile}{number}"), &event(10), field, hostile, 1)
        });
    }
    rows.push(EditRow { event_id: Some(hostile.to_owned()), ..rows[0].clone() });
    rows[6].field = Some(hostile.to_owned());
    rows[6].edit_id = Some(hostile.to_owned());
    scene.write_edits("a.parquet", &rows);
    for arguments in [
        &["--as", "table"][..],
        &["--as", "jsonl"],
        &["--unapplied"],
        &["--unapplied", "--as", "jsonl"],
    ] {
        let said = String::from_utf8(scene.says("registry", arguments)).unwrap();
        let bad = |c: char| {
            (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2028}' | '\u{9b}')
        };
        assert!(!said.contains(bad), "{arguments:?}: {said:?}");
    }
    let json = scene.json("registry", &["--as", "jsonl"]);
    assert_eq!(json[0]["note"], hostile, "it reads back as it was");
    assert_eq!(json[0]["cohort_name"], hostile);
    let unapplied = scene.json("registry", &["--unapplied", "--as", "jsonl"]);
    assert_eq!(unapplied.len(), 3);
}

#[test]
fn one_store_is_shown_alone() {
    let mut input = input();
    input.reports.push(report("2", "x", 15));
    let scene = Scene::new(&input, &[run("day", 0, 3 * HOUR)]);
    assert_eq!(scene.rows(&[]).len(), 3);
    let rows = scene.rows(&["--store", "2"]);
    assert_eq!((rows.len(), &rows[0]["store_id"]), (1, &Cell::Text("2".to_owned())));
}

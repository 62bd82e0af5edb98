//! `cohort rerun` and `cohort files`: what stands on a committed run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::sample;

/// A sample whose manifest names no run and no interval, as those of scheduled runs do.
struct Lake {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Lake {
    fn new() -> Self {
        let (folder, root) = sample::write(3);
        let lake = Self { _folder: folder, root };
        lake.change_manifest(|m| {
            let keys = m.as_object_mut().unwrap();
            for key in ["run_id", "interval", "demo_run_config"] {
                keys.remove(key);
            }
        });
        lake
    }

    fn change_manifest(&self, change: impl FnOnce(&mut Value)) {
        sample::change_manifest(&self.root, change);
    }

    fn job(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(crate::binary::binary());
        command.args(arguments).current_dir(&self.root).env_remove("RUST_LOG").output().unwrap()
    }

    /// A command that must succeed: its stdout.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.job(arguments);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {log}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that must fail with this exit code and one line that contains all of `words`.
    #[track_caller]
    fn fails(&self, arguments: &[&str], exit: i32, words: &[&str]) {
        let output = self.job(arguments);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {log}");
        let last = log.lines().rfind(|line| line.starts_with("cohort: ")).unwrap_or_default();
        for word in words {
            assert!(last.contains(word), "{word:?} is not in {log}");
        }
    }

    /// The run of a day.
    #[track_caller]
    fn day(&self, day: &str, next: &str) -> Value {
        let (start, end) = (format!("{day}T00:00:00Z"), format!("{next}T00:00:00Z"));
        let run = ["run", "--manifest", "run_manifest.json", "--run-id", day];
        let interval = ["--interval-start", &start, "--interval-end", &end];
        serde_json::from_str(&self.says(&[&run[..], &interval[..]].concat())).unwrap()
    }

    #[track_caller]
    fn rerun(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[&["rerun"], arguments].concat())).unwrap()
    }

    /// Every file below the outputs, by its relative path.
    fn outputs(&self) -> BTreeMap<String, Vec<u8>> {
        crate::lake::files_under(&self.root.join("out"))
    }

    fn lineage(&self, run_id: &str) -> PathBuf {
        self.root.join(format!("out/lineage/run={run_id}/lineage.json"))
    }
}

const DAYS: [(&str, &str); 2] = [("2024-12-31", "2025-01-01"), ("2025-01-01", "2025-01-02")];
const BY_NAME: [&str; 4] = ["--manifest", "run_manifest.json", "--run-id", "2024-12-31"];

#[test]
fn a_rerun_by_its_name_alone_repeats_interval_and_settings() {
    let lake = Lake::new();
    let run = lake.day(DAYS[0].0, DAYS[0].1);
    let before = lake.outputs();
    // What has changed in the manifest since then makes no difference: it only finds the lineage.
    lake.change_manifest(|m| m["gap"] = json!("PT2H"));
    let rerun = lake.rerun(&BY_NAME);
    assert_eq!((&rerun["status"], &rerun["interval"]), (&json!("unchanged"), &run["interval"]));
    let lineage = lake.lineage("2024-12-31");
    let again = lake.rerun(&["--lineage", lineage.to_str().unwrap()]);
    assert_eq!(again["status"], "unchanged");
    assert_eq!(lake.outputs(), before);
}

#[test]
fn options_override_what_is_recorded_and_the_run_keeps_its_name() {
    let lake = Lake::new();
    lake.day(DAYS[0].0, DAYS[0].1);
    let end = ["--interval-end", "2024-12-31T12:00:00Z", "--gap", "PT1H"];
    let rerun = lake.rerun(&[&BY_NAME[..], &end[..]].concat());
    assert_eq!((&rerun["status"], &rerun["run_id"]), (&json!("replaced"), &json!("2024-12-31")));
    assert_eq!(rerun["interval"]["end"], "2024-12-31T12:00:00.000000Z");
    // From then on, that is what a rerun repeats.
    assert_eq!(lake.rerun(&BY_NAME)["status"], "unchanged");
}

#[test]
fn a_lineage_with_a_byte_order_mark_is_read() {
    let lake = Lake::new();
    lake.day(DAYS[0].0, DAYS[0].1);
    let marked = lake.root.join("marked.json");
    let lineage = fs::read(lake.lineage("2024-12-31")).unwrap();
    fs::write(&marked, [b"\xef\xbb\xbf".as_slice(), &lineage].concat()).unwrap();
    assert_eq!(lake.rerun(&["--lineage", "marked.json"])["status"], "unchanged");
}

#[test]
fn a_rerun_needs_a_committed_lineage_and_a_way_to_find_it() {
    let lake = Lake::new();
    lake.fails(&[&["rerun"], &BY_NAME[..]].concat(), 66, &["run=2024-12-31/lineage.json"]);
    lake.fails(&["rerun"], 2, &["--lineage"]);
    lake.fails(&["rerun", "--manifest", "run_manifest.json"], 2, &["--run-id"]);
    lake.fails(&["rerun", "--lineage", "x", "--manifest", "y", "--run-id", "z"], 2, &["--lineage"]);
    let wrong = ["rerun", "--manifest", "run_manifest.json", "--run-id", "a b"];
    lake.fails(&wrong, 2, &["--run-id", "' '"]);
}

#[test]
fn files_are_the_parts_that_lineages_list_in_the_order_of_time() {
    let lake = Lake::new();
    // The later day first: the order of the runs must not matter.
    for (day, next) in DAYS.iter().rev() {
        lake.day(day, next);
    }
    let files = |arguments: &[&str]| -> Vec<String> {
        let all = [&["files", "--manifest", "run_manifest.json"], arguments].concat();
        lake.says(&all).lines().map(str::to_owned).collect()
    };
    let listed = |day: &str, log: &str| -> Vec<String> {
        let lineage: Value = serde_json::from_slice(&fs::read(lake.lineage(day)).unwrap()).unwrap();
        let files = lineage["outputs"][log]["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["uri"].as_str().unwrap().to_owned()).collect()
    };
    for log in ["minority_event_log", "minority_reports_cohorted_log"] {
        let both = [listed("2024-12-31", log), listed("2025-01-01", log)].concat();
        assert_eq!(files(&["--log", log]), both);
        assert_eq!(files(&["--log", log, "--to", "2025-01-01"]), listed("2024-12-31", log));
        assert_eq!(files(&["--log", log, "--from", "2025-01-01"]), listed("2025-01-01", log));
        assert_eq!(files(&["--log", log, "--run-id", "2025-01-01"]), listed("2025-01-01", log));
    }
    // The default is the registry's log. What no lineage lists is no part of any run.
    let events = files(&[]);
    fs::write(lake.root.join("out/minority_event_log/run=2024-12-31/part-x.parquet"), "x").unwrap();
    fs::create_dir_all(lake.root.join("out/lineage/run=never-committed")).unwrap();
    assert_eq!(files(&[]), events);
    assert_eq!(files(&["--from", "2031-01-01"]), Vec::<String>::new());
}

#[test]
fn files_refuse_a_part_that_is_missing_or_damaged_and_name_it() {
    let lake = Lake::new();
    lake.day(DAYS[0].0, DAYS[0].1);
    let files = ["files", "--manifest", "run_manifest.json"];
    let part = lake.says(&files).trim().to_owned();
    let path = Path::new(part.strip_prefix("file://").unwrap());
    let content = fs::read(path).unwrap();
    let mut damaged = content.clone();
    damaged[100] ^= 1;
    fs::write(path, damaged).unwrap();
    lake.fails(&files, 65, &[&part, "SHA-256"]);
    fs::remove_file(path).unwrap();
    lake.fails(&files, 65, &[&part, "nothing"]);
    fs::write(path, content).unwrap();
    assert_eq!(lake.says(&files).trim(), part);
}

#[test]
fn files_refuse_a_log_a_date_or_a_name_that_is_none() {
    let lake = Lake::new();
    let files = |arguments: &[&'static str]| {
        [&["files", "--manifest", "run_manifest.json"], arguments].concat()
    };
    lake.fails(&files(&["--log", "minority_events"]), 2, &["--log", "minority_event_log"]);
    lake.fails(&files(&["--from", "yesterday"]), 2, &["--from", "yesterday"]);
    lake.fails(&files(&["--run-id", "a b"]), 2, &["--run-id"]);
    lake.fails(&files(&["--run-id", "nobody"]), 66, &["run=nobody/lineage.json"]);
}

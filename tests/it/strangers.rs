//! What others leave in a run's folders, and damage, on local disk. No link is followed, only the
//! job's own files are deleted, and a part is its digest. `s3_strangers` has the same on S3.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::attack::{Attacked, last_word};
use crate::sample;

struct Lake {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Lake {
    fn new() -> Self {
        let (folder, root) = sample::write(2);
        Self { _folder: folder, root }
    }

    fn with_manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        sample::change_manifest(&self.root, change);
        self
    }

    fn job(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(crate::binary::binary());
        command.args(["run", "--manifest", "run_manifest.json"]).args(arguments);
        command.current_dir(&self.root).env_remove("RUST_LOG").output().unwrap()
    }

    /// A run that must succeed: its status and what it logged.
    #[track_caller]
    fn runs(&self, arguments: &[&str]) -> (String, String) {
        let output = self.job(arguments);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{log}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        (summary["status"].as_str().unwrap().to_owned(), log)
    }

    /// A run that must fail with this exit code and one line that contains all of `says`.
    #[track_caller]
    fn fails(&self, arguments: &[&str], exit: i32, says: &[&str]) {
        let output = self.job(arguments);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{log}");
        let last = log.lines().rfind(|line| line.starts_with("cohort: ")).unwrap_or_default();
        for word in says {
            assert!(last.contains(word), "{word:?} is not in {log}");
        }
    }

    /// The only folder of a run below an output.
    fn run_folder(&self, output: &str) -> PathBuf {
        let folder = self.root.join("out").join(output);
        let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.next().unwrap()
    }

    fn lineage(&self) -> Vec<u8> {
        fs::read(self.run_folder("lineage").join("lineage.json")).unwrap()
    }

    /// A part that the committed lineage lists.
    fn part(&self, log: &str) -> PathBuf {
        let lineage: Value = serde_json::from_slice(&self.lineage()).unwrap();
        let uri = lineage["outputs"][log]["files"][0]["uri"].as_str().unwrap();
        PathBuf::from(uri.strip_prefix("file://").unwrap())
    }
}

const MRDL: &str = "minority_reports_detected_log";
const MELOG: &str = "minority_event_log";
const OUTPUTS: [&str; 3] = ["minority_reports_cohorted_log", MELOG, "lineage"];
const OWN_NAME: &str = "part-00000-0123456789abcdef.parquet";

#[test]
fn nothing_below_a_runs_folder_is_followed_and_strangers_stay() {
    let lake = Lake::new();
    lake.runs(&["--gap", "PT10M"]);
    let elsewhere = lake.root.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["precious", OWN_NAME] {
        fs::write(elsewhere.join(name), "precious").unwrap();
    }
    let mut strangers = Vec::new();
    for output in OUTPUTS {
        let run = lake.run_folder(output);
        symlink(&elsewhere, run.join("linked")).unwrap();
        symlink(elsewhere.join(OWN_NAME), run.join("part-00001-0123456789abcdef.parquet")).unwrap();
        symlink("nowhere", run.join("dangling")).unwrap();
        fs::create_dir(run.join("folder")).unwrap();
        fs::create_dir(run.join("part-00002-0123456789abcdef.parquet")).unwrap();
        for name in ["notes.txt", "part-1.parquet", "folder/part-00000-0123456789abcdef.parquet"] {
            fs::write(run.join(name), "a stranger's").unwrap();
        }
        for entry in fs::read_dir(&run).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let own = fs::symlink_metadata(&path).unwrap().is_file() && name.starts_with("part-0");
            if !own && name != "lineage.json" {
                strangers.push(path);
            }
        }
    }
    let (_, log) = lake.runs(&["--gap", "PT1H"]);
    for name in ["precious", OWN_NAME] {
        assert_eq!(fs::read_to_string(elsewhere.join(name)).unwrap(), "precious");
    }
    for path in &strangers {
        assert!(fs::symlink_metadata(path).is_ok(), "{} was deleted", path.display());
    }
    for output in OUTPUTS {
        let inner = lake.run_folder(output).join("folder").join(OWN_NAME);
        assert!(inner.exists(), "{} was deleted", inner.display());
    }
    assert!(strangers.len() > 15, "{strangers:?}");
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("notes.txt")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    // A file with a name of the job's own making belongs to an earlier run, and is deleted.
    let left = lake.run_folder(MELOG).join(OWN_NAME);
    fs::write(&left, "left over").unwrap();
    lake.runs(&["--gap", "PT1H"]);
    assert!(!left.exists());
}

#[test]
fn a_runs_folder_that_is_a_link_is_not_written_through() {
    let lake = Lake::new();
    lake.runs(&[]);
    let folder = lake.run_folder(MELOG);
    let elsewhere = lake.root.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join(OWN_NAME), "precious").unwrap();
    fs::remove_dir_all(&folder).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    lake.fails(&[], 78, &["minority_event_log/run=", "a link"]);
    let left: Vec<_> = fs::read_dir(&elsewhere).unwrap().map(|one| one.unwrap().path()).collect();
    assert_eq!(left, [elsewhere.join(OWN_NAME)]);
}

#[test]
fn a_damaged_or_missing_part_is_mended_by_a_rerun() {
    let lake = Lake::new();
    lake.runs(&[]);
    let (part, lineage) = (lake.part(MELOG), lake.lineage());
    let whole = fs::read(&part).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damage in [Some(flipped), Some(whole[..9].to_vec()), Some(Vec::new()), None] {
        match &damage {
            Some(content) => fs::write(&part, content).unwrap(),
            None => fs::remove_file(&part).unwrap(),
        }
        let (status, log) = lake.runs(&[]);
        assert_eq!(status, "committed");
        assert!(fs::read(&part).unwrap() == whole, "the part was not mended");
        assert!(damage.is_none() || log.contains("mended"), "{log}");
        assert_eq!(lake.lineage(), lineage);
        assert_eq!(lake.runs(&[]).0, "unchanged");
    }
}

#[test]
fn what_is_no_file_under_the_name_of_a_part_is_named_and_left() {
    let lake = Lake::new();
    lake.runs(&[]);
    let part = lake.part(MELOG);
    let name = part.file_name().unwrap().to_str().unwrap().to_owned();
    let target = lake.root.join("target");
    fs::copy(&part, &target).unwrap();
    fs::remove_file(&part).unwrap();
    fs::create_dir(&part).unwrap();
    lake.fails(&[], 65, &[&name, "a folder", "move it away"]);
    fs::remove_dir(&part).unwrap();
    for to in ["nowhere", target.to_str().unwrap()] {
        symlink(to, &part).unwrap();
        lake.fails(&[], 65, &[&name, "a link", "move it away"]);
        assert!(fs::symlink_metadata(&part).unwrap().is_symlink());
        fs::remove_file(&part).unwrap();
    }
    let lineage = lake.run_folder("lineage").join("lineage.json");
    fs::rename(&lineage, lake.root.join("lineage.json")).unwrap();
    symlink(lake.root.join("lineage.json"), &lineage).unwrap();
    lake.fails(&[], 65, &["lineage.json", "a link", "move it away"]);
}

#[test]
fn show_refuses_a_damaged_part() {
    let lake = Lake::new();
    lake.runs(&[]);
    let part = lake.part(MELOG);
    let mut content = fs::read(&part).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&part, content).unwrap();
    let mut show = Command::new(crate::binary::binary());
    show.arg("show").arg("--lineage").arg(lake.run_folder("lineage").join("lineage.json"));
    let output = show.output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(65), "{log}");
    assert!(log.contains(part.to_str().unwrap()) && log.contains("SHA-256"), "{log}");
}

/// The file and the folder of a log's last day.
fn day_of(lake: &Lake, log: &str) -> (PathBuf, PathBuf) {
    let day = lake.root.join(log).join("date=2025-01-01");
    (fs::read_dir(&day).unwrap().next().unwrap().unwrap().path(), day)
}

fn replace_by_dangling_link(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    symlink("/nowhere/at-all", path).unwrap();
}

#[test]
fn an_input_whose_target_is_missing_is_no_empty_input() {
    for log in [MRDL, "baseline_sales_model_prediction_log", "all_campaign_data"] {
        let lake = Lake::new();
        let path = match log {
            "all_campaign_data" => {
                fs::read_dir(lake.root.join(log)).unwrap().next().unwrap().unwrap().path()
            }
            log => day_of(&lake, log).0,
        };
        replace_by_dangling_link(&path);
        lake.fails(&[], 66, &[path.to_str().unwrap(), "a link"]);
    }
    let lake = Lake::new();
    let (_, day) = day_of(&lake, MRDL);
    replace_by_dangling_link(&day);
    lake.fails(&[], 66, &[day.to_str().unwrap(), "a link"]);
    let lake = Lake::new();
    let dataset = lake.root.join("baseline_sales_model_prediction_log");
    replace_by_dangling_link(&dataset);
    lake.fails(&[], 66, &[dataset.to_str().unwrap()]);
}

#[test]
fn a_hidden_link_whose_target_is_missing_is_ignored_and_sound_links_are_followed() {
    let lake = Lake::new();
    let (file, day) = day_of(&lake, MRDL);
    symlink("user@host.123", day.join(".#part.parquet")).unwrap();
    let elsewhere = lake.root.join("elsewhere.parquet");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    lake.runs(&[]);
}

#[test]
fn a_link_that_leads_in_a_circle_is_named() {
    let lake = Lake::new();
    let (_, day) = day_of(&lake, MRDL);
    symlink(".", day.join("again")).unwrap();
    lake.fails(&[], 78, &["again", "circle"]);
    let lake = Lake::new();
    let (_, day) = day_of(&lake, MRDL);
    symlink("itself.parquet", day.join("itself.parquet")).unwrap();
    lake.fails(&[], 78, &["itself.parquet"]);
}

#[test]
fn memory_is_no_place_for_a_run() {
    let lake = Lake::new();
    let output = Command::new(crate::binary::binary())
        .args(["run", "--manifest", "memory:///run_manifest.json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let lake = lake.with_manifest(|m| m["outputs"]["lineage"] = json!("memory:///lineage/"));
    lake.fails(&[], 78, &["memory:///lineage/", "s3://"]);
}

#[test]
fn a_run_id_whose_folder_local_disk_cannot_hold_is_refused_before_anything_is_computed() {
    let lake = Lake::new();
    let (file, _) = day_of(&lake, MRDL);
    fs::write(file, "no Parquet").unwrap();
    lake.fails(&["--run-id", &":".repeat(84)], 78, &["at most 255 bytes", "shorter run_id"]);
    assert!(!lake.root.join("out").exists());
}

#[test]
fn a_rerun_that_differs_says_what_differs() {
    let lake = Lake::new();
    assert_eq!(lake.runs(&[]).0, "committed");
    let (status, log) = lake.runs(&[]);
    assert_eq!((status.as_str(), log.contains("replaces")), ("unchanged", false), "{log}");
    let warned = |log: &str, words: &[&str]| {
        let lines: Vec<_> = log.lines().filter(|line| line.contains("replaces")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        for word in words {
            assert!(lines[0].contains(word), "{word} is not in {log}");
        }
    };
    let (status, log) = lake.runs(&["--gap", "PT10M"]);
    assert_eq!(status, "replaced");
    warned(&log, &["gap", "PT1H before", "PT10M now"]);
    let (status, log) = lake.runs(&["--interval-end", "2025-01-01T12:00:00Z"]);
    assert_eq!(status, "replaced");
    warned(&log, &["gap", "interval"]);
    // Late data.
    let (file, day) = day_of(&lake, MRDL);
    lake.runs(&[]);
    fs::copy(&file, day.join("late.parquet")).unwrap();
    let (status, log) = lake.runs(&[]);
    assert_eq!(status, "replaced");
    warned(&log, &["inputs", MRDL]);
    let old = lake.run_folder(MELOG);
    let lake = lake.with_manifest(|m| m["outputs"][MELOG] = json!("out/moved"));
    let (status, log) = lake.runs(&[]);
    assert_eq!(status, "replaced");
    warned(&log, &["outputs", "moved", old.to_str().unwrap()]);
}

#[test]
fn a_run_that_expects_the_same_replaces_nothing() {
    let lake = Lake::new();
    lake.runs(&["--expect-same"]);
    let before = lake.lineage();
    assert_eq!(lake.runs(&["--expect-same"]).0, "unchanged");
    lake.fails(&["--expect-same", "--gap", "PT10M"], 78, &["lineage.json", "gap", "PT10M"]);
    assert_eq!(lake.lineage(), before);
    let names = |folder: PathBuf| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name()).collect()
    };
    assert_eq!(names(lake.run_folder("lineage")).len(), 1, "history was written");
    assert_eq!(names(lake.run_folder(MELOG)).len(), 1, "a part was written");
}

#[test]
fn history_is_not_kept_where_the_manifest_says_so() {
    let kept = |lake: &Lake| lake.run_folder("lineage").join("superseded").exists();
    let lake = Lake::new().with_manifest(|m| m["keep_superseded"] = json!(false));
    lake.runs(&[]);
    lake.runs(&["--gap", "PT10M"]);
    assert!(!kept(&lake));
    let lake = lake.with_manifest(|m| m["keep_superseded"] = json!(true));
    lake.runs(&["--gap", "PT1H"]);
    assert!(kept(&lake));
}

/// Input files that change without changing any row give another lineage over the same parts.
#[test]
fn two_lineages_over_the_same_parts_are_both_kept() {
    let lake = Lake::new();
    let mut replaced = Vec::new();
    let (file, day) = day_of(&lake, MRDL);
    for round in 0..3 {
        lake.runs(&[]);
        replaced.push(lake.lineage());
        fs::copy(&file, day.join(format!("twice-{round}.parquet"))).unwrap();
    }
    lake.runs(&["--gap", "PT10M"]);
    let history = lake.run_folder("lineage").join("superseded");
    let folder = fs::read_dir(history).unwrap().next().unwrap().unwrap().path();
    let mut kept: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    kept.sort();
    replaced.sort();
    assert_eq!(kept, replaced);
}

/// A pipe waits for somebody who writes into it, and nobody may ever come.
#[test]
fn a_pipe_in_the_place_of_a_file_makes_nobody_wait() {
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    let manifest = lake.root.join("run_manifest.json");
    let (lineage, _) = lake.lineage();
    let (other, pipe) = ((65, "found neither a file nor a folder"), (78, "found a pipe"));
    for (place, arguments, (exit, says)) in [
        (&lineage, ["show", "--lineage", lineage.to_str().unwrap()].as_slice(), other),
        (&lineage, &["files", "--manifest", manifest.to_str().unwrap()], other),
        (&manifest, &["run", "--manifest", manifest.to_str().unwrap()], pipe),
    ] {
        let aside = place.with_extension("aside");
        fs::rename(place, &aside).unwrap();
        assert!(Command::new("mkfifo").arg(place).status().unwrap().success());
        let mut waiting = Command::new("timeout");
        waiting.args(["-s", "KILL", "60"]).arg(crate::binary::binary()).args(arguments);
        let done = waiting.output().unwrap();
        fs::rename(&aside, place).unwrap();
        assert_eq!(done.status.code(), Some(exit), "{done:?}");
        assert!(last_word(&done).contains(says), "{done:?}");
    }
}

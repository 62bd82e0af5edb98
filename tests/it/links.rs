//! What lies in the place of what the job looks for: links, strangers without a name in UTF-8,
//! locks, files in the place of folders, and time without an end.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::attack::{Attacked, last_word};
use crate::sample;

const MANIFEST: [&str; 2] = ["--manifest", "run_manifest.json"];

/// A lake that has been run.
fn committed() -> Attacked {
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    lake
}

#[track_caller]
fn fails(lake: &Attacked, arguments: &[&str], exit: i32, says: &[&str]) {
    let done = lake.cohort(arguments);
    assert_eq!(done.status.code(), Some(exit), "{arguments:?}: {done:?}");
    let line = last_word(&done);
    for word in says {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

/// Moves a file away and leaves a link to it.
fn linked(path: &Path) {
    let aside = path.parent().unwrap().parent().unwrap().join("aside");
    fs::rename(path, &aside).unwrap();
    symlink(aside, path).unwrap();
}

fn part(lake: &Attacked) -> PathBuf {
    let (_, lineage) = lake.lineage();
    let uri = &lineage["outputs"]["minority_event_log"]["files"][0]["uri"];
    PathBuf::from(uri.as_str().unwrap().strip_prefix("file://").unwrap())
}

/// Show, the registry and history once followed it.
#[test]
fn nothing_in_a_runs_folder_is_read_through_a_link() {
    for of_lineage in [true, false] {
        let lake = committed();
        let (lineage, _) = lake.lineage();
        linked(&if of_lineage { lineage.clone() } else { part(&lake) });
        let lineage = lineage.to_str().unwrap();
        for command in [
            &["show", "--lineage", lineage][..],
            &["files", MANIFEST[0], MANIFEST[1]],
            &["registry", MANIFEST[0], MANIFEST[1]],
            &["run", MANIFEST[0], MANIFEST[1]],
        ] {
            fails(&lake, command, 65, &["a link", "move it away"]);
        }
        let verified = lake.cohort(&["verify", MANIFEST[0], MANIFEST[1]]);
        assert_eq!(verified.status.code(), Some(1), "{verified:?}");
        assert!(String::from_utf8_lossy(&verified.stdout).contains("a link"), "{verified:?}");
    }
}

/// Step 4 of the commit once waited for it for ever.
#[test]
fn a_lock_that_another_process_keeps_is_a_failure_that_names_it() {
    let lake = committed();
    let folder = fs::File::open(part(&lake).parent().unwrap()).unwrap();
    folder.lock_shared().unwrap();
    let done =
        lake.limited("timeout", &["-s", "KILL", "60"]).args(["--gap", "PT10M"]).output().unwrap();
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("flock"), "{done:?}");
    drop(folder);
    let done = lake.limited("env", &[]).args(["--gap", "PT10M"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

/// It was once neither counted nor named.
#[test]
fn a_stranger_whose_name_is_no_text_is_named_and_stays() {
    let lake = committed();
    let name = OsStr::from_bytes(b"part-\xff.parquet");
    let stranger = part(&lake).with_file_name(name);
    fs::write(&stranger, "a stranger's").unwrap();
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr);
    let warned = said.lines().find(|line| line.contains("found what this job did not write"));
    let warned = warned.unwrap_or_else(|| panic!("{said}"));
    assert!(warned.contains("\"count\":1,") && warned.contains("xff.parquet"), "{said}");
    assert!(stranger.exists());
}

/// It was once read through no link, as if a run had written it.
#[test]
fn a_manifest_in_a_folder_with_the_name_of_a_run_may_be_a_link() {
    let lake = committed();
    let folder = lake.root.join("run=jobs");
    fs::create_dir(&folder).unwrap();
    symlink(lake.root.join("run_manifest.json"), folder.join("manifest.json")).unwrap();
    let manifest = folder.join("manifest.json");
    let text = fs::read_to_string(lake.root.join("run_manifest.json")).unwrap();
    let root = lake.root.to_str().unwrap();
    let mut absolute: serde_json::Value = serde_json::from_str(&text).unwrap();
    for logs in ["inputs", "outputs"] {
        for log in absolute[logs].as_object_mut().unwrap().values_mut() {
            let place = if log.is_object() { &mut log["uri"] } else { log };
            *place = json!(format!("{root}/{}", place.as_str().unwrap()));
        }
    }
    absolute["demo_run_config"] = json!(format!("{root}/demo_run_config.json"));
    fs::write(lake.root.join("run_manifest.json"), absolute.to_string()).unwrap();
    let done = lake.cohort(&["files", "--manifest", manifest.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
}

/// It once was a path that does not exist.
#[test]
fn a_working_folder_without_a_name_in_utf_8_is_called_so() {
    let lake = Attacked::new();
    let folder = lake.root.join(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&folder).unwrap();
    let files = |manifest: &str| {
        let mut command = std::process::Command::new(crate::binary::binary());
        command.args(["files", "--manifest", manifest]).current_dir(&folder).output().unwrap()
    };
    let done = files("run_manifest.json");
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(last_word(&done).contains("UTF-8"), "{done:?}");
    // The manifest is found, and no run.
    let done = files(lake.root.join("run_manifest.json").to_str().unwrap());
    assert_ne!(done.status.code(), Some(2), "{done:?}");
}

#[test]
fn an_output_whose_folder_is_a_link_to_nothing_is_called_so() {
    let lake = Attacked::new();
    symlink("/nowhere/at-all", lake.root.join("out")).unwrap();
    let run = ["run", MANIFEST[0], MANIFEST[1]];
    fails(&lake, &run, 78, &["/out:", "a link to nothing", "restore"]);
}

/// A file in the place of all runs once was no run, and no error.
#[test]
fn a_file_in_the_place_of_the_lineages_is_no_lake_without_runs() {
    let lake = Attacked::new();
    fs::create_dir(lake.root.join("out")).unwrap();
    fs::write(lake.root.join("out/lineage"), "").unwrap();
    for command in ["files", "registry", "verify"] {
        fails(&lake, &[command, MANIFEST[0], MANIFEST[1]], 78, &["out/lineage", "a folder"]);
    }
}

#[test]
fn a_sample_in_the_place_of_a_file_is_a_wrong_command_line() {
    let lake = Attacked::new();
    for place in ["run_manifest.json", "run_manifest.json/below"] {
        fails(&lake, &["sample", place], 2, &[place, "a file"]);
    }
}

#[test]
fn a_page_does_not_replace_what_names_the_run() {
    let lake = committed();
    let before = fs::read(lake.root.join("demo_run_config.json")).unwrap();
    let page = ["page", MANIFEST[0], MANIFEST[1], "--out", "demo_run_config.json"];
    fails(&lake, &page, 2, &["demo_run_config"]);
    assert_eq!(fs::read(lake.root.join("demo_run_config.json")).unwrap(), before);
}

/// It once looked for each day of the calendar, and for each minute without an end.
#[test]
fn time_without_an_end_is_a_fault_of_the_manifest() {
    let lake = Attacked::new();
    let run = ["run", MANIFEST[0], MANIFEST[1]];
    let interval = ["--interval-start", "0001-01-01T00:00:00Z"];
    let interval = [&run[..], &interval, &["--interval-end", "9999-12-31T00:00:00Z"]].concat();
    fails(&lake, &interval, 78, &["partitions", "split the interval"]);
    let old = [&run[..], &["--max-lookback", "P1000000D"]].concat();
    fails(&lake, &old, 78, &["partitions", "max_lookback"]);
    let gap = ["--gap", "P700000D", "--max-event-duration", "P700001D"];
    fails(&lake, &[&run[..], &gap].concat(), 78, &["partitions", "gap"]);
    let years = ["--interval-start", "2016-01-01T00:00:00Z"];
    let done = lake.cohort(&[&run[..], &years].concat());
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    sample::change_manifest(&lake.root, |manifest| {
        let inputs = manifest["inputs"].as_object_mut().unwrap();
        inputs.values_mut().for_each(|input| {
            input.as_object_mut().unwrap().remove("partitioning");
        });
        manifest["max_reject_ratio"] = json!(1.0);
    });
    assert_eq!(lake.cohort(&interval).status.code(), Some(0));
}

//! What others leave in a run's folders and beside them: the job may not be able to open it, and
//! that is no reason to fail.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::attack::{ANOTHER, Attacked, last_word, may_be_another, open_to_all};
use crate::sample;

#[test]
fn what_a_run_may_not_open_in_its_folders_stays_and_harms_nothing() {
    if !may_be_another() {
        return;
    }
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    open_to_all(lake.root.parent().unwrap());
    let (lineage, _) = lake.lineage();
    let melog = lake.root.join("out/minority_event_log/run=demo__2025-01-01");
    let private = [
        melog.join("secret"),
        lineage.with_file_name("secret"),
        melog.join(".cohort-1-1.tmp"),
        lineage.with_file_name("superseded"),
    ];
    for path in &private {
        if path.extension().is_some() {
            fs::write(path, "a stranger's").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        } else {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
        }
    }
    let done = lake.limited("setpriv", &ANOTHER).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(private.iter().all(|path| path.exists()));
}

#[test]
fn strangers_in_the_history_are_named_and_left_out_of_it() {
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    let (lineage, _) = lake.lineage();
    let notes = lineage.with_file_name("superseded").join("notes");
    fs::create_dir_all(&notes).unwrap();
    fs::write(notes.join("lineage.json"), "not one").unwrap();
    let done = lake.cohort(&["run", "--manifest", "run_manifest.json", "--gap", "PT7M"]);
    let log = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(0), "{log}");
    assert!(log.contains("superseded/notes") && log.contains("it stays"), "{log}");
    let history = ["history", "--manifest", "run_manifest.json", "--run-id", "demo__2025-01-01"];
    let shown = lake.cohort(&history);
    assert_eq!(shown.status.code(), Some(0), "{}", String::from_utf8_lossy(&shown.stderr));
    assert!(notes.join("lineage.json").exists());
}

/// A folder that its owner alone may open.
fn private(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
}

/// Each of them once ended every command that lists runs.
#[test]
fn what_lies_beside_the_runs_is_named_once_and_left_out() {
    if !may_be_another() {
        return;
    }
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    open_to_all(lake.root.parent().unwrap());
    let outputs = ["lineage", "minority_event_log", "minority_reports_cohorted_log"];
    for output in outputs.map(|output| lake.root.join("out").join(output)) {
        private(&output.join("lost+found"));
        symlink("nowhere", output.join("run=dang")).unwrap();
        symlink("run=demo__2025-01-01", output.join("run=linked")).unwrap();
        fs::write(output.join("run=file"), "a stranger's").unwrap();
        fs::create_dir(output.join("run=a b")).unwrap();
        fs::create_dir(output.join(OsStr::from_bytes(b"run=\xff"))).unwrap();
        private(&output.join(".hidden"));
    }
    let manifest = ["--manifest", "run_manifest.json"];
    let rows = lake.cohort(&[&["registry"], &manifest[..], &["--as", "jsonl"]].concat());
    let rows = String::from_utf8(rows.stdout).unwrap();
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let event = row["event_id"].as_str().unwrap();
    for (command, more, roots) in [
        ("run", &[][..], 0),
        ("files", &[], 1),
        ("registry", &[], 1),
        ("page", &["--out", "page.html"], 1),
        ("verify", &[], 3),
        ("verify", &["--quick"], 3),
        ("explain", &["--event", event], 1),
        ("history", &["--run-id", "demo__2025-01-01"], 0),
    ] {
        let mut job = Command::new("setpriv");
        job.args(ANOTHER).arg(crate::binary::binary()).arg(command).args(manifest).args(more);
        let done = job.current_dir(&lake.root).env_remove("RUST_LOG").output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{command}: {said}");
        let warned: Vec<_> = said.lines().filter(|line| line.contains("no run")).collect();
        assert_eq!(warned.len(), roots, "{command}: {said}");
        for line in warned {
            for name in ["lost+found", "run=dang", "run=linked", "run=file", "run=a b", "xff"] {
                assert!(line.contains(name), "{command}: {name} is not in {line}");
            }
            assert!(!line.contains("hidden") && !line.contains("demo__"), "{line}");
        }
    }
}

/// A lake on a disk of its own has it. What may be a partition is an error as before.
#[test]
fn what_a_file_system_keeps_beside_the_inputs_is_no_data() {
    if !may_be_another() {
        return;
    }
    for pattern in [true, false] {
        let lake = Attacked::new();
        sample::change_manifest(&lake.root, |manifest| {
            for input in manifest["inputs"].as_object_mut().unwrap().values_mut() {
                // With one, days are looked for with zeros and without, which lists their folder.
                if !pattern {
                    input.as_object_mut().unwrap().remove("partitioning");
                }
            }
        });
        open_to_all(lake.root.parent().unwrap());
        let day = lake.reports().parent().unwrap().to_owned();
        let dataset = day.parent().unwrap();
        private(&dataset.join("lost+found"));
        private(&dataset.join("_private"));
        if pattern {
            private(&dataset.join("notes"));
        }
        fs::write(dataset.join(OsStr::from_bytes(b".hidden-\xff")), "").unwrap();
        let run = || lake.limited("setpriv", &ANOTHER).output().unwrap();
        let done = run();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert_eq!(said.matches("lost+found").count(), 1, "{said}");
        fs::set_permissions(&day, Permissions::from_mode(0o000)).unwrap();
        let done = run();
        assert_eq!(done.status.code(), Some(77), "{done:?}");
        assert!(last_word(&done).contains("date=2025-01-01"), "{done:?}");
        fs::set_permissions(&day, Permissions::from_mode(0o777)).unwrap();
    }
}

//! What others leave in a run's folders: the run may not be able to open it, and that is no reason
//! to fail.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::attack::Attacked;

/// Lets anybody read and write all that is there.
fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            open_to_all(&path);
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        }
    }
}

/// The job, by a user who is not root.
fn by_another(lake: &Attacked) -> Output {
    let user = ["--reuid=61427", "--regid=61427", "--clear-groups"];
    lake.limited("setpriv", &user).output().unwrap()
}

#[test]
fn what_a_run_may_not_open_in_its_folders_stays_and_harms_nothing() {
    let root = Command::new("id").arg("-u").output().unwrap();
    if root.stdout != b"0\n" {
        assert!(std::env::var_os("CI").is_none(), "skipped in CI: another user takes root");
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
    let done = by_another(&lake);
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

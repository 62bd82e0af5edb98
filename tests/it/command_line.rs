//! The binary from outside: what it prints where, and its exit codes.

use std::process::{Command, Output};

fn cohort(arguments: &[&str]) -> Output {
    Command::new(crate::binary::binary())
        .args(arguments)
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn help_and_version_are_no_failures() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["help", "schema"]] {
        let done = cohort(arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}");
        assert!(!done.stdout.is_empty() && done.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_is_exit_2_and_one_line() {
    for arguments in [
        &[][..],
        &["rum"],
        &["run"],
        &["run", "--manifest"],
        &["run", "--manifest", "x", "--threads", "0"],
        &["run", "--manifest", "x", "--log-format", "xml"],
        &["schema", "manifest", "extra"],
        &["schema", "run_manifets"],
    ] {
        let done = cohort(arguments);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(done.stdout.is_empty(), "{arguments:?}");
        let said = text(&done.stderr);
        assert!(said.starts_with("cohort: ") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn schema_prints_what_it_is_asked_for() {
    let names = cohort(&["schema"]);
    let names = text(&names.stdout).lines().collect::<Vec<_>>();
    assert_eq!(names.len(), 12);
    for name in names {
        let done = cohort(&["schema", name]);
        assert_eq!(done.status.code(), Some(0));
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let file = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        assert_eq!(text(&done.stdout), file);
    }
    let wrong = cohort(&["schema", "run_manifets"]);
    assert!(text(&wrong.stderr).contains("did you mean \"run_manifest.v1\"?"));
}

#[test]
fn a_wrong_log_filter_is_exit_2() {
    let done = Command::new(crate::binary::binary())
        .arg("schema")
        .env("RUST_LOG", "cohort=shout")
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).starts_with("cohort: RUST_LOG: expected a filter"));
}

//! The binary from outside: what it prints and where, and its exit codes.

use std::process::{Command, Output};

use cohort::{Kind, Verdict};

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
    assert_eq!(names.len(), 17);
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

/// The cells of a document's table of exit codes, a row each, without the marks of code.
fn exit_codes_of(document: &str) -> Vec<[String; 3]> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(file).unwrap().replace('`', "");
    let rows = text.lines().skip_while(|line| *line != EXIT_CODES_HEAD).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            <[&str; 3]>::try_from(cells).unwrap().map(str::to_owned)
        })
        .collect()
}

const EXIT_CODES_HEAD: &str = "| exit | meaning | what the orchestrator does |";

#[test]
fn the_exit_codes_are_the_same_in_the_contract_the_readme_the_help_and_the_code() {
    let done = Verdict::ALL.map(|verdict| {
        let code = verdict.exit_code().to_string();
        [code, verdict.meaning().to_owned(), verdict.then().to_owned()]
    });
    let failures = Kind::ALL.map(|kind| {
        let then = if kind.is_retryable() { "retry" } else { "fail, do not retry" };
        [kind.exit_code().to_string(), kind.meaning().to_owned(), then.to_owned()]
    });
    let expected: Vec<_> = done.into_iter().chain(failures).collect();
    assert_eq!(exit_codes_of("SPEC.md"), expected);
    assert_eq!(exit_codes_of("README.md"), expected);
    let help = cohort(&["--help"]);
    // The help is wrapped to the width of a terminal.
    let said = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for [code, meaning, _] in expected {
        assert!(said.contains(&format!("{code} {meaning}")), "{code} {meaning}: {said}");
    }
}

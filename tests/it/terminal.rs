//! What people see on a terminal, and what files and pipes get in its place.

use std::process::Command;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::sample;

/// The environment decides on colour; tests set what they mean.
const UNSET: [&str; 5] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "RUST_LOG", "CI"];

/// Sets up a command as on a usual terminal.
fn plain(command: &mut Command) -> &mut Command {
    for name in UNSET {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color")
}

/// What a command left: its exit code, and what went to the terminal and to the pipes.
struct Left {
    exit: i64,
    terminal: String,
    stdout: String,
    stderr: String,
}

/// Runs the binary with these streams on a terminal of so many columns.
fn on_terminal(columns: u16, streams: &str, arguments: &[&str], env: &[(&str, &str)]) -> Left {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/terminal/on_terminal.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(columns.to_string()).arg(streams).arg(crate::binary::binary());
    let done = plain(&mut command).args(arguments).envs(env.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    let left: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}"));
    let text = |name: &str| left[name].as_str().unwrap().to_owned();
    Left {
        exit: left["exit"].as_i64().unwrap(),
        terminal: text("terminal"),
        stdout: text("stdout"),
        stderr: text("stderr"),
    }
}

/// Runs the binary with only pipes.
fn piped(arguments: &[&str], env: &[(&str, &str)]) -> Left {
    let mut command = Command::new(crate::binary::binary());
    let done = plain(&mut command).args(arguments).envs(env.iter().copied()).output().unwrap();
    Left {
        exit: done.status.code().unwrap().into(),
        terminal: String::new(),
        stdout: String::from_utf8(done.stdout).unwrap(),
        stderr: String::from_utf8(done.stderr).unwrap(),
    }
}

/// The text without colour and cursor codes.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = code.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    bare + rest
}

fn is_summary(text: &str) -> bool {
    let one_line = text.ends_with('\n') && text.lines().count() == 1;
    one_line && serde_json::from_str::<Value>(text).is_ok_and(|json| json["status"].is_string())
}

#[test]
fn progress_is_drawn_on_a_terminal_and_stdout_keeps_its_one_line() {
    let (_folder, root) = sample::write(2);
    let manifest = root.join("run_manifest.json");
    let run = ["run", "--manifest", manifest.to_str().unwrap()];
    let left = on_terminal(100, "err", &run, &[]);
    assert_eq!(left.exit, 0, "{}", left.terminal);
    assert!(is_summary(&left.stdout), "{}", left.stdout);
    let shown = bare(&left.terminal);
    for step in ["minority_reports", "baseline_sales", "anomaly_classifier", "events", "parts"] {
        assert!(shown.contains(&format!(" {step} ")), "{step}: {shown}");
    }
    assert!(shown.contains(" rows ") && shown.contains(" files "), "{shown}");
    // No log stands between the bars.
    assert!(!shown.contains("INFO"), "{shown}");
}

#[test]
fn the_summary_is_the_last_line_of_a_terminal_that_has_both_streams() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let left = on_terminal(80, "both", &["run", "--manifest", manifest.to_str().unwrap()], &[]);
    let shown = bare(&left.terminal).replace('\r', "\n");
    let last = shown.lines().rfind(|line| !line.trim().is_empty()).unwrap();
    assert!(is_summary(&format!("{last}\n")), "{shown}");
    // The bars were taken away before it: their lines were erased, and the cursor went back up.
    let before = &left.terminal[..left.terminal.rfind("{\"run_id\"").unwrap()];
    assert!(before.ends_with('A') && before.contains("\u{1b}[2K"), "{before:?}");
}

#[test]
fn elsewhere_a_run_logs_its_steps_as_json_and_draws_nothing() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let left = piped(&["run", "--manifest", manifest.to_str().unwrap()], &[]);
    assert!(is_summary(&left.stdout), "{}", left.stdout);
    let logs: Vec<Value> =
        left.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&str> = logs.iter().filter_map(|log| log["step"].as_str()).collect();
    assert_eq!(steps.len(), 5, "{}", left.stderr);
    assert_eq!(steps[0], "minority_reports_detected_log");
    assert_eq!(steps[3..], ["events", "parts"]);
    let reports = &logs[0];
    assert!(reports["rows"].as_u64().unwrap() > 0 && reports["bytes"].as_u64().unwrap() > 0);
    let quiet = piped(&["run", "--manifest", manifest.to_str().unwrap()], &[("RUST_LOG", "warn")]);
    assert_eq!((quiet.exit, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn progress_is_not_drawn_for_machines_or_on_a_terminal_that_cannot_move_its_cursor() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let run = ["run", "--manifest", manifest.to_str().unwrap()];
    for (more, env) in [
        (&["--no-progress"][..], &[][..]),
        (&["--log-format", "json"], &[]),
        (&[], &[("TERM", "dumb")]),
    ] {
        let left = on_terminal(100, "err", &[&run[..], more].concat(), env);
        assert_eq!(left.exit, 0, "{}", left.terminal);
        assert!(!left.terminal.contains("\u{1b}[1A"), "{:?}", left.terminal);
        assert!(!left.terminal.contains("0/"), "{:?}", left.terminal);
    }
}

#[test]
fn a_failure_leaves_its_line_last_where_progress_was() {
    let (_folder, root) = sample::write(1);
    let log = root.join("baseline_sales_model_prediction_log");
    std::fs::remove_dir_all(&log).unwrap();
    let manifest = root.join("run_manifest.json");
    let left = on_terminal(300, "both", &["run", "--manifest", manifest.to_str().unwrap()], &[]);
    assert_eq!(left.exit, 66, "{}", left.terminal);
    let shown = bare(&left.terminal).replace('\r', "\n");
    let last = shown.lines().rfind(|line| !line.trim().is_empty()).unwrap();
    assert!(last.starts_with("cohort: file://"), "{shown}");
}

/// A committed run, and the URI of its lineage.
fn committed() -> (tempfile::TempDir, String) {
    let (folder, root) = sample::write(2);
    let manifest = root.join("run_manifest.json");
    let left = piped(&["run", "--manifest", manifest.to_str().unwrap()], &[]);
    let summary: Value = serde_json::from_str(&left.stdout).unwrap();
    (folder, summary["lineage"].as_str().unwrap().to_owned())
}

#[test]
fn tables_fit_the_terminal_and_do_not_depend_on_it_elsewhere() {
    let (_folder, lineage) = committed();
    let show = ["show", "--lineage", &lineage];
    for columns in [30, 40, 60, 80, 120, 250] {
        let left = on_terminal(columns, "out", &show, &[]);
        let shown = bare(&left.terminal);
        let table: Vec<_> = shown
            .lines()
            .skip_while(|line| !line.contains("Store"))
            .take_while(|line| !line.trim().is_empty())
            .collect();
        assert!(table.len() > 3, "{shown}");
        for line in &table {
            assert!(line.width() <= usize::from(columns), "{columns}: {line:?}");
        }
        assert!(table[0].contains("Impact"), "{}", table[0]);
        let says_so = table.last().unwrap().contains("No room for");
        assert_eq!(says_so, columns < 90, "{columns}: {shown}");
    }
    let first = piped(&show, &[("COLUMNS", "40")]).stdout;
    assert_eq!(first, piped(&show, &[("COLUMNS", "200"), ("TERM", "dumb")]).stdout);
    assert!(first.contains(" Store") && first.contains("Cause"), "{first}");
}

#[test]
fn colour_is_where_it_is_wanted() {
    let (_folder, lineage) = committed();
    let show = ["show", "--lineage", &lineage];
    let with = |more: &[&'static str]| -> Vec<String> {
        show.iter().chain(more).map(|text| (*text).to_owned()).collect()
    };
    let has_codes =
        |left: &Left| format!("{}{}{}", left.terminal, left.stdout, left.stderr).contains('\u{1b}');
    for (on_a_terminal, more, env, expected) in [
        (true, &[][..], &[][..], true),
        (true, &[], &[("NO_COLOR", "1")], false),
        (true, &[], &[("NO_COLOR", "")], true),
        (true, &[], &[("TERM", "dumb")], false),
        (true, &["--color", "never"], &[], false),
        (true, &["--color=always"], &[("NO_COLOR", "1")], true),
        (false, &[], &[], false),
        (false, &[], &[("CLICOLOR_FORCE", "1")], true),
        (false, &["--color=always"], &[], true),
        (false, &["--color=never"], &[("CLICOLOR_FORCE", "1")], false),
    ] {
        let arguments = with(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let left = if on_a_terminal {
            on_terminal(100, "out", &arguments, env)
        } else {
            piped(&arguments, env)
        };
        assert_eq!(left.exit, 0);
        assert_eq!(has_codes(&left), expected, "{on_a_terminal} {more:?} {env:?}");
    }
    for (arguments, streams) in
        [(&["--help"][..], "out"), (&["rum"], "err"), (&["show", "--lineage", "nowhere"], "err")]
    {
        assert!(has_codes(&on_terminal(100, streams, arguments, &[])), "{arguments:?}");
        let never = on_terminal(100, streams, arguments, &[("NO_COLOR", "1")]);
        assert!(!has_codes(&never), "{arguments:?}: {:?}", never.terminal);
        let never = [&["--color=never"], arguments].concat();
        assert!(!has_codes(&on_terminal(100, streams, &never, &[])), "{never:?}");
    }
}

#[test]
fn logs_as_text_in_a_file_have_no_colour() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let run = ["run", "--log-format", "text", "--manifest", manifest.to_str().unwrap()];
    let left = piped(&run, &[]);
    assert!(left.stderr.contains("INFO") && !left.stderr.contains('\u{1b}'), "{:?}", left.stderr);
    let forced = piped(&run, &[("CLICOLOR_FORCE", "1")]);
    assert!(forced.stderr.contains('\u{1b}'), "{:?}", forced.stderr);
}

#[test]
fn what_is_typed_or_read_cannot_move_the_cursor() {
    let (_folder, lineage) = committed();
    let hostile = "x\u{1b}[2J\u{9b}1A\r\u{202e}";
    let left = on_terminal(
        90,
        "out",
        &["show", "--color=never", "--lineage", &lineage, "--store", hostile],
        &[],
    );
    assert_eq!(left.exit, 0, "{}", left.terminal);
    assert!(left.terminal.contains("x\\u{1b}[2J\\u{9b}1A\\r\\u{202e}"), "{:?}", left.terminal);
    assert!(!left.terminal.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{:?}", left.terminal);
    let left = on_terminal(200, "err", &["show", "--color=never", "--lineage", hostile], &[]);
    assert!(!left.terminal.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{:?}", left.terminal);
}

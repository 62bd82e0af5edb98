//! A machine that runs short: whatever runs out, the job ends with exit 75 and one line that names
//! the setting that helps, and everyone who waits for a result hears of it. With enough, it runs.

use std::fs;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::attack::{ANOTHER, Attacked, EARLIER, last_word, may_be_another, open_to_all};

/// A run that reads its manifest from a pipe, whose end is not written.
fn held(lake: &Attacked) -> (Child, ChildStdin) {
    let mut command = Command::new(crate::binary::binary());
    command.args(["run", "--manifest", "/dev/stdin", "--result-file"]).arg(lake.result_file());
    let mut held = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut writer = held.stdin.take().unwrap();
    // More than a pipe holds: once it is written, the job reads.
    writer.write_all(&vec![b' '; 1 << 20]).unwrap();
    (held, writer)
}

/// Runs under a limit that bash's `ulimit` sets.
fn under(lake: &Attacked, limit: &str) -> Output {
    lake.limited("bash", &["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
        .output()
        .unwrap()
}

/// The run either succeeded, or ended as one that ran short does.
#[track_caller]
fn succeeds_or_ran_short(lake: &Attacked, limit: &str, says: &[&str]) -> bool {
    let done = under(lake, limit);
    if done.status.code() == Some(0) {
        assert_eq!(lake.result()["run_id"], "demo__2025-01-01");
        return true;
    }
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(75), "{limit}: {said}");
    let line = last_word(&done);
    assert!(says.iter().any(|word| line.contains(word)), "{limit}: {line}");
    // With next to nothing the file cannot be written, but an old result never stays.
    if let Ok(text) = fs::read_to_string(lake.result_file()) {
        let result: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_ne!(result["status"], "committed", "{limit}");
    }
    false
}

/// Whether the system can start the process at all. If it cannot, that is not the job's to tell.
fn starts(limit: &str) -> bool {
    let version = format!("ulimit {limit} && exec \"$0\" --version");
    let mut command = Command::new("bash");
    command.args(["-c", &version]).arg(crate::binary::binary());
    command.output().unwrap().status.success()
}

#[test]
fn too_little_memory_is_a_shortage_at_every_size() {
    let lake = Attacked::new();
    fs::write(lake.result_file(), EARLIER).unwrap();
    let mut succeeded = Vec::new();
    for mib in (20..=200).step_by(6) {
        let limit = format!("-v {}", mib * 1024);
        if !starts(&limit) {
            continue;
        }
        if succeeds_or_ran_short(&lake, &limit, &["ulimit -v", "on memory"]) {
            succeeded.push(mib);
        }
    }
    assert!(succeeded.len() > 5, "{succeeded:?}");
}

#[test]
fn an_allocation_that_fails_reaches_the_result_file_dagster_and_openlineage() {
    let lake = Attacked::new();
    let [messages, events] = ["messages", "events"].map(|name| lake.root.join(name));
    let mut told = 0;
    for mib in (20..=120).step_by(4) {
        for file in [&messages, &events] {
            let _ = fs::remove_file(file);
        }
        let limit = format!("ulimit -v {} && exec \"$0\" \"$@\"", mib * 1024);
        let context = json!({"data": {"asset_keys": [], "extras": {}}});
        let done = lake
            .limited("bash", &["-c", &limit])
            .env("DAGSTER_PIPES_CONTEXT", crate::hostile::packed(&context))
            .env("DAGSTER_PIPES_MESSAGES", crate::hostile::packed(&json!({"path": messages})))
            .env("OPENLINEAGE_FILE", &events)
            .output()
            .unwrap();
        let (Ok(messages), Ok(events)) =
            (fs::read_to_string(&messages), fs::read_to_string(&events))
        else {
            continue;
        };
        if done.status.code() == Some(0) || !last_word(&done).contains("out of memory") {
            continue;
        }
        assert_eq!(lake.result()["kind"], "temporary", "{mib}");
        let last = |lines: &str| -> Value {
            serde_json::from_str(lines.lines().last().unwrap_or_default()).unwrap_or_default()
        };
        if last(&messages)["params"]["exception"]["name"] == "temporary"
            && last(&events)["eventType"] == "FAIL"
        {
            told += 1;
        }
    }
    assert!(told > 0, "no run that failed for want of memory said so in every channel");
}

#[test]
fn too_few_open_files_are_a_shortage_and_64_are_enough() {
    let lake = Attacked::new();
    for files in (4..24).filter(|files| starts(&format!("-n {files}"))) {
        fs::write(lake.result_file(), EARLIER).unwrap();
        // An earlier result once stayed, since nothing was left to open its file.
        if !succeeds_or_ran_short(&lake, &format!("-n {files}"), &["ulimit -n"]) {
            assert_eq!(lake.result()["exit_code"], 75, "{files}");
        }
    }
    assert!(succeeds_or_ran_short(&lake, "-n 64", &[]));
}

#[test]
fn a_file_that_may_not_grow_is_a_shortage_and_not_the_end_of_the_process() {
    let lake = Attacked::new();
    assert!(!succeeds_or_ran_short(&lake, "-f 2", &["ulimit -f"]));
    assert_eq!(lake.result()["exit_code"], 75);
}

#[test]
fn time_that_is_used_up_is_a_stop_that_is_told() {
    let lake = Attacked::new();
    let (mut held, writer) = held(&lake);
    let id = held.id().to_string();
    assert!(Command::new("kill").args(["-XCPU", &id]).status().unwrap().success());
    assert_eq!(held.wait().unwrap().code(), Some(75));
    drop(writer);
    assert_eq!(lake.result()["exit_code"], 75);
}

/// A run under a limit on processes; `None` if none can be set.
fn with_threads(lake: &Attacked, threads: u32, more: &str) -> Option<Output> {
    if !may_be_another() {
        return None;
    }
    open_to_all(lake.root.parent().unwrap());
    let limit = format!("ulimit -u {threads} {more} && exec \"$0\" \"$@\"");
    // A small stack has no room for a large environment.
    let limits = [&ANOTHER[..], &["env", "-i", "bash", "-c", &limit]].concat();
    Some(lake.limited("setpriv", &limits).output().unwrap())
}

#[test]
fn two_threads_are_enough_and_one_is_a_shortage() {
    for threads in 1..6 {
        let lake = Attacked::new();
        let Some(done) = with_threads(&lake, threads, "") else { return };
        let said = String::from_utf8_lossy(&done.stderr);
        if threads == 1 {
            assert_eq!(done.status.code(), Some(75), "{said}");
            assert!(last_word(&done).contains("ulimit -u"), "{said}");
            assert_eq!(lake.result()["exit_code"], 75);
        } else {
            assert_eq!(done.status.code(), Some(0), "{threads}: {said}");
        }
    }
}

/// It once overflowed the stack, without a word.
#[test]
fn no_thread_and_a_small_stack_are_a_shortage() {
    let lake = Attacked::new();
    fs::write(lake.result_file(), EARLIER).unwrap();
    let Some(done) = with_threads(&lake, 1, "&& ulimit -s 64") else { return };
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("ulimit -u"), "{done:?}");
    assert_ne!(fs::read_to_string(lake.result_file()).unwrap(), EARLIER);
}

#[test]
fn a_stdout_that_takes_nothing_is_a_shortage() {
    let lake = Attacked::new();
    for stdout in [">&-", ">/dev/full", "| true"] {
        let script = format!("set -o pipefail; {{ sleep 0.2; \"$0\" \"$@\"; }} {stdout}");
        let done = lake.limited("bash", &["-c", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(75), "{stdout}: {said}");
        assert!(last_word(&done).contains("stdout"), "{stdout}: {said}");
    }
}

#[test]
fn the_result_of_an_earlier_run_is_gone_as_soon_as_the_next_one_begins() {
    let lake = Attacked::new();
    fs::write(lake.result_file(), EARLIER).unwrap();
    let (mut held, writer) = held(&lake);
    assert!(!lake.result_file().exists());
    held.kill().unwrap();
    held.wait().unwrap();
    drop(writer);
    assert!(!lake.result_file().exists());
}

#[test]
fn a_run_that_never_began_tells_its_result_file() {
    let lake = Attacked::new();
    fs::write(lake.result_file(), EARLIER).unwrap();
    let mut command = lake.limited("env", &[]);
    command.env("RUST_LOG", "cohort=shout");
    assert_eq!(command.output().unwrap().status.code(), Some(2));
    assert_eq!(lake.result()["exit_code"], 2);
    for wrong in [&["--bogus"][..], &["--threads", "2", "--threads", "0"]] {
        fs::write(lake.result_file(), EARLIER).unwrap();
        let done = lake.limited("env", &[]).args(wrong).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert_eq!(lake.result()["exit_code"], 2);
    }
    fs::write(lake.result_file(), EARLIER).unwrap();
    let help = lake.limited("env", &[]).arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert_eq!(fs::read_to_string(lake.result_file()).unwrap(), EARLIER);
    let nowhere = lake.root.join("no/such/folder/result.json");
    let done = lake.limited("env", &[]).arg("--result-file").arg(nowhere).output().unwrap();
    assert_ne!(done.status.code(), Some(0));
}

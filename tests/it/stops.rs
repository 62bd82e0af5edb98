//! What ends a process from outside, or leaves it no room: it tells those who wait, from its first
//! moment on.

use std::fs;
use std::io::{PipeReader, PipeWriter, Write as _};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::attack::{Attacked, EARLIER, last_word};
use crate::hostile::packed;
use crate::sample;

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Between the removal of the earlier result and the first handler, a stop once told nobody.
#[test]
fn a_stop_in_the_first_moments_is_told() {
    let lake = Attacked::new();
    let mut stopped = 0;
    for round in 0..30 {
        let signal = ["-TERM", "-INT", "-HUP"][round % 3];
        fs::write(lake.result_file(), EARLIER).unwrap();
        let mut command = lake.limited("env", &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut ended = None;
        while lake.result_file().exists() && ended.is_none() {
            ended = child.try_wait().unwrap();
        }
        if ended.is_none() {
            send(signal, &child);
        }
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), None, "{signal} in round {round}");
        // A run that was quicker than the signal is as good.
        if status.code() != Some(0) {
            assert_eq!(status.code(), Some(75), "{signal}");
            assert_eq!(lake.result()["exit_code"], 75);
            stopped += 1;
        }
    }
    assert!(stopped > 0, "no run was stopped");
}

/// A bucket that does not answer, which the context is asked of.
fn hung(lake: &Attacked, program: &str, before: &[&str]) -> (Child, TcpListener) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = lake.limited(program, before);
    let port = server.local_addr().unwrap().port();
    crate::s3_job::environment(&mut command, port, crate::seaweed::JOB);
    command.env("COHORT_S3_ATTEMPT_MS", "60000");
    let context = json!({"bucket": "lake", "key": "context"});
    command.env("DAGSTER_PIPES_CONTEXT", packed(&context));
    command.env("DAGSTER_PIPES_MESSAGES", packed(&json!({"stdio": "stderr"})));
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It has begun to wait once it has called.
    let _open = server.accept().map(Box::new).map(Box::leak).unwrap();
    (child, server)
}

#[test]
fn a_stop_while_a_channel_opens_is_told() {
    for (signal, name) in [("-TERM", "SIGTERM"), ("-HUP", "SIGHUP"), ("-INT", "SIGINT")] {
        let lake = Attacked::new();
        let (child, _server) = hung(&lake, "env", &[]);
        send(signal, &child);
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(75), "{done:?}");
        assert!(last_word(&done).contains(name), "{done:?}");
        assert_eq!(lake.result()["exit_code"], 75);
    }
}

/// A pipe that takes nothing, and its reader.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

/// A write that waits for a reader once outlived every signal but SIGKILL.
#[test]
fn a_stop_is_heeded_though_nobody_reads_stderr() {
    let lake = Attacked::new();
    for (more, exit) in [(&[][..], 75), (&["--bogus"], 2)] {
        fs::write(lake.result_file(), EARLIER).unwrap();
        let (_reader, stderr) = full_pipe();
        let mut command = lake.limited("env", &[]);
        let mut child = command.args(more).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        while fs::read(lake.result_file()).is_ok_and(|result| result == EARLIER.as_bytes()) {
            thread::sleep(Duration::from_millis(5));
        }
        send("-TERM", &child);
        let ended = (0..6_000).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            child.try_wait().unwrap()
        });
        if ended.is_none() {
            child.kill().unwrap();
        }
        assert_eq!(ended.and_then(|status| status.code()), Some(exit), "{more:?}");
        assert_eq!(lake.result()["exit_code"], exit);
    }
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let lake = Attacked::new();
    let (child, _server) = hung(&lake, "nohup", &["env"]);
    send("-HUP", &child);
    send("-TERM", &child);
    let done = child.wait_with_output().unwrap();
    assert!(last_word(&done).contains("SIGTERM"), "{done:?}");
}

/// Help that nobody reads once outlived every signal but SIGKILL.
#[test]
fn help_that_nobody_reads_is_ended_by_the_system() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["help", "run"]] {
        let (_reader, stdout) = full_pipe();
        let mut command = Command::new(crate::binary::binary());
        let mut child = command.args(arguments).stdout(stdout).spawn().unwrap();
        // By then it waits; if not, it says that it was stopped.
        thread::sleep(Duration::from_millis(500));
        send("-TERM", &child);
        let ended = (0..1_000).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            child.try_wait().unwrap()
        });
        if ended.is_none() {
            child.kill().unwrap();
        }
        let ended = ended.map(|status| (status.signal(), status.code()));
        let stopped = [Some((Some(15), None)), Some((None, Some(75)))];
        assert!(stopped.contains(&ended), "{arguments:?}: {ended:?}");
    }
}

/// Where `ulimit -v` leaves no room, a stack that had to grow ended the process by SIGSEGV.
#[test]
fn the_stack_has_its_room_from_the_start() {
    let (_reader, stdout) = full_pipe();
    let mut command = Command::new(crate::binary::binary());
    let mut child = command.arg("--version").stdout(stdout).spawn().unwrap();
    let stack = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let stack = status.lines().find_map(|line| line.strip_prefix("VmStk:"));
        stack.unwrap().trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let taken = (0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        stack() >= 512
    });
    let found = stack();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(taken, "{found} KiB");
}

#[test]
fn a_command_that_is_no_run_is_ended_by_the_system() {
    let lake = Attacked::new();
    let mut command = Command::new(crate::binary::binary());
    command.args(["files", "--manifest", "/dev/stdin"]).current_dir(&lake.root);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut writer = child.stdin.take().unwrap();
    writer.write_all(&vec![b' '; 1 << 20]).unwrap();
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

/// It once ended by SIGXFSZ, without a word.
#[test]
fn a_sample_that_may_not_grow_is_a_shortage() {
    let folder = tempfile::tempdir().unwrap();
    let script = "ulimit -f 2 && exec \"$0\" sample \"$1\"";
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(crate::binary::binary()).arg(folder.path().join("sample"));
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("ulimit -f"), "{done:?}");
}

/// It once overflowed the stack.
#[test]
fn a_small_stack_is_enough() {
    let lake = Attacked::new();
    for kib in [64, 128, 512, 2048] {
        let limit = format!("ulimit -s {kib} && exec \"$0\" \"$@\"");
        let done = lake.limited("env", &["-i", "bash", "-c", &limit]).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{kib}: {done:?}");
    }
    let (lineage, _) = lake.lineage();
    let show = "ulimit -s 64 && exec \"$0\" show --lineage \"$1\"";
    let mut command = Command::new("env");
    command.args(["-i", "bash", "-c", show]).arg(crate::binary::binary()).arg(lineage);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

/// The registry and help once said that all was well.
#[test]
fn a_closed_stdout_is_a_shortage_for_every_command_that_prints() {
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    let manifest = "--manifest run_manifest.json";
    let event = event_id(&lake);
    for command in [
        "--help".to_owned(),
        "--version".to_owned(),
        "completions bash".to_owned(),
        "man run".to_owned(),
        "schema".to_owned(),
        "schema lineage.v1".to_owned(),
        "sample other --stores 2 --skus 2 --days 1".to_owned(),
        "init --lake . --out proposed.jsonc".to_owned(),
        "show --lineage out/lineage/run=demo__2025-01-01/lineage.json".to_owned(),
        format!("run {manifest}"),
        format!("run {manifest} --dry-run"),
        format!("rerun {manifest} --run-id demo__2025-01-01"),
        format!("files {manifest}"),
        format!("registry {manifest}"),
        format!("registry {manifest} --as jsonl"),
        format!("registry {manifest} --as parquet"),
        format!("registry {manifest} --unapplied"),
        format!("page {manifest} --out page.html"),
        format!("verify {manifest}"),
        format!("explain {manifest} --event {event}"),
        format!("history {manifest} --run-id demo__2025-01-01"),
    ] {
        let mut closed = Command::new("bash");
        closed.args(["-c", &format!("exec \"$0\" {command} >&-")]).arg(crate::binary::binary());
        let done = closed.current_dir(&lake.root).output().unwrap();
        assert_eq!(done.status.code(), Some(75), "{command}: {done:?}");
        assert!(last_word(&done).contains("stdout"), "{command}: {done:?}");
    }
}

/// Who made the edit again would record it twice.
#[test]
fn an_edit_whose_row_cannot_be_printed_says_that_it_is_recorded() {
    let lake = Attacked::new();
    assert_eq!(lake.run().status.code(), Some(0));
    sample::change_manifest(&lake.root, |manifest| {
        manifest["inputs"]["user_minority_events_edits_log"] = json!({"uri": "edits/"});
    });
    let mut full = Command::new("bash");
    full.args(["-c", "exec \"$0\" \"$@\" >/dev/full"]).arg(crate::binary::binary());
    full.args(["edit", "--manifest", "run_manifest.json", "--edited-by", "a"]);
    full.args(["--event", &event_id(&lake), "--set", "verdict=confirmed"]);
    let done = full.current_dir(&lake.root).output().unwrap();
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("do not make it again"), "{done:?}");
    assert_eq!(fs::read_dir(lake.root.join("edits")).unwrap().count(), 1);
}

/// An event of the registry.
fn event_id(lake: &Attacked) -> String {
    let rows = ["registry", "--manifest", "run_manifest.json", "--as", "jsonl"];
    let rows = String::from_utf8(lake.cohort(&rows).stdout).unwrap();
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    row["event_id"].as_str().unwrap().to_owned()
}

//! Files that are named for a run's result, for Dagster and for OpenLineage, and that are something
//! else: what no run has written stays, and nothing waits for ever.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::attack::{ANOTHER, Attacked, EARLIER, last_word, may_be_another};
use crate::hostile::packed;

/// A run that is ended if it waits.
fn job(lake: &Attacked, result_file: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "30"]).arg(crate::binary::binary()).args(["run", "--manifest"]);
    command.arg(lake.root.join("run_manifest.json")).arg("--result-file").arg(result_file);
    command.env_remove("RUST_LOG");
    command
}

fn run_with(lake: &Attacked, result_file: &Path) -> Output {
    job(lake, result_file).output().unwrap()
}

fn pipe(lake: &Attacked, name: &str) -> PathBuf {
    let path = lake.root.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn has_run(lake: &Attacked) -> bool {
    lake.root.join("out").exists()
}

/// Each was once removed at the start, and written over at the end.
#[test]
fn what_no_run_has_written_is_no_result_file() {
    let lake = Attacked::new();
    let logs = ["run_manifest.json", "demo_run_config.json"].map(|name| lake.root.join(name));
    for path in [lake.reports()].iter().chain(&logs) {
        let before = fs::read(path).unwrap();
        let done = run_with(&lake, path);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(last_word(&done).contains(path.to_str().unwrap()), "{done:?}");
        assert!(fs::read(path).unwrap() == before, "{} was changed", path.display());
        assert!(!has_run(&lake));
    }
    assert_eq!(lake.run().status.code(), Some(0));
    let (lineage, content) = lake.lineage();
    assert_eq!(run_with(&lake, &lineage).status.code(), Some(2));
    assert_eq!(lake.lineage().1, content);
}

/// The next run once read it as a bad input.
#[test]
fn a_place_among_the_logs_is_none_for_a_result() {
    let lake = Attacked::new();
    let day = lake.reports().parent().unwrap().to_owned();
    let link = lake.root.join("link");
    std::os::unix::fs::symlink(&day, &link).unwrap();
    let run = lake.root.join("out/lineage/run=demo__2025-01-01");
    fs::create_dir_all(&run).unwrap();
    for (folder, says) in [
        (&day, "minority_reports_detected_log"),
        (&link, "minority_reports_detected_log"),
        (&run, "the lineages"),
    ] {
        let place = folder.join("lineage.json");
        let done = run_with(&lake, &place);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(last_word(&done).contains(says), "{done:?}");
        assert!(!place.exists());
    }
    assert_eq!(lake.run().status.code(), Some(0));
}

/// After the commit, this once was a wrong command line, which nobody repeats.
#[test]
fn a_file_that_something_else_writes_is_known_before_or_a_shortage() {
    let lake = Attacked::new();
    let all = lake.root.join("all.txt");
    let logs = "exec \"$0\" \"$@\" --result-file /dev/stdout > all.txt 2>&1";
    let arguments = ["run", "--manifest", "run_manifest.json"];
    let mut command = Command::new("bash");
    command.args(["-c", logs]).arg(crate::binary::binary()).args(arguments);
    let done = command.current_dir(&lake.root).output().unwrap();
    let said = fs::read_to_string(&all).unwrap();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("stdout or stderr goes"), "{said}");
    assert!(!has_run(&lake));
    // It appears while the run lasts.
    fs::write(lake.result_file(), EARLIER).unwrap();
    let mut command = job(&lake, &lake.result_file());
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while lake.result_file().exists() {
        std::thread::yield_now();
    }
    fs::write(lake.result_file(), "something else").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("the run is committed"), "{done:?}");
    assert_eq!(fs::read_to_string(lake.result_file()).unwrap(), "something else");
}

/// A job that tells Dagster and OpenLineage in these files, too.
fn telling(lake: &Attacked, result: &Path, messages: &Path, events: &Path) -> Command {
    let inline = json!({"data": {"asset_keys": [], "extras": {}}});
    let mut command = job(lake, result);
    command.env("DAGSTER_PIPES_CONTEXT", packed(&inline));
    command.env("DAGSTER_PIPES_MESSAGES", packed(&json!({ "path": messages })));
    command.env("OPENLINEAGE_FILE", events);
    command
}

/// Each once made a file among the inputs, which the next run read as one of them.
#[test]
fn nothing_is_made_among_the_logs_whether_or_not_the_manifest_is_known() {
    let lake = Attacked::new();
    let day = lake.reports().parent().unwrap().to_owned();
    let plain = lake.root.join("plain");
    fs::create_dir(&plain).unwrap();
    fs::copy(lake.reports(), plain.join("part-0")).unwrap();
    let manifest = lake.root.join("run_manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    for folder in [&day, &day.parent().unwrap().to_owned(), &plain] {
        let places = ["result", "messages", "events"].map(|name| folder.join(name));
        let [result, messages, events] = &places;
        for (wrong, more, exit) in
            [(text.as_str(), &["--bogus"][..], 2), ("{", &[], 78), ("{}", &[], 78)]
        {
            fs::write(&manifest, wrong).unwrap();
            let done = telling(&lake, result, messages, events).args(more).output().unwrap();
            assert_eq!(done.status.code(), Some(exit), "{done:?}");
            last_word(&done);
            assert!(places.iter().all(|place| !place.exists()), "{done:?}");
        }
        // Where an earlier result is, there may be another.
        fs::write(result, EARLIER).unwrap();
        let done = telling(&lake, result, messages, events).output().unwrap();
        assert_eq!(done.status.code(), Some(78), "{done:?}");
        assert!(fs::read_to_string(result).unwrap().contains("\"exit_code\":78"));
        fs::remove_file(result).unwrap();
        fs::write(&manifest, &text).unwrap();
        let done = telling(&lake, &lake.result_file(), messages, events).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        let said = String::from_utf8_lossy(&done.stderr);
        let among = folder != &plain;
        assert_eq!(said.matches("does not hear of it").count(), 2 * usize::from(among), "{said}");
        assert!([messages, events].iter().all(|place| place.exists() != among), "{said}");
    }
    // Elsewhere they are told.
    let places = ["result", "messages", "events"].map(|name| lake.root.join(name));
    let [result, messages, events] = &places;
    fs::write(&manifest, "{").unwrap();
    let done = telling(&lake, result, messages, events).output().unwrap();
    assert_eq!(done.status.code(), Some(78), "{done:?}");
    for (place, says) in [(result, "\"exit_code\":78"), (messages, "closed"), (events, "FAIL")] {
        assert!(fs::read_to_string(place).unwrap().contains(says), "{says}");
    }
}

/// The run failed, and a warning said that it went on.
#[test]
fn a_result_file_that_is_refused_is_told_once() {
    let lake = Attacked::new();
    let done = run_with(&lake, &lake.root.join("no/such/folder/result.json"));
    assert!(last_word(&done).contains("--result-file"), "{done:?}");
    assert!(!String::from_utf8_lossy(&done.stderr).contains("WARN"), "{done:?}");
}

/// The manifest once was none afterwards.
#[test]
fn events_and_messages_go_on_the_end_of_nothing_else() {
    let lake = Attacked::new();
    let manifest = lake.root.join("run_manifest.json");
    let before = fs::read(&manifest).unwrap();
    let result = lake.result_file();
    let among = lake.reports().with_file_name("events");
    for place in [&manifest, &lake.reports(), &result, &among] {
        let content = fs::read(place).ok();
        let done = telling(&lake, &result, place, place).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert!(said.contains("dagster pipes") && said.contains("openlineage"), "{said}");
        assert!(*place == result || fs::read(place).ok() == content);
        assert_eq!(lake.result()["run_id"], "demo__2025-01-01");
    }
    assert_eq!(fs::read(&manifest).unwrap(), before);
    let events = lake.root.join("events");
    for runs in 1..3 {
        let mut command = job(&lake, &result);
        assert!(command.env("OPENLINEAGE_FILE", &events).status().unwrap().success());
        assert_eq!(fs::read_to_string(&events).unwrap().lines().count(), 2 * runs);
    }
}

/// A power failure may leave any of them, and each retry then failed.
#[test]
fn half_a_result_is_that_of_an_earlier_run() {
    let lake = Attacked::new();
    for half in [&EARLIER[..30], "\0\0\0\0", &format!("{}\0\0", &EARLIER[..9])] {
        fs::write(lake.result_file(), half).unwrap();
        assert_eq!(lake.run().status.code(), Some(0), "{half:?}");
    }
}

#[test]
fn a_result_file_that_can_never_be_written_is_told_before_anything_is_run() {
    let lake = Attacked::new();
    for place in ["no/such/folder/result.json", "run_manifest.json/result.json", "."] {
        let done = run_with(&lake, &lake.root.join(place));
        assert_eq!(done.status.code(), Some(2), "{place}: {done:?}");
        assert!(last_word(&done).contains("--result-file"), "{done:?}");
        assert!(!has_run(&lake), "{place}");
    }
}

#[test]
fn a_result_file_in_a_folder_of_others_is_denied() {
    if !may_be_another() {
        return;
    }
    let lake = Attacked::new();
    let above = lake.root.parent().unwrap();
    fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&lake.root, fs::Permissions::from_mode(0o755)).unwrap();
    let done = lake.limited("setpriv", &ANOTHER).output().unwrap();
    assert_eq!(done.status.code(), Some(77), "{done:?}");
    assert!(last_word(&done).contains("--result-file"), "{done:?}");
}

#[test]
fn an_earlier_result_a_link_to_one_and_a_device_are_written() {
    let lake = Attacked::new();
    let link = lake.root.join("link.json");
    std::os::unix::fs::symlink(lake.result_file(), &link).unwrap();
    for place in [&lake.result_file(), &link, &link] {
        assert_eq!(run_with(&lake, place).status.code(), Some(0));
        assert_eq!(lake.result()["run_id"], "demo__2025-01-01");
        assert!(link.is_symlink());
        fs::write(lake.result_file(), EARLIER).unwrap();
    }
    for device in ["/dev/null", "/dev/stdout"] {
        assert_eq!(run_with(&lake, Path::new(device)).status.code(), Some(0), "{device}");
    }
}

/// Each once held the run up for ever.
#[test]
fn a_pipe_that_nobody_reads_holds_no_run_up() {
    let lake = Attacked::new();
    let pipe = pipe(&lake, "pipe");
    let done = run_with(&lake, &pipe);
    assert_eq!(done.status.code(), Some(75), "{done:?}");
    assert!(last_word(&done).contains("a pipe that somebody reads"), "{done:?}");
    let inline = json!({"data": {"asset_keys": [], "extras": {}}});
    let (none, here) = (lake.root.join("messages"), json!({ "path": pipe }));
    for (context, messages, events) in [
        (&here, &json!({ "path": none }), &none),
        (&inline, &here, &none),
        (&inline, &json!({ "path": none }), &pipe),
    ] {
        let mut command = job(&lake, &lake.result_file());
        command.env("DAGSTER_PIPES_CONTEXT", packed(context));
        command.env("DAGSTER_PIPES_MESSAGES", packed(messages));
        let done = command.env("OPENLINEAGE_FILE", events).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert!(said.contains("does not hear of it"), "{said}");
    }
}

#[test]
fn a_pipe_that_somebody_reads_carries_messages_and_the_result() {
    let lake = Attacked::new();
    let (messages, result) = (pipe(&lake, "messages"), pipe(&lake, "result"));
    let readers = [&messages, &result].map(|path| {
        Command::new("timeout").arg("60").arg("cat").arg(path).stdout(Stdio::piped()).spawn()
    });
    let done = telling(&lake, &result, &messages, Path::new("")).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let [messages, result] = readers.map(|reader| {
        String::from_utf8(reader.unwrap().wait_with_output().unwrap().stdout).unwrap()
    });
    let methods: Vec<Value> =
        messages.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(methods.first().unwrap()["method"], "opened", "{messages}");
    assert_eq!(methods.last().unwrap()["method"], "closed", "{messages}");
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["run_id"], "demo__2025-01-01");
}

/// It once filled the memory.
#[test]
fn a_context_without_an_end_is_not_read() {
    let lake = Attacked::new();
    let limits = "ulimit -v 1000000 && exec timeout -s KILL 30 \"$0\" \"$@\"";
    let mut command = lake.limited("bash", &["-c", limits]);
    command.env("DAGSTER_PIPES_CONTEXT", packed(&json!({"path": "/dev/zero"})));
    let messages = lake.root.join("messages");
    command.env("DAGSTER_PIPES_MESSAGES", packed(&json!({ "path": messages })));
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("/dev/zero") && said.contains("does not hear of it"), "{said}");
}

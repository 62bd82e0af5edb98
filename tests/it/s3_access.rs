//! Who may do what, and that the job's messages hold no secret.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::fault_proxy::{Fault, Proxy, Request};
use crate::s3_job::{Ended, Place, State, committed, environment, sample};
use crate::seaweed::{ADMIN, Identity, JOB, READER, free_ports, server};

/// What every request carries and no line of a log may.
const MARKS: [&str; 5] =
    ["AWS4-HMAC-SHA256", "Signature=", "X-Amz-Signature", "x-amz-security-token", "Bearer "];

#[test]
fn the_job_runs_with_an_identity_that_writes_below_its_outputs_alone() {
    // The identity may write below `outputs/`, where the manifest's `out/` and its inputs are.
    let place = Place::new("outputs/least", &sample(1));
    let run: Ended = place.command(server().port, JOB).output().unwrap().into();
    assert_eq!(run.exit, Some(0), "{}", run.log);
    assert!(committed(&place.outputs()).is_some());
}

#[test]
fn an_identity_that_may_not_write_ends_with_77_and_one_line() {
    for (identity, place) in [(READER, "outputs/reader"), (JOB, "elsewhere")] {
        let place = Place::new(place, &sample(1));
        let run: Ended = place.command(server().port, identity).output().unwrap().into();
        assert_eq!(run.exit, Some(77), "{}", run.log);
        assert!(run.log.contains("not allowed to write"), "{}", run.log);
        assert!(place.outputs().is_empty());
    }
}

#[test]
fn a_reader_that_may_not_write_verifies_explains_and_reads_history() {
    let place = Place::new("outputs/verified", &sample(1));
    place.run_clean();
    let says = |arguments: &[&str]| {
        let mut command = Command::new(crate::binary::binary());
        environment(&mut command, server().port, READER);
        let manifest = place.prefix.join("run_manifest.json").to_string();
        let done = command.args(arguments).args(["--manifest", &manifest, "--as", "json"]).output();
        let done = done.unwrap();
        let log = String::from_utf8_lossy(&done.stderr).into_owned();
        let report: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
        (done.status.code().unwrap(), report, log)
    };
    for arguments in [&["verify"][..], &["verify", "--quick"]] {
        let (exit, report, log) = says(arguments);
        assert_eq!(exit, 0, "{arguments:?}: {report:#}: {log}");
    }
    place.put(&sample(2));
    let before = place.outputs();
    for arguments in [&["verify"][..], &["verify", "--quick"]] {
        let (exit, report, log) = says(arguments);
        assert_eq!(exit, 1, "{arguments:?}: {report:#}: {log}");
        assert_eq!(report["reruns"][0]["reasons"], serde_json::json!(["stale"]));
        assert_eq!(report["runs"][0]["inputs"][0]["change"], "changed");
    }
    assert!(place.outputs() == before, "something was written");
    place.run_clean();
    assert_eq!(says(&["verify"]).0, 0);
    assert_eq!(says(&["verify", "--quick"]).0, 0);
    let run_id = says(&["verify"]).1["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let (exit, history, log) = says(&["history", "--run-id", &run_id]);
    assert_eq!(exit, 0, "{log}");
    let events = history["versions"][0]["next"]["events"].as_array().unwrap();
    let is_there = |event: &&Value| {
        let first = &event["rows"][0];
        first["log"] == "minority_event_log" && first["change"] == "added"
    };
    let event = events.iter().find(is_there).unwrap_or_else(|| panic!("{history:#}"));
    let id = event["event_id"].as_str().unwrap();
    let (exit, explanation, log) = says(&["explain", "--event", id]);
    assert_eq!(exit, 0, "{log}");
    assert_eq!(explanation["event"]["lines"].as_array().map(Vec::is_empty), Some(false));
}

/// What a policy allows: an action, and a pattern of what it may be done to, which is the path of
/// an object with a slash before it, or the prefix of a list.
struct Policy(Vec<(String, String)>);

impl Policy {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/iam-policy.json");
        let policy: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let texts = |value: &Value| -> Vec<String> {
            let one = value.as_str().map(str::to_owned);
            let many = value.as_array().into_iter().flatten();
            one.into_iter().chain(many.map(|text| text.as_str().unwrap().to_owned())).collect()
        };
        let mut grants = Vec::new();
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow");
            let below = |one: &String| one.strip_prefix("arn:aws:s3:::LAKE").unwrap().to_owned();
            let resources: Vec<_> = texts(&statement["Resource"]).iter().map(below).collect();
            let patterns = match &statement["Condition"] {
                Value::Null => resources,
                condition => {
                    assert_eq!(resources, [""], "a condition on the prefix is one of the bucket");
                    texts(&condition["StringLike"]["s3:prefix"])
                }
            };
            for action in texts(&statement["Action"]) {
                grants.extend(patterns.iter().map(|pattern| (action.clone(), pattern.clone())));
            }
        }
        Self(grants)
    }

    /// The grants that allow the action on it.
    fn granting(&self, action: &str, on: &str) -> Vec<&(String, String)> {
        self.0.iter().filter(|(one, pattern)| one == action && fits(pattern, on)).collect()
    }

    fn allows(&self, action: &str, on: &str) -> bool {
        !self.granting(action, on).is_empty()
    }
}

/// Whether a text fits a pattern in which each `*` is any text.
fn fits(pattern: &str, text: &str) -> bool {
    let (first, rest) = pattern.split_once('*').unwrap_or((pattern, ""));
    match text.strip_prefix(first) {
        None => false,
        Some(left) if first.len() == pattern.len() => left.is_empty(),
        Some(left) => {
            (0..=left.len()).any(|at| left.is_char_boundary(at) && fits(rest, &left[at..]))
        }
    }
}

/// The path that an object of a place has in the policy's lake.
fn in_the_policys_lake(place: &Place, target: &str) -> String {
    let root = format!("/lake/{}", place.prefix.path());
    let path = target.split('?').next().unwrap().replace("%3D", "=").replace("%2F", "/");
    let Some(below) = path.strip_prefix(&root) else { return String::new() };
    let below = below.strip_prefix("out/").unwrap_or(below);
    match below.split_once('/') {
        None => format!("/manifests/{below}"),
        Some((log @ ("lineage" | "rejects"), rest)) => format!("/{log}/cohorting/{rest}"),
        Some((log, rest)) => format!("/{log}/{rest}"),
    }
}

/// The rights that a request needs.
fn rights(place: &Place, request: &Request) -> Vec<(&'static str, String)> {
    let path = in_the_policys_lake(place, &request.target);
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let has = |key: &str| query.split('&').any(|part| part.split('=').next() == Some(key));
    let prefix = || {
        let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap();
        in_the_policys_lake(place, &format!("/lake/{prefix}")).trim_start_matches('/').to_owned()
    };
    let source = request.head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-amz-copy-source").then(|| format!("/{}", value.trim()))
    });
    let mut rights = Vec::new();
    if let Some(source) = source {
        rights.push(("s3:GetObject", in_the_policys_lake(place, &source)));
    }
    rights.push(match request.method.as_str() {
        "GET" if has("list-type") => ("s3:ListBucket", prefix()),
        "GET" if has("uploads") => ("s3:ListBucketMultipartUploads", String::new()),
        "GET" | "HEAD" => ("s3:GetObject", path),
        "DELETE" if has("uploadId") => ("s3:AbortMultipartUpload", path),
        "DELETE" => ("s3:DeleteObject", path),
        "PUT" | "POST" => ("s3:PutObject", path),
        method => panic!("{method} {}", request.target),
    });
    rights
}

#[test]
fn the_policy_allows_what_a_run_and_a_rerun_ask_for_and_nothing_else() {
    let policy = Policy::read();
    let place = Place::new("policy", &sample(1));
    let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
    let seen = asked.clone();
    let proxy = Proxy::start(server().port, move |request| {
        seen.lock().unwrap().push(request.clone());
        Fault::None
    });
    for input in [sample(1), sample(2)] {
        place.put(&input);
        let run = place.run(proxy.port);
        assert_eq!(run.exit, Some(0), "{}", run.log);
        // What a writer that was killed may leave: the next run clears it away.
        place.begin_upload_beside_the_lineage();
    }
    let asked = asked.lock().unwrap();
    let mut used = BTreeSet::new();
    for request in asked.iter() {
        for (action, on) in rights(&place, request) {
            let grants = policy.granting(action, &on);
            assert!(!grants.is_empty(), "{action} on {on:?}: {}", request.target);
            used.extend(grants);
        }
    }
    let copied = |request: &Request| request.head.to_lowercase().contains("x-amz-copy-source:");
    assert!(asked.iter().any(copied), "the rerun was to copy what it replaced");
    // Of the logs of which an upload may be left, this run has one.
    let aborts = |grant: &&(String, String)| grant.0 == "s3:AbortMultipartUpload";
    assert!(used.iter().copied().any(|grant| aborts(&grant)), "no upload was aborted");
    // No row of this sample is rejected. What is granted of the rejects is what is of events.
    let as_of_events = |(action, on): &(String, String)| {
        let of_events = on.replace("/rejects/cohorting/", "/minority_event_log/");
        on.starts_with("/rejects/") && used.contains(&&(action.clone(), of_events))
    };
    let is_used = |grant: &(String, String)| used.contains(&grant) || as_of_events(grant);
    let unused: Vec<_> =
        policy.0.iter().filter(|grant| !is_used(grant) && !aborts(grant)).collect();
    assert!(unused.is_empty(), "granted, but never asked for: {unused:#?}");
    for path in [
        "/lineage/cohorting/run=x/lineage.json",
        "/lineage/cohorting/run=x/superseded/0123456789abcdef/part-00000-0123456789abcdef.parquet",
        "/minority_event_log/_SUCCESS",
        "/minority_event_log/run=x/somebody-elses.parquet",
        "/minority_reports_detected_log/date=2025-01-01/part-0.parquet",
    ] {
        assert!(!policy.allows("s3:DeleteObject", path), "{path}");
    }
    for path in [
        "/lineage/cohorting/run=x/notes.txt",
        "/minority_event_log/run=x/somebody-elses.parquet",
        "/minority_event_log/_SUCCESS",
        "/minority_reports_detected_log/date=2025-01-01/part-0.parquet",
    ] {
        assert!(!policy.allows("s3:PutObject", path), "{path}");
    }
    for prefix in ["", "manifests/", "minority_event_log/", "user_minority_events_edits_log/"] {
        assert!(!policy.allows("s3:ListBucket", prefix), "{prefix}");
    }
}

#[test]
fn no_credential_or_signature_is_logged_at_any_level() {
    let place = Place::new("secrets", &sample(1));
    let wrong_secret = Identity { secret: "zWrongSecretNeverLogged/9876543210fedcba", ..ADMIN };
    let wrong_key = Identity { key: "AKIATESTNOBODYNOBODY", ..ADMIN };
    let faulty = Proxy::start(server().port, |request| match request.number % 3 {
        0 => Fault::Status(503, "SlowDown"),
        1 => Fault::None,
        _ => Fault::ResetAfter,
    });
    let hopeless = Proxy::start(server().port, |_| Fault::Truncate(20));
    let nobody = free_ports(1)[0];
    for (name, port, identity, exits) in [
        ("success", server().port, ADMIN, [0, 0]),
        ("wrong secret", server().port, wrong_secret, [77, 77]),
        ("wrong key", server().port, wrong_key, [77, 77]),
        ("read only", server().port, READER, [77, 77]),
        ("faults", faulty.port, ADMIN, [0, 75]),
        ("broken bodies", hopeless.port, ADMIN, [75, 75]),
        ("unreachable", nobody, ADMIN, [75, 75]),
    ] {
        for session in [None, Some("zSessionTokenNeverLogged0123456789")] {
            let mut command = place.command(port, identity);
            command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").arg("-vv");
            if let Some(token) = session {
                command.env("AWS_SESSION_TOKEN", token);
            }
            let output = command.stdin(Stdio::null()).output().unwrap();
            let said = [&output.stdout[..], &output.stderr[..]].concat();
            let said = String::from_utf8_lossy(&said);
            let exit = output.status.code().unwrap();
            assert!(session.is_some() || exits.contains(&exit), "{name}: {exit}: {said}");
            assert!(said.contains("s3://"), "{name}: nothing was logged");
            for secret in MARKS.iter().chain([&identity.key, &identity.secret]).chain(&session) {
                assert!(!said.contains(secret), "{name}: {secret} was logged: {said}");
            }
        }
    }
}

#[test]
fn a_run_without_credentials_ends_with_77_and_says_what_to_set() {
    let place = Place::new("nobody", &sample(1));
    let mut command = place.command(server().port, ADMIN);
    environment(&mut command, server().port, ADMIN);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run: Ended = command.output().unwrap().into();
    assert_eq!(run.exit, Some(77), "{}", run.log);
    assert!(run.log.contains("set AWS_ACCESS_KEY_ID"), "{}", run.log);
}

#[test]
fn a_sample_on_s3_has_the_files_of_one_on_disk_and_overwrites_no_other() {
    let place = Place::new("outputs/sampled", &State::new());
    let made = |seed: &str| -> Ended {
        let mut make = Command::new(crate::binary::binary());
        environment(&mut make, server().port, ADMIN);
        make.arg("sample").arg(place.prefix.to_string());
        make.args(["--stores", "4", "--skus", "3", "--days", "2", "--seed", seed]);
        make.output().unwrap().into()
    };
    // Made once more, it is what is there already.
    for _ in 0..2 {
        let done = made("1");
        assert_eq!(done.exit, Some(0), "{}", done.log);
        assert_eq!(place.everything(), sample(1));
    }
    let other = made("2");
    assert_eq!(other.exit, Some(2), "{}", other.log);
    assert!(other.log.contains(&place.prefix.to_string()), "{}", other.log);
    assert_eq!(place.everything(), sample(1));
    place.run_clean();
}

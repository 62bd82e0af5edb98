//! Who may do what, and that nobody reads a secret in what the job says.

use std::process::Stdio;

use serde_json::Value;

use crate::fault_proxy::{Fault, Proxy};
use crate::s3_job::{Ended, Place, committed, environment, sample};
use crate::seaweed::{ADMIN, Identity, JOB, READER, free_ports, server};

/// What every request carries and no line may.
const MARKS: [&str; 5] =
    ["AWS4-HMAC-SHA256", "Signature=", "X-Amz-Signature", "x-amz-security-token", "Bearer "];

#[test]
fn the_job_runs_with_an_identity_that_writes_below_its_outputs_alone() {
    // The identity may write below `outputs/`: the manifest's `out/` lies there, its inputs do too.
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
fn the_policy_names_every_action_that_the_job_needs_and_deletes_nothing_outside_its_runs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/iam-policy.json");
    let policy: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut writes = 0;
    for statement in policy["Statement"].as_array().unwrap() {
        let actions = statement["Action"].as_array().unwrap();
        let changes = |action: &Value| {
            let action = action.as_str().unwrap();
            assert!(!action.contains('*'), "{action}");
            ["s3:Put", "s3:Delete", "s3:Abort"].iter().any(|verb| action.starts_with(verb))
        };
        if actions.iter().any(changes) {
            writes += 1;
            for resource in statement["Resource"].as_array().unwrap() {
                assert!(resource.as_str().unwrap().ends_with("/run_id=*"), "{resource}");
            }
        }
    }
    assert_eq!(writes, 1);
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

//! The registry on S3, and who may do what.

use std::process::{Command, Output};

use serde_json::{Value, json};

use super::lake::EDITS;
use crate::s3_job::{Place, environment, sample};
use crate::seaweed::{ADMIN, Identity, READER, server};

fn cohort(place: &Place, identity: Identity, command: &str, arguments: &[&str]) -> Output {
    let mut job = Command::new(crate::binary::binary());
    environment(&mut job, server().port, identity);
    let manifest = place.prefix.join("run_manifest.json").to_string();
    job.args([command, "--manifest", &manifest]).args(arguments).output().unwrap()
}

fn registry(place: &Place) -> Vec<Value> {
    let done = cohort(place, READER, "registry", &["--as", "jsonl"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_identity_that_may_not_write_reads_the_registry_and_makes_no_edit() {
    let mut files = sample(1);
    let mut manifest: Value = serde_json::from_slice(&files["run_manifest.json"]).unwrap();
    manifest["inputs"][EDITS] = json!({"uri": "edits/"});
    files.insert("run_manifest.json".to_owned(), manifest.to_string().into());
    let place = Place::new("outputs/registry", &files);
    assert!(place.command(server().port, ADMIN).output().unwrap().status.success());
    let before = registry(&place);
    let id = before[0]["event_id"].as_str().unwrap().to_owned();
    let edit = ["--event", &id, "--set", "verdict=confirmed", "--edited-by", "ann"];
    let refused = cohort(&place, READER, "edit", &edit);
    let log = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(77), "{log}");
    assert!(log.contains("not allowed to write"), "{log}");
    assert_eq!(registry(&place), before);
    let made = cohort(&place, ADMIN, "edit", &edit);
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let row: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(row["verdict"], "confirmed");
    assert_eq!(registry(&place)[0], row);
}

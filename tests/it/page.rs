//! `cohort page` from outside: where it writes, and what it replaces.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use crate::s3_job::{Place, environment, sample};
use crate::seaweed::{ADMIN, Identity, READER, config, server};

/// Makes a small sample in a folder and runs the job.
fn chain(folder: &Path) -> String {
    let chain = folder.join("chain");
    let size = ["--stores", "4", "--skus", "3", "--days", "2"];
    let made = cohort(&[&["sample", chain.to_str().unwrap()], &size[..]].concat());
    assert_eq!(made.status.code(), Some(0));
    let manifest = chain.join("run_manifest.json").to_str().unwrap().to_owned();
    assert_eq!(cohort(&["run", "--manifest", &manifest]).status.code(), Some(0));
    manifest
}

fn cohort(arguments: &[&str]) -> Output {
    Command::new(crate::binary::binary()).args(arguments).output().unwrap()
}

#[test]
fn the_page_replaces_a_file_whole_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = chain(folder.path());
    let pages = folder.path().join("pages");
    let out = pages.join("events.html").to_str().unwrap().to_owned();
    let write = || cohort(&["page", "--manifest", &manifest, "--out", &out]);
    assert_eq!(write().status.code(), Some(0));
    let page = std::fs::read(&out).unwrap();
    assert!(page.starts_with(b"<!DOCTYPE html>"));
    std::fs::write(&out, "an older page").unwrap();
    let written = write();
    assert_eq!(String::from_utf8(written.stdout).unwrap(), format!("file://{out}\n"));
    assert_eq!(std::fs::read(&out).unwrap(), page);
    assert_eq!(std::fs::read_dir(&pages).unwrap().count(), 1);
}

#[test]
fn the_page_keeps_the_link_and_the_mode_of_what_it_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = chain(folder.path());
    let (page, link) = (folder.path().join("page.html"), folder.path().join("link.html"));
    std::fs::write(&page, "an older page").unwrap();
    std::fs::set_permissions(&page, PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&page, &link).unwrap();
    let out = link.to_str().unwrap();
    assert_eq!(cohort(&["page", "--manifest", &manifest, "--out", out]).status.code(), Some(0));
    assert!(link.is_symlink());
    assert!(std::fs::read(&page).unwrap().starts_with(b"<!DOCTYPE html>"));
    assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_no_place_for_a_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = chain(folder.path());
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::write(folder.path().join("verify.json"), r#"{"version": 2}"#).unwrap();
    let verify = folder.path().join("verify.json").to_str().unwrap().to_owned();
    for (out, more, said) in [
        ("chain", &[][..], "expected a file, found a folder"),
        ("chain/", &[], "expected a file or an object"),
        ("file/events.html", &[], "expected a folder above it, found a file"),
        ("events.html", &["--verify", &verify], "expected what `cohort verify --as json` prints"),
        (
            "verify.json",
            &["--verify", &verify],
            "expected a place of its own, found that of --verify",
        ),
        ("chain/run_manifest.json", &[], "expected a place of its own, found that of --manifest"),
        ("chain/out/lineage/events.html", &[], "found that of the lineages"),
        ("chain/all_campaign_data/events.html", &[], "found that of all_campaign_data"),
    ] {
        let out = format!("{}/{out}", folder.path().display());
        let arguments = [&["page", "--manifest", &manifest, "--out", &out], more].concat();
        let done = cohort(&arguments);
        let log = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{log}");
        assert!(log.contains(said), "{log}");
    }
}

/// Through a link, each was once written over. So was what a planted link led to, in the place of
/// the file that the page is written to first.
#[test]
fn a_page_takes_the_place_of_nothing_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = chain(folder.path());
    let chain = folder.path().join("chain");
    let lineage = chain.join("out/lineage/run=demo__2025-01-01");
    let (out, beside) = (folder.path().join("page.html"), folder.path().join("beside"));
    symlink(&lineage, &beside).unwrap();
    let before = std::fs::read(lineage.join("lineage.json")).unwrap();
    for (target, out, said) in [
        (lineage.join("lineage.json"), out.clone(), "that of the lineages"),
        (chain.join("run_manifest.json"), out.clone(), "that of --manifest"),
        (chain.join("demo_run_config.json"), out.clone(), "that of demo_run_config"),
        (lineage.clone(), beside.join("new.html"), "that of the lineages"),
    ] {
        let _ = std::fs::remove_file(folder.path().join("page.html"));
        symlink(&target, folder.path().join("page.html")).unwrap();
        let out = out.to_str().unwrap();
        let done = cohort(&["page", "--manifest", &manifest, "--out", out]);
        let log = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{log}");
        assert!(log.contains(said), "{log}");
        assert!(target.exists());
    }
    assert_eq!(std::fs::read(lineage.join("lineage.json")).unwrap(), before);
    let _ = std::fs::remove_file(&out);
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    // The shell's process number is that of the program that it becomes.
    let script = "ln -s precious .cohort-page-$$-0.tmp; ln -s precious .page.html.$$.tmp; \
                  exec \"$0\" page --manifest \"$1\" --out page.html";
    let mut planted = Command::new("bash");
    planted.args(["-c", script]).arg(crate::binary::binary()).arg(&manifest);
    let done = planted.current_dir(folder.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!out.is_symlink() && std::fs::read(&out).unwrap().starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn a_page_on_s3_is_replaced_and_shown_by_a_browser() {
    let place = Place::new("outputs/page", &sample(1));
    assert!(place.command(server().port, ADMIN).output().unwrap().status.success());
    let manifest = place.prefix.join("run_manifest.json").to_string();
    let out = place.prefix.join("out/events.html");
    let write = |identity: Identity| {
        let mut job = Command::new(crate::binary::binary());
        environment(&mut job, server().port, identity);
        let arguments = ["page", "--manifest", &manifest, "--out", &out.to_string()];
        let done = job.args(arguments).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let page = || place.outputs().remove("out/events.html").unwrap();
    assert_eq!(write(ADMIN).0, Some(0));
    let first = page();
    assert!(first.starts_with(b"<!DOCTYPE html>"));
    let (exit, log) = write(READER);
    assert_eq!(exit, Some(77), "{log}");
    assert_eq!(write(ADMIN).0, Some(0));
    assert_eq!(page(), first);
    let (bucket, key) = out.to_string()["s3://".len()..]
        .split_once('/')
        .map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let head = runtime.block_on(async {
        let client = aws_sdk_s3::Client::from_conf(config(server().port, ADMIN).build());
        client.head_object().bucket(bucket).key(key).send().await.unwrap()
    });
    assert_eq!(head.content_type(), Some("text/html; charset=utf-8"));
}

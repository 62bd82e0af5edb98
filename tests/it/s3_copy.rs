//! Copies and digests on a real server, and through the fault proxy.

use std::sync::Arc;

use bytes::Bytes;
use cohort::{Object, Objects, ObjectsError as Error, Put, S3, S3Settings, Uri};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::fault_proxy::{Fault, Proxy, Request};
use crate::seaweed::{ADMIN, config, fresh_prefix, impatient, s3, server};

fn direct() -> S3 {
    s3(server().port, ADMIN)
}

async fn created(uri: &Uri, content: impl Into<Bytes>) -> Object {
    direct().create(uri, content.into()).await.unwrap();
    direct().list(uri).await.unwrap().remove(0)
}

async fn copied(s3: &S3, from: &Object, to: &Uri) {
    let put = s3.copy(from, to).await.unwrap();
    assert!(matches!(put, Put::Done(_)), "{put:?}");
    assert_eq!(s3.read(to).await.unwrap().0, s3.read(&from.uri).await.unwrap().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_makes_copies_and_vouches_for_digests() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::<Request>::new()));
    let seen = asked.clone();
    let proxy = Proxy::start(server().port, move |request| {
        seen.lock().unwrap().push(request.clone());
        Fault::None
    });
    let through = s3(proxy.port, ADMIN);
    let prefix = fresh_prefix("copy");
    let from = created(&prefix.join("run=a%3Ab/é 1+2"), vec![7; 100_000]).await;
    let to = prefix.join("superseded/x");
    copied(&through, &from, &to).await;
    asked.lock().unwrap().clear();
    let copy = direct().list(&to).await.unwrap().remove(0);
    for object in [&from, &copy] {
        let expected: [u8; 32] = Sha256::digest(vec![7; 100_000]).into();
        assert_eq!(through.digest(object).await.unwrap(), expected);
    }
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|request| request.method == "HEAD"), "a digest was read back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_the_server_does_not_know_is_read_back() {
    let prefix = fresh_prefix("digest");
    let client = aws_sdk_s3::Client::from_conf(config(server().port, ADMIN).build());
    let uri = prefix.join("x");
    let content = vec![9; 6 << 20];
    // Another client's upload, without a checksum of its own.
    let put = client.put_object().bucket("lake").key(uri.path());
    put.body(content.clone().into()).send().await.unwrap();
    let large = prefix.join("large");
    direct().create(&large, content.clone().into()).await.unwrap();
    for uri in [uri, large] {
        let object = direct().list(&uri).await.unwrap().remove(0);
        let expected: [u8; 32] = Sha256::digest(&content).into();
        assert_eq!(direct().digest(&object).await.unwrap(), expected, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_answer_is_lost_is_told_from_one_that_lost_a_race() {
    for fault in [Fault::ResetAfter, Fault::StatusAfter(500, "InternalError"), Fault::ResetBefore] {
        let plan = fault.clone();
        let proxy = Proxy::start(server().port, move |request| match request.write_number {
            0 if request.is_write() => plan.clone(),
            _ => Fault::None,
        });
        let prefix = fresh_prefix("copy-lost");
        let from = created(&prefix.join("from"), "mine").await;
        let through = s3(proxy.port, ADMIN);
        copied(&through, &from, &prefix.join("to")).await;
        assert_eq!(through.copy(&from, &prefix.join("to")).await.unwrap(), Put::Conflict);
        let other = created(&prefix.join("other"), "other").await;
        assert_eq!(through.copy(&other, &prefix.join("to")).await.unwrap(), Put::Conflict);
        assert_eq!(direct().read(&prefix.join("to")).await.unwrap().0, "mine", "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_met_another_write_is_tried_again() {
    let proxy = Proxy::start(server().port, |request| match request.write_number {
        0 | 1 if request.is_write() => Fault::Status(409, "ConditionalRequestConflict"),
        _ => Fault::None,
    });
    let prefix = fresh_prefix("copy-collision");
    let from = created(&prefix.join("from"), "mine").await;
    copied(&s3(proxy.port, ADMIN), &from, &prefix.join("to")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_objects_are_copied_through_here() {
    let settings = S3Settings { copy_bytes_max: 1000, ..impatient() };
    let s3 = S3::new(config(server().port, ADMIN), settings);
    let prefix = fresh_prefix("copy-long");
    let from = created(&prefix.join("from"), vec![1; 6 << 20]).await;
    copied(&s3, &from, &prefix.join("to")).await;
    assert_eq!(s3.copy(&from, &prefix.join("to")).await.unwrap(), Put::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_copies_of_different_objects_wins() {
    let prefix = fresh_prefix("copy-race");
    let s3 = Arc::new(direct());
    for round in 0..4 {
        let to = prefix.join(&format!("to-{round}"));
        let mut racers = JoinSet::new();
        for number in 0..16 {
            let name = format!("from-{round}-{number}");
            let from = created(&prefix.join(&name), name.clone()).await;
            let (s3, to) = (s3.clone(), to.clone());
            racers.spawn(async move {
                let put = s3.copy(&from, &to).await.unwrap();
                matches!(put, Put::Done(_)).then_some(name)
            });
        }
        let won: Vec<String> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(won, [direct().read(&to).await.unwrap().0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changed_is_not_copied() {
    let prefix = fresh_prefix("copy-changed");
    let from = created(&prefix.join("from"), "old").await;
    direct().replace(&from.uri, "new".into(), &from.tag).await.unwrap();
    let copied = direct().copy(&from, &prefix.join("to")).await;
    assert!(matches!(copied, Err(Error::Changed { .. })), "{copied:?}");
    direct().delete(&from.uri).await.unwrap();
    let copied = direct().copy(&from, &prefix.join("to")).await;
    assert!(matches!(copied, Err(Error::Changed { .. })), "{copied:?}");
    assert!(direct().list(&prefix).await.unwrap().is_empty());
}

//! Large objects: uploads in parts against a real server, and through the fault proxy.

use std::sync::Arc;

use cohort::{Objects, ObjectsError as Error, Put, Tag, Uri};

use crate::fault_proxy::Fault;
use crate::s3_storage::{direct, done, noise, through};
use crate::seaweed::{ADMIN, config, fresh_prefix, server};

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_are_uploaded_in_parts_under_the_same_conditions() {
    let (proxy, s3) = through(|_| Fault::None);
    let prefix = fresh_prefix("large");
    let (one, two) = (noise(11 << 20), noise((11 << 20) + 1));
    let uri = prefix.join("x");
    let first = done(s3.create(&uri, one.clone()).await.unwrap());
    assert!(proxy.seen().iter().any(|line| line.contains("partNumber=3")), "{:?}", proxy.seen());
    assert_eq!(s3.create(&uri, two.clone()).await.unwrap(), Put::Conflict);
    assert_eq!(s3.replace(&uri, two.clone(), &Tag("\"0\"".into())).await.unwrap(), Put::Conflict);
    assert_eq!(s3.read(&uri).await.unwrap(), (one, first.clone()));
    let second = done(s3.replace(&uri, two.clone(), &first).await.unwrap());
    assert_eq!(s3.read(&uri).await.unwrap(), (two, second));
}

/// The name of a large object holds its digest, so racers always bring the same content. That
/// matters: SeaweedFS 4.48 honours the condition of a completion, but lets several that come at
/// once pass.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_content_at_once_leave_it_whole_and_nothing_over() {
    let s3 = Arc::new(direct());
    let prefix = fresh_prefix("large-race");
    let uri = prefix.join("x");
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (s3, uri) = (s3.clone(), uri.clone());
        racers.spawn(async move { s3.create(&uri, noise(6 << 20)).await.unwrap() });
    }
    let ended = racers.join_all().await;
    assert!(ended.iter().any(|put| matches!(put, Put::Done(_))), "{ended:?}");
    assert!(s3.read(&uri).await.unwrap().0 == noise(6 << 20));
    assert_eq!(s3.list(&prefix).await.unwrap().len(), 1);
    assert_eq!(open_uploads(&prefix).await, 0);
}

async fn open_uploads(prefix: &Uri) -> usize {
    let client = aws_sdk_s3::Client::from_conf(config(server().port, ADMIN).build());
    let listed = client.list_multipart_uploads().bucket("lake").prefix(prefix.path());
    listed.send().await.unwrap().uploads().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_completion_is_not_answered_is_settled_by_reading_back() {
    let (_proxy, s3) = through(|request| {
        let completes = request.method == "POST" && request.target.contains("uploadId=");
        if completes { Fault::ResetAfter } else { Fault::None }
    });
    let prefix = fresh_prefix("large-lost");
    done(s3.create(&prefix.join("x"), noise(6 << 20)).await.unwrap());
    assert_eq!(open_uploads(&prefix).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fails_or_is_dropped_is_aborted_or_swept() {
    let (_proxy, s3) = through(|request| {
        if request.target.contains("partNumber=2") { Fault::ResetBefore } else { Fault::None }
    });
    let prefix = fresh_prefix("large-fails");
    let failed = s3.create(&prefix.join("x"), noise(11 << 20)).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    assert_eq!(open_uploads(&prefix).await, 0);
    let client = aws_sdk_s3::Client::from_conf(config(server().port, ADMIN).build());
    let key = prefix.join("killed");
    client.create_multipart_upload().bucket("lake").key(key.path()).send().await.unwrap();
    assert_eq!(open_uploads(&prefix).await, 1);
    s3.sweep(&prefix).await.unwrap();
    assert_eq!(open_uploads(&prefix).await, 0);
    assert!(s3.list(&prefix).await.unwrap().is_empty());
}

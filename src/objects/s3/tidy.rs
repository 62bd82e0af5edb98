//! Deletes, the sweep after a commit, and the probe before it.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use bytes::Bytes;

use super::error::Failure;
use super::write::{self, Condition};
use super::{Inner, bucket, read, upload};
use crate::objects::{Error, Outcome, Put, Tag, Uri};

/// How the names of probes begin.
pub(super) const PROBE_PREFIX: &str = "_conditions-probe-";
/// A sweep of another run of this `run_id` may delete a probe between its two writes; not three times.
const PROBES_MAX: usize = 3;

/// Deletes the object. A delete that is repeated, or finds nothing, is done.
pub(super) async fn delete(inner: &Inner, uri: &Uri) -> Result<(), Error> {
    let request = || inner.client.delete_object().bucket(bucket(uri)).key(uri.path()).send();
    let mut attempts = inner.budget.attempts();
    match inner.until_done(&mut attempts, 0, request).await {
        Ok(_) | Err(Failure::NoKey) => Ok(()),
        Err(failure) => Err(failure.into_error(uri, "delete", outcome(attempts.doubtful()))),
    }
}

const fn outcome(doubtful: bool) -> Outcome {
    if doubtful { Outcome::Unknown } else { Outcome::NotDone }
}

/// Deletes probes and aborts uploads that killed writers left under the prefix.
///
/// It cannot tell a killed writer's upload from a living one's. A run of the same `run_id` that loses its upload
/// so ends with a temporary failure, and its retry finds this run's commit.
pub(super) async fn sweep(inner: &Inner, prefix: &Uri) -> Result<(), Error> {
    let probes = async {
        for probe in read::list_all(inner, &prefix.join(PROBE_PREFIX)).await? {
            delete(inner, &probe.uri).await?;
        }
        Ok(())
    };
    tokio::try_join!(probes, abort_uploads(inner, prefix)).map(|_| ())
}

async fn abort_uploads(inner: &Inner, prefix: &Uri) -> Result<(), Error> {
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let request = || {
            inner
                .client
                .list_multipart_uploads()
                .bucket(bucket(prefix))
                .prefix(prefix.path())
                .set_key_marker(key_marker.clone())
                .set_upload_id_marker(id_marker.clone())
                .send()
        };
        let page = match inner.until_done(&mut inner.budget.attempts(), 0, request).await {
            Ok(page) => page,
            Err(failure) => {
                // Nothing visible depends on it, and not every server or policy has it.
                let error = failure.into_error(prefix, "list", Outcome::NotDone);
                tracing::warn!(%error, "could not look for uploads that were never completed");
                return Ok(());
            }
        };
        for open in page.uploads() {
            let key = open.key().unwrap_or_default();
            // Some servers take the prefix for a folder's name.
            if key.starts_with(prefix.path()) {
                let uri = prefix.with_path(key);
                upload::abort(inner, &uri, open.upload_id().unwrap_or_default()).await;
            }
        }
        if page.is_truncated() != Some(true) {
            return Ok(());
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
    }
}

/// Writes a small object twice under conditions that do not hold the second time.
pub(super) async fn probe_conditions(inner: &Arc<Inner>, prefix: &Uri) -> Result<(), Error> {
    if inner.is_unconditional() {
        return Ok(());
    }
    for _ in 0..PROBES_MAX {
        // Runs of one `run_id` may probe at once, so each takes a name of its own; it reaches no output.
        #[expect(
            clippy::disallowed_methods,
            reason = "a name that no other probe has, gone before the run ends"
        )]
        let number = RandomState::new().hash_one(0_u8);
        let uri = prefix.join(&format!("{PROBE_PREFIX}{number:016x}"));
        let honoured = honours_conditions(inner, &uri).await;
        let deleted = delete(inner, &uri).await;
        if honoured? {
            return deleted;
        }
    }
    Err(Error::Misconfigured {
        uri: prefix.clone(),
        reason: "expected a server that honours If-None-Match and If-Match, found one that overwrites all the \
                 same; use a server that honours them, or accept that runs of one run_id at once may overwrite \
                 each other with \"commit\": \"unconditional\" in the manifest"
            .to_owned(),
    })
}

async fn honours_conditions(inner: &Arc<Inner>, uri: &Uri) -> Result<bool, Error> {
    let write = async |content: &'static str, condition: &Condition| {
        write::put(inner, uri, Bytes::from_static(content.as_bytes()), condition).await
    };
    write("first", &Condition::Absent).await?;
    let never = Condition::Seen(Tag(format!("\"{:032x}\"", 0)));
    let (again, replaced) =
        tokio::join!(write("second", &Condition::Absent), write("third", &never));
    Ok(again? == Put::Conflict && replaced? == Put::Conflict)
}

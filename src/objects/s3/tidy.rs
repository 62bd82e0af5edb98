//! Deletes, and the sweep after a commit.

use super::client::Inner;
use super::condition::{PROBE_PREFIX, is_probe};
use super::error::Failure;
use super::{list, upload};
use crate::objects::error::{Error, Outcome};
use crate::objects::uri::Uri;

/// Deletes the object. A delete that is repeated, or finds nothing, is done.
pub(super) async fn delete(inner: &Inner, uri: &Uri) -> Result<(), Error> {
    let request = || inner.client.delete_object().bucket(uri.bucket()).key(uri.path()).send();
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
/// It cannot tell the upload of a killed writer from that of a living one. A run of the same
/// `run_id` that loses its upload in this way ends with a temporary failure, and its retry finds
/// this run's commit.
pub(super) async fn sweep(inner: &Inner, prefix: &Uri) -> Result<(), Error> {
    let probes = async {
        for probe in list::list_all(inner, &prefix.join(PROBE_PREFIX)).await? {
            if is_probe(probe.uri.name()) {
                delete(inner, &probe.uri).await?;
            }
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
                .bucket(prefix.bucket())
                .prefix(prefix.path())
                .set_key_marker(key_marker.clone())
                .set_upload_id_marker(id_marker.clone())
                .send()
        };
        let page = match inner.until_done(&mut inner.budget.attempts(), 0, request).await {
            Ok(page) => page,
            Err(failure) => {
                // Nothing visible depends on it, and not every server or policy offers it.
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

//! Large objects in parts. Only the completion makes the object visible, and it carries the
//! condition.
//!
//! An upload that does not end in an object is aborted, also if the write is dropped half-way.
//! Those of a killed process are left to the next run's sweep.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::client::{Inner, content_type, tag};
use super::condition::Condition;
use super::error::Failure;
use super::settle::settle;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Put;
use crate::objects::uri::Uri;

/// An upload that has begun. It is aborted if it is dropped before it is completed.
struct Upload {
    inner: Arc<Inner>,
    uri: Uri,
    id: String,
    open: bool,
}

/// Writes the object in parts if the condition holds.
pub(super) async fn put(
    inner: &Arc<Inner>,
    uri: &Uri,
    content: &Bytes,
    condition: &Condition,
) -> Result<Put, Error> {
    let mut restarts = inner.budget.attempts();
    loop {
        let mut upload = Upload::begin(inner, uri).await?;
        let ended = match upload.send_parts(content).await {
            Ok(parts) => upload.complete(parts, content, condition).await,
            Err(error) => Err(Ended::Failed(error)),
        };
        upload.abort().await;
        match ended {
            Ok(put) => return Ok(put),
            Err(Ended::Failed(error)) => return Err(error),
            // S3 wants an upload that collided with another write to be begun again.
            Err(Ended::Collided) => restarts
                .again_after(Failure::Collision)
                .await
                .map_err(|last| last.into_error(uri, "write", Outcome::NotDone))?,
        }
    }
}

enum Ended {
    Failed(Error),
    Collided,
}

impl Upload {
    async fn begin(inner: &Arc<Inner>, uri: &Uri) -> Result<Self, Error> {
        let request = || {
            inner
                .client
                .create_multipart_upload()
                .bucket(uri.bucket())
                .key(uri.path())
                .set_content_type(content_type(uri))
                .send()
        };
        let begun = inner.until_done(&mut inner.budget.attempts(), 0, request).await;
        let failed = |failure: Failure| failure.into_error(uri, "write", Outcome::NotDone);
        let id = begun.map_err(failed)?.upload_id.unwrap_or_default();
        Ok(Self { inner: inner.clone(), uri: uri.clone(), id, open: true })
    }

    async fn send_parts(&self, content: &Bytes) -> Result<Vec<CompletedPart>, Error> {
        let mut tasks = JoinSet::new();
        let length = self.inner.settings.part_bytes;
        for (number, start) in (1..).zip((0..content.len()).step_by(length)) {
            let part = content.slice(start..content.len().min(start + length));
            let (inner, uri, id) = (self.inner.clone(), self.uri.clone(), self.id.clone());
            tasks.spawn(async move { send_part(&inner, &uri, &id, number, part).await });
        }
        let mut parts = Vec::with_capacity(tasks.len());
        while let Some(task) = tasks.join_next().await {
            let sent = task.unwrap_or_else(|stopped| Err(Failure::lost(stopped.to_string())));
            parts.push(sent.map_err(|failure| self.failed(failure, Outcome::NotDone))?);
        }
        parts.sort_unstable_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    async fn complete(
        &mut self,
        parts: Vec<CompletedPart>,
        content: &Bytes,
        condition: &Condition,
    ) -> Result<Put, Ended> {
        let inner = self.inner.clone();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let mut attempts = inner.budget.attempts();
        let last = loop {
            let request = inner
                .client
                .complete_multipart_upload()
                .bucket(self.uri.bucket())
                .key(self.uri.path())
                .upload_id(&self.id)
                .multipart_upload(parts.clone())
                .set_if_none_match(condition.if_none_match())
                .set_if_match(condition.if_match())
                .send();
            let permit = inner.request_permit().await;
            let answer = inner.attempt(0, request).await;
            drop(permit);
            match answer {
                Ok(answer) => {
                    self.open = false;
                    return Ok(Put::Done(tag(answer.e_tag())));
                }
                Err(Failure::Collision) => return Err(Ended::Collided),
                Err(failure) if condition.refused_by(&failure) => {
                    if !attempts.doubtful() {
                        return Ok(Put::Conflict);
                    }
                    break None;
                }
                Err(failure) => {
                    if let Err(last) = attempts.again_after(failure).await {
                        break Some(last);
                    }
                }
            }
        };
        match last {
            Some(last) if !attempts.doubtful() => {
                Err(Ended::Failed(self.failed(last, Outcome::NotDone)))
            }
            last => {
                settle(&inner, &self.uri, content, condition, last).await.map_err(Ended::Failed)
            }
        }
    }

    fn failed(&self, failure: Failure, outcome: Outcome) -> Error {
        failure.into_error(&self.uri, "write", outcome)
    }

    /// Aborts the upload unless it is completed. One that cannot be aborted is left to a sweep.
    async fn abort(mut self) {
        if std::mem::take(&mut self.open) {
            abort(&self.inner, &self.uri, &self.id).await;
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if std::mem::take(&mut self.open)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (inner, uri, id) = (self.inner.clone(), self.uri.clone(), self.id.clone());
            runtime.spawn(async move { abort(&inner, &uri, &id).await });
        }
    }
}

async fn send_part(
    inner: &Inner,
    uri: &Uri,
    id: &str,
    number: i32,
    part: Bytes,
) -> Result<CompletedPart, Failure> {
    let request = || {
        inner
            .client
            .upload_part()
            .bucket(uri.bucket())
            .key(uri.path())
            .upload_id(id)
            .part_number(number)
            .body(ByteStream::from(part.clone()))
            .send()
    };
    let sent = inner.until_done(&mut inner.budget.attempts(), part.len() as u64, request).await?;
    let done = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
    Ok(done.set_checksum_crc32(sent.checksum_crc32).build())
}

/// Ends an upload without an object.
pub(super) async fn abort(inner: &Inner, uri: &Uri, id: &str) {
    let request = || {
        let abort = inner.client.abort_multipart_upload();
        abort.bucket(uri.bucket()).key(uri.path()).upload_id(id).send()
    };
    match inner.until_done(&mut inner.budget.attempts(), 0, request).await {
        Ok(_) | Err(Failure::NoUpload | Failure::NoKey) => {}
        Err(failure) => {
            let error = failure.into_error(uri, "delete", Outcome::Unknown);
            tracing::warn!(%error, "could not abort an upload; the next run tries again");
        }
    }
}

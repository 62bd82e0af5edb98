//! Conditional writes on S3, each with an exact answer.
//!
//! | answer | meaning | then |
//! |---|---|---|
//! | 200 | written | done |
//! | 412, or 404 to `If-Match` | the condition does not hold | conflict; if doubtful, read back |
//! | 409 `ConditionalRequestConflict` | met another write, surely not done | try again |
//! | timeout, reset, 5xx | doubtful: may have been carried out | try again |
//! | attempts used up, one of them doubtful | | read back |
//!
//! [`settle`] reads back and compares contents. The same content is ours, or that of another run
//! that wanted the same: done. Other content is a conflict. The state from before, after a doubtful
//! attempt, is the one case that ends with [`Outcome::Unknown`]: the request may still arrive, and
//! its condition then decides.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::client::{Inner, content_type, tag};
use super::condition::Condition;
use super::settle::settle;
use super::{digest, read, upload};
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Put;
use crate::objects::uri::Uri;

/// Writes the object if the condition holds.
pub(super) async fn put(
    inner: &Arc<Inner>,
    uri: &Uri,
    content: Bytes,
    condition: &Condition,
) -> Result<Put, Error> {
    let large = content.len() > inner.settings.part_bytes;
    if (large || inner.is_unconditional()) && !holds(inner, uri, condition).await? {
        return Ok(Put::Conflict);
    }
    let condition = if inner.is_unconditional() { &Condition::Any } else { condition };
    if large {
        upload::put(inner, uri, &content, condition).await
    } else {
        put_whole(inner, uri, &content, condition).await
    }
}

/// Whether the condition holds now. To ask first saves an upload that would be refused. On a
/// storage without conditional writes it is the only check.
async fn holds(inner: &Inner, uri: &Uri, condition: &Condition) -> Result<bool, Error> {
    let found = read::head(inner, uri).await?;
    Ok(match condition {
        Condition::Absent => found.is_none(),
        Condition::Seen(seen) => found.is_some_and(|object| object.tag == *seen),
        Condition::Any => true,
    })
}

async fn put_whole(
    inner: &Arc<Inner>,
    uri: &Uri,
    content: &Bytes,
    condition: &Condition,
) -> Result<Put, Error> {
    let checksum = digest::text(&Sha256::digest(content).into());
    let mut attempts = inner.budget.attempts();
    loop {
        let request = inner
            .client
            .put_object()
            .bucket(uri.bucket())
            .key(uri.path())
            .set_if_none_match(condition.if_none_match())
            .set_if_match(condition.if_match())
            .checksum_sha256(&checksum)
            .set_content_type(content_type(uri))
            .body(ByteStream::from(content.clone()))
            .send();
        let permit = inner.request_permit().await;
        let answer = inner.attempt(content.len() as u64, request).await;
        drop(permit);
        let failure = match answer {
            Ok(answer) => return Ok(Put::Done(tag(answer.e_tag()))),
            Err(failure) => failure,
        };
        if condition.refused_by(&failure) {
            return if attempts.doubtful() {
                settle(inner, uri, content, condition, None).await
            } else {
                Ok(Put::Conflict)
            };
        }
        if let Err(last) = attempts.again_after(failure).await {
            return if attempts.doubtful() {
                settle(inner, uri, content, condition, Some(last)).await
            } else {
                Err(last.into_error(uri, "write", Outcome::NotDone))
            };
        }
    }
}

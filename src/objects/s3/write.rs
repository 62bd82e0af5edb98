//! Conditional writes on S3, each with an exact answer.
//!
//! | answer | meaning | then |
//! |---|---|---|
//! | 200 | written | done |
//! | 412, or 404 to `If-Match` | the condition does not hold | conflict; after a doubtful attempt, read back |
//! | 409 `ConditionalRequestConflict` | met another write, surely not done | try again |
//! | timeout, reset, 5xx | doubtful: may have been carried out | try again |
//! | attempts used up, one of them doubtful | | read back |
//!
//! Reading back compares contents. The same content is ours, or another run's that wanted the same: done. Other
//! content is a conflict. The state from before, after a doubtful attempt, is the one case that ends with
//! [`Outcome::Unknown`]: the request may still arrive, and its condition then decides.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::error::Failure;
use super::{Inner, bucket, read, tag, upload};
use crate::objects::{Error, Outcome, Put, Tag, Uri};

/// Content up to this is read back in one piece.
const READ_BACK_BYTES: u64 = 8 << 20;

/// What must hold for a write to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing stands there.
    Absent,
    /// The version with this tag stands there.
    Seen(Tag),
    /// Anything: for servers that know no conditions.
    Any,
}

impl Condition {
    pub(super) fn if_none_match(&self) -> Option<String> {
        matches!(self, Self::Absent).then(|| "*".to_owned())
    }

    pub(super) fn if_match(&self) -> Option<String> {
        match self {
            Self::Seen(tag) => Some(tag.0.clone()),
            Self::Absent | Self::Any => None,
        }
    }

    /// Whether an answer says that the condition does not hold.
    pub(super) const fn refused_by(&self, failure: &Failure) -> bool {
        matches!(
            (self, failure),
            (Self::Absent | Self::Seen(_), Failure::Precondition) | (Self::Seen(_), Failure::NoKey)
        )
    }
}

/// Writes the object where the condition holds.
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

/// Whether the condition holds now: spares an upload in vain, and is all there is without conditional writes.
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
    let mut attempts = inner.budget.attempts();
    loop {
        let request = inner
            .client
            .put_object()
            .bucket(bucket(uri))
            .key(uri.path())
            .set_if_none_match(condition.if_none_match())
            .set_if_match(condition.if_match())
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

/// Reads back what a doubtful write left. `last` is the failure that ended the attempts; none where the
/// storage answered that the condition does not hold.
pub(super) async fn settle(
    inner: &Arc<Inner>,
    uri: &Uri,
    content: &Bytes,
    condition: &Condition,
    last: Option<Failure>,
) -> Result<Put, Error> {
    tracing::debug!(%uri, "the answer to a write was lost; reading back");
    let found = match compare(inner, uri, content).await {
        Ok(found) => found,
        Err(error) => {
            return Err(last.map_or(error, |last| last.into_error(uri, "write", Outcome::Unknown)));
        }
    };
    match (found, condition, last) {
        (Found::Same(tag), _, _) => Ok(Put::Done(tag)),
        (Found::Nothing, Condition::Absent | Condition::Any, Some(last))
        | (Found::Other(_), Condition::Any, Some(last)) => {
            Err(last.into_error(uri, "write", Outcome::Unknown))
        }
        (Found::Other(tag), Condition::Seen(seen), Some(last)) if tag == *seen => {
            Err(last.into_error(uri, "write", Outcome::Unknown))
        }
        _ => Ok(Put::Conflict),
    }
}

enum Found {
    Nothing,
    Same(Tag),
    Other(Tag),
}

/// What stands there now, against the content that was to be written; in pieces, so that it takes little
/// memory beside the content itself.
async fn compare(inner: &Arc<Inner>, uri: &Uri, content: &Bytes) -> Result<Found, Error> {
    let Some(object) = read::head(inner, uri).await? else {
        return Ok(Found::Nothing);
    };
    let length = content.len() as u64;
    if object.bytes != length {
        return Ok(Found::Other(object.tag));
    }
    let mut start = 0;
    while start < length {
        let piece: Range<u64> = start..length.min(start + READ_BACK_BYTES);
        let read = read::ranges(inner, &object, std::slice::from_ref(&piece)).await?;
        // The piece lies within the content, whose length is a usize.
        #[allow(clippy::cast_possible_truncation)]
        let expected = content.slice(piece.start as usize..piece.end as usize);
        if read.first() != Some(&expected) {
            return Ok(Found::Other(object.tag));
        }
        start = piece.end;
    }
    Ok(Found::Same(object.tag))
}

//! Copies that the server makes itself: create-only, and of one version only.
//!
//! A copy whose answer was lost may still appear, so the same request is repeated until it is
//! answered: 200 is done, 412 says that something is at the target. That may be this copy, which
//! comparing digests tells; a tag tells nothing, as it may differ between equal objects.

use std::sync::Arc;

use aws_sdk_s3::types::{ChecksumAlgorithm, TaggingDirective};
use bytes::Bytes;

use super::client::{Inner, tag};
use super::condition::Condition;
use super::error::Failure;
use super::{digest, read, write};
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Object, Put};
use crate::objects::uri::Uri;

/// Copies this version of the object to the target, only if there is none.
pub(super) async fn copy(inner: &Arc<Inner>, from: &Object, to: &Uri) -> Result<Put, Error> {
    if from.bytes > inner.settings.copy_bytes_max {
        // The server copies no longer object in one request.
        return through_here(inner, from, to).await;
    }
    if inner.is_unconditional() && read::head(inner, to).await?.is_some() {
        return Ok(Put::Conflict);
    }
    let mut attempts = inner.budget.attempts();
    loop {
        let request = inner
            .client
            .copy_object()
            .bucket(to.bucket())
            .key(to.path())
            .copy_source(source(&from.uri))
            .copy_source_if_match(&from.tag.0)
            .set_if_none_match((!inner.is_unconditional()).then(|| "*".to_owned()))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            // Tags would need rights of their own.
            .tagging_directive(TaggingDirective::Replace)
            .send();
        let permit = inner.request_permit().await;
        let answer = inner.attempt(from.bytes, request).await;
        drop(permit);
        match answer {
            Ok(answer) => {
                let made = answer.copy_object_result();
                return Ok(Put::Done(tag(made.and_then(|made| made.e_tag()))));
            }
            Err(Failure::Precondition) => {
                return refused(inner, from, to, attempts.doubtful()).await;
            }
            Err(Failure::NoKey) => return Err(Error::Changed { uri: from.uri.clone() }),
            Err(failure) => attempts
                .again_after(failure)
                .await
                .map_err(|last| last.into_error(to, "write", Outcome::Unknown))?,
        }
    }
}

/// One of the two conditions does not hold: the source has changed, or something is at the target.
async fn refused(
    inner: &Arc<Inner>,
    from: &Object,
    to: &Uri,
    doubtful: bool,
) -> Result<Put, Error> {
    let Some(found) = read::head(inner, to).await? else {
        return Err(Error::Changed { uri: from.uri.clone() });
    };
    let own = doubtful
        && found.bytes == from.bytes
        && digest::digest(inner, &found).await? == digest::digest(inner, from).await?;
    Ok(if own { Put::Done(found.tag) } else { Put::Conflict })
}

async fn through_here(inner: &Arc<Inner>, from: &Object, to: &Uri) -> Result<Put, Error> {
    let whole = 0..from.bytes;
    let content = read::ranges(inner, from, std::slice::from_ref(&whole)).await?;
    let content: Bytes = content.into_iter().next().unwrap_or_default();
    write::put(inner, to, content, &Condition::Absent).await
}

/// Bucket and key as a header holds them: percent-encoded.
fn source(uri: &Uri) -> String {
    let mut text = format!("{}/", uri.bucket());
    for byte in uri.path().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_percent_encoded() {
        let uri = Uri::from_argument(std::path::Path::new("/"), "s3://b/run=a%3Ab/é 1+2~");
        assert_eq!(source(&uri.unwrap()), "b/run%3Da%253Ab/%C3%A9%201%2B2~");
    }
}

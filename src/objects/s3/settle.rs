//! Reading back what a write left whose answer was lost.

use std::sync::Arc;

use bytes::Bytes;

use super::client::Inner;
use super::condition::Condition;
use super::error::Failure;
use super::read;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Put, Tag, pieces};
use crate::objects::uri::Uri;

/// Reads back what a doubtful write left. `last` is the failure that ended the attempts; `None` if
/// the storage answered that the condition does not hold.
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
        (FoundObject::Same(tag), _, _) => Ok(Put::Done(tag)),
        (FoundObject::Nothing, Condition::Absent | Condition::Any, Some(last))
        | (FoundObject::Other(_), Condition::Any, Some(last)) => {
            Err(last.into_error(uri, "write", Outcome::Unknown))
        }
        (FoundObject::Other(tag), Condition::Seen(seen), Some(last)) if tag == *seen => {
            Err(last.into_error(uri, "write", Outcome::Unknown))
        }
        _ => Ok(Put::Conflict),
    }
}

enum FoundObject {
    Nothing,
    Same(Tag),
    Other(Tag),
}

/// Compares what is there now with the content that was to be written. It reads in pieces, so that
/// this takes little memory beside the content itself.
async fn compare(inner: &Arc<Inner>, uri: &Uri, content: &Bytes) -> Result<FoundObject, Error> {
    let Some(object) = read::head(inner, uri).await? else {
        return Ok(FoundObject::Nothing);
    };
    let length = content.len() as u64;
    if object.bytes != length {
        return Ok(FoundObject::Other(object.tag));
    }
    for piece in pieces(length) {
        let read = read::ranges(inner, &object, std::slice::from_ref(&piece)).await?;
        // The piece lies within the content, whose length is a usize.
        #[allow(clippy::cast_possible_truncation)]
        let expected = content.slice(piece.start as usize..piece.end as usize);
        if read.first() != Some(&expected) {
            return Ok(FoundObject::Other(object.tag));
        }
    }
    Ok(FoundObject::Same(object.tag))
}

//! Reading from S3: whole objects, and ranges pinned to the version that was listed.
//!
//! Near ranges are asked for as one and long ones as several at once, under the limits on requests
//! and bytes. The SDK retries until an answer begins. A body that then breaks or stalls is
//! continued here from its last byte, with `If-Match`, so that bytes of two versions are never
//! mixed.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::{Bytes, BytesMut};
use cohort_core::Timestamp;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{BYTES_PER_SECOND_MIN, Inner, tag};
use super::error::{Failure, causes};
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Object, Tag, WHOLE_BYTES_MAX, too_long};
use crate::objects::uri::Uri;

/// The whole object, checked against its checksum if it has one. A broken body is asked for again
/// from its start: what the checksum covers cannot be put together from two answers.
pub(super) async fn whole(inner: &Inner, uri: &Uri) -> Result<(Bytes, Tag), Error> {
    let mut attempts = inner.budget.attempts();
    let _permit = inner.request_permit().await;
    loop {
        match whole_once(inner, uri).await {
            Ok(read) => return Ok(read),
            Err(failure) => attempts
                .again_after(failure)
                .await
                .map_err(|failure| failure.into_error(uri, "read", Outcome::NotDone))?,
        }
    }
}

async fn whole_once(inner: &Inner, uri: &Uri) -> Result<(Bytes, Tag), Failure> {
    let request = inner.client.get_object().bucket(uri.bucket()).key(uri.path());
    let answer = inner.attempt(0, request.checksum_mode(ChecksumMode::Enabled).send()).await?;
    let found = tag(answer.e_tag());
    let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
    let mut content = BytesMut::with_capacity(length.unwrap_or(0).min(1 << 20) as usize);
    if length.is_some_and(|length| length > WHOLE_BYTES_MAX) {
        return Err(Failure::Misconfigured(too_long()));
    }
    let most = length.unwrap_or(WHOLE_BYTES_MAX) as usize;
    drain(inner, answer.body, most, &mut content).await?;
    match length {
        Some(length) if content.len() as u64 != length => Err(broken_off(content.len(), length)),
        _ => Ok((content.freeze(), found)),
    }
}

/// The length and version of an object, or `None` if there is none.
pub(super) async fn head(inner: &Inner, uri: &Uri) -> Result<Option<Object>, Error> {
    let request = || inner.client.head_object().bucket(uri.bucket()).key(uri.path()).send();
    match inner.until_done(&mut inner.budget.attempts(), 0, request).await {
        Ok(answer) => Ok(Some(Object {
            uri: uri.clone(),
            bytes: answer.content_length().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            tag: tag(answer.e_tag()),
        })),
        Err(Failure::NoKey) => Ok(None),
        Err(failure) => Err(failure.into_error(uri, "read", Outcome::NotDone)),
    }
}

/// When the object was last written, by the server's clock.
pub(super) async fn modified(inner: &Inner, uri: &Uri) -> Result<Option<Timestamp>, Error> {
    let request = || inner.client.head_object().bucket(uri.bucket()).key(uri.path()).send();
    let answer = inner.until_done(&mut inner.budget.attempts(), 0, request).await;
    let answer = answer.map_err(|failure| failure.into_error(uri, "read", Outcome::NotDone))?;
    let us = answer.last_modified().map(|at| {
        at.secs().saturating_mul(1_000_000).saturating_add(i64::from(at.subsec_nanos()) / 1_000)
    });
    Ok(us.and_then(|us| Timestamp::from_us(us).ok()))
}

/// The bytes of each range, in the order asked for.
pub(super) async fn ranges(
    inner: &Arc<Inner>,
    object: &Object,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>, Error> {
    let spans = merged(ranges, inner.settings.gap_bytes_max);
    let mut tasks = JoinSet::new();
    for (index, span) in spans.iter().enumerate() {
        let mut rest = BytesMut::with_capacity(length_of(span));
        for chunk in chunks(span, inner.settings.range_bytes_max) {
            let after = rest.split_off(length_of(&chunk));
            let buffer = std::mem::replace(&mut rest, after);
            let (inner, object) = (inner.clone(), object.clone());
            tasks.spawn(async move {
                let filled = fill(&inner, &object, &chunk, buffer).await?;
                Ok::<_, Error>((index, chunk.start, filled))
            });
        }
    }
    let mut parts = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        // Returning at the first error drops the set, which aborts the rest.
        parts.push(task.map_err(|stopped| stopped_half_way(object, &stopped))??);
    }
    parts.sort_unstable_by_key(|(index, start, _)| (*index, *start));
    let mut contents: Vec<BytesMut> = vec![BytesMut::new(); spans.len()];
    for (index, _, part) in parts {
        // The parts were split off one allocation, so joining them again copies nothing.
        contents[index].unsplit(part);
    }
    let contents: Vec<Bytes> = contents.into_iter().map(BytesMut::freeze).collect();
    Ok(ranges.iter().map(|range| slice(&spans, &contents, range)).collect())
}

fn stopped_half_way(object: &Object, stopped: &tokio::task::JoinError) -> Error {
    Error::Unavailable {
        uri: object.uri.clone(),
        action: "read",
        outcome: Outcome::NotDone,
        reason: format!("the operation stopped half-way: {stopped}"),
    }
}

fn length_of(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// The ranges, sorted, and joined if no more than `gap` bytes lie between them. Empty ones are left
/// out.
fn merged(ranges: &[Range<u64>], gap: u64) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> =
        ranges.iter().filter(|range| range.start < range.end).cloned().collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut spans: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match spans.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => {
                last.end = last.end.max(range.end);
            }
            _ => spans.push(range),
        }
    }
    spans
}

/// The span cut into as few pieces of about equal length as `bytes_max` allows.
fn chunks(span: &Range<u64>, bytes_max: u64) -> impl Iterator<Item = Range<u64>> {
    let (start, length) = (span.start, span.end - span.start);
    let count = length.div_ceil(bytes_max).max(1);
    let at = move |number: u64| {
        let offset = u128::from(length) * u128::from(number) / u128::from(count);
        // No greater than the length.
        start + u64::try_from(offset).unwrap_or(length)
    };
    (0..count).map(move |number| at(number)..at(number + 1))
}

fn slice(spans: &[Range<u64>], contents: &[Bytes], range: &Range<u64>) -> Bytes {
    if range.start >= range.end {
        return Bytes::new();
    }
    let index = spans.partition_point(|span| span.end < range.end);
    let offset = length_of(&(spans[index].start..range.start));
    contents[index].slice(offset..offset + length_of(range))
}

/// Fills the buffer, whose capacity is the chunk's length, in as many attempts as it takes.
async fn fill(
    inner: &Inner,
    object: &Object,
    chunk: &Range<u64>,
    mut buffer: BytesMut,
) -> Result<BytesMut, Error> {
    let _bytes = inner.bytes_permit(chunk.end - chunk.start).await;
    let _request = inner.request_permit().await;
    let mut attempts = inner.budget.attempts();
    loop {
        match fill_once(inner, object, chunk, &mut buffer).await {
            Ok(()) => return Ok(buffer),
            Err(failure) => {
                attempts.again_after(failure).await.map_err(|failure| match failure {
                    Failure::Precondition | Failure::NoKey => {
                        Error::Changed { uri: object.uri.clone() }
                    }
                    failure => failure.into_error(&object.uri, "read", Outcome::NotDone),
                })?;
            }
        }
    }
}

async fn fill_once(
    inner: &Inner,
    object: &Object,
    chunk: &Range<u64>,
    buffer: &mut BytesMut,
) -> Result<(), Failure> {
    let from = chunk.start + buffer.len() as u64;
    let wanted = chunk.end - from;
    if wanted == 0 {
        return Ok(());
    }
    let request = inner
        .client
        .get_object()
        .bucket(object.uri.bucket())
        .key(object.uri.path())
        .range(format!("bytes={from}-{}", chunk.end - 1))
        .if_match(&object.tag.0)
        .send();
    let answer = inner.attempt(0, request).await?;
    // A server may ignore the condition; the tag of what it sends tells.
    if answer.e_tag().is_some() && tag(answer.e_tag()) != object.tag {
        return Err(Failure::Precondition);
    }
    let sent = answer.content_length().and_then(|length| u64::try_from(length).ok());
    if sent.is_some_and(|sent| sent != wanted) {
        return Err(Failure::Misconfigured(format!(
            "expected {wanted} bytes of a range, found {sent:?}; use a server that honours Range"
        )));
    }
    let most = length_of(chunk);
    drain(inner, answer.body, most, buffer).await?;
    if buffer.len() < most {
        return Err(broken_off(buffer.len(), most as u64));
    }
    Ok(())
}

fn broken_off(found: usize, expected: u64) -> Failure {
    Failure::lost(format!("the body ended after {found} of {expected} bytes"))
}

/// Appends the body to the buffer, which holds at most `most` bytes in the end. What has come stays
/// in the buffer, whatever ends the body.
async fn drain(
    inner: &Inner,
    mut body: ByteStream,
    most: usize,
    buffer: &mut BytesMut,
) -> Result<(), Failure> {
    let stall = inner.settings.stall_limit;
    let expected = most.saturating_sub(buffer.len()) as u64;
    let whole = inner
        .settings
        .attempt_limit
        .saturating_add(Duration::from_secs((expected / BYTES_PER_SECOND_MIN).min(86_400)));
    let read = async {
        loop {
            match timeout(stall, body.try_next()).await {
                Err(_) => {
                    return Err(Failure::lost(format!(
                        "the body stalled for {} ms",
                        stall.as_millis()
                    )));
                }
                Ok(Err(error)) => {
                    return Err(Failure::lost(format!("the body broke off ({})", causes(&error))));
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Ok(Some(bytes))) if buffer.len() + bytes.len() > most => {
                    return Err(Failure::Misconfigured(format!(
                        "expected {most} bytes at most, found more; use a server that tells lengths"
                    )));
                }
                Ok(Ok(Some(bytes))) => buffer.extend_from_slice(&bytes),
            }
        }
    };
    timeout(whole, read).await.unwrap_or_else(|_| Err(Failure::lost("the body came too slowly")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_asked_for_as_one() {
        assert_eq!(merged(&[90..95, 0..10, 20..30, 5..12, 7..7], 8), [0..30, 90..95]);
        assert_eq!(merged(&[90..95, 0..10, 20..30, 5..12], 7), [0..12, 20..30, 90..95]);
        assert_eq!(merged(&[0..100, 10..20], 0), std::slice::from_ref(&(0..100)));
        assert!(merged(std::slice::from_ref(&(3..3)), 8).is_empty());
    }

    #[test]
    fn long_spans_are_cut_evenly() {
        let cut = |span: Range<u64>, most| chunks(&span, most).collect::<Vec<_>>();
        assert_eq!(cut(10..20, 10), std::slice::from_ref(&(10..20)));
        assert_eq!(cut(10..21, 10), [10..15, 15..21]);
        assert_eq!(cut(0..30, 10), [0..10, 10..20, 20..30]);
        assert_eq!(cut(5..6, 10), std::slice::from_ref(&(5..6)));
    }

    #[test]
    fn each_range_is_cut_from_its_span() {
        let spans = [0..30, 90..95];
        let contents = [Bytes::from((0..30).collect::<Vec<u8>>()), Bytes::from(vec![90; 5])];
        assert_eq!(&slice(&spans, &contents, &(20..30))[..], &(20..30).collect::<Vec<u8>>()[..]);
        assert_eq!(&slice(&spans, &contents, &(91..93))[..], [90, 90]);
        assert!(slice(&spans, &contents, &(7..7)).is_empty());
    }
}

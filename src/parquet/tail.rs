//! The end of a file, where its footer and its page index are.

use std::ops::Range;

use bytes::Bytes;
use parquet::DecodeResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::reader::ChunkReader as _;
use sha2::{Digest, Sha256};

use super::fetched::Fetched;
use super::{Error, footer};
use crate::objects::{self, Object, Objects, Scheme};

/// Bytes first fetched from the end of a file. Most footers fit.
pub(super) const TAIL_BYTES: u64 = 64 << 10;

/// The end of a file, as far as it has been fetched.
pub(super) struct Tail<'a> {
    objects: &'a dyn Objects,
    object: &'a Object,
    /// What has been fetched.
    pub parts: Fetched,
    /// Whether the footer has been checked.
    checked: bool,
}

impl<'a> Tail<'a> {
    /// Nothing fetched yet.
    pub(super) fn new(objects: &'a dyn Objects, object: &'a Object) -> Self {
        Self { objects, object, parts: Fetched::default(), checked: false }
    }

    /// Feeds a decoder what it asks for, `first` to begin with. The inner error is the decoder's.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(super) async fn decode(
        &mut self,
        mut decoder: ParquetMetaDataPushDecoder,
        first: Vec<Range<u64>>,
    ) -> Result<Result<ParquetMetaData, ParquetError>, Error> {
        let mut wanted = first;
        loop {
            let (have, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|range| {
                self.parts.get_bytes(range.start, (range.end - range.start) as usize).is_ok()
            });
            if missing.iter().any(|range| range.end > self.object.bytes || range.is_empty()) {
                let found = "a footer that points past the end of the file".to_owned();
                return Ok(Err(ParquetError::EOF(found)));
            }
            let mut ranges = have.clone();
            let mut contents = Vec::new();
            for range in have {
                let length = (range.end - range.start) as usize;
                contents.extend(self.parts.get_bytes(range.start, length));
            }
            if !missing.is_empty() {
                let fetched = self.objects.read_ranges(self.object, &missing).await?;
                self.parts = std::mem::take(&mut self.parts).with(&missing, &fetched);
                contents.extend(fetched);
                ranges.extend(missing);
            }
            if !ranges.is_empty()
                && let Err(error) = decoder.push_ranges(ranges, contents)
            {
                return Ok(Err(error));
            }
            if let Some(footer) = self.parts.footer(self.object.bytes).filter(|_| !self.checked) {
                if let Err(found) = footer::check(&footer) {
                    return Ok(Err(ParquetError::General(found.to_owned())));
                }
                self.checked = true;
            }
            match decoder.try_decode() {
                Ok(DecodeResult::NeedsData(ranges)) => wanted = ranges,
                Ok(DecodeResult::Data(metadata)) => return Ok(Ok(metadata)),
                Ok(DecodeResult::Finished) => {
                    return Ok(Err(ParquetError::EOF("a footer without an end".to_owned())));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}

/// A file's version as the lineage shows it, from its end alone: the storage's entity tag, or on
/// local disk what [`Fetched::footer_digest`] says.
///
/// # Errors
/// [`objects::Error`].
pub(crate) async fn tag(objects: &dyn Objects, object: &Object) -> Result<String, objects::Error> {
    if object.uri.scheme() != &Scheme::File {
        return Ok(object.tag.to_string());
    }
    let mut length = TAIL_BYTES.min(object.bytes);
    loop {
        let range = object.bytes - length..object.bytes;
        let ranges = std::slice::from_ref(&range);
        let contents = objects.read_ranges(object, ranges).await?;
        let fetched = Fetched::new(object.bytes, ranges, contents);
        let needed = fetched.footer_bytes(object.bytes).min(object.bytes);
        if needed <= length {
            return Ok(fetched.footer_digest(object.bytes));
        }
        length = needed;
    }
}

impl Fetched {
    fn with(self, ranges: &[Range<u64>], contents: &[Bytes]) -> Self {
        self.and(ranges.iter().map(|range| range.start).zip(contents.iter().cloned()))
    }

    /// What is wrong with a file whose footer cannot be read, by the four bytes that it ends with.
    pub(crate) fn ending(&self, bytes: u64, error: &ParquetError) -> String {
        match self.get_bytes(bytes - 4, 4).as_deref() {
            Ok(b"PAR1") => error.to_string(),
            Ok(b"PARE") => "an encrypted footer, which this job has no key for".to_owned(),
            _ => "no footer at its end: it is truncated, or of another kind".to_owned(),
        }
    }

    /// The length of a file's footer, with its own length and the mark behind it.
    fn footer_bytes(&self, bytes: u64) -> u64 {
        let tail = self.get_bytes(bytes.saturating_sub(8), 8).unwrap_or_default();
        8 + u64::from(tail.first_chunk().map_or(0, |length| u32::from_le_bytes(*length)))
    }

    /// The footer's bytes, if they have been fetched and are not encrypted.
    fn footer(&self, bytes: u64) -> Option<Bytes> {
        let tail = self.get_bytes(bytes.checked_sub(8)?, 8).ok()?;
        let length = u32::from_le_bytes(*tail.first_chunk()?);
        let from = bytes.checked_sub(8 + u64::from(length))?;
        self.get_bytes(from, length as usize).ok().filter(|_| tail.ends_with(b"PAR1"))
    }

    /// `footer-` and the SHA-256 of a file's footer. It changes with any number in the statistics.
    pub(crate) fn footer_digest(&self, bytes: u64) -> String {
        let footer = self.footer(bytes).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&footer).into();
        format!("footer-{}", cohort_core::Id::from_digest(&digest).as_str())
    }
}

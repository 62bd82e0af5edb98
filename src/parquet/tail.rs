//! The end of a file, where its footer and its page index are.

use std::ops::Range;

use bytes::Bytes;
use parquet::DecodeResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::reader::ChunkReader as _;
use sha2::{Digest, Sha256};

use super::faults::Faults;
use super::fetched::Fetched;
use super::guard::guarded;
use super::{Error, footer_bytes};
use crate::objects::{self, Object, Objects, Scheme};

/// Bytes first fetched from the end of a file. Most footers fit.
const TAIL_BYTES: u64 = 64 << 10;

/// The end of a file, as far as it has been fetched.
pub(super) struct Tail<'a> {
    objects: &'a dyn Objects,
    object: &'a Object,
    /// What has been fetched.
    pub parts: Fetched,
    /// What is wrong with columns, once the footer has been checked.
    checked: Option<Faults>,
}

impl<'a> Tail<'a> {
    /// Nothing fetched yet.
    pub(super) fn new(objects: &'a dyn Objects, object: &'a Object) -> Self {
        Self { objects, object, parts: Fetched::default(), checked: None }
    }

    /// The footer, and what makes columns unreadable. The inner error is the decoder's.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(super) async fn footer(
        &mut self,
    ) -> Result<Result<(ParquetMetaData, Faults), ParquetError>, Error> {
        let bytes = self.object.bytes;
        let decoder = match ParquetMetaDataPushDecoder::try_new(bytes) {
            Ok(decoder) => decoder.with_page_index_policy(PageIndexPolicy::Skip),
            Err(error) => return Ok(Err(error)),
        };
        let first = bytes.saturating_sub(TAIL_BYTES)..bytes;
        let decoded = self.decode(decoder, vec![first]).await?;
        let Some(faults) = self.checked.clone() else {
            return Ok(decoded.map(|metadata| (metadata, Faults::default())));
        };
        Ok(decoded.map(|metadata| (metadata, faults)).or_else(|error| {
            let footer = self.parts.footer(bytes).unwrap_or_default();
            footer_bytes::decode_anew(&footer).map_err(|_| error)
        }))
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
            let unchecked = self.parts.footer(self.object.bytes).filter(|_| self.checked.is_none());
            if let Some(footer) = unchecked {
                match footer_bytes::check(&footer) {
                    Ok(faults) => self.checked = Some(faults),
                    Err(found) => return Ok(Err(ParquetError::General(found.to_owned()))),
                }
            }
            let decoded = guarded(|| {
                if !ranges.is_empty() {
                    decoder.push_ranges(ranges, contents)?;
                }
                decoder.try_decode()
            });
            match decoded {
                Ok(DecodeResult::NeedsData(ranges)) => wanted = ranges,
                Ok(DecodeResult::Data(metadata)) => return Ok(Ok(metadata)),
                Ok(DecodeResult::Finished) => {
                    return Ok(Err(ParquetError::EOF("a footer without an end".to_owned())));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// What a file is whose footer cannot be read, by the bytes that it begins and ends with.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(super) async fn what_it_is(&self, error: &ParquetError) -> Result<String, Error> {
        let bytes = self.object.bytes;
        let end = self.parts.get_bytes(bytes.saturating_sub(4), 4).unwrap_or_default();
        match &*end {
            b"PAR1" => return Ok(format!("a footer that cannot be read ({error})")),
            b"PARE" => {
                let found = "one with an encrypted footer, for which this job takes no key";
                return Ok(found.to_owned());
            }
            _ => {}
        }
        let beginning = 0..bytes.min(8);
        let read = self.objects.read_ranges(self.object, std::slice::from_ref(&beginning));
        let begin = read.await?.into_iter().next().unwrap_or_default();
        Ok(kind_of(&begin).to_owned())
    }
}

/// The kind of a file that has no Parquet footer, by its first bytes.
fn kind_of(begin: &[u8]) -> &'static str {
    match begin {
        [b'P', b'A', b'R', b'1' | b'E', ..] => {
            "a truncated one: it begins as Parquet, and has no footer at its end"
        }
        [b'O', b'R', b'C', ..] => "an ORC file",
        [b'O', b'b', b'j', 1, ..] => "an Avro file",
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => "an Arrow (Feather) file",
        [0x1f, 0x8b, ..] => "a gzip file; Parquet is compressed inside, not as a whole",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a Zstandard file; Parquet is compressed inside",
        [b'P', b'K', 3, 4, ..] => "a zip file",
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => "an SQLite database",
        [b'{' | b'[', ..] => "what looks like JSON",
        [0, 0, 0, 0, ..] => "zeros at its beginning, and no footer at its end",
        _ => "one that neither begins nor ends as Parquet does",
    }
}

/// A file's version as the lineage shows it, from only its end: the storage's entity tag, or on
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

    /// The length of a file's footer, with its own length and the mark behind it.
    fn footer_bytes(&self, bytes: u64) -> u64 {
        let tail = self.get_bytes(bytes.saturating_sub(8), 8).unwrap_or_default();
        8 + u64::from(tail.first_chunk().map_or(0, |length| u32::from_le_bytes(*length)))
    }

    /// The footer's bytes, if they have been fetched and are not encrypted.
    pub(super) fn footer(&self, bytes: u64) -> Option<Bytes> {
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

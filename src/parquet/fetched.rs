//! The parts of a Parquet file that have been fetched, as the Parquet reader wants them.

use std::ops::Range;

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Some byte ranges of a file, sorted and apart from each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetched {
    bytes: u64,
    parts: Vec<(u64, Bytes)>,
}

impl Fetched {
    /// The parts of a file of `bytes` bytes. Each of the `contents` belongs to the range at its
    /// place.
    pub(crate) fn new(bytes: u64, ranges: &[Range<u64>], contents: Vec<Bytes>) -> Self {
        let mut parts: Vec<_> = ranges.iter().map(|range| range.start).zip(contents).collect();
        parts.sort_unstable_by_key(|&(start, _)| start);
        Self { bytes, parts }
    }

    /// These parts and others, each given with the offset at which it begins.
    pub(crate) fn and(mut self, others: impl Iterator<Item = (u64, Bytes)>) -> Self {
        self.parts.extend(others);
        self.parts.sort_by_key(|(start, part)| (*start, part.len()));
        self
    }

    /// Where the file ends, with what has been added.
    pub(crate) const fn end(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes past the end of the file, and returns where they lie.
    pub(crate) fn append(&mut self, bytes: Bytes) -> (u64, u64) {
        let (start, length) = (self.bytes, bytes.len() as u64);
        self.bytes += length;
        self.parts.push((start, bytes));
        (start, length)
    }

    /// The bytes from `start` to the end of the part that holds it.
    fn part(&self, start: u64) -> Result<Bytes> {
        let after = self.parts.partition_point(|&(at, _)| at <= start);
        let found = after.checked_sub(1).and_then(|i| {
            let (at, bytes) = &self.parts[i];
            let skip = usize::try_from(start - at).ok()?;
            (skip <= bytes.len()).then(|| bytes.slice(skip..))
        });
        found.ok_or_else(|| ParquetError::EOF(format!("bytes from {start} on were not fetched")))
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for Fetched {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.part(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let part = self.part(start)?;
        if length > part.len() {
            return Err(ParquetError::EOF(format!(
                "{length} bytes from {start} on were not fetched"
            )));
        }
        Ok(part.slice(..length))
    }
}

/// Sorts ranges and joins those that touch or overlap.
pub(super) fn coalesce(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_fetched_can_be_read() {
        let fetched =
            Fetched::new(100, &[50..53, 10..12], vec![Bytes::from("abc"), Bytes::from("xy")]);
        assert_eq!(fetched.get_bytes(51, 2).unwrap(), "bc");
        assert_eq!(fetched.get_bytes(10, 2).unwrap(), "xy");
        for (start, length) in [(9, 1), (11, 2), (12, 1), (53, 1), (99, 1)] {
            assert!(fetched.get_bytes(start, length).is_err(), "{start}");
        }
    }

    #[test]
    fn ranges_that_touch_are_joined() {
        assert_eq!(coalesce(vec![5..7, 0..2, 2..4, 9..9, 6..8]), [0..4, 5..8]);
    }
}

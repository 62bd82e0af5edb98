//! Pages that the Parquet crate does not read as they are, put right before it sees them.
//!
//! Two kinds of writers make them. Hadoop's LZ4 cuts a page into blocks, and the crate reads no
//! more than one reliably. And some writers of version 2 pages miscount the nulls in the page
//! header, though the levels are right. A column chunk that has such pages is written anew, in
//! memory: decompressed, or with counts that agree with its levels.

use std::io::Read as _;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader as _;

use super::fetched::Fetched;
use super::page_header::{PageHeader, V2};
use super::scan::runs::Runs;

/// A chunk that is decompressed as a whole may have this many bytes.
const CHUNK_BYTES_MAX: usize = 1 << 28;
/// LZ4 makes at most this many bytes out of one.
const LZ4_RATIO_MAX: usize = 255;

/// The chunk written anew, and its codec, or `None` if it can be read as it is.
///
/// # Errors
/// If a page is cut short, or its bytes are not what its header says.
pub(super) fn mended(
    fetched: &Fetched,
    column: &ColumnChunkMetaData,
    chunk: Range<u64>,
) -> Result<Option<(Bytes, Compression)>> {
    let is_lz4 = column.compression() == Compression::LZ4;
    let length = usize::try_from(chunk.end - chunk.start)?;
    let bytes = fetched.get_bytes(chunk.start, length)?;
    let (first, _) = PageHeader::read(&bytes)?;
    let max_level = column.column_descr().max_def_level();
    if !is_lz4 && (max_level == 0 || !has_v2(&bytes, &first)) {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut changed = is_lz4;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (mut header, at) = PageHeader::read(&rest)?;
        let end = at.checked_add(header.compressed).filter(|&end| end <= rest.len());
        let end = end.ok_or_else(|| ParquetError::EOF("a page past its chunk's end".to_owned()))?;
        let body = rest.slice(at..end);
        if header.crc.is_some_and(|crc| crc != crc32fast::hash(&body)) {
            return Err(ParquetError::General("Page CRC checksum mismatch".to_owned()));
        }
        rest = rest.slice(end..);
        if let Some(v2) = header.v2.as_mut() {
            let nulls = nulls(v2, &body, max_level)?;
            changed |= v2.nulls != nulls;
            v2.nulls = nulls;
        }
        if is_lz4 && out.len().saturating_add(header.uncompressed) > CHUNK_BYTES_MAX {
            let found = format!("a column chunk of more than {CHUNK_BYTES_MAX} bytes in LZ4");
            return Err(ParquetError::General(found));
        }
        let body = if is_lz4 { decompressed(&header, &body)? } else { body };
        header.compressed = body.len();
        header.crc = None;
        header.write(&mut out);
        out.extend_from_slice(&body);
    }
    let codec = if is_lz4 { Compression::UNCOMPRESSED } else { column.compression() };
    Ok(changed.then(|| (out.into(), codec)))
}

/// Whether the first data page, which comes first or after a dictionary, is of version 2.
fn has_v2(bytes: &Bytes, first: &PageHeader) -> bool {
    if !first.is_dictionary() {
        return first.v2.is_some();
    }
    let Ok((_, at)) = PageHeader::read(bytes) else { return false };
    let next = at.saturating_add(first.compressed);
    let second = bytes.get(next..).map(PageHeader::read);
    second.is_some_and(|second| second.is_ok_and(|(header, _)| header.v2.is_some()))
}

/// How many of a page's values are null, by its definition levels.
fn nulls(v2: &V2, body: &Bytes, max_level: i16) -> Result<i32> {
    let from = v2.rep_bytes;
    let levels = from.checked_add(v2.def_bytes).and_then(|to| body.get(from..to));
    let short = || ParquetError::EOF("a page ends inside its levels".to_owned());
    let levels = body.slice_ref(levels.ok_or_else(short)?);
    let values = usize::try_from(v2.values)?;
    if max_level == 0 {
        return Ok(0);
    }
    let width = (16 - max_level.leading_zeros()) as u8;
    // Each byte of levels holds no more than a run does, so that the values cannot be made up.
    let mut runs = Runs::new(levels, width).map_err(|_| short())?;
    let mut all = Vec::new();
    let max = u32::from(max_level.unsigned_abs());
    let mut left = values;
    let mut nulls = 0;
    while left > 0 {
        let step = left.min(1 << 16);
        all.clear();
        runs.read(step, &mut all, |level| level != max).map_err(|_| short())?;
        nulls += all.iter().filter(|&&is_null| is_null).count();
        left -= step;
    }
    Ok(i32::try_from(nulls)?)
}

/// A page's bytes without LZ4.
fn decompressed(header: &PageHeader, body: &Bytes) -> Result<Bytes> {
    let levels = header.v2.as_ref().map_or(0, |v2| v2.rep_bytes.saturating_add(v2.def_bytes));
    let stored = header.v2.as_ref().is_some_and(|v2| !v2.is_compressed);
    let wrong = |found: &str| ParquetError::General(format!("an LZ4 page with {found}"));
    let size = header.uncompressed.checked_sub(levels).filter(|_| levels <= body.len());
    let size = size.ok_or_else(|| wrong("more levels than bytes"))?;
    if stored {
        return Ok(body.clone());
    }
    let (levels, input) = body.split_at(levels);
    // A page of nothing takes some bytes all the same.
    if size == 0 {
        return Ok(body.slice_ref(levels));
    }
    if size / LZ4_RATIO_MAX > input.len() {
        return Err(wrong("fewer bytes than its size needs"));
    }
    let mut out = vec![0; size];
    let done = hadoop(input, &mut out).is_some()
        || framed(input, &mut out).is_some()
        || lz4_flex::block::decompress_into(input, &mut out).is_ok_and(|n| n == size);
    if !done {
        return Err(wrong("bytes of none of the three framings of LZ4"));
    }
    Ok([levels, &out].concat().into())
}

/// Hadoop's framing: blocks, each with its size, and each made of one or more compressed chunks
/// with their sizes.
fn hadoop(mut input: &[u8], mut out: &mut [u8]) -> Option<()> {
    let number = |input: &mut &[u8]| -> Option<usize> {
        let (number, rest) = input.split_first_chunk()?;
        *input = rest;
        usize::try_from(u32::from_be_bytes(*number)).ok()
    };
    while !out.is_empty() {
        let size = number(&mut input)?;
        let (mut block, rest) = out.split_at_mut_checked(size)?;
        while !block.is_empty() {
            let length = number(&mut input)?;
            let (chunk, after) = input.split_at_checked(length)?;
            let done = lz4_flex::block::decompress_into(chunk, block).ok().filter(|&n| n > 0)?;
            block = &mut block[done..];
            input = after;
        }
        out = rest;
    }
    input.is_empty().then_some(())
}

/// LZ4's own framing.
fn framed(input: &[u8], out: &mut [u8]) -> Option<()> {
    lz4_flex::frame::FrameDecoder::new(input).read_exact(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(parts: &[&[u8]]) -> Vec<u8> {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        let mut out = (size as u32).to_be_bytes().to_vec();
        for part in parts {
            let chunk = lz4_flex::block::compress(part);
            out.extend((chunk.len() as u32).to_be_bytes());
            out.extend(chunk);
        }
        out
    }

    #[test]
    fn hadoop_may_use_any_number_of_blocks_and_chunks() {
        let whole = b"the quick brown fox jumps over the lazy dog";
        let (a, b) = whole.split_at(20);
        let (b, c) = b.split_at(3);
        for input in [
            block(&[whole]),
            [block(&[a]), block(&[b]), block(&[c])].concat(),
            [block(&[a, b]), block(&[c])].concat(),
            block(&[a, b, c]),
        ] {
            let mut out = vec![0; whole.len()];
            assert_eq!(hadoop(&input, &mut out), Some(()));
            assert_eq!(out, whole);
            assert_eq!(hadoop(&input[..input.len() - 1], &mut out), None);
        }
    }

    #[test]
    fn nulls_are_counted_by_the_levels() {
        // Three runs of levels of one bit: 5 present, 2 null, 1 present.
        let levels = Bytes::from_static(&[10, 1, 4, 0, 2, 1]);
        let v2 = V2 { values: 8, nulls: -1, def_bytes: levels.len(), ..V2::default() };
        assert_eq!(nulls(&v2, &levels, 1).unwrap(), 2);
        assert!(nulls(&V2 { values: 9, ..v2 }, &levels, 1).is_err());
    }
}

//! Pages that the Parquet crate does not read as they are, put right before it sees them.
//!
//! Three kinds of writers make them. Hadoop's LZ4 cuts a page into blocks, and the crate reads no
//! more than one reliably. Some writers of version 2 pages miscount the nulls or the rows in the
//! page header, though the levels are right, or write no byte for a page of nulls in an encoding
//! that has some even then. And some write pages without values, or of a kind that is none of the
//! data's. A column chunk that has such pages is written anew, in memory: decompressed, with a
//! header that agrees with its levels, or without those pages.

use std::io::Read as _;
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader as _;

use super::bounds;
use super::fetched::Fetched;
use super::page_header::{PageHeader, V2};
use super::scan::runs::{Run, Runs, Truncated};

/// A chunk that is decompressed as a whole may have this many bytes.
const CHUNK_BYTES_MAX: usize = 1 << 28;
/// The encoding PLAIN, in which no values are no bytes.
const PLAIN: i32 = 0;
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
    let mut is_sound = !is_lz4;
    bounds::each_page(fetched, std::slice::from_ref(&chunk), |header, _, _| {
        is_sound &= header.v2.is_none() && header.has_content();
        Ok(())
    })?;
    if is_sound {
        return Ok(None);
    }
    let length = usize::try_from(chunk.end - chunk.start)?;
    let bytes = fetched.get_bytes(chunk.start, length)?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut changed = is_lz4;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (mut header, at) = PageHeader::read(&rest)?;
        let end = at.checked_add(header.compressed).filter(|&end| end <= rest.len());
        let end = end.ok_or_else(|| ParquetError::EOF("a page past its chunk's end".to_owned()))?;
        let body = rest.slice(at..end);
        check_sum(&header, &body)?;
        rest = rest.slice(end..);
        if !header.has_content() {
            changed = true;
            continue;
        }
        if let Some(v2) = header.v2 {
            let sound = sound(&v2, header.uncompressed, &body, column)?;
            changed |= v2 != sound;
            header.v2 = Some(sound);
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

/// The pages of a chunk with an offset index written anew, as far as they have been fetched, after
/// the dictionary. Returns where each page then lies among these bytes, or `None` if all can be
/// read as they are.
///
/// # Errors
/// If a page is cut short, or is not what its header and the index say.
pub(super) fn mended_alone(
    fetched: &Fetched,
    column: &ColumnChunkMetaData,
    chunk: Range<u64>,
    pages: &[PageLocation],
    rows: usize,
) -> Result<Option<(Bytes, Vec<PageLocation>)>> {
    let places = bounds::places(&chunk, Some(pages));
    let Some((dictionary, places)) = places.split_first() else { return Ok(None) };
    let bytes_of = |place: &Range<u64>| {
        // Pages of rows that nobody wants have not been fetched.
        fetched.get_bytes(place.start, usize::try_from(place.end - place.start).ok()?).ok()
    };
    let before = bytes_of(dictionary).unwrap_or_default();
    if !before.is_empty() {
        let (header, at) = PageHeader::read(&before)?;
        if !header.is_dictionary() || at.saturating_add(header.compressed) != before.len() {
            let found = "a page before the first one that the footer has".to_owned();
            return Err(ParquetError::General(found));
        }
    }
    let ends = pages.iter().skip(1).map(|page| page.first_row_index).chain([rows as i64]);
    let mut anew = Vec::new();
    for (i, (page, end)) in pages.iter().zip(ends).enumerate() {
        let Some(bytes) = bytes_of(&places[i]) else { continue };
        let (mut header, at) = PageHeader::read(&bytes)?;
        let body = bytes.slice(at..);
        let mut rows = (column.column_descr().max_rep_level() == 0).then(|| header.values());
        if let Some(v2) = header.v2 {
            let sound = sound(&v2, header.uncompressed, &body, column)?;
            rows = Some(sound.rows);
            if v2 != sound {
                check_sum(&header, &body)?;
                (header.v2, header.crc) = (Some(sound), None);
                anew.push((i, header, body));
            }
        }
        let claimed = end - page.first_row_index;
        if let Some(rows) = rows.filter(|&rows| i64::from(rows) != claimed) {
            let found = format!("a page of {rows} rows where the footer claims {claimed}");
            return Err(ParquetError::General(found));
        }
    }
    if anew.is_empty() {
        return Ok(None);
    }
    let mut out = before.to_vec();
    let mut anew = anew.into_iter().peekable();
    let mut moved = Vec::with_capacity(pages.len());
    for (i, page) in pages.iter().enumerate() {
        let from = out.len();
        match anew.next_if(|(place, ..)| *place == i) {
            Some((_, header, body)) => {
                header.write(&mut out);
                out.extend_from_slice(&body);
            }
            None => out.extend_from_slice(&bytes_of(&places[i]).unwrap_or_default()),
        }
        moved.push(PageLocation {
            offset: i64::try_from(from)?,
            compressed_page_size: i32::try_from(out.len() - from)?,
            first_row_index: page.first_row_index,
        });
    }
    Ok(Some((out.into(), moved)))
}

fn check_sum(header: &PageHeader, body: &Bytes) -> Result<()> {
    if header.crc.is_some_and(|crc| crc != crc32fast::hash(body)) {
        return Err(ParquetError::General("Page CRC checksum mismatch".to_owned()));
    }
    Ok(())
}

/// What the header of a page of so many bytes should say, by its levels.
fn sound(v2: &V2, uncompressed: usize, body: &Bytes, column: &ColumnChunkMetaData) -> Result<V2> {
    let column = column.column_descr();
    let short = || ParquetError::EOF("a page ends inside its levels".to_owned());
    let end = v2.rep_bytes.checked_add(v2.def_bytes).filter(|&end| end <= body.len());
    let end = end.ok_or_else(short)?;
    let values = usize::try_from(v2.values)?;
    let count = |levels: Bytes, max: i16, counts: &dyn Fn(u32) -> bool| {
        count(levels, max, values, counts).map_err(|_| short())
    };
    let (max_rep, max_def) = (column.max_rep_level(), column.max_def_level());
    let rows = match max_rep {
        0 => values,
        // A row begins where nothing is repeated.
        max => count(body.slice(..v2.rep_bytes), max, &|level| level == 0)?,
    };
    let nulls = match max_def {
        0 => 0,
        max => {
            let present = u32::from(max.unsigned_abs());
            count(body.slice(v2.rep_bytes..end), max, &|level| level != present)?
        }
    };
    let encoding = if nulls == values && uncompressed == end { PLAIN } else { v2.encoding };
    Ok(V2 { rows: i32::try_from(rows)?, nulls: i32::try_from(nulls)?, encoding, ..*v2 })
}

/// How many of so many levels count.
fn count(
    levels: Bytes,
    max: i16,
    values: usize,
    counts: &dyn Fn(u32) -> bool,
) -> std::result::Result<usize, Truncated> {
    let width = (16 - max.leading_zeros()) as u8;
    let mut runs = Runs::new(levels, width)?;
    let (mut left, mut counted) = (values, 0);
    let mut some = Vec::new();
    while left > 0 {
        let taken = match runs.peek()? {
            Run::Repeated(level, n) => {
                let taken = n.min(left);
                counted += if counts(level) { taken } else { 0 };
                runs.skip(taken)?;
                taken
            }
            Run::Packed(n) => {
                let taken = n.min(left).min(1 << 16);
                some.clear();
                runs.read(taken, &mut some, counts)?;
                counted += some.iter().filter(|&&counts| counts).count();
                taken
            }
        };
        left -= taken;
    }
    Ok(counted)
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
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

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
    fn nulls_and_rows_are_counted_by_the_levels() {
        let chunk = |message: &str| {
            let schema = parse_message_type(message).unwrap();
            let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
            ColumnChunkMetaData::builder(column).build().unwrap()
        };
        let [optional, required, list] = [
            "message m { optional int32 a; }",
            "message m { required int32 a; }",
            "message m { repeated int32 a; }",
        ]
        .map(chunk);
        // Three runs of levels of one bit: 5 present, 2 null, 1 present.
        let levels = Bytes::from_static(&[10, 1, 4, 0, 2, 1]);
        let v2 = V2 { values: 8, nulls: -1, def_bytes: levels.len(), ..V2::default() };
        let sound = |v2: &V2, levels: &Bytes, column| sound(v2, 99, levels, column);
        assert_eq!(sound(&v2, &levels, &optional).unwrap(), V2 { nulls: 2, rows: 8, ..v2 });
        assert!(sound(&V2 { values: 9, ..v2 }, &levels, &optional).is_err());
        assert!(sound(&V2 { def_bytes: 7, ..v2 }, &levels, &optional).is_err());
        let flat = V2 { def_bytes: 0, ..v2 };
        assert_eq!(sound(&flat, &levels, &required).unwrap(), V2 { nulls: 0, rows: 8, ..flat });
        // 8 values of 3 rows: packed repetition levels, of which three are 0.
        let levels = Bytes::from_static(&[3, 0b1101_1010, 16, 1]);
        let lists = V2 { rep_bytes: 2, def_bytes: 2, ..v2 };
        assert_eq!(sound(&lists, &levels, &list).unwrap(), V2 { nulls: 0, rows: 3, ..lists });
    }
}

//! Bounds of what a page may hold, checked before it is decompressed.
//!
//! A few bytes can claim or inflate to any number. A page within these bounds is decoded in memory
//! that does not depend on what its file claims.

use std::io::{self, Read};
use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::ChunkReader as _;

use super::fetched::Fetched;
use super::page_header::PageHeader;

/// The most bytes of a page before compression. The largest that writers make are of 100 MB.
const PAGE_BYTES_MAX: usize = 128 << 20;
/// What a decoder holds of each value in a list besides it: its levels, in a buffer that grows.
const LEVEL_BYTES: usize = 8;
/// The most values of a page whose rows are lists.
const LIST_VALUES_MAX: i32 = 1 << 24;
/// The encoding DELTA_BYTE_ARRAY, in which a text begins with a part of the one before.
pub(super) const DELTA_BYTE_ARRAY: i32 = 7;
/// The encoding BIT_PACKED. The crate takes levels in it for others without a word.
const BIT_PACKED: i32 = 4;
/// Gzip makes at most this many bytes out of one.
const GZIP_RATIO_MAX: usize = 1032;

/// Where the pages of a column chunk lie: each by itself if there is an offset index, or one after
/// the other.
pub(super) fn places(chunk: &Range<u64>, pages: Option<&[PageLocation]>) -> Vec<Range<u64>> {
    let Some(pages) = pages else { return vec![chunk.clone()] };
    let at = |page: &PageLocation| {
        let start = page.offset.unsigned_abs();
        start..start + u64::from(page.compressed_page_size.unsigned_abs())
    };
    let first = pages.first().map_or(chunk.start, |page| at(page).start);
    // The dictionary comes before the first data page.
    std::iter::once(chunk.start..first).chain(pages.iter().map(at)).collect()
}

/// Checks the pages that have been fetched, of a row group that claims so many rows. Returns how
/// many bytes a row may take of them, in the mean of a page. Where texts grow out of one another,
/// each may be as long as the page.
///
/// # Errors
/// If a page holds more than it may. Whatever else is wrong is left to the decoder.
pub(super) fn check(
    fetched: &Fetched,
    column: &ColumnChunkMetaData,
    places: &[Range<u64>],
    rows: usize,
) -> Result<usize> {
    let (mut row_bytes_max, mut list_bytes) = (0, 0_usize);
    each_page(fetched, places, |header, page, at| {
        check_page(header, &page.slice(at..), column, rows)?;
        if !header.is_dictionary() {
            let grow = header.encoding() == Some(DELTA_BYTE_ARRAY);
            let values = if grow { 1 } else { header.values().max(1).unsigned_abs() as usize };
            let value_bytes = header.uncompressed / values;
            row_bytes_max = row_bytes_max.max(value_bytes);
            list_bytes =
                list_bytes.saturating_add(values.saturating_mul(value_bytes + LEVEL_BYTES));
        }
        Ok(())
    })?;
    let is_flat = column.column_descr().max_rep_level() == 0;
    Ok(if is_flat { row_bytes_max } else { row_bytes_max.max(list_bytes / rows.max(1)) })
}

/// Gives each page that has been fetched to `visit`: its header, the page with it, and where in it
/// the header ends. What is cut short is left to the decoder.
pub(super) fn each_page(
    fetched: &Fetched,
    places: &[Range<u64>],
    mut visit: impl FnMut(&PageHeader, Bytes, usize) -> Result<()>,
) -> Result<()> {
    for place in places {
        let length = usize::try_from(place.end - place.start)?;
        // Pages of rows that nobody wants have not been fetched.
        let Ok(mut rest) = fetched.get_bytes(place.start, length) else { continue };
        while !rest.is_empty() {
            let Ok((header, at)) = PageHeader::read(&rest) else { break };
            let Some(end) = at.checked_add(header.compressed).filter(|&end| end <= rest.len())
            else {
                break;
            };
            visit(&header, rest.slice(..end), at)?;
            rest = rest.slice(end..);
        }
    }
    Ok(())
}

fn check_page(
    header: &PageHeader,
    body: &Bytes,
    column: &ColumnChunkMetaData,
    rows: usize,
) -> Result<()> {
    let refuse = |what: String| Err(ParquetError::General(what));
    if header.uncompressed > PAGE_BYTES_MAX {
        let found = header.uncompressed;
        return refuse(format!(
            "a page of {found} bytes, of at most {PAGE_BYTES_MAX} that are read"
        ));
    }
    let values = header.values();
    let entries = usize::try_from(values).unwrap_or(usize::MAX);
    if values < 0 || (header.is_dictionary() && entries > header.uncompressed) {
        return refuse(format!("a page of {values} values in {} bytes", header.uncompressed));
    }
    let is_flat = column.column_descr().max_rep_level() == 0;
    if is_flat && !header.is_dictionary() && entries > rows {
        return refuse(format!("a page of {values} rows in a row group that claims {rows}"));
    }
    if !is_flat && values > LIST_VALUES_MAX {
        return refuse(format!(
            "a page of lists of {values} values, of at most {LIST_VALUES_MAX} that are read"
        ));
    }
    let levels = [column.column_descr().max_def_level(), column.column_descr().max_rep_level()];
    let mut encodings = levels.iter().zip(header.level_encodings().into_iter().flatten());
    if encodings.any(|(&max, encoding)| max > 0 && encoding == BIT_PACKED) {
        return refuse("levels in the deprecated encoding BIT_PACKED".to_owned());
    }
    // The other codecs stop at the size that the header claims.
    let inflated = match column.compression() {
        Compression::GZIP(_) if body.len() > PAGE_BYTES_MAX / GZIP_RATIO_MAX => {
            length(flate2::read::MultiGzDecoder::new(&body[..]))
        }
        Compression::BROTLI(_) => length(brotli::Decompressor::new(&body[..], 1 << 16)),
        _ => 0,
    };
    if inflated > PAGE_BYTES_MAX as u64 {
        return refuse(format!("a page that inflates to more than {PAGE_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// How many bytes there are, counted as far as they matter.
fn length(bytes: impl Read) -> u64 {
    io::copy(&mut bytes.take(PAGE_BYTES_MAX as u64 + 1), &mut io::sink()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use flate2::write::GzEncoder;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn column(codec: Compression) -> ColumnChunkMetaData {
        let schema = parse_message_type("message m { required binary a; }").unwrap();
        let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
        ColumnChunkMetaData::builder(column).set_compression(codec).build().unwrap()
    }

    #[test]
    fn a_page_that_inflates_to_more_than_it_claims_is_refused_before_it_does() {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut brotli = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 1, 22);
        for _ in 0..=PAGE_BYTES_MAX >> 20 {
            gzip.write_all(&[0; 1 << 20]).unwrap();
            brotli.write_all(&[0; 1 << 20]).unwrap();
        }
        let mut header = PageHeader::default();
        header.uncompressed = 10;
        for (codec, body) in [
            (Compression::GZIP(parquet::basic::GzipLevel::default()), gzip.finish().unwrap()),
            (Compression::BROTLI(parquet::basic::BrotliLevel::default()), brotli.into_inner()),
        ] {
            let refused = check_page(&header, &body.into(), &column(codec), 1).unwrap_err();
            assert!(refused.to_string().contains("inflates"), "{refused}");
        }
        let sound = check_page(&header, &Bytes::from_static(&[0]), &column(Compression::SNAPPY), 1);
        assert!(sound.is_ok());
    }

    #[test]
    fn the_pages_of_an_index_come_after_the_dictionary() {
        let page = |offset, compressed_page_size| PageLocation {
            offset,
            compressed_page_size,
            first_row_index: 0,
        };
        assert_eq!(places(&(4..90), None), [4..90]);
        assert_eq!(places(&(4..90), Some(&[page(10, 5), page(20, 70)])), [4..10, 10..15, 20..90]);
    }
}

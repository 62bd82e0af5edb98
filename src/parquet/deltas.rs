//! Texts whose lengths are stored as differences, and how many of them a page says that it has.
//!
//! The Parquet crate makes room for the number that stands before the lengths, inside the page. A
//! page of a few bytes can name any, so it is held against the number in the page's header first.
//! The encodings are described in
//! <https://github.com/apache/parquet-format/blob/master/Encodings.md>.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::bounds::{DELTA_BYTE_ARRAY, each_page};
use super::fetched::Fetched;
use super::guard::guarded;
use super::thrift::Input;

/// The encoding DELTA_LENGTH_BYTE_ARRAY: lengths, then the texts.
const DELTA_LENGTH: i32 = 6;

/// Checks the pages of a column chunk, as far as they have been fetched.
///
/// # Errors
/// If a page holds another number of lengths than its header allows, or none that can be read.
pub(super) fn check(
    fetched: &Fetched,
    column: &ColumnChunkMetaData,
    places: &[Range<u64>],
    rows: usize,
) -> Result<()> {
    each_page(fetched, places, |header, page, _| match header.encoding() {
        Some(DELTA_LENGTH | DELTA_BYTE_ARRAY) => check_page(page, column, rows),
        _ => Ok(()),
    })
}

/// Checks a page, given with its header.
fn check_page(page: Bytes, column: &ColumnChunkMetaData, rows: usize) -> Result<()> {
    let length = i64::try_from(page.len())?;
    let alone = column.clone().into_builder().set_dictionary_page_offset(None);
    let alone = alone.set_data_page_offset(0).set_total_compressed_size(length).build()?;
    let page =
        guarded(|| SerializedPageReader::new(Arc::new(page), &alone, rows, None)?.get_next_page())?;
    let Some((values, encoding, most)) = page.and_then(|page| values(&page, column)) else {
        return Ok(());
    };
    // Where every value is null, there may be no lengths at all.
    if values.is_empty() {
        return Ok(());
    }
    let mut input = Input::new(&values);
    let lists = if encoding == Encoding::DELTA_BYTE_ARRAY { 2 } else { 1 };
    for _ in 0..lists {
        let broken = || ParquetError::General("lengths of texts that cannot be read".to_owned());
        let count = skip_lengths(&mut input, most).ok_or_else(broken)?;
        if count > most {
            return Err(ParquetError::General(format!(
                "a page of {most} values with the lengths of {count}"
            )));
        }
    }
    Ok(())
}

/// The bytes of a data page after its levels, their encoding, and how many values there may be;
/// `None` if it has no such bytes.
fn values(page: &Page, column: &ColumnChunkMetaData) -> Option<(Bytes, Encoding, u64)> {
    let column = column.column_descr();
    match page {
        Page::DataPage {
            buf,
            num_values,
            encoding,
            def_level_encoding,
            rep_level_encoding,
            ..
        } => {
            let mut at = 0;
            for (max, levels) in [
                (column.max_rep_level(), rep_level_encoding),
                (column.max_def_level(), def_level_encoding),
            ] {
                at += levels_bytes(buf.get(at..)?, max, *levels, *num_values)?;
            }
            (at <= buf.len()).then(|| (buf.slice(at..), *encoding, u64::from(*num_values)))
        }
        Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => {
            let at =
                usize::try_from(def_levels_byte_len.checked_add(*rep_levels_byte_len)?).ok()?;
            (at <= buf.len()).then(|| (buf.slice(at..), *encoding, u64::from(*num_values)))
        }
        Page::DictionaryPage { .. } => None,
    }
}

/// How many bytes the levels take with which a page of version 1 begins.
fn levels_bytes(bytes: &[u8], max: i16, encoding: Encoding, values: u32) -> Option<usize> {
    if max == 0 {
        return Some(0);
    }
    if encoding == Encoding::RLE {
        let length = u32::from_le_bytes(*bytes.first_chunk()?);
        return usize::try_from(length).ok()?.checked_add(4);
    }
    let bits = u64::from(max.unsigned_abs().ilog2() + 1);
    usize::try_from((bits * u64::from(values)).div_ceil(8)).ok()
}

/// Reads over numbers in the encoding DELTA_BINARY_PACKED, and returns how many they are; more than
/// `most` are only counted. `None` if they end too early.
fn skip_lengths(input: &mut Input<'_>, most: u64) -> Option<u64> {
    let block = input.varint()?;
    let minis = input.varint()?;
    let count = input.varint()?;
    // The first number.
    input.varint()?;
    if count > most {
        return Some(count);
    }
    let each = block.checked_div(minis)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        // The least difference.
        input.varint()?;
        let widths = input.take(usize::try_from(minis).ok()?)?;
        let mut bytes = 0_u64;
        for &width in widths {
            // After the last number, a width says nothing.
            if left > 0 {
                bytes = bytes.checked_add(each.checked_mul(u64::from(width))? / 8)?;
            }
            left = left.saturating_sub(each.max(1));
        }
        if widths.is_empty() {
            return None;
        }
        input.take(usize::try_from(bytes).ok()?)?;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of 128 numbers in 4 parts, this many of them, the first of which is 0.
    fn lengths(count: u64) -> Vec<u8> {
        let mut bytes = vec![0x80, 0x01, 4];
        let mut rest = count;
        while rest > 127 {
            bytes.push((rest & 127) as u8 | 128);
            rest >>= 7;
        }
        bytes.extend([rest as u8, 0]);
        bytes
    }

    #[test]
    fn a_number_of_lengths_is_counted_before_it_is_believed() {
        for count in [6, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(skip_lengths(&mut Input::new(&lengths(count)), 5), Some(count));
        }
        // One number needs no block, and more need bytes that are not there.
        assert_eq!(skip_lengths(&mut Input::new(&lengths(1)), 5), Some(1));
        assert_eq!(skip_lengths(&mut Input::new(&lengths(5)), 5), None);
    }

    #[test]
    fn what_writers_write_is_read_over_to_its_end() {
        for count in [1, 2, 32, 33, 128, 129, 130, 1_000] {
            let mut bytes = lengths(count);
            let mut left = count - 1;
            while left > 0 {
                bytes.push(0);
                let parts = left.min(128).div_ceil(32) as usize;
                // Widths of parts that hold nothing say nothing.
                bytes.extend((0..4).map(|part| if part < parts { 3 } else { 255 }));
                bytes.extend(vec![0; parts * 12]);
                left -= left.min(128);
            }
            let end = bytes.len();
            bytes.push(1);
            let mut input = Input::new(&bytes);
            assert_eq!(skip_lengths(&mut input, 1_000), Some(count));
            assert_eq!(input.at(), end, "{count}");
        }
    }
}

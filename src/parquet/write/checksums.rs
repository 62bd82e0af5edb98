//! Row groups put together into a file with page checksums, which the Parquet writer does not set.
//!
//! Row groups are encoded one by one, so that several threads can do so at once. Each is then taken
//! apart into its pages, each page header gets the CRC-32 of the page's bytes as its field 4 (`crc`
//! of `PageHeader` in <https://github.com/apache/parquet-format>), and all are put together into
//! one file.
//!
//! Page headers are Thrift structs in the compact protocol, where a field begins with
//! the distance to the field before it. A field put in between shortens the distance of the next.

use std::sync::Arc;

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

/// The first byte of a compact field that holds a 32-bit integer and follows the field before it.
const NEXT_I32: u8 = 0x15;

/// One file of the row groups of all of these, with a checksum in each page header. The files
/// differ only in their rows.
pub(super) fn joined(files: &[Bytes], properties: WriterProperties) -> Result<Bytes> {
    let footers = files.iter().map(|file| {
        ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .parse_and_finish(file)
    });
    let footers: Vec<_> = footers.collect::<Result<_>>()?;
    let Some(first) = footers.first().map(ParquetMetaData::file_metadata) else {
        return Err(ParquetError::General("expected a file to join, found none".to_owned()));
    };
    let bytes: usize = files.iter().map(Bytes::len).sum();
    let out = Vec::with_capacity(bytes + bytes / 64);
    let schema = first.schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for entry in first.key_value_metadata().into_iter().flatten() {
        writer.append_key_value_metadata(entry.clone());
    }
    for (file, footer) in files.iter().zip(&footers) {
        for group in 0..footer.num_row_groups() {
            let mut row_group = writer.next_row_group()?;
            for column in 0..footer.row_group(group).num_columns() {
                let (bytes, close) = column_chunk(file, footer, group, column)?;
                row_group.append_column(&bytes, close)?;
            }
            row_group.close()?;
        }
    }
    Ok(writer.into_inner()?.into())
}

/// A column chunk with checksums, and its metadata with offsets from the chunk's own beginning.
fn column_chunk(
    file: &Bytes,
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
) -> Result<(Bytes, ColumnCloseResult)> {
    let chunk = metadata.row_group(group).column(column);
    let index = metadata.page_index_for_row_group(group);
    let missing = || ParquetError::General("a written file without its page index".to_owned());
    let mut offsets = index.offset_index(column).ok_or_else(missing)?.clone();
    let (start, length) = chunk.byte_range();
    let first_data =
        offsets.page_locations.first().map_or(start + length, |page| page.offset.cast_unsigned());
    let mut out = Vec::with_capacity(length as usize + 16 * offsets.page_locations.len());
    if first_data > start {
        add_page(slice(file, start, first_data - start)?, &mut out)?;
    }
    let dictionary = (first_data > start).then_some(0);
    let data_page_offset = number(out.len())?;
    for page in &mut offsets.page_locations {
        let bytes = slice(
            file,
            page.offset.cast_unsigned(),
            u64::from(page.compressed_page_size.cast_unsigned()),
        )?;
        let offset = number(out.len())?;
        add_page(bytes, &mut out)?;
        let size = number(out.len())? - offset;
        let compressed_page_size =
            i32::try_from(size).map_err(|error| ParquetError::External(Box::new(error)))?;
        *page =
            PageLocation { offset, compressed_page_size, first_row_index: page.first_row_index };
    }
    let added = number(out.len())? - chunk.compressed_size();
    let close = ColumnCloseResult {
        bytes_written: out.len() as u64,
        rows_written: metadata.row_group(group).num_rows().cast_unsigned(),
        metadata: moved(chunk, dictionary, data_page_offset, added)?,
        bloom_filter: None,
        column_index: index.column_index(column).cloned(),
        offset_index: Some(offsets),
    };
    Ok((out.into(), close))
}

/// A column chunk's metadata for its new place and size.
fn moved(
    chunk: &ColumnChunkMetaData,
    dictionary: Option<i64>,
    data_page_offset: i64,
    added: i64,
) -> Result<ColumnChunkMetaData> {
    chunk
        .clone()
        .into_builder()
        .set_dictionary_page_offset(dictionary)
        .set_data_page_offset(data_page_offset)
        .set_total_compressed_size(chunk.compressed_size() + added)
        .set_total_uncompressed_size(chunk.uncompressed_size() + added)
        .build()
}

/// Appends a page, header and all, with a checksum in its header.
fn add_page(page: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let unexpected = || ParquetError::General("a page header of an unknown form".to_owned());
    let mut at = 0;
    let mut stored = 0;
    // Type, uncompressed size and compressed size always come first.
    for _ in 0..3 {
        if page.get(at) != Some(&NEXT_I32) {
            return Err(unexpected());
        }
        at += 1;
        (stored, at) = varint(page, at).ok_or_else(unexpected)?;
    }
    // The compressed size is in zigzag form. The header is what comes before that many bytes.
    let body = page
        .len()
        .checked_sub((stored >> 1) as usize)
        .filter(|&body| body > at)
        .ok_or_else(unexpected)?;
    let next = page[at];
    // The distance to the next field is at least 2, for field 4 is not there.
    if next >> 4 < 2 {
        return Err(unexpected());
    }
    out.extend_from_slice(&page[..at]);
    out.push(NEXT_I32);
    let crc = crc32fast::hash(&page[body..]).cast_signed();
    push_varint(u64::from(((crc << 1) ^ (crc >> 31)).cast_unsigned()), out);
    out.push(next - 0x10);
    out.extend_from_slice(&page[at + 1..]);
    Ok(())
}

fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some((value, at));
        }
    }
    None
}

fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn slice(file: &Bytes, start: u64, length: u64) -> Result<&[u8]> {
    let (start, length) = (start as usize, length as usize);
    file.get(start..start.saturating_add(length))
        .ok_or_else(|| ParquetError::EOF("a page outside its file".to_owned()))
}

fn number(n: usize) -> Result<i64> {
    i64::try_from(n).map_err(|error| ParquetError::External(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    fn sample() -> (RecordBatch, Bytes, WriterProperties) {
        let n: ArrayRef =
            Arc::new(Int32Array::from_iter((0..5000).map(|i| (i % 7 != 0).then_some(i))));
        let s: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..5000).map(|i| format!("text {}", i % 90))));
        let batch = RecordBatch::try_from_iter([("n", n), ("s", s)]).unwrap();
        let properties = || {
            let builder = WriterProperties::builder()
                .set_data_page_row_count_limit(500)
                .set_write_batch_size(100);
            builder.set_max_row_group_row_count(Some(2000)).build()
        };
        let mut writer =
            ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties())).unwrap();
        writer.write(&batch).unwrap();
        (batch, writer.into_inner().unwrap().into(), properties())
    }

    fn read(file: Bytes) -> Result<Vec<RecordBatch>> {
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(5000).build()?;
        reader.collect::<std::result::Result<_, _>>().map_err(Into::into)
    }

    #[test]
    fn the_rows_are_the_same() {
        let (batch, file, properties) = sample();
        let checked = joined(std::slice::from_ref(&file), properties).unwrap();
        assert!(checked.len() > file.len());
        let rows =
            arrow::compute::concat_batches(&batch.schema(), &read(checked).unwrap()).unwrap();
        assert_eq!(rows, batch);
    }

    #[test]
    fn files_are_joined_in_their_order() {
        let (batch, _, properties) = sample();
        let file = |rows: RecordBatch| -> Bytes {
            let writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.clone()));
            let mut writer = writer.unwrap();
            writer.write(&rows).unwrap();
            writer.into_inner().unwrap().into()
        };
        let files = [file(batch.slice(0, 3000)), file(batch.slice(3000, 2000))];
        let all = joined(&files, properties.clone()).unwrap();
        let footer = ParquetMetaDataReader::new().parse_and_finish(&all).unwrap();
        let groups: Vec<_> = footer.row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!((groups, footer.file_metadata().num_rows()), (vec![2000, 1000, 2000], 5000));
        let rows = arrow::compute::concat_batches(&batch.schema(), &read(all).unwrap()).unwrap();
        assert_eq!(rows, batch);
    }

    #[test]
    fn any_flipped_byte_of_a_page_is_found() {
        let (_, file, properties) = sample();
        let checked = joined(&[file], properties).unwrap();
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Required)
            .parse_and_finish(&checked)
            .unwrap();
        let mut pages = 0;
        for group in 0..metadata.num_row_groups() {
            let index = metadata.page_index_for_row_group(group);
            for column in 0..2 {
                for page in index.offset_index(column).unwrap().page_locations() {
                    let mut broken = checked.to_vec();
                    broken[(page.offset + i64::from(page.compressed_page_size) - 1) as usize] ^= 1;
                    let error = read(broken.into()).unwrap_err().to_string();
                    assert!(error.contains("CRC") || error.contains("checksum"), "{error}");
                    pages += 1;
                }
            }
        }
        assert!(pages > 12, "{pages}");
    }
}

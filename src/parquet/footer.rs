//! A file's footer, made sound before anything relies on it.
//!
//! A footer describes the file, and writers err. What it says about where bytes lie is checked
//! against the size of the object, once, here. A hint that contradicts itself is dropped: it is
//! unknown, not trusted. A column chunk that cannot lie where the footer says is marked. It only
//! matters if somebody reads that column.

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::Result;
use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataBuilder,
    ParquetMetaDataPushDecoder, RowGroupMetaData,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;

use super::flat_index::FlatIndex;

/// The four bytes at a file's beginning. No chunk lies before their end.
const MAGIC_BYTES: i64 = 4;
/// The header of a dictionary has fewer bytes than these.
const DICTIONARY_HEADER_BYTES_MAX: i64 = 100;

/// The footer of a file of this many bytes, itself `footer_bytes` of them, with sound hints, and
/// with a page index only if the footer says where in the file it lies. Chunks have their whole
/// length.
///
/// # Errors
/// If the metadata cannot be put together again.
pub(super) fn sound(
    metadata: ParquetMetaData,
    bytes: u64,
    footer_bytes: usize,
) -> Result<ParquetMetaData> {
    let indexed = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns).all(|column| {
        let offset_index = span(column.offset_index_offset(), column.offset_index_length());
        let column_index = span(column.column_index_offset(), column.column_index_length());
        [offset_index, column_index].iter().flatten().all(|span| lies_in(span, bytes))
    });
    let pages_end = bytes.saturating_sub(footer_bytes as u64 + 8);
    let ends = if omits_headers(&metadata) { ends(&metadata, pages_end) } else { Vec::new() };
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups().into_iter().map(|group| {
        let mut group = group.into_builder();
        let columns = group.take_columns().into_iter();
        let columns = columns.map(|column| sound_chunk(column, indexed, &ends));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        group.set_column_metadata(columns).build()
    });
    let groups = groups.collect::<Result<Vec<_>>>()?;
    Ok(builder.set_row_groups(groups).build())
}

/// The first row group that claims to have no rows though a column of it has values, and how many.
/// Nobody would look into such a group.
pub(super) fn uncounted(metadata: &ParquetMetaData) -> Option<(usize, i64)> {
    let groups = metadata.row_groups().iter().enumerate();
    let mut empty = groups.filter(|(_, group)| group.num_rows() == 0);
    empty.find_map(|(place, group)| {
        let values = group.columns().iter().map(ColumnChunkMetaData::num_values);
        Some((place, values.filter(|&values| values > 0).max()?))
    })
}

fn span(offset: Option<i64>, length: Option<i32>) -> Option<Range<i64>> {
    let (offset, length) = offset.zip(length)?;
    Some(offset..offset.saturating_add(length.into()))
}

fn lies_in(span: &Range<i64>, bytes: u64) -> bool {
    span.start >= MAGIC_BYTES
        && span.start <= span.end
        && u64::try_from(span.end).is_ok_and(|end| end <= bytes)
}

/// Whether the file's writer left the header of the dictionary out of the length of its chunk, as
/// parquet-mr did before 1.2.9 (PARQUET-816).
fn omits_headers(metadata: &ParquetMetaData) -> bool {
    let writer = metadata.file_metadata().created_by().unwrap_or_default();
    let version = writer.strip_prefix("parquet-mr version ").unwrap_or_default();
    let numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.map_while(|number| number.parse::<u32>().ok()).take(3).peekable();
    writer == "parquet-mr" || numbers.peek().is_some() && numbers.lt([1, 2, 9])
}

/// Where column chunks can end, in order: where another begins, or where all of them end.
fn ends(metadata: &ParquetMetaData, pages_end: u64) -> Vec<i64> {
    let columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let starts = columns.map(|column| dictionary(column).unwrap_or(column.data_page_offset()));
    let mut ends: Vec<_> = starts.chain(i64::try_from(pages_end)).collect();
    ends.sort_unstable();
    ends
}

/// The dictionary's offset. Writers without one give it as 0, or as that of the first data page.
fn dictionary(column: &ColumnChunkMetaData) -> Option<i64> {
    let offset = column.dictionary_page_offset();
    offset.filter(|&offset| offset >= MAGIC_BYTES && offset < column.data_page_offset())
}

/// The chunk with sound hints, up to the next of `ends` if no more than a header lies before it.
fn sound_chunk(
    column: ColumnChunkMetaData,
    indexed: bool,
    ends: &[i64],
) -> Result<ColumnChunkMetaData> {
    let dictionary = dictionary(&column);
    let start = dictionary.unwrap_or(column.data_page_offset());
    let length = column.compressed_size();
    let end = start.saturating_add(length);
    let whole = ends
        .get(ends.partition_point(|&next| next < end))
        .filter(|&&next| length > 0 && next.saturating_sub(end) <= DICTIONARY_HEADER_BYTES_MAX);
    let mut builder = column
        .into_builder()
        .set_dictionary_page_offset(dictionary)
        .set_total_compressed_size(whole.map_or(length, |end| end - start));
    if !indexed {
        builder = builder
            .set_offset_index_offset(None)
            .set_offset_index_length(None)
            .set_column_index_offset(None)
            .set_column_index_length(None);
    }
    builder.build()
}

/// Where a column chunk lies in a file of this many bytes, or what the footer says if it cannot.
///
/// # Errors
/// The range that the footer claims, in words.
pub(super) fn chunk_range(
    column: &ColumnChunkMetaData,
    bytes: u64,
) -> std::result::Result<Range<u64>, String> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let length = column.compressed_size();
    let end = start.checked_add(length).filter(|_| length >= 0);
    let range = end.map(|end| start..end).filter(|range| lies_in(range, bytes));
    let range = range.and_then(|r| Some(u64::try_from(r.start).ok()?..u64::try_from(r.end).ok()?));
    range.ok_or_else(|| format!("{length} bytes from {start} on, in a file of {bytes} bytes"))
}

/// The same metadata without a page index, if any part of it cannot be true. What is left describes
/// pages that fill their chunks from the dictionary on, and whose rows ascend from 0. Where a chunk
/// is in Hadoop's LZ4 there is none either: such a chunk is written anew as a whole. Of columns of
/// lists it says nothing ([`FlatIndex`]).
pub(super) fn with_sound_index(metadata: ParquetMetaData, bytes: u64) -> ParquetMetaData {
    let groups = 0..metadata.num_row_groups();
    let sound = groups.into_iter().all(|group| {
        let index = metadata.page_index_for_row_group(group);
        let group = metadata.row_group(group);
        (0..group.num_columns()).all(|leaf| {
            let Some(offsets) = index.offset_index(leaf) else {
                return index.column_index(leaf).is_none();
            };
            if group.column(leaf).compression() == Compression::LZ4 {
                return false;
            }
            let pages = offsets.page_locations();
            let chunk = chunk_range(group.column(leaf), bytes);
            chunk.is_ok_and(|chunk| fits(pages, &chunk, group.num_rows()))
                && index.column_index(leaf).is_none_or(|column| column_pages(column) == pages.len())
        })
    });
    let leaves = metadata.file_metadata().schema_descr().columns().iter().enumerate();
    let lists = leaves.filter(|(_, leaf)| leaf.max_rep_level() > 0).map(|(leaf, _)| leaf).collect();
    let mut builder = metadata.into_builder();
    let index = builder.take_page_index().filter(|_| sound);
    let index =
        index.map(|index| -> Arc<dyn PageIndexProvider> { Arc::new(FlatIndex { index, lists }) });
    builder.set_page_index(index).build()
}

fn column_pages(index: &ColumnIndexMetaData) -> usize {
    usize::try_from(index.num_pages()).unwrap_or(usize::MAX)
}

fn fits(pages: &[PageLocation], chunk: &Range<u64>, rows: i64) -> bool {
    let mut from = i64::try_from(chunk.start).unwrap_or(i64::MAX);
    let mut next_row = 0;
    let in_order = pages.iter().all(|page| {
        let fits = (page.offset == from || page.first_row_index == 0 && page.offset > from)
            && page.compressed_page_size > 0
            && page.first_row_index >= next_row
            && page.first_row_index < rows;
        from = page.offset.saturating_add(page.compressed_page_size.into());
        next_row = page.first_row_index.saturating_add(1);
        fits
    });
    in_order
        && pages.first().is_none_or(|page| page.first_row_index == 0)
        && u64::try_from(from).is_ok_and(|end| end == chunk.end)
}

/// A decoder of the page index that these metadata point to.
///
/// # Errors
/// As [`ParquetMetaDataPushDecoder::try_new_with_metadata`].
pub(super) fn index_decoder(
    metadata: ParquetMetaData,
    bytes: u64,
) -> Result<ParquetMetaDataPushDecoder> {
    Ok(ParquetMetaDataPushDecoder::try_new_with_metadata(bytes, metadata)?
        .with_page_index_policy(PageIndexPolicy::Optional))
}

/// The same metadata under another schema, which has the same columns.
pub(super) fn with_schema(
    metadata: ParquetMetaData,
    schema: parquet::schema::types::SchemaDescPtr,
) -> ParquetMetaData {
    let file = metadata.file_metadata();
    let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum();
    let file = parquet::file::metadata::FileMetaData::new(
        file.version(),
        rows,
        file.created_by().map(str::to_owned),
        file.key_value_metadata().cloned(),
        schema,
        file.column_orders().cloned(),
    );
    let mut old = metadata.into_builder();
    let (groups, index) = (old.take_row_groups(), old.take_page_index());
    ParquetMetaDataBuilder::new(file).set_row_groups(groups).set_page_index(index).build()
}

/// A column chunk's metadata for a copy of it that lies elsewhere.
///
/// # Errors
/// If a number is out of range.
pub(super) fn moved(
    column: &ColumnChunkMetaData,
    start: u64,
    length: u64,
    codec: Compression,
) -> Result<ColumnChunkMetaData> {
    let (start, length) = (i64::try_from(start)?, i64::try_from(length)?);
    // The first page may be the dictionary: a reader that finds one where data is expected takes
    // it.
    column
        .clone()
        .into_builder()
        .set_dictionary_page_offset(None)
        .set_data_page_offset(start)
        .set_total_compressed_size(length)
        .set_compression(codec)
        .build()
}

/// The same metadata with other chunks of one row group.
///
/// # Errors
/// If the row group cannot be put together again.
pub(super) fn with_chunks(
    metadata: ParquetMetaData,
    row_group: usize,
    chunks: Vec<(usize, ColumnChunkMetaData)>,
) -> Result<ParquetMetaData> {
    let mut builder = metadata.into_builder();
    let mut groups = builder.take_row_groups();
    if let Some(group) = groups.get_mut(row_group) {
        let mut changed = group.clone().into_builder();
        let mut columns = changed.take_columns();
        for (leaf, chunk) in chunks {
            columns[leaf] = chunk;
        }
        *group = changed.set_column_metadata(columns).build()?;
    }
    Ok(builder.set_row_groups(groups).build())
}

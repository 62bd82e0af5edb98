//! One Parquet file: its footer, fetched once, and its column chunks, fetched as they are needed.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use sha2::{Digest, Sha256};

use super::Error;
use super::fetched::{Fetched, coalesce};
use crate::cohort::Interval;
use crate::objects::{Object, Objects, Scheme};

/// Bytes first fetched from the end of a file. Most footers fit.
const TAIL_BYTES: u64 = 64 << 10;
/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// A file whose footer has been read.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it lies, pinned to the version that was listed.
    pub object: Object,
    /// The time that its partition covers, or `None` if there are no partitions.
    pub partition: Option<Interval>,
    arrow: ArrowReaderMetadata,
    tag: String,
}

impl File {
    /// Reads the footer and the page index.
    ///
    /// # Errors
    /// [`Error::NotParquet`] for an empty, truncated or other file; [`Error::Objects`].
    pub async fn open(
        objects: &dyn Objects,
        object: Object,
        partition: Option<Interval>,
    ) -> Result<Self, Error> {
        let wrong = |found: String| Error::NotParquet { uri: object.uri.clone(), found };
        if object.bytes < 12 {
            return Err(wrong(format!("{} bytes", object.bytes)));
        }
        let mut decoder = ParquetMetaDataPushDecoder::try_new(object.bytes)
            .map_err(|error| wrong(error.to_string()))?
            .with_page_index_policy(PageIndexPolicy::Optional);
        let tail = object.bytes.saturating_sub(TAIL_BYTES)..object.bytes;
        let mut parts = Fetched::default();
        let mut wanted = vec![tail];
        let metadata = loop {
            let contents = objects.read_ranges(&object, &wanted).await?;
            parts = parts.with(&wanted, &contents);
            let pushed = decoder.push_ranges(wanted, contents);
            match pushed.and_then(|()| decoder.try_decode()).map_err(|e| wrong(e.to_string()))? {
                DecodeResult::NeedsData(ranges) => wanted = ranges,
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::Finished => return Err(wrong("a footer without end".to_owned())),
            }
        };
        let arrow = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
            .map_err(|error| wrong(error.to_string()))?;
        let tag = match object.uri.scheme() {
            Scheme::File => parts.footer_digest(object.bytes),
            _ => object.tag.to_string(),
        };
        Ok(Self { object, partition, arrow, tag })
    }

    /// The file's version as the lineage shows it: the storage's entity tag. Local disk has none,
    /// and the SHA-256 of the footer takes its place.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The footer.
    pub fn metadata(&self) -> &ParquetMetaData {
        self.arrow.metadata()
    }

    /// The schema, as Arrow has it.
    pub fn schema(&self) -> &SchemaRef {
        self.arrow.schema()
    }

    /// Rows in all row groups.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// Rows in one row group.
    pub fn group_rows(&self, row_group: usize) -> usize {
        usize::try_from(self.metadata().row_group(row_group).num_rows()).unwrap_or_default()
    }

    /// The file's row number of a row group's first row.
    pub fn first_row(&self, row_group: usize) -> u64 {
        (0..row_group).map(|i| self.group_rows(i) as u64).sum()
    }

    /// Where the pages of a column chunk lie, if the file has an offset index.
    pub fn page_locations(&self, row_group: usize, leaf: usize) -> Option<Vec<PageLocation>> {
        let index = self.metadata().page_index_for_row_group(row_group);
        index.offset_index(leaf).map(|pages| pages.page_locations().clone())
    }

    /// Calls `with` on the statistics of a column chunk's pages, if the file has them.
    pub fn with_page_statistics<T>(
        &self,
        row_group: usize,
        leaf: usize,
        with: impl FnOnce(&ColumnIndexMetaData) -> T,
    ) -> Option<T> {
        self.metadata().page_index_for_row_group(row_group).column_index(leaf).map(with)
    }

    /// The leaf column of a root column, by its name.
    pub fn leaf(&self, name: &str) -> Option<usize> {
        let leaves = self.metadata().file_metadata().schema_descr();
        leaves.columns().iter().position(|column| column.path().parts() == [name])
    }

    /// The byte ranges of the leaf column's pages that hold rows of `rows`. It is the whole column
    /// chunk if the file has no offset index, or if `rows` is `None`.
    pub fn column_ranges(
        &self,
        row_group: usize,
        leaf: usize,
        rows: Option<&RowSelection>,
    ) -> Vec<Range<u64>> {
        let (start, length) = self.metadata().row_group(row_group).column(leaf).byte_range();
        let (Some(rows), Some(pages)) = (rows, self.page_locations(row_group, leaf)) else {
            return vec![start..start + length];
        };
        let mut ranges = rows.scan_ranges(&pages);
        let first_page = pages.first().and_then(|page| u64::try_from(page.offset).ok());
        // The dictionary comes before the first data page.
        ranges.push(start..first_page.unwrap_or(start));
        ranges
    }

    /// The leaves of these root columns.
    pub fn leaves<'a>(&'a self, roots: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let leaves = self.metadata().file_metadata().schema_descr();
        (0..leaves.num_columns()).filter(|&leaf| roots.contains(&leaves.get_column_root_idx(leaf)))
    }

    /// Fetches byte ranges. Ranges that touch are fetched as one.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn fetch(
        &self,
        objects: &dyn Objects,
        ranges: Vec<Range<u64>>,
    ) -> Result<Fetched, Error> {
        let ranges = coalesce(ranges);
        let contents = objects.read_ranges(&self.object, &ranges).await?;
        Ok(Fetched::new(self.object.bytes, &ranges, contents))
    }

    /// Fetches what [`File::batches`] needs for the selected rows of these root columns.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub async fn fetch_rows(
        &self,
        objects: &dyn Objects,
        row_group: usize,
        roots: &[usize],
        rows: Option<&RowSelection>,
    ) -> Result<Fetched, Error> {
        let ranges = self.leaves(roots).flat_map(|leaf| self.column_ranges(row_group, leaf, rows));
        self.fetch(objects, ranges.collect()).await
    }

    /// The selected rows of these root columns of a row group, in batches.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn batches(
        &self,
        fetched: Fetched,
        row_group: usize,
        roots: &[usize],
        rows: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, Error> {
        let mask = ProjectionMask::roots(self.arrow.parquet_schema(), roots.iter().copied());
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(fetched, self.arrow.clone())
                .with_row_groups(vec![row_group])
                .with_projection(mask)
                .with_batch_size(BATCH_ROWS);
        if let Some(rows) = rows {
            // By default a short selection becomes a mask, which decodes the pages between the rows
            // as well. Only the pages of the selected rows have been fetched.
            builder = builder
                .with_row_selection(rows)
                .with_row_selection_policy(RowSelectionPolicy::Selectors);
        }
        builder.build().map_err(|error| Error::corrupt(&self.object.uri, row_group, error))
    }
}

impl Fetched {
    fn with(self, ranges: &[Range<u64>], contents: &[Bytes]) -> Self {
        self.and(ranges.iter().map(|range| range.start).zip(contents.iter().cloned()))
    }

    /// `footer-` and the SHA-256 of a file's footer. It changes with any number in the statistics.
    fn footer_digest(&self, bytes: u64) -> String {
        use parquet::file::reader::ChunkReader as _;
        let tail = self.get_bytes(bytes - 8, 8).unwrap_or_default();
        let length = tail.first_chunk().map_or(0, |length| u32::from_le_bytes(*length));
        let from = bytes.saturating_sub(8 + u64::from(length));
        let footer = self.get_bytes(from, length as usize).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&footer).into();
        format!("footer-{}", crate::cohort::Id::from_digest(&digest).as_str())
    }
}

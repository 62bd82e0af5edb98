//! One Parquet file: its footer, fetched once, and its column chunks, fetched as they are needed.

use std::ops::Range;
use std::sync::{Arc, Once};

use arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::column::page::{Page, PageReader as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use super::faults::Faults;
use super::fetched::{Fetched, coalesce};
use super::guard::guarded;
use super::schema::FileColumns;
use super::tail::Tail;
use super::{Error, bounds, footer};
use crate::objects::{Object, Objects, Scheme};
use cohort_core::Interval;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// Bytes of a batch, as far as its pages tell.
const BATCH_BYTES: usize = 1 << 26;

/// A file whose footer has been read.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Where it lies, pinned to the version that was listed.
    pub object: Object,
    /// The time that its partition covers, or `None` if there are no partitions.
    pub partition: Option<Interval>,
    pub(super) arrow: ArrowReaderMetadata,
    found: SchemaRef,
    faults: Arc<Faults>,
    tag: String,
    /// Done once it has been told that the file is read without its page index.
    told: Arc<Once>,
}

impl File {
    /// Reads the footer, and the page index if it is of use.
    ///
    /// # Errors
    /// [`Error::NotParquet`] for an empty, truncated or other file; [`Error::Corrupt`] if it claims
    /// to have no rows where it has values; [`Error::Objects`].
    pub(crate) async fn open(
        objects: &dyn Objects,
        object: Object,
        partition: Option<Interval>,
        indexed: bool,
    ) -> Result<Self, Error> {
        let wrong = |found: String| Error::NotParquet { uri: object.uri.clone(), found };
        if object.bytes < 12 {
            return Err(wrong(format!(
                "{} bytes, fewer than the least Parquet file has",
                object.bytes
            )));
        }
        let mut tail = Tail::new(objects, &object);
        let (metadata, faults) = match tail.footer().await? {
            Ok(footer) => footer,
            Err(error) => return Err(wrong(tail.what_it_is(&error).await?)),
        };
        let mut rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
        if let Some(rows) = rows.clone().find(|rows| *rows < 0) {
            return Err(wrong(format!("a row group of {rows} rows")));
        }
        if rows.try_fold(0_i64, i64::checked_add).is_none() {
            return Err(wrong("more rows than can be counted".to_owned()));
        }
        let sound = guarded(|| {
            let footer = tail.parts.footer(object.bytes).unwrap_or_default();
            let metadata = footer::sound(metadata, object.bytes, footer.len())?;
            let schema = metadata.file_metadata();
            let columns = FileColumns::of(schema.schema_descr(), schema.key_value_metadata())?;
            Ok((footer::with_schema(metadata, columns.parquet.clone()), columns))
        });
        let (metadata, columns) = sound.map_err(|error| wrong(error.to_string()))?;
        // A page index that cannot be read is none: it only says what may be skipped.
        let decoder = indexed.then(|| footer::index_decoder(metadata.clone(), object.bytes));
        let indexed = match decoder {
            Some(Ok(decoder)) => tail.decode(decoder, Vec::new()).await?.unwrap_or(metadata),
            _ => metadata,
        };
        let arrow = guarded(|| {
            let indexed = footer::with_sound_index(indexed, object.bytes);
            let options = ArrowReaderOptions::new().with_schema(columns.read);
            ArrowReaderMetadata::try_new(Arc::new(indexed), options)
        });
        let arrow = arrow.map_err(|error| wrong(error.to_string()))?;
        if let Some((row_group, values)) = footer::uncounted(arrow.metadata()) {
            let found = format!("a column of {values} values, though it claims 0 rows");
            return Err(Error::corrupt(&object.uri, row_group, found));
        }
        let tag = match object.uri.scheme() {
            Scheme::File => tail.parts.footer_digest(object.bytes),
            _ => object.tag.to_string(),
        };
        let faults = Arc::new(faults);
        let told = Arc::new(Once::new());
        Ok(Self { object, partition, arrow, found: columns.found, faults, tag, told })
    }

    /// Whether the file has a page index.
    pub(super) fn is_indexed(&self) -> bool {
        let index = self.metadata().page_index();
        index.is_some_and(|index| index.has_offset_indexes() || index.has_column_indexes())
    }

    /// The same file without its page index, or `None` if it has none.
    pub(super) fn without_index(&self) -> Option<Self> {
        if !self.is_indexed() {
            return None;
        }
        let metadata = self.metadata().clone().into_builder().set_page_index(None).build();
        let options = ArrowReaderOptions::new().with_schema(self.arrow.schema().clone());
        let arrow = guarded(|| ArrowReaderMetadata::try_new(Arc::new(metadata), options)).ok()?;
        Some(Self { arrow, ..self.clone() })
    }

    /// Says, once for each file, that it is read without its page index.
    pub(super) fn tell_of_index(&self) {
        self.told.call_once(|| {
            let file = &self.object.uri;
            tracing::warn!(%file, "the file cannot be read by its page index; read without it");
        });
    }

    /// The file's version as the lineage shows it: the storage's entity tag. Local disk has none,
    /// and the SHA-256 of the footer takes its place.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// The footer.
    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.arrow.metadata()
    }

    /// The root columns, each with what it is. Text is read as bytes all the same.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.found
    }

    /// Rows in all row groups.
    pub(crate) fn rows(&self) -> u64 {
        self.first_row(self.metadata().num_row_groups())
    }

    /// Rows in one row group.
    pub(crate) fn group_rows(&self, row_group: usize) -> usize {
        usize::try_from(self.metadata().row_group(row_group).num_rows()).unwrap_or_default()
    }

    /// The file's row number of a row group's first row.
    pub(crate) fn first_row(&self, row_group: usize) -> u64 {
        (0..row_group).map(|i| self.group_rows(i) as u64).sum()
    }

    /// Where the pages of a column chunk lie, if the file has an offset index.
    pub(crate) fn page_locations(
        &self,
        row_group: usize,
        leaf: usize,
    ) -> Option<Vec<PageLocation>> {
        let index = self.metadata().page_index_for_row_group(row_group);
        index.offset_index(leaf).map(|pages| pages.page_locations().clone())
    }

    /// Calls `with` on the statistics of a column chunk's pages, if the file has them.
    pub(crate) fn with_page_statistics<T>(
        &self,
        row_group: usize,
        leaf: usize,
        with: impl FnOnce(&ColumnIndexMetaData) -> T,
    ) -> Option<T> {
        self.metadata().page_index_for_row_group(row_group).column_index(leaf).map(with)
    }

    /// The leaf column that a root column is; `None` if it is a group of columns.
    pub(crate) fn leaf_of(&self, root: usize) -> Option<usize> {
        let leaves = self.metadata().file_metadata().schema_descr();
        let leaf = (0..leaves.num_columns()).find(|&leaf| leaves.get_column_root_idx(leaf) == root);
        leaf.filter(|&leaf| leaves.column(leaf).path().parts().len() == 1)
    }

    /// The byte ranges of the leaf column's pages that hold rows of `rows`. It is the whole column
    /// chunk if the file has no offset index, or if `rows` is `None`.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if nobody could read the column, and [`Error::Corrupt`] if the column
    /// chunk does not lie in the file.
    pub(crate) fn column_ranges(
        &self,
        row_group: usize,
        leaf: usize,
        rows: Option<&RowSelection>,
    ) -> Result<Vec<Range<u64>>, Error> {
        let column = self.metadata().row_group(row_group).column(leaf);
        let name = column.column_path().string();
        if let Some(fault) = self.faults.of(row_group, leaf) {
            return Err(Error::unreadable(&self.object.uri, name, fault));
        }
        let chunk = footer::chunk_range(column, self.object.bytes).map_err(|found| {
            let reason = format!("column {name:?} of {found}");
            Error::corrupt(&self.object.uri, row_group, reason)
        })?;
        let (Some(rows), Some(pages)) = (rows, self.page_locations(row_group, leaf)) else {
            return Ok(vec![chunk]);
        };
        if is_small(&chunk) {
            return Ok(vec![chunk]);
        }
        let mut ranges = rows.scan_ranges(&pages);
        let first_page = pages.first().and_then(|page| u64::try_from(page.offset).ok());
        // The dictionary comes before the first data page.
        ranges.push(chunk.start..first_page.unwrap_or(chunk.start));
        Ok(ranges)
    }

    /// The same batch with its columns of text as text, to be shown to people.
    pub(crate) fn with_text(&self, batch: &RecordBatch) -> RecordBatch {
        let is_text = |name: &str| {
            self.found.field_with_name(name).is_ok_and(|field| field.data_type() == &DataType::Utf8)
        };
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let shown = is_text(field.name()) && column.data_type() == &DataType::BinaryView;
            let shown = if shown { as_text(column) } else { column.clone() };
            fields.push(Field::new(field.name(), shown.data_type().clone(), true));
            columns.push(shown);
        }
        let schema = Arc::new(Schema::new(fields));
        RecordBatch::try_new(schema, columns).unwrap_or_else(|_| batch.clone())
    }

    /// What makes a root column unreadable in every row group, in words.
    pub(super) fn fault_of(&self, root: usize) -> Option<&str> {
        self.leaves(&[root]).find_map(|leaf| self.faults.of_leaf(leaf))
    }

    /// The root columns whose chunks all lie in the file, in this row group.
    pub(crate) fn readable_roots(&self, row_group: usize) -> Vec<usize> {
        let roots = 0..self.found.fields().len();
        let readable = |root: &usize| {
            self.leaves(&[*root]).all(|leaf| self.column_ranges(row_group, leaf, None).is_ok())
        };
        roots.filter(readable).collect()
    }

    /// The leaves of these root columns.
    pub(crate) fn leaves<'a>(&'a self, roots: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        let leaves = self.metadata().file_metadata().schema_descr();
        (0..leaves.num_columns()).filter(|&leaf| roots.contains(&leaves.get_column_root_idx(leaf)))
    }

    /// Fetches byte ranges. Ranges that touch are fetched as one.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(crate) async fn fetch(
        &self,
        objects: &dyn Objects,
        ranges: Vec<Range<u64>>,
    ) -> Result<Fetched, Error> {
        let ranges = coalesce(ranges);
        let contents = objects.read_ranges(&self.object, &ranges).await?;
        Ok(Fetched::new(self.object.bytes, &ranges, contents))
    }

    /// The byte ranges that [`File::batches`] needs for the selected rows of these root columns.
    ///
    /// # Errors
    /// As [`File::column_ranges`].
    pub(crate) fn row_ranges(
        &self,
        row_group: usize,
        roots: &[usize],
        rows: Option<&RowSelection>,
    ) -> Result<Vec<Range<u64>>, Error> {
        let ranges = self.leaves(roots).map(|leaf| self.column_ranges(row_group, leaf, rows));
        Ok(ranges.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Fetches what [`File::batches`] needs for the selected rows of these root columns.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(crate) async fn fetch_rows(
        &self,
        objects: &dyn Objects,
        row_group: usize,
        roots: &[usize],
        rows: Option<&RowSelection>,
    ) -> Result<Fetched, Error> {
        self.fetch(objects, self.row_ranges(row_group, roots, rows)?).await
    }

    /// Where the dictionary of a column chunk lies, if the footer says so. A small chunk is given
    /// whole.
    pub(crate) fn dictionary_range(&self, row_group: usize, leaf: usize) -> Option<Range<u64>> {
        let column = self.metadata().row_group(row_group).column(leaf);
        let chunk = footer::chunk_range(column, self.object.bytes).ok()?;
        column.dictionary_page_offset().filter(|_| self.faults.of(row_group, leaf).is_none())?;
        let end = u64::try_from(column.data_page_offset()).ok()?;
        let dictionary = if is_small(&chunk) { chunk.clone() } else { chunk.start..end };
        (end <= chunk.end).then_some(dictionary)
    }

    /// The dictionary of a column chunk, if its range has been fetched.
    ///
    /// # Errors
    /// If there is none that can be read as it is.
    pub(crate) fn dictionary(
        &self,
        row_group: usize,
        leaf: usize,
        fetched: &Fetched,
    ) -> Result<Page, ParquetError> {
        let column = self.metadata().row_group(row_group).column(leaf);
        let rows = self.group_rows(row_group);
        let fetched = Arc::new(fetched.clone());
        let mut pages = SerializedPageReader::new(fetched, column, rows, None)?;
        let page = guarded(|| pages.get_next_page())?;
        page.ok_or_else(|| ParquetError::EOF("a column without pages".to_owned()))
    }

    /// The row groups that have rows. Writers make one without for an empty table, and its columns
    /// lie nowhere.
    pub(crate) fn groups_with_rows(&self) -> impl Iterator<Item = usize> {
        (0..self.metadata().num_row_groups()).filter(|&group| self.group_rows(group) > 0)
    }

    /// Fails if a page of these leaves claims or hides more than a page may hold, and returns how
    /// many rows a batch of them may have.
    pub(super) fn batch_rows(
        &self,
        fetched: &Fetched,
        row_group: usize,
        leaves: &[usize],
    ) -> Result<usize, ParquetError> {
        let mut row_bytes = 0;
        for &leaf in leaves {
            let column = self.metadata().row_group(row_group).column(leaf);
            let chunk =
                footer::chunk_range(column, self.object.bytes).map_err(ParquetError::EOF)?;
            let pages = self.page_locations(row_group, leaf);
            let pages = bounds::places(&chunk, pages.as_deref());
            let rows = self.group_rows(row_group);
            row_bytes += bounds::check(fetched, column, &pages, rows)?;
        }
        Ok((BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS))
    }
}

/// Whether all pages of a column chunk are fetched, whichever are needed. That takes no longer, and
/// then what the footer says of its pages can be held against each of them.
const fn is_small(chunk: &Range<u64>) -> bool {
    chunk.end - chunk.start <= 256 << 10
}

/// The longest text that is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 4096;

/// A column of bytes as text. What is not UTF-8 is replaced by U+FFFD; a long text is cut, with an
/// ellipsis.
fn as_text(bytes: &ArrayRef) -> ArrayRef {
    let shown = |text: &[u8]| match text.get(..SHOWN_BYTES_MAX) {
        Some(start) if text.len() > SHOWN_BYTES_MAX => {
            let whole = std::str::from_utf8(start).map_or_else(|e| e.valid_up_to(), str::len);
            // Of text that is none, a part may be cut in the middle of what was meant.
            let kept = if SHOWN_BYTES_MAX - whole < 4 { &start[..whole] } else { start };
            format!("{}…", String::from_utf8_lossy(kept))
        }
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let texts = bytes.as_binary_view().iter().map(|text| text.map(shown));
    Arc::new(texts.collect::<StringArray>())
}

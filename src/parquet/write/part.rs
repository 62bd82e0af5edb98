//! One Parquet file. Writer settings are here and nowhere else.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use cohort_core::batch::schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::checksums::joined;
use crate::parquet::Error;
use cohort_core::contract::{ColumnType, Log};

/// Rows after which a part is closed at the end of a row group.
pub(crate) const PART_ROWS: usize = 1 << 17;
/// Rows after which a row group is closed at the next store boundary. One thread encodes one row
/// group.
pub(crate) const GROUP_ROWS: usize = 1 << 15;
/// The most rows of a row group, for a store that has more.
pub(super) const GROUP_ROWS_MAX: usize = 1 << 18;
/// The most rows of a page, so that a reader of one store skips most of a file.
const PAGE_ROWS_MAX: usize = 1 << 14;
/// Rows handed to the encoder at once.
pub(crate) const BATCH_ROWS: usize = 1 << 13;

/// An encoded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its rows.
    pub rows: u64,
    /// Its content.
    pub bytes: Bytes,
    /// The content's digest.
    pub sha256: [u8; 32],
}

/// Encoded rows that are not part of a file yet: one row group, unless a store has more rows than
/// fit.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Its rows.
    pub rows: usize,
    bytes: Bytes,
}

/// A row group in the making.
#[derive(Debug)]
pub(crate) struct GroupWriter {
    log: &'static Log,
    writer: ArrowWriter<Vec<u8>>,
    rows: usize,
}

impl Part {
    /// The file of these row groups in their order. There is at least one.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn of(log: &'static Log, groups: &[Group]) -> Result<Self, Error> {
        let rows = groups.iter().map(|group| group.rows as u64).sum();
        let groups: Vec<_> = groups.iter().map(|group| group.bytes.clone()).collect();
        let bytes = joined(&groups, properties(log));
        let bytes = bytes.map_err(|error| Error::encode(log.name, &error))?;
        let sha256 = Sha256::digest(&bytes).into();
        Ok(Self { rows, bytes, sha256 })
    }
}

impl GroupWriter {
    /// An empty row group of a log.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn new(log: &'static Log) -> Result<Self, Error> {
        Self::with_schema(log, schema(log))
    }

    /// An empty row group of a log whose columns have names of their own.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn with_schema(log: &'static Log, schema: SchemaRef) -> Result<Self, Error> {
        let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties(log)));
        let writer = writer.map_err(|error| Error::encode(log.name, &error))?;
        Ok(Self { log, writer, rows: 0 })
    }

    /// Its rows so far.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Appends rows of the log.
    ///
    /// # Errors
    /// What the encoder says.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += batch.num_rows();
        self.writer.write(batch)
    }

    /// Ends the row group.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub(crate) fn finish(self) -> Result<Group, Error> {
        let bytes =
            self.writer.into_inner().map_err(|error| Error::encode(self.log.name, &error))?;
        Ok(Group { rows: self.rows, bytes: bytes.into() })
    }
}

/// The settings of every file that the job writes.
fn properties(log: &Log) -> WriterProperties {
    let position = |name: &&str| log.columns.iter().position(|column| column.name == *name);
    let sorted_by = log.sorted_by.iter().filter_map(position).map(|index| SortingColumn {
        column_idx: i32::try_from(index).unwrap_or_default(),
        descending: false,
        nulls_first: true,
    });
    // Amounts hardly ever repeat. Looking each up among those before it would only cost time.
    let amounts = log.columns.iter().filter(|column| matches!(column.kind, ColumnType::Decimal));
    let builder = amounts.fold(WriterProperties::builder(), |builder, column| {
        builder.set_column_dictionary_enabled(ColumnPath::from(column.name), false)
    });
    builder
        .set_created_by(concat!("cohort version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorted_by.collect()))
        .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .build()
}

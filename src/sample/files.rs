//! The sample's Parquet files: one call site for the writer's settings, and the columns in the types of SPEC 2.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::Error;
use super::chain::instant_us;
use super::plan::Span;
use crate::cohort::Money;

/// One file that is being written, batch by batch.
pub(super) struct Writer {
    path: PathBuf,
    file: Option<ArrowWriter<File>>,
}

/// Named columns of equal length.
pub(super) type Columns = Vec<(&'static str, ArrayRef)>;

impl Writer {
    /// A file of a dataset: of the day's partition, or of a dataset without partitions.
    pub(super) fn create(dir: &Path, dataset: &str, day: Option<i64>) -> Result<Self, Error> {
        let mut folder = dir.join(dataset);
        if let Some(day) = day {
            let last = jiff::civil::date(2025, 1, 1);
            folder.push(format!("date={}", last.saturating_add(jiff::Span::new().days(day))));
        }
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        Ok(Self { path: folder.join("part-00000.parquet"), file: None })
    }

    /// Appends rows; the first call fixes the schema.
    pub(super) fn write(&mut self, columns: Columns) -> Result<(), Error> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .map_err(|source| self.error(source.into()))?;
        if self.file.is_none() {
            self.file = Some(self.open(&batch.schema())?);
        }
        match &mut self.file {
            Some(file) => file.write(&batch).map_err(|source| self.error(source)),
            None => Ok(()),
        }
    }

    /// Writes the footer.
    pub(super) fn close(mut self) -> Result<(), Error> {
        match self.file.take() {
            Some(file) => file.close().map(drop).map_err(|source| self.error(source)),
            None => Ok(()),
        }
    }

    fn open(&self, schema: &Arc<Schema>) -> Result<ArrowWriter<File>, Error> {
        let file = File::create(&self.path).map_err(Error::io(&self.path))?;
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()));
        // Plain Parquet types, as any other writer has them: no Arrow schema in the metadata.
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: parquet::errors::ParquetError) -> Error {
        Error::Parquet { path: self.path.clone(), source }
    }
}

/// A column of strings.
pub(super) fn texts<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A column of doubles.
pub(super) fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A column of UTC timestamps, in microseconds since 1970.
pub(super) fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

/// A column of `decimal(18,4)`, in ten-thousandths.
pub(super) fn amounts(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let decimal = DataType::Decimal128(Money::PRECISION, Money::SCALE);
    let values: Decimal128Array = values.map(|units| units.map(i128::from)).collect();
    Arc::new(values.with_data_type(decimal))
}

/// Writes `all_campaign_data` or `contextual_data`; `names` are its first two columns' names.
pub(super) fn write_spans(
    dir: &Path,
    dataset: &str,
    names: [&'static str; 2],
    spans: &[Span],
) -> Result<(), Error> {
    let mut file = Writer::create(dir, dataset, None)?;
    file.write(vec![
        (names[0], texts(spans.iter().map(|span| Some(&span.id)))),
        (names[1], texts(spans.iter().map(|span| Some(span.name)))),
        ("starts_at", times(spans.iter().map(|span| Some(instant_us(span.ticks.start))))),
        ("ends_at", times(spans.iter().map(|span| Some(instant_us(span.ticks.end))))),
        ("store_id", texts(spans.iter().map(|span| span.store_id.as_ref()))),
        ("sku", texts(spans.iter().map(|span| span.sku.as_ref()))),
        ("category", texts(spans.iter().map(|span| span.category))),
        ("confidence", doubles(spans.iter().map(|span| span.confidence))),
    ])?;
    file.close()
}

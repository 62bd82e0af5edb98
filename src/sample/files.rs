//! The sample's Parquet files: one call site for the writer's settings, and the columns in the
//! types of SPEC 2.

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
use super::place::{Draft, Place};
use super::plan::Span;
use cohort_core::Money;

/// One file that is being written, batch by batch.
pub(super) struct Writer<'a> {
    place: &'a Place,
    path: String,
    file: Option<ArrowWriter<Draft>>,
}

/// Named columns of equal length.
pub(super) type NamedColumns = Vec<(&'static str, ArrayRef)>;

impl<'a> Writer<'a> {
    /// A file of a dataset: of the day's partition, or of a dataset without partitions.
    pub(super) fn create(place: &'a Place, dataset: &str, day: Option<i64>) -> Self {
        let last = jiff::civil::date(2025, 1, 1);
        let partition = day.map_or_else(String::new, |day| {
            format!("date={}/", last.saturating_add(jiff::Span::new().days(day)))
        });
        Self { place, path: format!("{dataset}/{partition}part-00000.parquet"), file: None }
    }

    /// Appends rows. The first call fixes the schema.
    pub(super) fn write(&mut self, columns: NamedColumns) -> Result<(), Error> {
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
            Some(file) => {
                let draft = file.into_inner().map_err(|source| self.error(source))?;
                self.place.end(&self.path, draft)
            }
            None => Ok(()),
        }
    }

    fn open(&self, schema: &Arc<Schema>) -> Result<ArrowWriter<Draft>, Error> {
        let draft = self.place.begin(&self.path)?;
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()));
        // The types are plain Parquet, as any other writer has them, so there is no Arrow schema in
        // the metadata.
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(draft, Arc::clone(schema), options)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: parquet::errors::ParquetError) -> Error {
        Error::Parquet { path: self.place.name(&self.path).into(), source }
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
    place: &Place,
    dataset: &str,
    names: [&'static str; 2],
    spans: &[Span],
) -> Result<(), Error> {
    let mut file = Writer::create(place, dataset, None);
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

//! Frames in: the Arrow PyCapsule interface, the columns of a log, and slices of them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::types::{GenericBinaryType, GenericStringType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, GenericByteArray, LargeBinaryArray, RecordBatch,
    RecordBatchIterator, RecordBatchReader, StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use cohort_core::batch::LogColumns;
use cohort_core::contract::Log;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::error::Error;

/// Rows that are looked at in one go. Between two slices a caller may stop.
const SLICE_ROWS: usize = 1 << 16;

/// Bytes of text that a column of a slice has at most; the kernel can address twice as many.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Record batches from whatever library the caller uses.
pub(crate) type Batches = Box<dyn RecordBatchReader + Send>;

/// A frame of one log.
pub(crate) struct Frame {
    /// What the caller calls it.
    pub name: &'static str,
    batches: Batches,
}

/// The columns of one log in batches of one schema.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: LogColumns,
}

/// A few rows of a batch, with their texts unchecked.
#[derive(Debug)]
pub(crate) struct Slice<'c> {
    columns: &'c LogColumns,
    arrays: Vec<Option<ArrayRef>>,
    /// The number of its first row in the frame.
    pub first: usize,
    /// How many rows it has.
    pub rows: usize,
}

/// The batches of a frame.
///
/// # Errors
/// `TypeError` if the object has no Arrow interface, and whatever its own methods raise.
pub(crate) fn batches(name: &str, frame: &Bound<'_, PyAny>) -> PyResult<Batches> {
    if frame.hasattr("__arrow_c_stream__")? {
        let capsule = frame.call_method0("__arrow_c_stream__")?;
        let capsule = capsule.cast_into::<PyCapsule>()?;
        let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?;
        let stream = stream.cast::<FFI_ArrowArrayStream>().as_ptr();
        // SAFETY: by the interface, a capsule of this name holds a stream. Taking it leaves an
        // empty one behind, which the capsule's destructor knows how to drop.
        #[allow(unsafe_code)]
        let stream = unsafe { RecordBatchStreamReader::from_raw(stream) };
        let reader = stream.map_err(|error| Error::frame(name, &error).raise(frame.py()))?;
        return Ok(Box::new(reader));
    }
    if frame.hasattr("__arrow_c_array__")? {
        let batch = one_batch(frame)?;
        let batch = batch.map_err(|error| Error::frame(name, &error).raise(frame.py()))?;
        let schema = batch.schema();
        return Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
    }
    let class = frame.get_type().fully_qualified_name()?;
    let advice = if frame.hasattr("collect")? { "call collect() on it" } else { "convert it" };
    Err(PyTypeError::new_err(format!(
        "{name}: expected a frame with __arrow_c_stream__, such as one of pyarrow, Polars, DuckDB \
         or pandas, found {class}; {advice}"
    )))
}

fn one_batch(frame: &Bound<'_, PyAny>) -> PyResult<Result<RecordBatch, ArrowError>> {
    let capsules = frame.call_method0("__arrow_c_array__")?;
    let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = capsules.extract()?;
    let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(c"arrow_array"))?.cast::<FFI_ArrowArray>();
    // SAFETY: by the interface, capsules of these names hold a schema and an array of it. Taking
    // them leaves empty ones behind, which the capsules' destructors know how to drop.
    #[allow(unsafe_code)]
    let data = unsafe {
        let schema = FFI_ArrowSchema::from_raw(schema.as_ptr());
        from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), &schema)
    };
    Ok(data.and_then(|data| match data.data_type() {
        DataType::Struct(_) => {
            let (fields, arrays, _) = StructArray::from(data).into_parts();
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        }
        other => Err(ArrowError::SchemaError(format!("an array of {other}"))),
    }))
}

impl Frame {
    /// A frame that goes under this name.
    ///
    /// # Errors
    /// As [`batches`].
    pub(crate) fn of(name: &'static str, frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { name, batches: batches(name, frame)? })
    }

    /// Gives the frame's rows to `take`, slice by slice.
    ///
    /// # Errors
    /// [`Error::Data`] for columns or batches that cannot be read, and whatever `take` returns.
    pub(crate) fn each(
        self,
        log: &'static Log,
        mut take: impl FnMut(&Slice<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let columns = Columns::of(self.name, log, self.batches.schema().fields())?;
        let mut rows = 0;
        for batch in self.batches {
            let batch = batch.map_err(|error| Error::frame(self.name, &error))?;
            for slice in slices(&batch)? {
                take(&columns.slice(&slice, rows))?;
                rows += slice.num_rows();
            }
        }
        Ok(rows)
    }
}

/// A batch cut into slices, none of which has more text in a column than the kernel can address.
///
/// # Errors
/// [`Error::Data`] for a row that has.
pub(crate) fn slices(batch: &RecordBatch) -> Result<Vec<RecordBatch>, Error> {
    let rows = batch.num_rows();
    let mut all: Vec<_> = (0..rows)
        .step_by(SLICE_ROWS)
        .map(|at| batch.slice(at, SLICE_ROWS.min(rows - at)))
        .rev()
        .collect();
    let mut fitting = Vec::with_capacity(all.len());
    while let Some(slice) = all.pop() {
        let rows = slice.num_rows();
        if slice.columns().iter().map(text_bytes).max().unwrap_or(0) <= TEXT_BYTES_MAX {
            fitting.push(slice);
        } else if rows > 1 {
            all.push(slice.slice(rows / 2, rows - rows / 2));
            all.push(slice.slice(0, rows / 2));
        } else {
            let found = "found a longer one; shorten it".to_owned();
            return Err(Error::Data(format!("expected texts of up to 1 GiB, {found}")));
        }
    }
    Ok(fitting)
}

/// Whether one array of this type can hold more text than the kernel can address.
const fn is_wide(texts: &DataType) -> bool {
    matches!(
        texts,
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::Utf8View | DataType::BinaryView
    )
}

/// How many bytes of text a column may have, at most.
fn text_bytes(array: &ArrayRef) -> usize {
    let between = |first: i64, last: i64| usize::try_from(last - first).unwrap_or(usize::MAX);
    match array.data_type() {
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().offsets();
            between(offsets[0], offsets[array.len()])
        }
        DataType::LargeBinary => {
            let offsets = array.as_binary::<i64>().offsets();
            between(offsets[0], offsets[array.len()])
        }
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => {
            array.as_binary_view().lengths().map(|length| length as usize).sum()
        }
        DataType::Dictionary(_, values) if is_wide(values) => {
            let values = array.as_any_dictionary().values();
            let longest = (0..values.len()).map(|at| text_bytes(&values.slice(at, 1))).max();
            longest.unwrap_or(0).saturating_mul(array.len())
        }
        // Others cannot hold more.
        _ => 0,
    }
}

impl Columns {
    /// Finds a log's columns.
    ///
    /// # Errors
    /// [`Error::Data`].
    pub(crate) fn of(name: &str, log: &'static Log, fields: &Fields) -> Result<Self, Error> {
        let logical = fields.iter().map(|field| {
            let nullable = field.is_nullable();
            Field::new(field.name(), logical(field.data_type()).clone(), nullable)
        });
        LogColumns::of(log, &logical.collect(), |name| name)
            .map(|columns| Self { columns })
            .map_err(|fault| Error::columns(name, &fault))
    }

    /// The columns of a slice whose first row has this number.
    pub(crate) fn slice(&self, slice: &RecordBatch, first: usize) -> Slice<'_> {
        let array = |column: &cohort_core::contract::Column| {
            self.columns.place(column.name).map(|place| unchecked(slice.column(place)))
        };
        let arrays = self.columns.log().columns.iter().map(array).collect();
        Slice { columns: &self.columns, arrays, first, rows: slice.num_rows() }
    }
}

impl Slice<'_> {
    /// A column by its name in the contract.
    pub(crate) fn column(&self, name: &str) -> Option<&ArrayRef> {
        let position = self.columns.log().columns.iter().position(|column| column.name == name)?;
        self.arrays[position].as_ref()
    }
}

/// The type that a column's values have, whatever its layout: bytes are text, as in Parquet.
fn logical(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, values) => logical(values),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => &DataType::Utf8,
        other => other,
    }
}

/// The same column with its texts as bytes. Not every producer checks that its texts are UTF-8;
/// the kernel does, and rejects the rows of those that are not.
fn unchecked(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>().clone();
            Arc::new(BinaryArray::from(texts))
        }
        DataType::LargeUtf8 => {
            let texts: GenericByteArray<GenericStringType<i64>> = array.as_string::<i64>().clone();
            Arc::new(from_zero(LargeBinaryArray::from(texts)))
        }
        DataType::LargeBinary => Arc::new(from_zero(array.as_binary::<i64>().clone())),
        DataType::Utf8View => Arc::new(array.as_string_view().clone().to_binary_view()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            dictionary.with_values(unchecked(dictionary.values()))
        }
        _ => array.clone(),
    }
}

/// The same array with offsets that begin at 0, so that those of a slice stay small, however large
/// its batch.
fn from_zero(array: LargeBinaryArray) -> LargeBinaryArray {
    let (offsets, values, nulls) = array.into_parts();
    let first = offsets[0];
    let length = offsets[offsets.len() - 1] - first;
    let values = values.slice_with_length(first as usize, length as usize);
    let lengths = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize);
    let offsets = OffsetBuffer::from_lengths(lengths);
    GenericByteArray::<GenericBinaryType<i64>>::new(offsets, values, nulls)
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("name", &self.name).finish_non_exhaustive()
    }
}

//! Frames in: the columns of a log, and slices of them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{GenericBinaryType, GenericStringType};
use arrow_array::{Array, ArrayRef, BinaryArray, GenericByteArray, LargeBinaryArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields};
use cohort_core::batch::LogColumns;
use cohort_core::contract::Log;
use pyo3::prelude::*;

use crate::error::Error;
use crate::import::{Opened, Wants, check};
use crate::worker::Stop;

/// Rows that are looked at in one go. Between two slices a caller may stop.
const SLICE_ROWS: usize = 1 << 16;

/// Bytes of text that a column of a slice of several rows has at most.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// Bytes of text that the kernel can address in a column.
const ADDRESSED_BYTES_MAX: usize = i32::MAX as usize;

/// A frame of one log. It is opened once it is read: some libraries give one stream at a time.
#[derive(Debug)]
pub(crate) struct Frame {
    /// What the caller calls it.
    pub name: &'static str,
    frame: Py<PyAny>,
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

impl Frame {
    /// A frame that goes under this name.
    ///
    /// # Errors
    /// As [`check`].
    pub(crate) fn of(name: &'static str, frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        check(name, frame)?;
        Ok(Self { name, frame: frame.clone().unbind() })
    }

    /// Gives the frame's rows to `take`, slice by slice.
    ///
    /// # Errors
    /// [`Error::Data`] for columns or batches that cannot be read, [`Error::Raised`] for what the
    /// frame's own methods raise, [`Error::Stopped`], and whatever `take` returns.
    pub(crate) fn each(
        self,
        log: &'static Log,
        stop: &Stop,
        mut take: impl FnMut(&Slice<'_>) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let wants: &Wants<'_> = &|name| has_column(log, name);
        let opened = Python::attach(|py| Opened::of(self.name, self.frame.bind(py)))?;
        let batches = opened.batches(wants).map_err(|error| Error::frame(self.name, &error))?;
        let columns = Columns::of(self.name, log, batches.schema().fields())?;
        let mut rows = 0;
        for batch in batches {
            let batch = batch.map_err(|error| Error::frame(self.name, &error))?;
            for slice in slices(&batch)? {
                take(&columns.slice(&slice, rows))?;
                rows += slice.num_rows();
                stop.check()?;
            }
            stop.check()?;
        }
        Ok(rows)
    }
}

/// Whether a name may be that of a column of the log (SPEC 2, *Names*).
pub(crate) fn has_column(log: &Log, name: &str) -> bool {
    log.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
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
        let sizes = slice.columns().iter().map(text_bytes);
        let (longest, bytes) = sizes.enumerate().max_by_key(|&(_, bytes)| bytes).unwrap_or((0, 0));
        if bytes <= TEXT_BYTES_MAX || (rows == 1 && bytes <= ADDRESSED_BYTES_MAX) {
            fitting.push(slice);
        } else if rows > 1 {
            all.push(slice.slice(rows / 2, rows - rows / 2));
            all.push(slice.slice(0, rows / 2));
        } else {
            let schema = slice.schema();
            let column = schema.field(longest).name();
            return Err(Error::Data(format!(
                "expected texts of up to 2 GiB in the column {column:?}, found a longer one; \
                 shorten it"
            )));
        }
    }
    Ok(fitting)
}

/// How many bytes of text a column has. Columns whose offsets have 32 bits cannot hold too many,
/// and count as 0.
fn text_bytes(array: &ArrayRef) -> usize {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values = dictionary.values();
        return match lengths(values) {
            Some(length) if !values.is_empty() => {
                let keys = dictionary.normalized_keys().into_iter();
                keys.filter(|&key| values.is_valid(key)).map(length).sum()
            }
            _ => 0,
        };
    }
    // What a null's place holds is nobody's.
    let texts = (0..array.len()).filter(|&at| array.is_valid(at));
    lengths(array).map_or(0, |length| texts.map(length).sum())
}

/// Tells the length of each text of a column that may hold more than 32 bits can address.
fn lengths(array: &ArrayRef) -> Option<Box<dyn Fn(usize) -> usize + '_>> {
    let between = |offsets: &[i64], at: usize| {
        usize::try_from(offsets[at + 1] - offsets[at]).unwrap_or(usize::MAX)
    };
    Some(match array.data_type() {
        DataType::LargeUtf8 => {
            let offsets = array.as_string::<i64>().offsets();
            Box::new(move |at| between(offsets, at))
        }
        DataType::LargeBinary => {
            let offsets = array.as_binary::<i64>().offsets();
            Box::new(move |at| between(offsets, at))
        }
        // The low half of a view is its length.
        DataType::Utf8View => {
            let views = array.as_string_view().views();
            Box::new(move |at| views[at] as u32 as usize)
        }
        DataType::BinaryView => {
            let views = array.as_binary_view().views();
            Box::new(move |at| views[at] as u32 as usize)
        }
        _ => return None,
    })
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

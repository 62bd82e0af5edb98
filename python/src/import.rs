//! Tables of other libraries, through Arrow's C interfaces.
//!
//! Only the columns that are asked for are imported. What lies beside them may be of a type that
//! this package does not know, nested however deep, or too long: it comes as a column of nulls.

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, NullArray, RecordBatch, RecordBatchOptions, make_array};
use arrow_buffer::bit_util::get_bit_raw;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::worker::guarded;

/// Levels of nesting that a column may have, as in a file (SPEC 2). Types are read recursively.
const LEVELS_MAX: usize = 100;

/// Whether the column of a name is asked for.
pub(crate) type Wants<'w> = dyn Fn(&str) -> bool + 'w;

/// What a frame gives, before it is known what that is: finding out may take a producer a while.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A stream.
    Stream(FFI_ArrowArrayStream),
    /// One batch, and what it is.
    Batch(FFI_ArrowSchema, FFI_ArrowArray),
}

/// Record batches from whatever library the caller uses.
#[derive(Debug)]
pub(crate) struct Batches {
    schema: SchemaRef,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Stream(FFI_ArrowArrayStream),
    /// One batch, until it is taken.
    Batch(Option<FFI_ArrowArray>),
}

/// The beginning of `struct ArrowArray`, as the C data interface lays it out.
#[repr(C)]
struct Parent {
    counts: [i64; 5],
    buffers: *mut *const c_void,
    children: *mut *mut FFI_ArrowArray,
}

/// Fails if an object has no Arrow interface.
///
/// # Errors
/// `TypeError`.
pub(crate) fn check(name: &str, frame: &Bound<'_, PyAny>) -> PyResult<()> {
    if frame.hasattr("__arrow_c_stream__")? || frame.hasattr("__arrow_c_array__")? {
        return Ok(());
    }
    let class = frame.get_type().fully_qualified_name()?;
    let advice = if frame.hasattr("collect")? { "call collect() on it" } else { "convert it" };
    Err(PyTypeError::new_err(format!(
        "{name}: expected a frame with __arrow_c_stream__, such as one of pyarrow, Polars, DuckDB \
         or pandas, found {class}; {advice}"
    )))
}

impl Opened {
    /// What a frame gives.
    ///
    /// # Errors
    /// As [`check`], and whatever the frame's own methods raise.
    pub(crate) fn of(name: &str, frame: &Bound<'_, PyAny>) -> PyResult<Self> {
        check(name, frame)?;
        if frame.hasattr("__arrow_c_stream__")? {
            let capsule = frame.call_method0("__arrow_c_stream__")?;
            let capsule = capsule.cast_into::<PyCapsule>()?;
            let stream = capsule.pointer_checked(Some(c"arrow_array_stream"))?.cast();
            // SAFETY: by the interface, a capsule of this name holds a stream. Taking it leaves an
            // empty one behind, which the capsule's destructor knows how to drop.
            #[allow(unsafe_code)]
            return Ok(Self::Stream(unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) }));
        }
        let capsules = frame.call_method0("__arrow_c_array__")?;
        let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = capsules.extract()?;
        let schema = schema.pointer_checked(Some(c"arrow_schema"))?.cast();
        let array = array.pointer_checked(Some(c"arrow_array"))?.cast();
        // SAFETY: by the interface, capsules of these names hold a schema and an array of it.
        // Taking them leaves empty ones behind, which the capsules' destructors know how to drop.
        #[allow(unsafe_code)]
        let (schema, array) = unsafe {
            (FFI_ArrowSchema::from_raw(schema.as_ptr()), FFI_ArrowArray::from_raw(array.as_ptr()))
        };
        Ok(Self::Batch(schema, array))
    }

    /// Its batches, with the columns that are asked for.
    ///
    /// # Errors
    /// What is wrong with the producer.
    pub(crate) fn batches(self, wants: &Wants<'_>) -> Result<Batches, ArrowError> {
        match self {
            Self::Stream(stream) => Batches::of_stream(stream, wants),
            Self::Batch(schema, array) => {
                // Whoever takes a thing only marks it as released.
                if schema.release().is_none() || array.is_released() {
                    return Err(wrong("a batch that was taken before"));
                }
                let schema = imported(&schema, wants)?;
                Ok(Batches { schema, source: Source::Batch(Some(array)) })
            }
        }
    }
}

impl Batches {
    fn of_stream(mut stream: FFI_ArrowArrayStream, wants: &Wants<'_>) -> Result<Self, ArrowError> {
        // Whoever takes a stream only marks it as released.
        let get_schema = stream.get_schema().filter(|_| stream.release().is_some());
        let get_schema = get_schema.ok_or_else(|| wrong("a stream that was taken before"))?;
        let mut described = FFI_ArrowSchema::empty();
        // SAFETY: the function is the stream's own, and may be called more than once.
        #[allow(unsafe_code)]
        let code = unsafe { get_schema(&raw mut stream, &raw mut described) };
        if code != 0 {
            return Err(last_error(&mut stream, code));
        }
        Ok(Self { schema: imported(&described, wants)?, source: Source::Stream(stream) })
    }

    /// The columns of all batches. Those that nobody asked for are nulls.
    pub(crate) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let array = match &mut self.source {
            Source::Batch(array) => array.take(),
            Source::Stream(stream) => match next_of(stream) {
                Ok(array) => array,
                Err(error) => return Some(Err(error)),
            },
        };
        array.map(|array| batch(&self.schema, array))
    }
}

/// The columns of a table, as they are imported.
fn imported(described: &FFI_ArrowSchema, wants: &Wants<'_>) -> Result<SchemaRef, ArrowError> {
    if described.release().is_none() {
        return Err(wrong("a schema that was taken before"));
    }
    if described.format() != "+s" {
        let found =
            format!("an array of the format {:?}, which has no columns", described.format());
        return Err(wrong(&found));
    }
    let field = |column: &FFI_ArrowSchema| {
        // A name that is not UTF-8 panics, and is that of no column of a log.
        let name = guarded(|| Ok(column.name().unwrap_or_default())).unwrap_or_default();
        if !wants(name) {
            return Ok(Field::new(name, DataType::Null, true));
        }
        if !is_shallow(column, LEVELS_MAX) {
            return Err(of_column(name, &format!("more than {LEVELS_MAX} levels of nesting")));
        }
        // Neither the field's metadata matter, nor a promise that there is no null.
        let found = DataType::try_from(column).map(|kind| Field::new(name, kind, true));
        found.map_err(|error| of_column(name, &error.to_string()))
    };
    let fields: Vec<Field> = described.children().map(field).collect::<Result<_, _>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// The rows of an array that has these columns.
fn batch(schema: &SchemaRef, mut array: FFI_ArrowArray) -> Result<RecordBatch, ArrowError> {
    let (from, rows) = (array.offset(), array.len());
    if array.num_children() != schema.fields().len() {
        let expected = schema.fields().len();
        return Err(wrong(&format!("{} columns instead of {expected}", array.num_children())));
    }
    // SAFETY: a struct's first buffer has a bit for each of its places, if it has any nulls.
    #[allow(unsafe_code)]
    let is_null = |place| unsafe { !get_bit_raw(array.buffer(0), place) };
    let masked = array.num_buffers() > 0 && !array.buffer(0).is_null();
    let nulls =
        if masked { (from..from + rows).filter(|&place| is_null(place)).count() } else { 0 };
    if nulls > 0 {
        return Err(wrong(&format!("{nulls} rows that are null as a whole")));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for (place, field) in schema.fields().iter().enumerate() {
        if field.data_type() == &DataType::Null {
            columns.push(Arc::new(NullArray::new(rows)));
            continue;
        }
        let column = child(&mut array, place);
        // SAFETY: by the interface, the array is one of the type that its producer describes.
        #[allow(unsafe_code)]
        let data = unsafe { from_ffi_and_data_type(column, field.data_type().clone()) };
        let data = data.map_err(|error| of_column(field.name(), &error.to_string()))?;
        if data.len() < from + rows {
            return Err(of_column(field.name(), &format!("{} rows of {rows}", data.len())));
        }
        columns.push(make_array(data.slice(from, rows)));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// Takes a child out of an array that has it.
fn child(array: &mut FFI_ArrowArray, place: usize) -> FFI_ArrowArray {
    let parent = (&raw mut *array).cast::<Parent>();
    // SAFETY: the interface fixes the layout of an array. A child may be moved out of it: what is
    // left behind counts as released, which the parent's release function must heed.
    #[allow(unsafe_code)]
    unsafe {
        FFI_ArrowArray::from_raw(*(*parent).children.add(place))
    }
}

/// The next array of a stream, if there is one.
fn next_of(stream: &mut FFI_ArrowArrayStream) -> Result<Option<FFI_ArrowArray>, ArrowError> {
    let get_next = stream.get_next().ok_or_else(|| wrong("a stream that was taken before"))?;
    let mut array = FFI_ArrowArray::empty();
    // SAFETY: the function is the stream's own.
    #[allow(unsafe_code)]
    let code = unsafe { get_next(&raw mut *stream, &raw mut array) };
    if code != 0 {
        return Err(last_error(stream, code));
    }
    Ok((!array.is_released()).then_some(array))
}

/// What a stream says about its last failure.
fn last_error(stream: &mut FFI_ArrowArrayStream, code: i32) -> ArrowError {
    let text = stream.get_last_error().map(|get_last_error| {
        // SAFETY: the function is the stream's own. The text it returns, if any, lives until the
        // next call on the stream.
        #[allow(unsafe_code)]
        unsafe {
            let text = get_last_error(&raw mut *stream);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        }
    });
    wrong(&text.flatten().unwrap_or_else(|| format!("the error {code}")))
}

/// Whether a type has no more levels than these.
fn is_shallow(column: &FFI_ArrowSchema, levels: usize) -> bool {
    levels > 0
        && column.children().all(|child| is_shallow(child, levels - 1))
        && column.dictionary().is_none_or(|values| is_shallow(values, levels - 1))
}

fn wrong(found: &str) -> ArrowError {
    ArrowError::CDataInterface(found.to_owned())
}

fn of_column(name: &str, found: &str) -> ArrowError {
    wrong(&format!("in column {name:?}, {found}"))
}

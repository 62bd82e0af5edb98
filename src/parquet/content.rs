//! Rows as JSON objects, column by column, so that one column that cannot be read hurts no other.
//!
//! A rejected row is shown whole (SPEC 2, *Bad rows*), with columns that the job has no use for.
//! Such a column may be encrypted, of an unknown codec, or of a type without a JSON form. It is
//! left out, and named.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type, TimeUnit};
use arrow::error::ArrowError;
use arrow::json::writer::{
    Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, WriterBuilder,
};
use arrow::temporal_conversions::{
    timestamp_ms_to_datetime, timestamp_ns_to_datetime, timestamp_s_to_datetime,
    timestamp_us_to_datetime,
};
use cohort_core::batch::Instant;
use parquet::arrow::arrow_reader::RowSelection;

use super::Error;
use super::dataset::Source;
use super::fetched::Fetched;
use crate::process::decoding;

/// The member that names the columns that are left out.
const LEFT_OUT: &str = "left out";

/// Texts of a row group's columns that are held until their rows are asked for. Columns with more
/// are read twice: once to see whether they can be shown, and once as their rows are asked for.
const HELD_BYTES_MAX: usize = 1 << 25;

/// Rows of a column that are shown at once, if none of them is long.
const PIECE_ROWS: usize = 1 << 8;

/// Bytes from which on a list, a group or a binary value is not shown: those that a text may have.
const VALUE_BYTES_MAX: usize = 1 << 20;
/// What is shown instead. A few bytes of a file may stand for many such values.
const TOO_LONG: &str = "more than 1 MiB";
/// Bytes that a value takes besides its own: its name in a group, a comma, the digits of a number.
const LEAF_BYTES: usize = 16;

/// Some rows of a column.
#[derive(Clone, Copy, Debug)]
struct Column<'s> {
    source: &'s Source,
    row_group: usize,
    root: usize,
    select: &'s RowSelection,
    fetched: &'s Fetched,
}

/// Members of JSON objects, one for each row.
type Members<'s> = Box<dyn Iterator<Item = String> + 's>;

/// Why a column cannot be shown: it cannot be read, or has no form as JSON.
type Hidden = Option<Error>;

/// The selected rows of a row group in order, each as a JSON object.
///
/// # Errors
/// [`Error::Corrupt`] if the page index may be why a column cannot be read.
pub(super) fn rows<'s>(
    source: &'s Source,
    row_group: usize,
    select: &'s RowSelection,
    fetched: &'s Fetched,
) -> Result<impl Iterator<Item = String>, Error> {
    let readable = source.file.readable_roots(row_group);
    let (mut columns, mut left_out): (Vec<Members<'s>>, _) = (Vec::new(), Vec::new());
    let mut room = HELD_BYTES_MAX;
    for (root, field) in source.file.schema().fields().iter().enumerate() {
        let column = Column { source, row_group, root, select, fetched };
        let shown = readable.contains(&root).then(|| decoding(|| column.shown(&mut room)));
        match shown {
            Some(Ok(Ok(members))) => columns.push(members),
            Some(Ok(Err(Some(error)))) if source.file.is_indexed() => return Err(error),
            _ => left_out.push(field.name().as_str()),
        }
    }
    if !left_out.is_empty() {
        let named = format!("\"{LEFT_OUT}\":{}", serde_json::json!(left_out));
        columns.push(Box::new(std::iter::repeat(named)));
    }
    Ok((0..select.row_count()).map(move |_| {
        let members: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
        format!("{{{}}}", members.join(","))
    }))
}

impl<'s> Column<'s> {
    /// The values, each as a member of a JSON object, if all of them can be shown.
    fn shown(self, room: &mut usize) -> Result<Members<'s>, Hidden> {
        let (mut held, mut rows) = (Vec::new(), 0);
        for member in self.members() {
            let member = member?;
            rows += 1;
            *room = room.saturating_sub(size_of::<String>() + member.len());
            match *room {
                0 => held = Vec::new(),
                _ => held.push(member),
            }
        }
        match *room {
            _ if rows != self.select.row_count() => Err(None),
            0 => Ok(Box::new(self.members().flatten())),
            _ => Ok(Box::new(held.into_iter())),
        }
    }

    /// The values, each as a member of a JSON object, as far as they can be shown.
    fn members(self) -> impl Iterator<Item = Result<String, Hidden>> + 's {
        let Self { source, row_group, root, select, fetched } = self;
        let select = Some(select.clone());
        let batches = source.file.batches(fetched.clone(), row_group, &[root], select);
        let (batches, failed) = match batches {
            Ok(batches) => (Some(batches), None),
            Err(error) => (None, Some(Err(Some(error)))),
        };
        let members = batches.into_iter().flatten().flat_map(move |batch| match batch {
            Ok(batch) => members_of(source, batch),
            Err(error) => Box::new(std::iter::once(Err(Some(error)))),
        });
        members.chain(failed)
    }
}

/// The values of one batch of a column, some rows at a time.
fn members_of(
    source: &Source,
    batch: RecordBatch,
) -> Box<dyn Iterator<Item = Result<String, Hidden>> + '_> {
    let may_be_long = is_long_kind(batch.column(0).data_type());
    let name_bytes = batch.schema_ref().field(0).name().len();
    let rows = if may_be_long { 1 } else { (PIECE_ROWS << 12) / (name_bytes + (1 << 12)) };
    let rows = rows.max(1);
    Box::new((0..batch.num_rows()).step_by(rows).flat_map(move |at| {
        let piece = batch.slice(at, rows.min(batch.num_rows() - at));
        let shown = if may_be_long && bytes(piece.column(0)) > VALUE_BYTES_MAX {
            let name = piece.schema_ref().field(0).name();
            Ok(vec![format!("{}:{}", serde_json::json!(name), serde_json::json!(TOO_LONG))])
        } else {
            shown(&source.file.with_text(&piece))
        };
        match shown {
            Ok(members) => members.into_iter().map(Ok).collect(),
            Err(_) => vec![Err(None)],
        }
    }))
}

/// Whether a value can take more room than a text that is cut.
fn is_long_kind(kind: &DataType) -> bool {
    kind.is_nested() || matches!(kind, DataType::Binary | DataType::BinaryView)
}

/// About as many bytes as the values take, each as a list or a text of its own.
fn bytes(values: &ArrayRef) -> usize {
    let within = |values: &ArrayRef, offsets: &[i32]| {
        let ends = offsets.first().zip(offsets.last());
        let ends =
            ends.and_then(|(a, b)| Some((usize::try_from(*a).ok()?, usize::try_from(*b).ok()?)));
        ends.map_or(0, |(from, to)| bytes(&values.slice(from, to - from)))
    };
    let inner = match values.data_type() {
        DataType::List(_) => {
            let lists = values.as_list::<i32>();
            within(lists.values(), lists.value_offsets())
        }
        DataType::Map(..) => {
            let maps = values.as_map();
            let entries: ArrayRef = Arc::new(maps.entries().clone());
            within(&entries, maps.value_offsets())
        }
        DataType::Struct(_) => values.as_struct().columns().iter().map(bytes).sum(),
        DataType::BinaryView => values.as_binary_view().iter().flatten().map(<[u8]>::len).sum(),
        _ => values.to_data().get_slice_memory_size().unwrap_or(0),
    };
    inner.saturating_add(values.len().saturating_mul(LEAF_BYTES))
}

/// The values of a column, each as a member of a JSON object.
fn shown(column: &RecordBatch) -> Result<Vec<String>, ArrowError> {
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(Instants))
        .build::<_, LineDelimited>(Vec::new());
    writer.write(column)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner());
    let text = text.map_err(|error| ArrowError::JsonError(error.to_string()))?;
    let members = text.lines().map(|line| line.strip_prefix('{')?.strip_suffix('}'));
    let members = members.map(|member| member.map(str::to_owned)).collect::<Option<_>>();
    members.ok_or_else(|| ArrowError::JsonError("a row that is no object".to_owned()))
}

/// Shows instants: those of the years 0001 to 9999 as RFC 3339 does, and all others as the numbers
/// that the file holds, since no calendar shows them.
#[derive(Debug)]
struct Instants;

/// The instants of one array.
struct InstantsOf {
    numbers: ScalarBuffer<i64>,
    unit: TimeUnit,
    zone: &'static str,
}

impl EncoderFactory for Instants {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let DataType::Timestamp(unit, zone) = array.data_type() else { return Ok(None) };
        let numbers = cast(array, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>().values().clone();
        let zone = if zone.is_some() { "Z" } else { "" };
        let encoder = Box::new(InstantsOf { numbers, unit: *unit, zone });
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

impl Encoder for InstantsOf {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let number = self.numbers[idx];
        let near = Instant::of(number, self.unit).exact();
        let shown = near.and_then(|_| match self.unit {
            TimeUnit::Second => timestamp_s_to_datetime(number),
            TimeUnit::Millisecond => timestamp_ms_to_datetime(number),
            TimeUnit::Microsecond => timestamp_us_to_datetime(number),
            TimeUnit::Nanosecond => timestamp_ns_to_datetime(number),
        });
        // Its debug form is that of RFC 3339 without a zone. To write into memory never fails.
        let _ = match shown {
            Some(shown) => write!(out, "\"{shown:?}{}\"", self.zone),
            None => write!(out, "{number}"),
        };
    }
}

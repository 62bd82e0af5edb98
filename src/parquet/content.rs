//! Rows as JSON objects, column by column, so that one column that cannot be read hurts no other.
//!
//! A rejected row is shown whole (SPEC 2, *Bad rows*), with columns that the job has no use for.
//! Such a column may be encrypted, of an unknown codec, or of a type without a JSON form. It is
//! left out, and named.

use std::collections::BTreeMap;

use arrow::array::{AsArray as _, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{LineDelimited, WriterBuilder};
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

/// Rows of a column that are shown at once.
const PIECE_ROWS: usize = 1 << 8;

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
    let pieces = (0..batch.num_rows()).step_by(PIECE_ROWS);
    Box::new(pieces.flat_map(move |at| {
        let piece = batch.slice(at, PIECE_ROWS.min(batch.num_rows() - at));
        match shown(source, &piece) {
            Some(members) => members.into_iter().map(Ok).collect(),
            None => vec![Err(None)],
        }
    }))
}

/// The values of a column, each as a member of a JSON object.
fn shown(source: &Source, column: &RecordBatch) -> Option<Vec<String>> {
    let (batch, far) = without_far_instants(&source.file.with_text(column)).ok()?;
    let text = String::from_utf8(json(&in_utc(&batch).ok()?).ok()?).ok()?;
    let name = serde_json::json!(batch.schema().field(0).name());
    let members = text.lines().enumerate().map(|(row, line)| {
        let member = line.strip_prefix('{')?.strip_suffix('}')?.to_owned();
        Some(far.get(&row).map_or(member, |number| format!("{name}:{number}")))
    });
    members.collect()
}

/// The column with null for every instant outside the years 0001 to 9999, and those instants by row
/// as the numbers that the file holds: no calendar shows them.
fn without_far_instants(
    column: &RecordBatch,
) -> Result<(RecordBatch, BTreeMap<usize, i64>), ArrowError> {
    let DataType::Timestamp(unit, _) = column.column(0).data_type().clone() else {
        return Ok((column.clone(), BTreeMap::new()));
    };
    let numbers = cast(column.column(0), &DataType::Int64)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    let is_near = |number: &i64| Instant::of(*number, unit).exact().is_some();
    let far = numbers.iter().enumerate();
    let far: BTreeMap<usize, i64> = far
        .filter_map(|(row, number)| Some((row, number.filter(|number| !is_near(number))?)))
        .collect();
    let near: Int64Array = numbers.iter().map(|number| number.filter(is_near)).collect();
    let near = cast(&near, column.column(0).data_type())?;
    let name = column.schema().field(0).name().clone();
    Ok((RecordBatch::try_from_iter_with_nullable([(name, near, true)])?, far))
}

fn json(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

/// The same rows with every instant in the zone `+00:00`. The writer knows no zone by its name.
fn in_utc(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(column, &DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => Ok(column.clone()),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    RecordBatch::try_from_iter_with_nullable(
        names.zip(columns).map(|(name, column)| (name, column, true)),
    )
}

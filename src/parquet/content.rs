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

/// The selected rows of a row group in order, each as a JSON object.
pub(super) fn rows<'s>(
    source: &'s Source,
    row_group: usize,
    select: &'s RowSelection,
    fetched: &'s Fetched,
) -> impl Iterator<Item = String> {
    let readable = source.file.readable_roots(row_group);
    let (mut columns, mut left_out): (Vec<Members<'s>>, _) = (Vec::new(), Vec::new());
    let mut room = HELD_BYTES_MAX;
    for (root, field) in source.file.schema().fields().iter().enumerate() {
        let column = Column { source, row_group, root, select, fetched };
        let shown = || if readable.contains(&root) { column.shown(&mut room) } else { None };
        match decoding(shown).ok().flatten() {
            Some(members) => columns.push(members),
            None => left_out.push(field.name().as_str()),
        }
    }
    if !left_out.is_empty() {
        let named = format!("\"{LEFT_OUT}\":{}", serde_json::json!(left_out));
        columns.push(Box::new(std::iter::repeat(named)));
    }
    (0..select.row_count()).map(move |_| {
        let members: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
        format!("{{{}}}", members.join(","))
    })
}

impl<'s> Column<'s> {
    /// The values, each as a member of a JSON object, or `None` if one of them cannot be shown.
    fn shown(self, room: &mut usize) -> Option<Members<'s>> {
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
            _ if rows != self.select.row_count() => None,
            0 => Some(Box::new(self.members().flatten())),
            _ => Some(Box::new(held.into_iter())),
        }
    }

    /// The values, each as a member of a JSON object, and `None` where they cannot be shown.
    fn members(self) -> impl Iterator<Item = Option<String>> + 's {
        let Self { source, row_group, root, select, fetched } = self;
        let select = Some(select.clone());
        let batches = source.file.batches(fetched.clone(), row_group, &[root], select);
        let failed = batches.is_err().then_some(None);
        let batches = batches.into_iter().flatten().map(Result::ok);
        let pieces = batches.flat_map(|batch| {
            let rows = batch.as_ref().map_or(1, RecordBatch::num_rows);
            (0..rows).step_by(PIECE_ROWS).map(move |at| {
                let batch = batch.as_ref()?;
                Some(batch.slice(at, PIECE_ROWS.min(rows - at)))
            })
        });
        let members =
            pieces.flat_map(|piece| match piece.and_then(|piece| shown(source, &piece)) {
                Some(members) => members.into_iter().map(Some).collect(),
                None => vec![None],
            });
        members.chain(failed)
    }
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

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

/// The selected rows of a row group, each as a JSON object.
pub(super) fn rows(
    source: &Source,
    row_group: usize,
    select: &RowSelection,
    fetched: &Fetched,
) -> Vec<String> {
    let rows = select.row_count();
    let readable = source.file.readable_roots(row_group);
    let mut members = vec![Vec::new(); rows];
    let mut left_out = Vec::new();
    for (root, field) in source.file.schema().fields().iter().enumerate() {
        let read = readable.contains(&root);
        let column = || column(source, row_group, root, select, fetched);
        let column = if read { decoding(column).ok().flatten() } else { None };
        match column.filter(|column| column.len() == rows) {
            Some(column) => members.iter_mut().zip(column).for_each(|(row, text)| row.push(text)),
            None => left_out.push(field.name().as_str()),
        }
    }
    if !left_out.is_empty() {
        let named = format!("\"{LEFT_OUT}\":{}", serde_json::json!(left_out));
        members.iter_mut().for_each(|row| row.push(named.clone()));
    }
    members.into_iter().map(|members| format!("{{{}}}", members.join(","))).collect()
}

/// The values of one column, each as a member of a JSON object, or `None` if it cannot be shown.
fn column(
    source: &Source,
    row_group: usize,
    root: usize,
    select: &RowSelection,
    fetched: &Fetched,
) -> Option<Vec<String>> {
    let batches = source.file.batches(fetched.clone(), row_group, &[root], Some(select.clone()));
    let mut members = Vec::new();
    for batch in batches.ok()? {
        let (batch, far) = without_far_instants(&source.file.with_text(&batch.ok()?)).ok()?;
        let text = json(&in_utc(&batch).ok()?).ok()?;
        let name = serde_json::json!(batch.schema().field(0).name());
        for (row, line) in String::from_utf8(text).ok()?.lines().enumerate() {
            let member = line.strip_prefix('{')?.strip_suffix('}')?.to_owned();
            members.push(far.get(&row).map_or(member, |number| format!("{name}:{number}")));
        }
    }
    Some(members)
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

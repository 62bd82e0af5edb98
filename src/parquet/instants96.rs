//! 96-bit instants, however far away they lie.
//!
//! The crate reads them in microseconds here, and what 64 bits do not hold wraps around: an instant
//! in the year 300,000 would come out as one of today. In milliseconds nothing wraps around, so
//! such columns are read a second time, and what lies too far away is moved to the last instant
//! that 64 bits hold. The contract then treats it as any other outside the calendar.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType,
};
use parquet::basic::Type;
use parquet::errors::Result;

use super::file::File;

/// Those of the root columns that hold 96-bit instants, ascending.
pub(super) fn among(file: &File, roots: &[usize]) -> Vec<usize> {
    let leaves = file.metadata().file_metadata().schema_descr();
    let is_96 = |&root: &usize| {
        let leaf = file.leaf_of(root);
        leaf.is_some_and(|leaf| leaves.column(leaf).physical_type() == Type::INT96)
    };
    let mut found: Vec<_> = roots.iter().copied().filter(is_96).collect();
    found.sort_unstable();
    found
}

/// The schema under which these root columns are read in milliseconds.
pub(super) fn in_milliseconds(schema: &Schema, roots: &[usize]) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(root, field)| {
        if roots.contains(&root) {
            let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, None);
            Arc::new(Field::new(field.name(), milliseconds, field.is_nullable()))
        } else {
            field.clone()
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A batch of the columns `roots`, with the columns `of_96` put right. `milliseconds` holds the
/// same rows of the latter.
///
/// # Errors
/// If the two differ in more than their unit.
pub(super) fn put_right(
    batch: &RecordBatch,
    milliseconds: &RecordBatch,
    roots: &[usize],
    of_96: &[usize],
) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    for (root, milliseconds) in of_96.iter().zip(milliseconds.columns()) {
        // Columns come in the order of the file.
        let place = roots.iter().filter(|&other| other < root).count();
        if let Some(column) = columns.get_mut(place) {
            *column = moved(column, milliseconds);
        }
    }
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

fn moved(microseconds: &ArrayRef, milliseconds: &ArrayRef) -> ArrayRef {
    let exact = microseconds.as_primitive::<TimestampMicrosecondType>();
    let coarse = milliseconds.as_primitive::<TimestampMillisecondType>();
    let moved = exact.iter().zip(coarse).map(|(exact, coarse)| {
        let coarse = coarse?;
        let nearest = if coarse < 0 { i64::MIN } else { i64::MAX };
        coarse.checked_mul(1000).map_or(Some(nearest), |_| exact)
    });
    let moved: arrow::array::Int64Array = moved.collect();
    Arc::new(moved.reinterpret_cast::<TimestampMicrosecondType>())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, TimestampMicrosecondArray, TimestampMillisecondArray};

    use super::*;

    #[test]
    fn what_64_bits_of_microseconds_do_not_hold_is_as_far_away_as_they_go() {
        let near = 1_735_689_600_000;
        let far = i64::MAX / 1000 + 1;
        let exact = [Some(near * 1000 + 7), None, Some(5), Some(5)];
        let exact: ArrayRef = Arc::new(TimestampMicrosecondArray::from(exact.to_vec()));
        let coarse = [Some(near), None, Some(far), Some(-far - 1)];
        let coarse: ArrayRef = Arc::new(TimestampMillisecondArray::from(coarse.to_vec()));
        let moved = moved(&exact, &coarse);
        let numbers = moved.as_primitive::<TimestampMicrosecondType>();
        let expected = [Some(near * 1000 + 7), None, Some(i64::MAX), Some(i64::MIN)];
        assert_eq!(numbers.iter().collect::<Vec<_>>(), expected);
        assert_eq!(moved.data_type(), exact.data_type());
    }
}

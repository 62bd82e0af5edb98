//! A dataset as a text table that a person can read and check: the first line names the columns,
//! the second their types, and `|` parts the cells. `null` is null, `""` the empty string, and
//! `x*3` is `xxx`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Float64Type, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;

use crate::lake::Partitioning;
use crate::model::{Amount, in_range, instant};

/// The parsed table.
pub(super) struct TextTable {
    names: Vec<String>,
    types: Vec<String>,
    cells: Vec<Vec<String>>,
}

impl TextTable {
    pub(super) fn parse(text: &str) -> Self {
        let mut lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
        let names = lines.next().unwrap();
        let types = lines.next().unwrap();
        let cells: Vec<Vec<String>> = lines.collect();
        for row in &cells {
            assert_eq!(row.len(), names.len(), "{row:?}");
        }
        Self { names, types, cells }
    }

    pub(super) fn rows(&self) -> usize {
        self.cells.len()
    }

    /// A cell and its type, or `None` if it is null or the table lacks the column.
    fn cell(&self, row: usize, column: &str) -> Option<(&str, &str)> {
        let index = self.names.iter().position(|name| name == column)?;
        let cell = self.cells[row][index].as_str();
        (cell != "null").then_some((cell, self.types[index].as_str()))
    }

    pub(super) fn text(&self, row: usize, column: &str) -> Option<String> {
        self.cell(row, column).map(|(cell, _)| unquoted(cell))
    }

    pub(super) fn time(&self, row: usize, column: &str) -> Option<i64> {
        self.cell(row, column).map(|(cell, _)| instant(cell))
    }

    pub(super) fn double(&self, row: usize, column: &str) -> Option<f64> {
        self.cell(row, column).map(|(cell, _)| cell.parse().unwrap())
    }

    pub(super) fn doubles(&self, row: usize, column: &str) -> Option<Vec<Option<f64>>> {
        self.cell(row, column).map(|(cell, _)| list(cell))
    }

    /// SPEC 2, money.
    pub(super) fn money(&self, row: usize, column: &str) -> Option<Amount> {
        let (cell, kind) = self.cell(row, column)?;
        if kind == "double" {
            let amount: f64 = cell.parse().unwrap();
            return amount.is_finite().then(|| (amount * 10_000.0).round_ties_even() as Amount);
        }
        // No case has as many as ten digits after the point.
        let (amount, unit) = (unscaled(cell, 10), 1_000_000);
        let (down, rest) = (amount.div_euclid(unit), amount.rem_euclid(unit));
        let up = rest * 2 > unit || (rest * 2 == unit && down % 2 != 0);
        Some(down + Amount::from(up))
    }

    /// Writes one file per partition.
    pub(super) fn write(&self, root: &Path, partitioning: Partitioning, tick: &str) {
        let mut partitions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in 0..self.rows() {
            let folder = match self.time(row, tick).filter(|tick| in_range(*tick)) {
                Some(tick) => partitioning.folder(tick),
                // A row without such a tick goes into the first row's partition.
                None => {
                    self.time(0, tick).map(|tick| partitioning.folder(tick)).unwrap_or_default()
                }
            };
            partitions.entry(folder).or_default().push(row);
        }
        if partitions.is_empty() {
            partitions.insert(partitioning.folder(0), Vec::new());
        }
        for (folder, rows) in partitions {
            fs::create_dir_all(root.join(&folder)).unwrap();
            self.write_file(&root.join(folder).join("part-0.parquet"), &rows);
        }
    }

    fn write_file(&self, path: &Path, rows: &[usize]) {
        let arrays: Vec<ArrayRef> =
            (0..self.names.len()).map(|column| self.array(column, rows)).collect();
        let fields: Vec<Field> = self
            .names
            .iter()
            .zip(&arrays)
            .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn array(&self, column: usize, rows: &[usize]) -> ArrayRef {
        let kind = self.types[column].as_str();
        let cells = rows.iter().map(|&row| {
            let cell = self.cells[row][column].as_str();
            (cell != "null").then_some(cell)
        });
        match kind {
            "string" => Arc::new(StringArray::from_iter(cells.map(|cell| cell.map(unquoted)))),
            "int64" => Arc::new(Int64Array::from_iter(
                cells.map(|cell| cell.map(|cell| cell.parse::<i64>().unwrap())),
            )),
            "double" => Arc::new(Float64Array::from_iter(
                cells.map(|cell| cell.map(|cell| cell.parse::<f64>().unwrap())),
            )),
            "timestamp" => Arc::new(
                TimestampMicrosecondArray::from_iter(cells.map(|cell| cell.map(instant)))
                    .with_timezone("UTC"),
            ),
            "list" => Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(
                cells.map(|cell| cell.map(list)),
            )),
            _ => {
                let numbers = kind.strip_prefix("decimal(").unwrap().strip_suffix(')').unwrap();
                let (precision, scale) = numbers.split_once(',').unwrap();
                let (precision, scale) = (precision.parse().unwrap(), scale.parse::<i8>().unwrap());
                let amounts = cells.map(|cell| cell.map(|cell| unscaled(cell, scale as usize)));
                let array = Decimal128Array::from_iter(amounts);
                Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
            }
        }
    }
}

fn unquoted(cell: &str) -> String {
    match cell.rsplit_once("*") {
        _ if cell == "\"\"" => String::new(),
        Some((text, times)) => text.repeat(times.parse().unwrap()),
        None => cell.to_owned(),
    }
}

/// `[0.5, null]`
fn list(cell: &str) -> Vec<Option<f64>> {
    let items = cell.strip_prefix('[').unwrap().strip_suffix(']').unwrap();
    let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| (item != "null").then(|| item.parse().unwrap())).collect()
}

/// A decimal text as an integer of that many digits after the point.
fn unscaled(cell: &str, scale: usize) -> Amount {
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    assert!(fraction.len() <= scale, "{cell} has more than {scale} digits after the point");
    format!("{whole}{fraction:0<scale$}").parse().unwrap()
}

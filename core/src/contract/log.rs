//! What a log and a column are, and how the tables beside this file write one.

use std::fmt;

use serde::Serialize;

/// A log: a table with a name that the contract gives it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Its full name, the key in manifest and lineage.
    #[serde(rename = "log")]
    pub name: &'static str,
    /// The version of this description.
    pub version: u32,
    /// Whether the job reads it or writes it.
    pub direction: Direction,
    /// What one row is.
    pub meaning: &'static str,
    /// The columns by which its rows are sorted; empty if no order is promised or asked for.
    pub sorted_by: &'static [&'static str],
    /// Its columns, in order.
    pub columns: &'static [Column],
}

/// Whether the job reads a log or writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The job reads it.
    Input,
    /// The job writes it.
    Output,
}

/// One column of a log.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name in the contract; a manifest may map another name onto it.
    pub name: &'static str,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a row may have null there. If it may not, a null rejects the row.
    pub nullable: bool,
    /// Whether the column must be there, as every column of an output must.
    pub required: bool,
    /// The unit of its values, if they have one.
    pub unit: Option<&'static str>,
    /// What it says, in one line.
    pub meaning: &'static str,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ColumnType {
    /// UTF-8 text.
    #[serde(rename = "string")]
    String,
    /// An instant of UTC in whole microseconds.
    #[serde(rename = "timestamp(us, UTC)")]
    Timestamp,
    /// A 64-bit float; NaN is read as null.
    #[serde(rename = "double")]
    Double,
    /// An exact amount.
    #[serde(rename = "decimal(18,4)")]
    Decimal,
    /// A 32-bit signed integer.
    #[serde(rename = "int32")]
    Int32,
    /// A 64-bit signed integer.
    #[serde(rename = "int64")]
    Int64,
    /// A list of 64-bit floats.
    #[serde(rename = "list of double")]
    DoubleList,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Timestamp => "timestamp(us, UTC)",
            Self::Double => "double",
            Self::Decimal => "decimal(18,4)",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::DoubleList => "list of double",
        })
    }
}

impl Log {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column that must be there and may not be null.
pub(super) const fn key(name: &'static str, kind: ColumnType, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, required: true, unit: None, meaning }
}

/// A column that may be absent or null.
pub(super) const fn optional(
    name: &'static str,
    kind: ColumnType,
    meaning: &'static str,
) -> Column {
    Column { name, kind, nullable: true, required: false, unit: None, meaning }
}

/// A column that must be there and may be null.
pub(super) const fn nullable(
    name: &'static str,
    kind: ColumnType,
    meaning: &'static str,
) -> Column {
    Column { name, kind, nullable: true, required: true, unit: None, meaning }
}

impl Column {
    /// The same with a unit.
    pub(super) const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// The unit of every amount.
pub(super) const CURRENCY: &str = "the chain's currency";

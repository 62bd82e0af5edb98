//! The columns of every log, in the contract's order (SPEC 2, 6 and 8). Decoders, encoders, the
//! manifest's column mapping and the published schemas share this one table.

mod inputs;
mod logs;
mod outputs;
mod registry;

use std::fmt;

use serde::Serialize;

pub use inputs::{BASELINE, CAMPAIGNS, CLASSIFIER, CONTEXT, EDITS, MRDL};
pub use logs::{Inputs, Outputs};
pub use outputs::{MELOG, MRCH, REJECTS};
pub use registry::{JSON_COLUMNS, REGISTRY};

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

/// Every log, inputs first; then the registry, which is a view of several.
pub static ALL: [&Log; 10] = [
    &MRDL,
    &CLASSIFIER,
    &BASELINE,
    &CAMPAIGNS,
    &CONTEXT,
    &EDITS,
    &MRCH,
    &MELOG,
    &REJECTS,
    &REGISTRY,
];

impl Log {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column that must be there and may not be null.
const fn key(name: &'static str, kind: ColumnType, meaning: &'static str) -> Column {
    Column { name, kind, nullable: false, required: true, unit: None, meaning }
}

/// A column that may be absent or null.
const fn optional(name: &'static str, kind: ColumnType, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, required: false, unit: None, meaning }
}

/// A column that must be there and may be null.
const fn nullable(name: &'static str, kind: ColumnType, meaning: &'static str) -> Column {
    Column { name, kind, nullable: true, required: true, unit: None, meaning }
}

impl Column {
    /// The same with a unit.
    const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

const CURRENCY: &str = "the chain's currency";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sort_columns_exist() {
        for log in ALL {
            let mut names: Vec<_> = log.columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), log.columns.len(), "{}", log.name);
            assert!(log.sorted_by.iter().all(|name| log.column(name).is_some()), "{}", log.name);
        }
    }

    #[test]
    fn outputs_have_all_their_columns() {
        assert!(MRCH.columns.iter().chain(MELOG.columns).all(|column| column.required));
        assert_eq!((MRCH.columns.len(), MELOG.columns.len()), (31, 25));
    }

    #[test]
    fn the_serialized_type_is_the_displayed_one() {
        for column in ALL.iter().flat_map(|log| log.columns) {
            assert_eq!(serde_json::json!(column.kind), column.kind.to_string());
        }
    }
}

//! A file's columns held against the contract: names as the manifest maps them, types as SPEC 2
//! allows.

use arrow::datatypes::DataType;

use super::Error;
use super::file::File;
use crate::contract::{Column, ColumnType, Log};
use crate::manifest::Dataset;

/// Which columns of one file are a log's: for each column of the contract, the root column that
/// holds it, if the file has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    log: &'static Log,
    roots: Vec<Option<usize>>,
    names: Vec<String>,
}

impl Columns {
    /// Finds the log's columns in a file.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] for a required or mapped column that is not there,
    /// [`Error::ColumnType`] for one of the wrong type.
    pub fn of(log: &'static Log, dataset: &Dataset, file: &File) -> Result<Self, Error> {
        let mut roots = Vec::with_capacity(log.columns.len());
        let mut names = Vec::with_capacity(log.columns.len());
        for column in log.columns {
            let name = dataset.column(column.name);
            let root = file.schema().index_of(name).ok();
            match root {
                Some(root) => check_type(log, column, name, root, file)?,
                None if column.required || dataset.columns.contains_key(column.name) => {
                    return Err(missing(log, column, name, file));
                }
                None => {}
            }
            roots.push(root);
            names.push(name.to_owned());
        }
        Ok(Self { log, roots, names })
    }

    /// The log.
    pub const fn log(&self) -> &'static Log {
        self.log
    }

    /// The root column of a contract column.
    pub fn root(&self, contract: &str) -> Option<usize> {
        self.position(contract).and_then(|i| self.roots[i])
    }

    /// The name that a contract column has in the file.
    pub fn name(&self, contract: &str) -> &str {
        self.position(contract).map_or("", |i| &self.names[i])
    }

    /// The root columns of those of the contract's columns that the file has.
    pub fn roots(&self, contract: &[&str]) -> Vec<usize> {
        contract.iter().filter_map(|name| self.root(name)).collect()
    }

    fn position(&self, contract: &str) -> Option<usize> {
        self.log.columns.iter().position(|column| column.name == contract)
    }
}

fn missing(log: &'static Log, column: &'static Column, name: &str, file: &File) -> Error {
    let names: Vec<_> = file.schema().fields().iter().map(|field| field.name().as_str()).collect();
    Error::MissingColumn {
        uri: file.object.uri.clone(),
        log: log.name,
        contract: column.name,
        column: name.to_owned(),
        found: names.join(", "),
    }
}

fn check_type(
    log: &'static Log,
    column: &Column,
    name: &str,
    root: usize,
    file: &File,
) -> Result<(), Error> {
    let found = file.schema().field(root).data_type();
    if is_readable(column, found) {
        return Ok(());
    }
    Err(Error::ColumnType {
        uri: file.object.uri.clone(),
        log: log.name,
        column: name.to_owned(),
        expected: column.kind.to_string(),
        found: found.to_string(),
    })
}

/// Whether a column's values can be read from this type without loss or guessing.
fn is_readable(column: &Column, found: &DataType) -> bool {
    let found = if let DataType::Dictionary(_, values) = found { values } else { found };
    let number = found.is_integer() || found.is_floating();
    match column.kind {
        // A SKU or an id is as often an integer as a store is.
        ColumnType::String if column.name.ends_with("_id") || column.name == "sku" => {
            found.is_integer() || is_text(found)
        }
        ColumnType::String => is_text(found),
        ColumnType::Timestamp => matches!(found, DataType::Timestamp(..)),
        ColumnType::Double => number,
        ColumnType::Decimal => number || found.is_decimal(),
        ColumnType::DoubleList => match found {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                item.data_type().is_floating()
            }
            _ => false,
        },
        ColumnType::Int32 | ColumnType::Int64 => found.is_integer(),
    }
}

fn is_text(found: &DataType) -> bool {
    matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

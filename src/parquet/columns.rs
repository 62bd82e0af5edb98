//! A file's columns checked against the contract: names as the manifest maps them, types as SPEC 2
//! allows.

use arrow::datatypes::{DataType, Field};

use super::Error;
use super::file::File;
use crate::manifest::Dataset;
use cohort_core::contract::{Column, ColumnType, Log};

/// Which columns of one file are a log's: for each column of the contract, the root column that
/// holds it, if the file has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogColumns {
    log: &'static Log,
    roots: Vec<Option<usize>>,
    names: Vec<String>,
}

impl LogColumns {
    /// Finds the log's columns in a file.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] for a required column that is not there, [`Error::TwoColumns`] if a
    /// name fits two, [`Error::ColumnType`] for a column of the wrong type.
    pub(crate) fn of(log: &'static Log, dataset: &Dataset, file: &File) -> Result<Self, Error> {
        let mut roots = Vec::with_capacity(log.columns.len());
        let mut names = Vec::with_capacity(log.columns.len());
        for column in log.columns {
            let name = dataset.column(column.name);
            match find(log, column, name, file)? {
                Some(root) => {
                    let found = file.schema().field(root);
                    check_type(log, column, found, file)?;
                    names.push(found.name().clone());
                    // A column that is all null says as much as one that is not there.
                    roots.push((found.data_type() != &DataType::Null).then_some(root));
                }
                None if column.required => return Err(missing(log, column, name, file)),
                None => {
                    names.push(name.to_owned());
                    roots.push(None);
                }
            }
        }
        Ok(Self { log, roots, names })
    }

    /// The log.
    pub(crate) const fn log(&self) -> &'static Log {
        self.log
    }

    /// The root column of a contract column.
    pub(crate) fn root(&self, contract: &str) -> Option<usize> {
        self.position(contract).and_then(|i| self.roots[i])
    }

    /// The name that a contract column has in the file.
    pub(crate) fn name(&self, contract: &str) -> &str {
        self.position(contract).map_or("", |i| &self.names[i])
    }

    /// The root columns of those of the contract's columns that the file has.
    pub(crate) fn roots(&self, contract: &[&str]) -> Vec<usize> {
        contract.iter().filter_map(|name| self.root(name)).collect()
    }

    fn position(&self, contract: &str) -> Option<usize> {
        self.log.columns.iter().position(|column| column.name == contract)
    }
}

/// The root column that a name means: the one of exactly that name, else the one whose name differs
/// in the case of ASCII letters alone.
fn find(
    log: &'static Log,
    column: &'static Column,
    name: &str,
    file: &File,
) -> Result<Option<usize>, Error> {
    let fields = file.schema().fields();
    let places = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..fields.len()).filter(|&i| fits(fields[i].name())).collect()
    };
    let mut found = places(&|field| field == name);
    if found.is_empty() {
        found = places(&|field| field.eq_ignore_ascii_case(name));
    }
    match found[..] {
        [] => Ok(None),
        [root] => Ok(Some(root)),
        _ => {
            let found: Vec<_> = found.iter().map(|&i| format!("{:?}", fields[i].name())).collect();
            Err(Error::TwoColumns {
                uri: file.object.uri.clone(),
                log: log.name,
                contract: column.name,
                column: name.to_owned(),
                found: found.join(" and "),
            })
        }
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

fn check_type(log: &'static Log, column: &Column, found: &Field, file: &File) -> Result<(), Error> {
    if is_readable(column, found.data_type()) {
        return Ok(());
    }
    Err(Error::ColumnType {
        uri: file.object.uri.clone(),
        log: log.name,
        column: found.name().clone(),
        expected: column.kind.to_string(),
        found: found.data_type().to_string(),
    })
}

/// Whether a column's values can be read from this type without loss or guessing.
fn is_readable(column: &Column, found: &DataType) -> bool {
    let number = found.is_integer() || found.is_floating();
    match (column.kind, found) {
        (_, DataType::Null) => true,
        // A SKU or an id is as often an integer as a store is. Some warehouses have no integers,
        // and write decimals without a fraction.
        (ColumnType::String, found) if column.name.ends_with("_id") || column.name == "sku" => {
            is_text(found) || found.is_integer() || is_whole(found)
        }
        (ColumnType::String, found) => is_text(found),
        (ColumnType::Timestamp, found) => {
            matches!(found, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
        }
        (ColumnType::Double, _) => number,
        (ColumnType::Decimal, found) => number || found.is_decimal(),
        (ColumnType::DoubleList, found) => item(found)
            .is_some_and(|item| item.data_type().is_floating() || item.data_type().is_null()),
        (ColumnType::Int32 | ColumnType::Int64, found) => found.is_integer(),
    }
}

fn is_text(found: &DataType) -> bool {
    matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// Whether this is a decimal type without digits after the point.
fn is_whole(found: &DataType) -> bool {
    match found {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale == 0,
        _ => false,
    }
}

/// The items of a list type.
fn item(found: &DataType) -> Option<&Field> {
    match found {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

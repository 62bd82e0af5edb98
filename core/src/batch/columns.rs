//! Which columns of an input are a log's (SPEC 2, *Names* and *Types*).

use arrow_schema::{DataType, Field, Fields};

use crate::contract::{Column, ColumnType, Log};

/// The columns of one input that are a log's: for each column of the contract, the place of the
/// column that holds it, if the input has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogColumns {
    log: &'static Log,
    places: Vec<Option<usize>>,
    names: Vec<String>,
}

/// Why the columns of an input cannot be those of a log. What to do about it depends on where the
/// input comes from, and so is up to the caller to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnFault {
    /// A required column is not there.
    #[error("expected a column {column:?} for {log}.{contract}, found {found}")]
    Missing {
        /// The log's name.
        log: &'static str,
        /// The contract's column.
        contract: &'static str,
        /// The name looked for.
        column: String,
        /// The names that are there.
        found: String,
    },
    /// A name fits two columns.
    #[error("expected one column {column:?} for {log}.{contract}, found {found}")]
    Two {
        /// The log's name.
        log: &'static str,
        /// The contract's column.
        contract: &'static str,
        /// The name looked for.
        column: String,
        /// The names that fit.
        found: String,
    },
    /// A column has a type that the contract's cannot be read from.
    #[error("expected {expected} in column {column:?} of {log}, found {found}")]
    Type {
        /// The log's name.
        log: &'static str,
        /// The column's name in the input.
        column: String,
        /// The contract's type.
        expected: ColumnType,
        /// The input's type.
        found: String,
    },
}

impl LogColumns {
    /// Finds the log's columns among those of an input. `name_of` says what the input calls a
    /// column of the contract.
    ///
    /// ```
    /// use arrow::datatypes::{DataType, Field, Fields};
    /// use cohort_core::batch::LogColumns;
    /// use cohort_core::contract::MRDL;
    ///
    /// let fields = Fields::from(vec![
    ///     Field::new("detected_at", DataType::Date32, false),
    ///     Field::new("Store_ID", DataType::Int16, false),
    /// ]);
    /// let columns = LogColumns::of(&MRDL, &fields, |name| name)?;
    /// assert_eq!((columns.place("store_id"), columns.place("sku")), (Some(1), None));
    /// # Ok::<(), cohort_core::batch::ColumnFault>(())
    /// ```
    ///
    /// # Errors
    /// [`ColumnFault`].
    pub fn of<'n>(
        log: &'static Log,
        fields: &Fields,
        name_of: impl Fn(&'static str) -> &'n str,
    ) -> Result<Self, ColumnFault> {
        let mut places = Vec::with_capacity(log.columns.len());
        let mut names = Vec::with_capacity(log.columns.len());
        for column in log.columns {
            let name = name_of(column.name);
            match find(log, column, name, fields)? {
                Some(place) => {
                    let found = &fields[place];
                    check_type(log, column, found)?;
                    names.push(found.name().clone());
                    // A column that is all null says as much as one that is not there.
                    places.push((found.data_type() != &DataType::Null).then_some(place));
                }
                None if column.required => return Err(missing(log, column, name, fields)),
                None => {
                    names.push(name.to_owned());
                    places.push(None);
                }
            }
        }
        Ok(Self { log, places, names })
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &'static Log {
        self.log
    }

    /// The place of a contract column in the input.
    #[must_use]
    pub fn place(&self, contract: &str) -> Option<usize> {
        self.position(contract).and_then(|i| self.places[i])
    }

    /// The name that a contract column has in the input.
    #[must_use]
    pub fn name(&self, contract: &str) -> &str {
        self.position(contract).map_or("", |i| &self.names[i])
    }

    /// The places of those of the contract's columns that the input has.
    #[must_use]
    pub fn places(&self, contract: &[&str]) -> Vec<usize> {
        contract.iter().filter_map(|name| self.place(name)).collect()
    }

    fn position(&self, contract: &str) -> Option<usize> {
        self.log.columns.iter().position(|column| column.name == contract)
    }
}

/// The places of the columns that a name may mean: those of exactly that name, else those whose
/// names differ only in the case of ASCII letters. Of several, nobody knows which is meant.
#[must_use]
pub fn places_of(name: &str, fields: &Fields) -> Vec<usize> {
    let places = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..fields.len()).filter(|&i| fits(fields[i].name())).collect()
    };
    let found = places(&|field| field == name);
    if found.is_empty() { places(&|field| field.eq_ignore_ascii_case(name)) } else { found }
}

/// The place of the column that a name means.
fn find(
    log: &'static Log,
    column: &'static Column,
    name: &str,
    fields: &Fields,
) -> Result<Option<usize>, ColumnFault> {
    let found = places_of(name, fields);
    match found[..] {
        [] => Ok(None),
        [place] => Ok(Some(place)),
        _ => {
            let found: Vec<_> = found.iter().map(|&i| format!("{:?}", fields[i].name())).collect();
            Err(ColumnFault::Two {
                log: log.name,
                contract: column.name,
                column: name.to_owned(),
                found: found.join(" and "),
            })
        }
    }
}

fn missing(log: &'static Log, column: &'static Column, name: &str, fields: &Fields) -> ColumnFault {
    let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
    ColumnFault::Missing {
        log: log.name,
        contract: column.name,
        column: name.to_owned(),
        found: names.join(", "),
    }
}

fn check_type(log: &'static Log, column: &Column, found: &Field) -> Result<(), ColumnFault> {
    if is_readable(column, found.data_type()) {
        return Ok(());
    }
    Err(ColumnFault::Type {
        log: log.name,
        column: found.name().clone(),
        expected: column.kind,
        found: found.data_type().to_string(),
    })
}

/// Whether a column's values can be read from this type without loss or guessing.
#[must_use]
pub fn is_readable(column: &Column, found: &DataType) -> bool {
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

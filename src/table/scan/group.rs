//! One row group of a prediction log: its key columns as codes, then the values of the matched
//! rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::datatypes::{DataType, TimeUnit};
use cohort_core::batch::predictions::ReadPredictions;
use cohort_core::predictions::PredictionLog;
use parquet::basic::{Encoding, Type};
use parquet::file::serialized_reader::SerializedPageReader;

use super::cells::{Cells, SkuCode, StoreCode};
use super::codes::{Coder, Codes};
use super::keys::{BAD_TICK, Keys, Matcher, Matches, NULL_TICK};
use super::plain::{Physical, Plain};
use super::points::Point;
use super::probe::Probe;
use crate::cohort::{Interval, Timestamp};
use crate::table::Error;
use crate::table::dataset::Source;
use crate::table::fetched::Fetched;
use crate::table::prune::{selection, ticks_fit_partition};
use crate::table::rejects::Scope;
use crate::table::values::{Instant, Instants, Texts};

/// The key columns of both prediction logs.
pub const KEYS: [&str; 3] = ["store_id", "sku", "tick_at"];

/// Days from the Julian epoch, which 96-bit instants count from, to 1970.
const JULIAN_DAY_OF_1970: i64 = 2_440_588;

/// The byte ranges of the key columns' pages that hold candidate rows.
pub fn key_ranges(
    source: &Source,
    row_group: usize,
    candidates: &[Range<usize>],
) -> Vec<Range<u64>> {
    let select = selection(candidates, source.file.group_rows(row_group));
    let leaves = KEYS.iter().filter_map(|key| source.file.leaf(source.columns.name(key)));
    let ranges = leaves.flat_map(|leaf| {
        let rows = reads_as_runs(source, row_group, leaf).then_some(&select);
        source.file.column_ranges(row_group, leaf, rows)
    });
    ranges.collect()
}

/// Finds the wanted rows among the candidates.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn match_keys(
    source: &Source,
    row_group: usize,
    candidates: &[Range<usize>],
    fetched: Fetched,
    probe: &Probe,
    interval: Interval,
) -> Result<Matches, Error> {
    let group = Group { source, row_group, fetched: Arc::new(fetched) };
    let mut keys = Keys {
        stores: group
            .codes("store_id", store_coder(&probe.cells, group.is_unsigned("store_id")))?,
        skus: group.codes("sku", sku_coder(&probe.cells, group.is_unsigned("sku")))?,
        ticks: group.codes("tick_at", tick_coder(group.unit("tick_at")))?,
    };
    let scope = Scope::new(interval, source.file.partition);
    let check_partition = !ticks_fit_partition(source, row_group, "tick_at");
    let matches = Matcher { probe, scope, check_partition }.run(&mut keys, candidates);
    matches.map_err(|error| group.corrupt(error))
}

/// How many rows lie in the scope, by their tick, or by their partition if they have no tick.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn count_in_scope(
    source: &Source,
    row_group: usize,
    fetched: Fetched,
    scope: Scope,
) -> Result<u64, Error> {
    let group = Group { source, row_group, fetched: Arc::new(fetched) };
    let mut ticks = group.codes("tick_at", tick_coder(group.unit("tick_at")))?;
    let mut codes = Vec::new();
    ticks
        .read(source.file.group_rows(row_group), &mut codes)
        .map_err(|error| group.corrupt(error))?;
    let counts = |&tick: &i64| {
        scope.counts(if tick == NULL_TICK { None } else { Timestamp::from_us(tick).ok() })
    };
    Ok(codes.iter().filter(|tick| counts(tick)).count() as u64)
}

/// The values of matched rows.
#[derive(Debug)]
pub struct Values<V> {
    /// The rows.
    pub points: Vec<Point<V>>,
    /// By value column, how many amounts of rows in the run's interval are out of range.
    pub out_of_range: Vec<u64>,
}

/// Decodes the values of the matched rows.
///
/// # Errors
/// [`Error::Corrupt`].
pub fn values<L: ReadPredictions>(
    source: &Source,
    row_group: usize,
    matches: &Matches,
    fetched: Fetched,
    interval: Interval,
) -> Result<Values<L::Value>, Error> {
    let uri = &source.file.object.uri;
    let rows = matched_rows(source, row_group, matches);
    let mut points = Vec::with_capacity(matches.rows.len());
    let mut out_of_range = vec![0; L::VALUES.len()];
    // The matcher lets only instants of the calendar through.
    let at = |row: usize| Timestamp::from_us(matches.ticks[row]).unwrap_or(Timestamp::MIN);
    for batch in source.file.batches(fetched, row_group, &value_roots::<L>(source), Some(rows))? {
        let batch = batch.map_err(|error| Error::corrupt(uri, row_group, error))?;
        let first = points.len();
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        let values = L::values(&column, batch.num_rows(), |row, place| {
            out_of_range[place] += u64::from(interval.contains(at(first + row)));
        });
        let ingested = L::ingested_at(&column, batch.num_rows());
        for (i, (value, ingested_at)) in values.into_iter().zip(ingested).enumerate() {
            let row = first + i;
            points.push(Point { cell: matches.cells[row], at: at(row), ingested_at, value });
        }
    }
    Ok(Values { points, out_of_range })
}

/// The root columns that [`values`] reads.
pub fn value_roots<L: PredictionLog>(source: &Source) -> Vec<usize> {
    let mut roots = source.columns.roots(L::VALUES);
    roots.extend(source.columns.root("ingested_at"));
    roots
}

/// The matched rows as a selection.
pub fn matched_rows(
    source: &Source,
    row_group: usize,
    matches: &Matches,
) -> parquet::arrow::arrow_reader::RowSelection {
    let runs = matches.rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0]..run[run.len() - 1] + 1);
    selection(&runs.collect::<Vec<_>>(), source.file.group_rows(row_group))
}

/// Whether a key column's pages are read as runs. A column with any other encoding is decoded
/// whole.
fn reads_as_runs(source: &Source, row_group: usize, leaf: usize) -> bool {
    let column = source.file.metadata().row_group(row_group).column(leaf);
    #[expect(deprecated, reason = "older writers still use these names")]
    column.encodings().all(|encoding| {
        matches!(
            encoding,
            Encoding::PLAIN
                | Encoding::RLE
                | Encoding::BIT_PACKED
                | Encoding::PLAIN_DICTIONARY
                | Encoding::RLE_DICTIONARY
        )
    })
}

struct Group<'a> {
    source: &'a Source,
    row_group: usize,
    fetched: Arc<Fetched>,
}

impl Group<'_> {
    fn corrupt(&self, error: impl std::fmt::Display) -> Error {
        Error::corrupt(&self.source.file.object.uri, self.row_group, error)
    }

    fn data_type(&self, column: &str) -> Option<&DataType> {
        let root = self.source.columns.root(column)?;
        Some(self.source.file.schema().field(root).data_type())
    }

    fn is_unsigned(&self, column: &str) -> bool {
        self.data_type(column).is_some_and(DataType::is_unsigned_integer)
    }

    fn unit(&self, column: &str) -> TimeUnit {
        match self.data_type(column) {
            Some(DataType::Timestamp(unit, _)) => *unit,
            _ => TimeUnit::Microsecond,
        }
    }

    /// The codes of a key column.
    fn codes<T: Copy + PartialEq>(&self, name: &str, coder: Coder<T>) -> Result<Codes<T>, Error> {
        let file = &self.source.file;
        let Some(root) = self.source.columns.root(name) else { return Ok(Codes::absent(coder)) };
        let leaf = file.leaf(self.source.columns.name(name));
        let Some(leaf) = leaf.filter(|&leaf| reads_as_runs(self.source, self.row_group, leaf))
        else {
            return self.decoded(root, coder);
        };
        let column = file.metadata().row_group(self.row_group).column(leaf);
        let physical = match column.column_type() {
            Type::BYTE_ARRAY => Physical::Bytes,
            Type::INT32 => Physical::Int32(self.is_unsigned(name)),
            Type::INT64 => Physical::Int64,
            Type::INT96 => Physical::Int96,
            _ => return self.decoded(root, coder),
        };
        let pages = SerializedPageReader::new(
            self.fetched.clone(),
            column,
            file.group_rows(self.row_group),
            file.page_locations(self.row_group, leaf),
        );
        let pages = pages.map_err(|error| self.corrupt(error))?;
        Ok(Codes::new(Box::new(pages), physical, column.column_descr().max_def_level() > 0, coder))
    }

    /// The codes of a column that is decoded whole.
    fn decoded<T: Copy + PartialEq>(
        &self,
        root: usize,
        coder: Coder<T>,
    ) -> Result<Codes<T>, Error> {
        let mut codes = Vec::new();
        let file = &self.source.file;
        for batch in file.batches((*self.fetched).clone(), self.row_group, &[root], None)? {
            let batch = batch.map_err(|error| self.corrupt(error))?;
            let column = batch.column(0);
            if let DataType::Timestamp(unit, _) = column.data_type() {
                let instants = Instants::new(Some(column));
                // The coder takes bytes, which are no instant, for one outside the calendar.
                let raw = |at: Instant| match at {
                    Instant::In(at) => Plain::Integer(from_us(at.as_us(), *unit)),
                    Instant::Out(_) => Plain::Bytes(&[]),
                };
                let code = |row| instants.get(row).map(raw);
                codes.extend((0..column.len()).map(|row| coder(code(row))));
            } else {
                let texts = Texts::new(Some(column));
                let code = |row| texts.get(row).map(|text| Plain::Bytes(text.as_bytes()));
                codes.extend((0..column.len()).map(|row| coder(code(row))));
            }
        }
        Ok(Codes::decoded(codes, coder))
    }
}

/// Microseconds in another unit, for the coder that turns them back.
const fn from_us(us: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => us.div_euclid(1_000_000),
        TimeUnit::Millisecond => us.div_euclid(1000),
        TimeUnit::Microsecond => us,
        TimeUnit::Nanosecond => us.saturating_mul(1000),
    }
}

fn store_coder(cells: &Arc<Cells>, unsigned: bool) -> Coder<StoreCode> {
    let cells = cells.clone();
    Box::new(move |value| match value {
        None => StoreCode::MISSING,
        Some(value) => {
            text(value, unsigned, |name| cells.store_code(name)).unwrap_or(StoreCode::UNWANTED)
        }
    })
}

fn sku_coder(cells: &Arc<Cells>, unsigned: bool) -> Coder<SkuCode> {
    let cells = cells.clone();
    Box::new(move |value| match value {
        None => SkuCode::NULL,
        Some(value) => {
            text(value, unsigned, |sku| cells.sku_code(Some(sku))).unwrap_or(SkuCode::UNWANTED)
        }
    })
}

/// The code of a value as text, or `None` if it is no text.
fn text<T>(value: Plain<'_>, unsigned: bool, code: impl Fn(&str) -> T) -> Option<T> {
    match value {
        Plain::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(code),
        Plain::Integer(number) if unsigned => Some(code(&number.cast_unsigned().to_string())),
        Plain::Integer(number) => Some(code(&number.to_string())),
        Plain::Int96(..) => None,
    }
}

fn tick_coder(unit: TimeUnit) -> Coder<i64> {
    Box::new(move |value| {
        let at = match value {
            None => return NULL_TICK,
            Some(Plain::Integer(number)) => Instant::of(number, unit).exact(),
            Some(Plain::Int96(nanoseconds, day)) => {
                let us = (i64::from(day) - JULIAN_DAY_OF_1970) * 86_400_000_000;
                Timestamp::from_us(us.saturating_add(nanoseconds.div_euclid(1000))).ok()
            }
            Some(Plain::Bytes(_)) => None,
        };
        at.map_or(BAD_TICK, Timestamp::as_us)
    })
}

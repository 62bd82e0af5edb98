//! One row group of a prediction log: its key columns as codes, then the values of the matched
//! rows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::datatypes::{DataType, TimeUnit};
use cohort_core::batch::ReadPredictions;
use cohort_core::{Point, PredictionLog};
use parquet::basic::{Encoding, Type};

use super::cells::{Cells, SkuCode, StoreCode};
use super::codes::{Coder, Codes};
use super::keys::{BAD_TICK, CHUNK_ROWS, Keys, Matcher, Matches, NULL_TICK};
use super::plain::{Physical, Plain};
use super::probe::Probe;
use crate::parquet::Error;
use crate::parquet::dataset::Source;
use crate::parquet::fetched::Fetched;
use crate::parquet::prune::{is_text, selection};
use cohort_core::batch::{Instant, Instants, TEXT_BYTES_MAX, Texts};
use cohort_core::rejects::{Scope, TextFault};
use cohort_core::{Interval, Timestamp};

/// The key columns of both prediction logs.
pub(crate) const KEYS: [&str; 3] = ["store_id", "sku", "tick_at"];

/// Days from the Julian epoch, which 96-bit instants count from, to 1970.
const JULIAN_DAY_OF_1970: i64 = 2_440_588;

/// Who decodes the key columns of a row group.
///
/// The Parquet crate reads all that there is. The scan itself reads the common layouts, faster. It
/// declines what it does not know, and whatever it cannot decode is left to the crate: a file is
/// only at fault if the crate says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The scan, as runs, if it knows how a column is stored.
    Scan,
    /// The Parquet crate.
    Crate,
}

/// The byte ranges of the key columns' pages that hold candidate rows.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn key_ranges(
    source: &Source,
    row_group: usize,
    candidates: &[Range<usize>],
    reader: Reader,
) -> Result<Vec<Range<u64>>, Error> {
    let select = selection(candidates, source.file.group_rows(row_group));
    let mut ranges = Vec::new();
    for key in KEYS {
        let Some(root) = source.columns.place(key) else { continue };
        let runs = reader == Reader::Scan && physical(source, row_group, key).is_some();
        ranges.extend(source.file.row_ranges(row_group, &[root], runs.then_some(&select))?);
    }
    Ok(ranges)
}

/// Finds the wanted rows among the candidates.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn match_keys(
    source: &Source,
    row_group: usize,
    candidates: &[Range<usize>],
    fetched: Fetched,
    (probe, interval): (&Probe, Interval),
    reader: Reader,
) -> Result<Matches, Error> {
    let group = Group { source, row_group, fetched: Arc::new(fetched), reader };
    let stores = store_coder(&probe.cells, group.is_unsigned("store_id"));
    let skus = sku_coder(&probe.cells, group.is_unsigned("sku"));
    let mut skus = group.codes("sku", skus)?;
    if is_text(source, "sku") {
        let is_faulty = Box::new(|sku: SkuCode| sku.fault().is_some());
        skus = skus.watching(is_faulty, group.is_in_dictionary("sku"));
    }
    let partition = source.file.partition;
    let is_misplaced = move |tick| match Timestamp::from_us(tick) {
        Ok(at) => partition.is_some_and(|partition| !partition.holds(at)),
        // This is so of null ticks, and of those outside the calendar.
        Err(_) => true,
    };
    let ticks = group.codes("tick_at", tick_coder(group.unit("tick_at")))?;
    let mut keys = Keys {
        stores: group.codes("store_id", stores)?,
        skus,
        ticks: ticks.watching(Box::new(is_misplaced), false),
    };
    let scope = Scope::new(interval, partition);
    let matches = Matcher { probe, scope }.run(&mut keys, candidates);
    let to_the_end = candidates.last().is_some_and(|c| c.end == source.file.group_rows(row_group));
    let matches = matches.and_then(|matches| {
        if to_the_end {
            keys.finish()?;
        }
        Ok(matches)
    });
    matches.map_err(|error| group.corrupt(error))
}

/// How many rows lie in the scope, by their tick, or by their partition if they have no tick.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn count_in_scope(
    source: &Source,
    row_group: usize,
    fetched: Fetched,
    scope: Scope,
    reader: Reader,
) -> Result<u64, Error> {
    let group = Group { source, row_group, fetched: Arc::new(fetched), reader };
    let mut ticks = group.codes("tick_at", tick_coder(group.unit("tick_at")))?;
    let counts = |&tick: &i64| {
        scope.counts(if tick == NULL_TICK { None } else { Timestamp::from_us(tick).ok() })
    };
    let mut codes = Vec::new();
    let mut left = source.file.group_rows(row_group);
    let mut counted = 0;
    while left > 0 {
        codes.clear();
        let rows = left.min(CHUNK_ROWS);
        ticks.read(rows, &mut codes).map_err(|error| group.corrupt(error))?;
        counted += codes.iter().filter(|tick| counts(tick)).count() as u64;
        left -= rows;
    }
    Ok(counted)
}

/// The values of matched rows.
#[derive(Debug)]
pub(crate) struct Values<V> {
    /// The rows.
    pub points: Vec<Point<V>>,
    /// By value column, how many amounts of rows in the run's interval are out of range.
    pub out_of_range: Vec<u64>,
}

/// Decodes the values of the matched rows.
///
/// # Errors
/// [`Error::Corrupt`].
pub(crate) fn values<L: ReadPredictions>(
    source: &Source,
    row_group: usize,
    matches: &Matches,
    fetched: Fetched,
    interval: Interval,
) -> Result<Values<L::Value>, Error> {
    let rows = matched_rows(source, row_group, matches);
    let mut points = Vec::with_capacity(matches.rows.len());
    let mut out_of_range = vec![0; L::VALUES.len()];
    // The matcher lets only instants of the calendar through.
    let at = |row: usize| Timestamp::from_us(matches.ticks[row]).unwrap_or(Timestamp::MIN);
    for batch in source.file.batches(fetched, row_group, &value_roots::<L>(source), Some(rows))? {
        let batch = batch?;
        let first = points.len();
        let column = |name: &str| batch.column_by_name(source.columns.name(name));
        let values = L::values(&column, batch.num_rows(), |row, place| {
            out_of_range[place] += u64::from(interval.contains(at(first + row)));
        });
        let ingested = L::ingested_at(&column, batch.num_rows());
        for (i, (value, ingested_at)) in values.into_iter().zip(ingested).enumerate() {
            let row = first + i;
            points.push(Point {
                cell: matches.cells[row].number(),
                at: at(row),
                ingested_at,
                value,
            });
        }
    }
    Ok(Values { points, out_of_range })
}

/// The root columns that [`values`] reads.
pub(crate) fn value_roots<L: PredictionLog>(source: &Source) -> Vec<usize> {
    let mut roots = source.columns.places(L::VALUES);
    roots.extend(source.columns.place("ingested_at"));
    roots
}

/// The matched rows as a selection.
pub(crate) fn matched_rows(
    source: &Source,
    row_group: usize,
    matches: &Matches,
) -> parquet::arrow::arrow_reader::RowSelection {
    let runs = matches.rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0]..run[run.len() - 1] + 1);
    selection(&runs.collect::<Vec<_>>(), source.file.group_rows(row_group))
}

/// How the scan itself reads a key column, or `None` if it leaves that to the crate.
fn physical(source: &Source, row_group: usize, key: &str) -> Option<Physical> {
    let root = source.columns.place(key)?;
    let leaf = source.file.leaf_of(root)?;
    let column = source.file.metadata().row_group(row_group).column(leaf);
    match (source.file.schema().field(root).data_type(), column.column_type()) {
        (DataType::Utf8, Type::BYTE_ARRAY) => Some(Physical::Bytes),
        (DataType::Int32, Type::INT32) => Some(Physical::Int32(false)),
        (DataType::UInt32, Type::INT32) => Some(Physical::Int32(true)),
        (DataType::Int64 | DataType::UInt64 | DataType::Timestamp(..), Type::INT64) => {
            Some(Physical::Int64)
        }
        (DataType::Timestamp(..), Type::INT96) => Some(Physical::Int96),
        _ => None,
    }
}

/// Whether the footer says that all data pages of a key column use its dictionary.
pub(super) fn in_dictionary(source: &Source, row_group: usize, key: &str) -> bool {
    use Encoding::{PLAIN_DICTIONARY, RLE_DICTIONARY};
    let leaf = source.columns.place(key).and_then(|root| source.file.leaf_of(root));
    leaf.is_some_and(|leaf| {
        let column = source.file.metadata().row_group(row_group).column(leaf);
        let encodings = column.page_encoding_stats_mask();
        encodings.is_some_and(|of| of.is_only(PLAIN_DICTIONARY) || of.is_only(RLE_DICTIONARY))
    })
}

struct Group<'a> {
    source: &'a Source,
    row_group: usize,
    fetched: Arc<Fetched>,
    reader: Reader,
}

impl Group<'_> {
    fn corrupt(&self, error: impl std::fmt::Display) -> Error {
        Error::corrupt(&self.source.file.object.uri, self.row_group, error)
    }

    /// Whether all pages of a key column that have been fetched use its dictionary.
    fn is_in_dictionary(&self, key: &str) -> bool {
        let file = &self.source.file;
        let leaf = self.source.columns.place(key).and_then(|root| file.leaf_of(root));
        leaf.is_some_and(|leaf| {
            file.is_in_dictionary(&self.fetched, self.row_group, leaf).unwrap_or(false)
        })
    }

    fn data_type(&self, column: &str) -> Option<&DataType> {
        let root = self.source.columns.place(column)?;
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
        let Some(root) = self.source.columns.place(name) else { return Ok(Codes::absent(coder)) };
        let physical = physical(self.source, self.row_group, name);
        let known = physical.filter(|_| self.reader == Reader::Scan).zip(file.leaf_of(root));
        let Some((physical, leaf)) = known else { return self.decoded(name, root, coder) };
        let column = file.metadata().row_group(self.row_group).column(leaf);
        let pages = file.pages(&self.fetched, self.row_group, leaf);
        let pages = pages.map_err(|error| self.corrupt(error))?;
        Ok(Codes::new(Box::new(pages), physical, column.column_descr().max_def_level() > 0, coder))
    }

    /// The codes of a column that the crate decodes whole.
    fn decoded<T: Copy + PartialEq>(
        &self,
        name: &str,
        root: usize,
        coder: Coder<T>,
    ) -> Result<Codes<T>, Error> {
        let mut codes = Vec::new();
        let file = &self.source.file;
        for batch in file.batches((*self.fetched).clone(), self.row_group, &[root], None)? {
            let batch = batch?;
            let column = batch.column(0);
            if name == "tick_at" {
                let instants = Instants::new(Some(column));
                // The coder takes bytes, which are no instant, for one outside the calendar.
                let raw = |at: Instant| match at {
                    Instant::In(at) => Plain::Micros(at.as_us()),
                    Instant::Out(_) => Plain::Bytes(&[]),
                };
                let code = |row| instants.get(row).map(raw);
                codes.extend((0..column.len()).map(|row| coder(code(row))));
            } else {
                let texts = Texts::new(Some(column));
                let code = |row| match texts.fault(row) {
                    None => texts.get(row).map(|text| Plain::Bytes(text.as_bytes())),
                    Some(fault) => Some(Plain::Faulty(fault)),
                };
                codes.extend((0..column.len()).map(|row| coder(code(row))));
            }
        }
        Ok(Codes::decoded(codes, coder))
    }
}

fn store_coder(cells: &Arc<Cells>, unsigned: bool) -> Coder<StoreCode> {
    let cells = cells.clone();
    Box::new(move |value| match value {
        None => StoreCode::MISSING,
        Some(value) => {
            text(value, unsigned, |name| cells.store_code(name)).unwrap_or_else(StoreCode::faulty)
        }
    })
}

fn sku_coder(cells: &Arc<Cells>, unsigned: bool) -> Coder<SkuCode> {
    let cells = cells.clone();
    Box::new(move |value| match value {
        None => SkuCode::NULL,
        Some(value) => {
            text(value, unsigned, |sku| cells.sku_code(Some(sku))).unwrap_or_else(SkuCode::faulty)
        }
    })
}

/// The code of a value as text, or what is wrong with it.
fn text<T>(value: Plain<'_>, unsigned: bool, code: impl Fn(&str) -> T) -> Result<T, TextFault> {
    match value {
        Plain::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= TEXT_BYTES_MAX => Ok(code(text)),
            Ok(_) => Err(TextFault::TooLong),
            Err(_) => Err(TextFault::NotUtf8),
        },
        Plain::Integer(number) if unsigned => Ok(code(&number.cast_unsigned().to_string())),
        Plain::Integer(number) => Ok(code(&number.to_string())),
        Plain::Faulty(fault) => Err(fault),
        Plain::Int96(..) | Plain::Micros(_) => Err(TextFault::NotUtf8),
    }
}

fn tick_coder(unit: TimeUnit) -> Coder<i64> {
    Box::new(move |value| {
        let at = match value {
            None => return NULL_TICK,
            Some(Plain::Integer(number)) => Instant::of(number, unit).exact(),
            Some(Plain::Int96(nanoseconds, day)) => {
                let us = (i64::from(day) - JULIAN_DAY_OF_1970).saturating_mul(86_400_000_000);
                Timestamp::from_us(us.saturating_add(nanoseconds.div_euclid(1000))).ok()
            }
            Some(Plain::Micros(us)) => Timestamp::from_us(us).ok(),
            Some(Plain::Bytes(_) | Plain::Faulty(_)) => None,
        };
        at.map_or(BAD_TICK, Timestamp::as_us)
    })
}

#[cfg(test)]
#[path = "agree_tests.rs"]
mod agree_tests;

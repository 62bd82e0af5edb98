//! What the pages of a key column are made of: levels, entries of a dictionary, and what is no
//! text.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};

use super::runs::{Run, Runs, Truncated};

/// What is known about faulty texts: those that are not UTF-8, or too long.
#[derive(Clone, Copy)]
pub(super) struct Invalid<T> {
    /// Tells their codes, if the column can hold them.
    pub(super) is: Option<fn(T) -> bool>,
    /// Whether every data page is said to use the dictionary.
    pub(super) in_dictionary: bool,
    /// Whether the dictionary has one.
    pub(super) dictionary: bool,
    /// Whether the open page has one outside the dictionary.
    pub(super) page: bool,
}

impl<T> Invalid<T> {
    pub(super) const NONE: Self =
        Self { is: None, in_dictionary: false, dictionary: false, page: false };
}

/// Which rows have a value, or `None` if all have.
pub(super) fn presence(levels: Bytes, rows: usize) -> Result<Option<Vec<bool>>> {
    let mut runs = Runs::new(levels, 1).map_err(eof)?;
    if rows == 0 || matches!(runs.peek().map_err(eof)?, Run::Repeated(1, n) if n >= rows) {
        return Ok(None);
    }
    let mut present = Vec::with_capacity(rows);
    runs.read(rows, &mut present, |level| level == 1).map_err(eof)?;
    Ok(Some(present).filter(|present| present.contains(&false)))
}

/// Appends the next `n` codes of a page that uses the dictionary.
pub(super) fn read_entries<T: Copy>(
    runs: &mut Runs,
    n: usize,
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Result<()> {
    let Some(&first) = dictionary.first() else {
        return if n == 0 {
            Ok(())
        } else {
            Err(ParquetError::General("a page without its dictionary".to_owned()))
        };
    };
    // An index past the end means a broken page. One check at the end is cheaper than one per
    // value.
    let broken = std::cell::Cell::new(false);
    runs.read(n, out, |index| {
        dictionary.get(index as usize).copied().unwrap_or_else(|| {
            broken.set(true);
            first
        })
    })
    .map_err(eof)?;
    if broken.get() { Err(outside()) } else { Ok(()) }
}

/// A code of the dictionary.
pub(super) fn entry<T: Copy>(dictionary: &[T], index: u32) -> Result<T> {
    dictionary.get(index as usize).copied().ok_or_else(outside)
}

fn outside() -> ParquetError {
    ParquetError::General("an index outside the dictionary".to_owned())
}

pub(super) fn eof(error: Truncated) -> ParquetError {
    ParquetError::EOF(error.to_string())
}

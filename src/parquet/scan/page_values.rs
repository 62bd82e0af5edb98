//! What the pages of a key column are made of: levels, entries of a dictionary, and values that
//! their rows may have to be rejected for.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};

use super::runs::{Run, Runs, Truncated};

/// Whether a code is that of a value which its row may have to be rejected for.
pub(crate) type IsFaulty<T> = Box<dyn Fn(T) -> bool + Send>;

/// What is known about a column's faulty values.
pub(super) struct Faults<T> {
    is_faulty: IsFaulty<T>,
    /// Whether the column may have any.
    is_watched: bool,
    /// Whether every data page uses the dictionary.
    in_dictionary: bool,
    /// Whether the dictionary has one.
    dictionary: bool,
    /// Whether the open page has one outside the dictionary.
    page: bool,
}

impl<T: Copy> Faults<T> {
    /// Those of a column that cannot have any.
    pub(super) fn none() -> Self {
        let is_faulty = Box::new(|_| false);
        let [is_watched, in_dictionary, dictionary, page] = [false; 4];
        Self { is_faulty, is_watched, in_dictionary, dictionary, page }
    }

    /// Those of a column that may have some.
    pub(super) fn watched(is_faulty: IsFaulty<T>, in_dictionary: bool) -> Self {
        Self { is_faulty, is_watched: true, in_dictionary, ..Self::none() }
    }

    /// Whether the column may have any.
    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Whether every data page uses the dictionary.
    pub(super) const fn in_dictionary(&self) -> bool {
        self.in_dictionary
    }

    /// Whether a code is a faulty value's.
    pub(super) fn is_faulty(&self, code: T) -> bool {
        (self.is_faulty)(code)
    }

    /// Notes the codes of the dictionary.
    pub(super) fn note_dictionary(&mut self, codes: &[T]) {
        self.dictionary = self.any(codes);
    }

    /// Notes the codes of the open page: decoded ones, or none if it refers to the dictionary.
    pub(super) fn note_page(&mut self, codes: Option<&[T]>) {
        self.page = codes.map_or(self.dictionary, |codes| self.any(codes));
    }

    /// Whether the open page may have a faulty value.
    pub(super) const fn is_suspect(&self) -> bool {
        self.page
    }

    fn any(&self, codes: &[T]) -> bool {
        self.is_watched && codes.iter().any(|&code| self.is_faulty(code))
    }
}

/// Whether a dictionary has its values one after the other.
pub(super) const fn is_plain(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY)
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

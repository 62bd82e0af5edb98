//! Values of a page in the encoding PLAIN: one after the other, as Parquet stores them.

use cohort_core::rejects::TextFault;
use parquet::errors::{ParquetError, Result};

/// A value as Parquet stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain<'a> {
    /// A byte array.
    Bytes(&'a [u8]),
    /// A 32-bit or 64-bit integer.
    Integer(i64),
    /// A 96-bit instant: nanoseconds of a day, and the day.
    Int96(i64, u32),
    /// An instant that was decoded elsewhere, in microseconds.
    Micros(i64),
    /// A text that was decoded elsewhere, and what is wrong with it.
    Faulty(TextFault),
}

/// How a column's values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    /// Length and bytes.
    Bytes,
    /// Four bytes, unsigned if `true`.
    Int32(bool),
    /// Eight bytes.
    Int64,
    /// Twelve bytes.
    Int96,
}

/// The values of a plain page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlainValues<'a> {
    physical: Physical,
    data: &'a [u8],
}

impl<'a> PlainValues<'a> {
    /// The values of a page's bytes.
    pub(crate) const fn new(physical: Physical, data: &'a [u8]) -> Self {
        Self { physical, data }
    }

    /// The next value.
    ///
    /// # Errors
    /// At the end of the page.
    pub(crate) fn read(&mut self) -> Result<Plain<'a>> {
        Ok(match self.physical {
            Physical::Bytes => {
                let length = u32::from_le_bytes(self.take()?);
                let (value, rest) =
                    self.data.split_at_checked(length as usize).ok_or_else(short)?;
                self.data = rest;
                Plain::Bytes(value)
            }
            Physical::Int32(false) => Plain::Integer(i32::from_le_bytes(self.take()?).into()),
            Physical::Int32(true) => Plain::Integer(u32::from_le_bytes(self.take()?).into()),
            Physical::Int64 => Plain::Integer(i64::from_le_bytes(self.take()?)),
            Physical::Int96 => {
                Plain::Int96(i64::from_le_bytes(self.take()?), u32::from_le_bytes(self.take()?))
            }
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (value, rest) = self.data.split_first_chunk().ok_or_else(short)?;
        self.data = rest;
        Ok(*value)
    }
}

fn short() -> ParquetError {
    ParquetError::EOF("a page ends inside a value".to_owned())
}

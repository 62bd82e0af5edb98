//! A key column of a row group as a stream of codes, page by page and run by run.
//!
//! Key columns are mostly made of dictionary pages without nulls. Those stay in Parquet's own runs:
//! a stretch of equal codes is seen at once, and a stretch that nobody asks for is skipped
//! undecoded. Any other page is decoded value by value.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};

use super::page_values::{Faults, IsFaulty, entry, eof, is_plain, presence, read_entries};
use super::plain::{Physical, Plain, PlainValues};
use super::runs::{Run, Runs};
use crate::parquet::guard::guarded;

/// Turns a value, or null, into its code. Values are as Parquet stores them.
pub(crate) type Coder<T> = Box<dyn Fn(Option<Plain<'_>>) -> T + Send>;

/// What the next rows have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch<T> {
    /// One code, for this many rows.
    Same(T, usize),
    /// This many rows, none of them null.
    Present(usize),
    /// This many rows, some of which may be null.
    Any(usize),
}

/// A column's codes.
pub(crate) struct Codes<T> {
    pages: Option<Box<dyn PageReader>>,
    physical: Physical,
    nullable: bool,
    coder: Coder<T>,
    dictionary: Vec<T>,
    page: Cursor<T>,
    faults: Faults<T>,
}

enum Cursor<T> {
    /// No page is open.
    Closed,
    /// A dictionary page without nulls.
    Runs { runs: Runs, left: usize },
    /// Decoded values, read up to `at`.
    Decoded { codes: Vec<T>, at: usize },
    /// One code for all rows, however many.
    Endless(T),
}

impl<T> std::fmt::Debug for Codes<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.dictionary.len();
        f.debug_struct("Codes")
            .field("physical", &self.physical)
            .field("entries", &entries)
            .finish_non_exhaustive()
    }
}

impl<T: Copy + PartialEq> Codes<T> {
    /// The codes of a column chunk.
    pub(crate) fn new(
        pages: Box<dyn PageReader>,
        physical: Physical,
        nullable: bool,
        coder: Coder<T>,
    ) -> Self {
        Self {
            pages: Some(pages),
            physical,
            nullable,
            coder,
            dictionary: Vec::new(),
            page: Cursor::Closed,
            faults: Faults::none(),
        }
    }

    /// The same codes, watched for faulty ones. `in_dictionary` says whether every data page uses
    /// the dictionary.
    pub(crate) fn watching(self, is_faulty: IsFaulty<T>, in_dictionary: bool) -> Self {
        let mut faults = Faults::watched(is_faulty, in_dictionary);
        if let Cursor::Decoded { codes, .. } = &self.page {
            faults.note_page(Some(codes));
        }
        Self { faults, ..self }
    }

    /// Whether the next rows may have a faulty value. It is known of each stretch by itself if the
    /// stretch has one code, else of the open page.
    pub(crate) fn is_suspect(&self, next: Stretch<T>) -> bool {
        match next {
            Stretch::Same(code, _) => self.faults.is_faulty(code),
            Stretch::Present(_) | Stretch::Any(_) => self.faults.is_suspect(),
        }
    }

    /// Whether a code is a faulty value's.
    pub(crate) fn is_faulty(&self, code: T) -> bool {
        self.faults.is_faulty(code)
    }

    /// How many rows from here on are known to have no faulty value. It is 0 if the open page may
    /// have one.
    pub(crate) fn known(&self) -> usize {
        match &self.page {
            _ if !self.faults.is_watched() => usize::MAX,
            Cursor::Endless(_) => usize::MAX,
            _ if self.faults.is_suspect() => 0,
            Cursor::Runs { .. } if self.faults.in_dictionary() => usize::MAX,
            Cursor::Runs { left, .. } => *left,
            Cursor::Decoded { codes, at } => codes.len() - at,
            Cursor::Closed => 0,
        }
    }

    /// Fails if there are more rows.
    ///
    /// # Errors
    /// If there are, and as [`Codes::peek`].
    pub(crate) fn finish(&mut self) -> Result<()> {
        let more = match &self.page {
            Cursor::Endless(_) => false,
            Cursor::Runs { left, .. } if *left > 0 => true,
            Cursor::Decoded { codes, at } if *at < codes.len() => true,
            _ => self.pages.is_some() && self.rows_of_next_page()?.is_some(),
        };
        if more {
            let more = "the column has more rows than its row group claims".to_owned();
            return Err(ParquetError::General(more));
        }
        Ok(())
    }

    /// The codes of a column that the file does not have: all are null.
    pub(crate) fn absent(coder: Coder<T>) -> Self {
        Self::without_pages(Cursor::Endless(coder(None)), coder)
    }

    /// Codes that were decoded elsewhere. They cover all rows that will be read or skipped.
    pub(crate) fn decoded(codes: Vec<T>, coder: Coder<T>) -> Self {
        Self::without_pages(Cursor::Decoded { codes, at: 0 }, coder)
    }

    /// Codes that are all there already. Of what pages have, nothing matters.
    fn without_pages(page: Cursor<T>, coder: Coder<T>) -> Self {
        Self {
            pages: None,
            physical: Physical::Bytes,
            nullable: true,
            coder,
            dictionary: Vec::new(),
            page,
            faults: Faults::none(),
        }
    }

    /// What the next rows have in common. It is at least one row.
    ///
    /// # Errors
    /// At the end of the column, and if a page cannot be decoded.
    pub(crate) fn peek(&mut self) -> Result<Stretch<T>> {
        loop {
            match &mut self.page {
                Cursor::Endless(code) => return Ok(Stretch::Same(*code, usize::MAX)),
                Cursor::Runs { runs, left } if *left > 0 => {
                    return Ok(match runs.peek().map_err(eof)? {
                        Run::Repeated(index, n) => {
                            Stretch::Same(entry(&self.dictionary, index)?, n.min(*left))
                        }
                        Run::Packed(n) => Stretch::Present(n.min(*left)),
                    });
                }
                Cursor::Decoded { codes, at } if *at < codes.len() => {
                    return Ok(Stretch::Any(codes.len() - *at));
                }
                _ => self.next_page()?,
            }
        }
    }

    /// Skips `n` rows. Whole pages are not even decompressed.
    ///
    /// # Errors
    /// As [`Codes::peek`].
    pub(crate) fn skip(&mut self, mut n: usize) -> Result<()> {
        while n > 0 {
            let taken = match &mut self.page {
                Cursor::Endless(_) => n,
                Cursor::Runs { runs, left } if *left > 0 => {
                    let taken = n.min(*left);
                    runs.skip(taken).map_err(eof)?;
                    *left -= taken;
                    taken
                }
                Cursor::Decoded { codes, at } if *at < codes.len() => {
                    let taken = n.min(codes.len() - *at);
                    *at += taken;
                    taken
                }
                _ => match self.rows_of_next_page()? {
                    Some(rows) if rows <= n => {
                        guarded(|| self.reader()?.skip_next_page())?;
                        rows
                    }
                    _ => {
                        self.next_page()?;
                        0
                    }
                },
            };
            n -= taken;
        }
        Ok(())
    }

    /// Skips stretches of equal codes while `skips` says so, up to `most` rows. Returns how many
    /// rows it skipped.
    ///
    /// # Errors
    /// As [`Codes::peek`].
    pub(crate) fn skip_while(&mut self, most: usize, skips: impl Fn(T) -> bool) -> Result<usize> {
        let mut skipped = 0;
        while skipped < most {
            match self.peek()? {
                Stretch::Same(code, rows) if skips(code) => {
                    let rows = rows.min(most - skipped);
                    self.skip(rows)?;
                    skipped += rows;
                }
                _ => break,
            }
        }
        Ok(skipped)
    }

    /// Appends the codes of the next `n` rows.
    ///
    /// # Errors
    /// As [`Codes::peek`].
    pub(crate) fn read(&mut self, mut n: usize, out: &mut Vec<T>) -> Result<()> {
        while n > 0 {
            let taken = match &mut self.page {
                Cursor::Endless(code) => {
                    out.resize(out.len() + n, *code);
                    n
                }
                Cursor::Runs { runs, left } if *left > 0 => {
                    let taken = n.min(*left);
                    read_entries(runs, taken, &self.dictionary, out)?;
                    *left -= taken;
                    taken
                }
                Cursor::Decoded { codes, at } if *at < codes.len() => {
                    let taken = n.min(codes.len() - *at);
                    out.extend_from_slice(&codes[*at..*at + taken]);
                    *at += taken;
                    taken
                }
                _ => {
                    self.next_page()?;
                    0
                }
            };
            n -= taken;
        }
        Ok(())
    }

    fn reader(&mut self) -> Result<&mut Box<dyn PageReader>> {
        self.pages.as_mut().ok_or_else(|| {
            ParquetError::EOF("the column has fewer rows than its row group".to_owned())
        })
    }

    /// How many rows the next data page has, or `None` at the end. A dictionary page that comes
    /// before it is read.
    fn rows_of_next_page(&mut self) -> Result<Option<usize>> {
        while let Some(next) = guarded(|| self.reader()?.peek_next_page())? {
            if !next.is_dict {
                return Ok(next.num_rows.or(next.num_levels));
            }
            self.next_page()?;
        }
        Ok(None)
    }

    /// Opens the next page, whether it is a dictionary or data.
    fn next_page(&mut self) -> Result<()> {
        let page = guarded(|| self.reader()?.get_next_page())?;
        self.page = match page {
            None => {
                return Err(ParquetError::EOF(
                    "the column has fewer rows than its row group".to_owned(),
                ));
            }
            Some(Page::DictionaryPage { buf, num_values, encoding, .. }) => {
                if !is_plain(encoding) || !self.dictionary.is_empty() {
                    return Err(ParquetError::NYI(format!("such a dictionary, in {encoding}")));
                }
                let mut plain = PlainValues::new(self.physical, &buf);
                let entries =
                    (0..num_values).map(|_| plain.read().map(|value| (self.coder)(Some(value))));
                self.dictionary = entries.collect::<Result<_>>()?;
                self.faults.note_dictionary(&self.dictionary);
                Cursor::Closed
            }
            Some(Page::DataPage { buf, num_values, encoding, def_level_encoding, .. }) => {
                let rows = num_values as usize;
                if !self.nullable {
                    self.data_page(buf, encoding, rows, None)?
                } else if def_level_encoding == Encoding::RLE {
                    let length =
                        buf.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
                    let end = length
                        .and_then(|length| length.checked_add(4))
                        .filter(|&end| end <= buf.len());
                    let end = end.ok_or_else(|| {
                        ParquetError::EOF("a page ends inside its levels".to_owned())
                    })?;
                    self.data_page(buf.slice(end..), encoding, rows, Some(buf.slice(4..end)))?
                } else {
                    return Err(ParquetError::NYI(
                        "definition levels in the deprecated encoding BIT_PACKED".to_owned(),
                    ));
                }
            }
            Some(Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            }) => {
                let from = rep_levels_byte_len as usize;
                let to = from.saturating_add(def_levels_byte_len as usize);
                if to > buf.len() {
                    return Err(ParquetError::EOF("a page ends inside its levels".to_owned()));
                }
                // The header also counts the nulls. The levels are the nulls.
                let levels = self.nullable.then(|| buf.slice(from..to));
                self.data_page(buf.slice(to..), encoding, num_values as usize, levels)?
            }
        };
        match &self.page {
            Cursor::Decoded { codes, .. } => self.faults.note_page(Some(codes)),
            _ => self.faults.note_page(None),
        }
        Ok(())
    }

    fn data_page(
        &self,
        data: Bytes,
        encoding: Encoding,
        rows: usize,
        levels: Option<Bytes>,
    ) -> Result<Cursor<T>> {
        let present = levels.map(|levels| presence(levels, rows)).transpose()?.flatten();

        let in_dictionary =
            matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
        if !in_dictionary && encoding != Encoding::PLAIN {
            return Err(ParquetError::NYI(format!(
                "a key column's page in the encoding {encoding}"
            )));
        }
        let values =
            present.as_ref().map_or(rows, |present| present.iter().filter(|&&is| is).count());
        if in_dictionary {
            let width = data.first().copied().unwrap_or(0);
            let mut runs = Runs::new(data.slice(data.len().min(1)..), width).map_err(eof)?;
            if present.is_none() {
                return Ok(Cursor::Runs { runs, left: rows });
            }
            let mut codes = Vec::with_capacity(values);
            read_entries(&mut runs, values, &self.dictionary, &mut codes)?;
            return Ok(self.spread(codes, present));
        }
        let mut plain = PlainValues::new(self.physical, &data);
        let codes = (0..values).map(|_| plain.read().map(|value| (self.coder)(Some(value))));
        Ok(self.spread(codes.collect::<Result<_>>()?, present))
    }

    /// Puts the codes of the values and of the nulls in the order of the rows.
    fn spread(&self, codes: Vec<T>, present: Option<Vec<bool>>) -> Cursor<T> {
        let Some(present) = present else { return Cursor::Decoded { codes, at: 0 } };
        let null = (self.coder)(None);
        let mut codes = codes.into_iter();
        let spread =
            present.into_iter().map(|is| if is { codes.next().unwrap_or(null) } else { null });
        Cursor::Decoded { codes: spread.collect(), at: 0 }
    }
}

//! Page headers, read and written: Thrift structs in the compact protocol.
//!
//! `PageHeader` is described in <https://github.com/apache/parquet-format>. Statistics are dropped.

use parquet::errors::{ParquetError, Result};

use super::thrift::{FALSE, I32, Input, Output, STRUCT, TRUE};

/// The header of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    kind: i32,
    /// The size of the page's bytes before compression.
    pub uncompressed: usize,
    /// The size of the page's bytes as they are stored.
    pub compressed: usize,
    /// The checksum of the stored bytes.
    pub crc: Option<u32>,
    /// Numbers of a data page of version 1: values, encoding, encodings of its levels.
    v1: Option<[i32; 4]>,
    /// Numbers of a dictionary page: values, encoding.
    dictionary: Option<[i32; 2]>,
    /// What a data page of version 2 says.
    pub v2: Option<V2>,
}

/// The header of a data page of version 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct V2 {
    /// Values, nulls included.
    pub values: i32,
    /// Nulls.
    pub nulls: i32,
    /// Rows.
    pub rows: i32,
    /// The encoding of the values.
    pub encoding: i32,
    /// Bytes of definition levels.
    pub def_bytes: usize,
    /// Bytes of repetition levels.
    pub rep_bytes: usize,
    /// Whether what follows the levels is compressed.
    pub is_compressed: bool,
}

/// The encodings PLAIN_DICTIONARY and RLE_DICTIONARY.
const IN_DICTIONARY: [i32; 2] = [2, 8];
/// The kinds of pages that hold values. Others, such as those of an index, may lie between them.
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;
const DATA_PAGE_V2: i32 = 3;
/// Structs that may be nested in one another.
const DEPTH_MAX: u8 = 8;

impl PageHeader {
    /// The header at the beginning of some bytes, and its length.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut input = Input::new(bytes);
        let mut header = Self::default();
        let read = input.fields(|input, id, kind| {
            match (id, kind) {
                (1, I32) => header.kind = input.number()?,
                (2, I32) => header.uncompressed = input.size()?,
                (3, I32) => header.compressed = input.size()?,
                (4, I32) => header.crc = Some(input.number()?.cast_unsigned()),
                (5, STRUCT) => header.v1 = Some(input.numbers(DEPTH_MAX)?),
                (7, STRUCT) => header.dictionary = Some(input.numbers(DEPTH_MAX)?),
                (8, STRUCT) => header.v2 = Some(V2::read(input)?),
                _ => return input.skip(kind, DEPTH_MAX),
            }
            Some(())
        });
        let broken = || ParquetError::General("expected a page header, found none".to_owned());
        read.ok_or_else(broken)?;
        Ok((header, input.at()))
    }

    /// The encoding of its values, by its number.
    pub(super) fn encoding(&self) -> Option<i32> {
        let v1 = self.v1.map(|[_, encoding, ..]| encoding);
        v1.or(self.dictionary.map(|[_, encoding]| encoding)).or(self.v2.map(|v2| v2.encoding))
    }

    /// Whether its values are entries of the dictionary.
    pub(super) fn is_in_dictionary(&self) -> bool {
        self.encoding().is_some_and(|encoding| IN_DICTIONARY.contains(&encoding))
    }

    /// The encodings of the definition and of the repetition levels of a page of version 1.
    pub(super) fn level_encodings(&self) -> Option<[i32; 2]> {
        self.v1.map(|[_, _, definition, repetition]| [definition, repetition])
    }

    /// How many values it claims, nulls included.
    pub(super) fn values(&self) -> i32 {
        let v1 = self.v1.map(|[values, ..]| values);
        v1.or(self.dictionary.map(|[values, _]| values))
            .or(self.v2.map(|v2| v2.values))
            .unwrap_or(0)
    }

    /// Whether the page has something to read: it is a dictionary, or has rows.
    pub(super) fn has_content(&self) -> bool {
        match self.kind {
            DICTIONARY_PAGE => true,
            DATA_PAGE | DATA_PAGE_V2 => self.values() != 0,
            _ => false,
        }
    }

    /// Whether the page is a dictionary.
    pub(super) const fn is_dictionary(&self) -> bool {
        self.dictionary.is_some()
    }

    /// Appends the header.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut output = Output::new(out);
        output.number(1, self.kind);
        output.size(2, self.uncompressed);
        output.size(3, self.compressed);
        if let Some(crc) = self.crc {
            output.number(4, crc.cast_signed());
        }
        if let Some(numbers) = self.v1 {
            write_numbers(output.nested(5), &numbers);
        }
        if let Some(numbers) = self.dictionary {
            write_numbers(output.nested(7), &numbers);
        }
        if let Some(v2) = self.v2 {
            let mut inner = output.nested(8);
            inner.number(1, v2.values);
            inner.number(2, v2.nulls);
            inner.number(3, v2.rows);
            inner.number(4, v2.encoding);
            inner.size(5, v2.def_bytes);
            inner.size(6, v2.rep_bytes);
            inner.field(7, if v2.is_compressed { TRUE } else { FALSE });
            inner.end();
        }
        output.end();
    }
}

/// Writes a struct whose fields are numbers.
fn write_numbers(mut output: Output<'_>, numbers: &[i32]) {
    for (number, id) in numbers.iter().zip(1..) {
        output.number(id, *number);
    }
    output.end();
}

impl V2 {
    fn read(input: &mut Input<'_>) -> Option<Self> {
        // A page that does not say so is compressed.
        let mut v2 = Self { is_compressed: true, ..Self::default() };
        input.fields(|input, id, kind| {
            match (id, kind) {
                (1, I32) => v2.values = input.number()?,
                (2, I32) => v2.nulls = input.number()?,
                (3, I32) => v2.rows = input.number()?,
                (4, I32) => v2.encoding = input.number()?,
                (5, I32) => v2.def_bytes = input.size()?,
                (6, I32) => v2.rep_bytes = input.size()?,
                (7, TRUE | FALSE) => v2.is_compressed = kind == TRUE,
                _ => return input.skip(kind, DEPTH_MAX),
            }
            Some(())
        })?;
        Some(v2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers() -> impl Strategy<Value = PageHeader> {
        let v2 = (any::<[i32; 4]>(), 0_usize..1 << 30, 0_usize..1 << 30, any::<bool>());
        let v2 = v2.prop_map(|([values, nulls, rows, encoding], def_bytes, rep_bytes, is)| V2 {
            values,
            nulls,
            rows,
            encoding,
            def_bytes,
            rep_bytes,
            is_compressed: is,
        });
        (
            any::<i32>(),
            0_usize..1 << 30,
            any::<Option<u32>>(),
            any::<Option<[i32; 4]>>(),
            any::<Option<[i32; 2]>>(),
            prop::option::of(v2),
        )
            .prop_map(|(kind, size, crc, v1, dictionary, v2)| PageHeader {
                kind,
                uncompressed: size,
                compressed: size / 2,
                crc,
                v1,
                dictionary,
                v2,
            })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(header in headers(), after: Vec<u8>) {
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            let length = bytes.len();
            bytes.extend(after);
            prop_assert_eq!(PageHeader::read(&bytes).unwrap(), (header, length));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = PageHeader::read(&bytes);
        }
    }
}

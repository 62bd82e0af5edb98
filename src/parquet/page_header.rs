//! Page headers, read and written: Thrift structs in the compact protocol.
//!
//! `PageHeader` is described in <https://github.com/apache/parquet-format>. Statistics are dropped.

use parquet::errors::{ParquetError, Result};

use super::thrift::{FALSE, I32, Input, STRUCT, TRUE};

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

    /// How many values it claims, nulls included.
    pub(super) fn values(&self) -> i32 {
        let v1 = self.v1.map(|[values, ..]| values);
        v1.or(self.dictionary.map(|[values, _]| values))
            .or(self.v2.map(|v2| v2.values))
            .unwrap_or(0)
    }

    /// Whether the page is a dictionary.
    pub(super) const fn is_dictionary(&self) -> bool {
        self.dictionary.is_some()
    }

    /// Appends the header.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut output = Output { out, last: 0 };
        output.number(1, self.kind);
        output.size(2, self.uncompressed);
        output.size(3, self.compressed);
        if let Some(crc) = self.crc {
            output.number(4, crc.cast_signed());
        }
        if let Some(numbers) = self.v1 {
            output.numbers(5, &numbers);
        }
        if let Some(numbers) = self.dictionary {
            output.numbers(7, &numbers);
        }
        if let Some(v2) = self.v2 {
            output.begin(8);
            let mut inner = Output { out: &mut *output.out, last: 0 };
            inner.number(1, v2.values);
            inner.number(2, v2.nulls);
            inner.number(3, v2.rows);
            inner.number(4, v2.encoding);
            inner.size(5, v2.def_bytes);
            inner.size(6, v2.rep_bytes);
            inner.field(7, if v2.is_compressed { TRUE } else { FALSE });
            inner.out.push(0);
        }
        output.out.push(0);
    }
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

struct Output<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

impl Output<'_> {
    fn field(&mut self, id: u8, kind: u8) {
        self.out.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    fn begin(&mut self, id: u8) {
        self.field(id, STRUCT);
    }

    fn number(&mut self, id: u8, number: i32) {
        self.field(id, I32);
        let mut value = ((number << 1) ^ (number >> 31)).cast_unsigned();
        while value > 127 {
            self.out.push((value & 127) as u8 | 128);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn size(&mut self, id: u8, size: usize) {
        self.number(id, i32::try_from(size).unwrap_or(i32::MAX));
    }

    fn numbers(&mut self, id: u8, numbers: &[i32]) {
        self.begin(id);
        let mut inner = Output { out: &mut *self.out, last: 0 };
        for (number, id) in numbers.iter().zip(1..) {
            inner.number(id, *number);
        }
        inner.out.push(0);
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

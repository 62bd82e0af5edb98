//! Thrift's compact protocol. It is read from bytes that may say anything: no length is believed
//! before its bytes are seen, and nothing recurses deeper than the caller allows.

/// A boolean field that is true, and one that is false.
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
/// A number of 32 bits.
pub(super) const I32: u8 = 5;
/// A number of 64 bits.
pub(super) const I64: u8 = 6;
/// Text, or any bytes.
pub(super) const BINARY: u8 = 8;
/// A list.
pub(super) const LIST: u8 = 9;
/// A struct.
pub(super) const STRUCT: u8 = 12;

/// Bytes, and how far they have been read.
#[derive(Debug)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    /// Nothing read yet.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The fields of a struct, each given to `read` with its id and its type.
    pub(super) fn fields(
        &mut self,
        mut read: impl FnMut(&mut Self, i32, u8) -> Option<()>,
    ) -> Option<()> {
        let mut id = 0;
        loop {
            let byte = self.byte()?;
            if byte == 0 {
                return Some(());
            }
            id = match byte >> 4 {
                0 => self.number()?,
                distance => id + i32::from(distance),
            };
            if !(0..=1000).contains(&id) {
                return None;
            }
            read(self, id, byte & 15)?;
        }
    }

    /// The numbers of a struct whose first fields are such. Structs in it may be nested `depth`
    /// deep.
    pub(super) fn numbers<const N: usize>(&mut self, depth: u8) -> Option<[i32; N]> {
        let mut numbers = [0; N];
        self.fields(|input, id, kind| {
            let place = usize::try_from(id - 1).ok().and_then(|i| numbers.get_mut(i));
            match (place, kind) {
                (Some(number), I32) => *number = input.number()?,
                _ => return input.skip(kind, depth),
            }
            Some(())
        })?;
        Some(numbers)
    }

    /// The items of a list, each given to `read` with its type.
    pub(super) fn list(&mut self, mut read: impl FnMut(&mut Self, u8) -> Option<()>) -> Option<()> {
        let byte = self.byte()?;
        let length = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        // Every item has a byte at least, so no list is longer than what is left.
        if length > (self.bytes.len() - self.at) as u64 {
            return None;
        }
        // A list of booleans has a byte for each.
        let kind = if matches!(byte & 15, TRUE | FALSE) { 3 } else { byte & 15 };
        (0..length).try_for_each(|_| read(self, kind))
    }

    /// Skips a value in which structs and lists are nested at most `depth` deep.
    pub(super) fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            3 => drop(self.byte()?),
            4..=I64 => drop(self.varint()?),
            7 => self.advance(8)?,
            BINARY => drop(self.binary()?),
            LIST | 10 => {
                let depth = depth.checked_sub(1)?;
                self.list(|input, kind| input.skip(kind, depth))?;
            }
            STRUCT => {
                let depth = depth.checked_sub(1)?;
                self.fields(|input, _, kind| input.skip(kind, depth))?;
            }
            _ => return None,
        }
        Some(())
    }

    fn advance(&mut self, bytes: usize) -> Option<()> {
        self.take(bytes).map(drop)
    }

    /// The next so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..bytes)?;
        self.at += bytes;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// A number without a sign: seven bits a byte, the lowest first.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// A signed number of 32 bits, which is stored with its sign in the lowest bit.
    pub(super) fn number(&mut self) -> Option<i32> {
        i32::try_from(self.long()?).ok()
    }

    /// A signed number of 64 bits.
    pub(super) fn long(&mut self) -> Option<i64> {
        let stored = self.varint()?;
        Some((stored >> 1).cast_signed() ^ -((stored & 1).cast_signed()))
    }

    /// Bytes after their length.
    pub(super) fn binary(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    /// A value as its bytes, with structs and lists in it at most `depth` deep.
    pub(super) fn value(&mut self, kind: u8, depth: u8) -> Option<&'a [u8]> {
        let from = self.at;
        self.skip(kind, depth)?;
        self.bytes.get(from..self.at)
    }

    pub(super) fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }
}

/// A struct that is being written.
#[derive(Debug)]
pub(super) struct Output<'a> {
    out: &'a mut Vec<u8>,
    last: i32,
}

impl<'a> Output<'a> {
    /// A struct without fields yet.
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, last: 0 }
    }

    /// A field whose value is in its type.
    pub(super) fn field(&mut self, id: i32, kind: u8) {
        match id - self.last {
            distance @ 1..=15 => self.out.push((distance as u8) << 4 | kind),
            _ => {
                self.out.push(kind);
                push_number(self.out, id.into());
            }
        }
        self.last = id;
    }

    /// A field whose value is given as its bytes.
    pub(super) fn raw(&mut self, id: i32, kind: u8, value: &[u8]) {
        self.field(id, kind);
        self.out.extend_from_slice(value);
    }

    /// A number of 32 bits.
    pub(super) fn number(&mut self, id: i32, number: i32) {
        self.field(id, I32);
        push_number(self.out, number.into());
    }

    /// A number of 64 bits.
    pub(super) fn long(&mut self, id: i32, number: i64) {
        self.field(id, I64);
        push_number(self.out, number);
    }

    /// A number of bytes.
    pub(super) fn size(&mut self, id: i32, size: usize) {
        self.number(id, i32::try_from(size).unwrap_or(i32::MAX));
    }

    /// Bytes.
    pub(super) fn binary(&mut self, id: i32, bytes: &[u8]) {
        self.field(id, BINARY);
        push_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// A list of structs, each given as its bytes.
    pub(super) fn structs(&mut self, id: i32, structs: &[Vec<u8>]) {
        self.field(id, LIST);
        self.out.push(0xf0 | STRUCT);
        push_varint(self.out, structs.len() as u64);
        structs.iter().for_each(|one| self.out.extend_from_slice(one));
    }

    /// A struct in this one.
    pub(super) fn nested(&mut self, id: i32) -> Output<'_> {
        self.field(id, STRUCT);
        Output::new(self.out)
    }

    /// The end of the struct.
    pub(super) fn end(self) {
        self.out.push(0);
    }
}

fn push_number(out: &mut Vec<u8>, number: i64) {
    push_varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut out = Vec::new();
        let mut output = Output::new(&mut out);
        output.long(1, i64::MIN);
        output.binary(40, b"far");
        output.number(3, -1);
        output.structs(4, &vec![vec![0]; 20]);
        output.nested(5).end();
        output.field(6, TRUE);
        output.end();
        let mut input = Input::new(&out);
        let mut found = Vec::new();
        let read = input.fields(|input, id, kind| {
            found.push((id, kind));
            match kind {
                I64 => assert_eq!(input.long()?, i64::MIN),
                BINARY => assert_eq!(input.binary()?, b"far"),
                I32 => assert_eq!(input.number()?, -1),
                _ => drop(input.value(kind, 2)?),
            }
            Some(())
        });
        assert_eq!(read, Some(()));
        let kinds = [(1, I64), (40, BINARY), (3, I32), (4, LIST), (5, STRUCT), (6, TRUE)];
        assert_eq!(found, kinds);
        assert_eq!(input.at(), out.len());
    }

    #[test]
    fn a_list_is_not_longer_than_its_bytes_and_nothing_is_deeper_than_allowed() {
        // A list that claims 2^31 - 1 structs, and has two empty ones.
        let claims = [0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0];
        assert_eq!(Input::new(&claims).skip(LIST, 8), None);
        assert_eq!(Input::new(&[0x2c, 0, 0]).skip(LIST, 8), Some(()));
        // Lists of lists.
        let deep = [[0x19; 10_000].as_slice(), &[0x05]].concat();
        assert_eq!(Input::new(&deep).skip(LIST, u8::MAX), None);
    }
}

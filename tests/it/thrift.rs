//! Thrift's compact protocol, so that tests can change any number of a Parquet file's footer, its
//! page index and its page headers.

use std::fs;
use std::path::Path;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// A number, with its type's code: 3 for 8 bits, 4 for 16, 5 for 32, 6 for 64.
    Number(u8, i64),
    Double([u8; 8]),
    Binary(Vec<u8>),
    /// A list, with the code of its items' type.
    List(u8, Vec<Value>),
    Struct(Vec<(i16, Value)>),
}

pub(crate) fn i32(number: i64) -> Value {
    Value::Number(5, number)
}

pub(crate) fn i64(number: i64) -> Value {
    Value::Number(6, number)
}

impl Value {
    /// The struct at the beginning of some bytes, and its length.
    pub(crate) fn read(bytes: &[u8]) -> (Self, usize) {
        let mut rest = bytes;
        let value = read(12, &mut rest);
        (value, bytes.len() - rest.len())
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write(self, &mut out);
        out
    }

    /// The items of a list.
    pub(crate) fn items(&mut self) -> &mut Vec<Value> {
        match self {
            Self::List(_, items) => items,
            other => panic!("{other:?} is no list"),
        }
    }

    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Number(_, number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    fn fields(&mut self) -> &mut Vec<(i16, Value)> {
        match self {
            Self::Struct(fields) => fields,
            other => panic!("{other:?} is no struct"),
        }
    }

    pub(crate) fn find(&mut self, id: i16) -> Option<&mut Value> {
        self.fields().iter_mut().find(|(found, _)| *found == id).map(|(_, value)| value)
    }

    pub(crate) fn get(&mut self, id: i16) -> &mut Value {
        self.find(id).unwrap_or_else(|| panic!("there is no field {id}"))
    }

    pub(crate) fn set(&mut self, id: i16, value: Value) {
        self.remove(id);
        let fields = self.fields();
        fields.push((id, value));
        fields.sort_by_key(|(id, _)| *id);
    }

    pub(crate) fn remove(&mut self, id: i16) {
        self.fields().retain(|(found, _)| *found != id);
    }
}

fn varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = take(rest, 1)[0];
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return value;
        }
        shift += 7;
    }
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(bytes);
    *rest = left;
    taken
}

fn number(rest: &mut &[u8]) -> i64 {
    let stored = varint(rest);
    (stored >> 1) as i64 ^ -((stored & 1) as i64)
}

fn read(kind: u8, rest: &mut &[u8]) -> Value {
    match kind {
        1 | 2 => Value::Bool(kind == 1),
        3 => Value::Number(3, i64::from(take(rest, 1)[0])),
        4..=6 => Value::Number(kind, number(rest)),
        7 => Value::Double(take(rest, 8).try_into().unwrap()),
        8 => {
            let length = varint(rest) as usize;
            Value::Binary(take(rest, length).to_vec())
        }
        9 => {
            let head = take(rest, 1)[0];
            let length = if head >> 4 == 15 { varint(rest) } else { u64::from(head >> 4) };
            let item = |rest: &mut &[u8]| match head & 15 {
                1 | 2 => Value::Bool(take(rest, 1)[0] == 1),
                kind => read(kind, rest),
            };
            Value::List(head & 15, (0..length).map(|_| item(rest)).collect())
        }
        12 => {
            let (mut fields, mut id) = (Vec::new(), 0);
            loop {
                let head = take(rest, 1)[0];
                if head == 0 {
                    return Value::Struct(fields);
                }
                id = if head >> 4 == 0 { number(rest) as i16 } else { id + i16::from(head >> 4) };
                fields.push((id, read(head & 15, rest)));
            }
        }
        other => panic!("a value of type {other}"),
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn push_number(out: &mut Vec<u8>, number: i64) {
    push_varint(out, ((number << 1) ^ (number >> 63)) as u64);
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(_) => {}
        Value::Number(3, number) => out.push(*number as u8),
        Value::Number(_, number) => push_number(out, *number),
        Value::Double(bytes) => out.extend(bytes),
        Value::Binary(bytes) => {
            push_varint(out, bytes.len() as u64);
            out.extend(bytes);
        }
        Value::List(kind, items) => {
            out.push(0xf0 | kind);
            push_varint(out, items.len() as u64);
            for item in items {
                match item {
                    Value::Bool(is) => out.push(if *is { 1 } else { 2 }),
                    item => write(item, out),
                }
            }
        }
        Value::Struct(fields) => {
            let mut last = 0;
            for (id, value) in fields {
                let kind = match value {
                    Value::Bool(true) => 1,
                    Value::Bool(false) => 2,
                    Value::Number(kind, _) => *kind,
                    Value::Double(_) => 7,
                    Value::Binary(_) => 8,
                    Value::List(..) => 9,
                    Value::Struct(_) => 12,
                };
                match id - last {
                    distance @ 1..=15 => out.push((distance as u8) << 4 | kind),
                    _ => {
                        out.push(kind);
                        push_number(out, i64::from(*id));
                    }
                }
                last = *id;
                write(value, out);
            }
            out.push(0);
        }
    }
}

/// A Parquet file whose bytes can be changed.
pub(crate) struct File {
    /// All before the footer.
    pub body: Vec<u8>,
    /// `FileMetaData`.
    pub footer: Value,
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let mut body = fs::read(path).unwrap();
        let end = body.len() - 8;
        let length = u32::from_le_bytes(body[end..end + 4].try_into().unwrap()) as usize;
        let (footer, _) = Value::read(&body[end - length..end]);
        body.truncate(end - length);
        Self { body, footer }
    }

    pub(crate) fn write(&self, path: &Path) {
        let footer = self.footer.written();
        let length = (footer.len() as u32).to_le_bytes();
        fs::write(path, [&*self.body, &footer, &length, b"PAR1"].concat()).unwrap();
    }

    /// The name of each column, in order. There must be no groups.
    pub(crate) fn columns(&mut self) -> Vec<String> {
        let elements = self.footer.get(2).items().iter_mut().skip(1);
        let name = |element: &mut Value| match element.get(4) {
            Value::Binary(name) => String::from_utf8(name.clone()).unwrap(),
            other => panic!("{other:?} is no name"),
        };
        elements.map(name).collect()
    }

    /// The element of the schema of a column.
    pub(crate) fn element(&mut self, column: &str) -> &mut Value {
        let place = self.columns().iter().position(|name| name == column).unwrap();
        &mut self.footer.get(2).items()[place + 1]
    }

    /// The chunks of a column.
    pub(crate) fn chunks(&mut self, column: &str) -> Vec<&mut Value> {
        let place = self.columns().iter().position(|name| name == column).unwrap();
        let groups = self.footer.get(4).items().iter_mut();
        groups.map(|group| &mut group.get(1).items()[place]).collect()
    }

    /// Changes the header of every page of a column. The pages stay where they are, so a header may
    /// not grow.
    pub(crate) fn change_pages(&mut self, column: &str, change: impl Fn(&mut Value)) {
        let ranges = self.chunks(column).into_iter().map(|chunk| {
            let metadata = chunk.get(3);
            let dictionary = metadata.find(11).map(|offset| offset.number());
            let start = dictionary.unwrap_or_else(|| metadata.get(9).number()) as usize;
            start..start + metadata.get(7).number() as usize
        });
        for mut range in ranges.collect::<Vec<_>>() {
            while !range.is_empty() {
                let (mut header, length) = Value::read(&self.body[range.clone()]);
                let size = header.get(3).number() as usize;
                change(&mut header);
                let mut changed = header.written();
                assert!(changed.len() <= length, "{header:?} has grown");
                // A field that no reader knows, of as many bytes as are too many.
                if changed.len() < length {
                    let room = length - changed.len();
                    assert!(room >= 3, "no room for a field");
                    changed.pop();
                    changed.extend([8, 126, (room - 3) as u8]);
                    changed.extend(vec![0; room - 3]);
                    changed.push(0);
                }
                self.body[range.start..range.start + length].copy_from_slice(&changed);
                range.start += length + size;
            }
        }
    }
}

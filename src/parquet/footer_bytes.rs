//! A footer's bytes, before the Parquet crate decodes them.
//!
//! The crate takes some of them without a look, and those are checked here. Others it refuses, and
//! the whole file with them, though they are only hints or belong to one column that nobody may
//! ask for. Such a footer is written anew without them. What makes a column unreadable is kept as a
//! fault, for whoever does ask for it.

use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::faults::Faults;
use super::footer_chunks::{note, row_groups};
use super::footer_leaves::Leaves;
use super::guard::guarded;
use super::thrift::{BINARY, I32, Input, LIST, Output, STRUCT};

/// Groups of columns that may lie in one another. The crate recurses into them.
const SCHEMA_DEPTH_MAX: usize = 100;
/// Structs and lists of the footer that may lie in one another.
const DEPTH_MAX: u8 = 32;
/// The number of the type of byte arrays.
const BYTE_ARRAY: i32 = 6;

/// Checks what the crate would take from a footer's bytes without a look: the lengths of its lists,
/// and the depth of its schema. Returns which columns are encrypted, and which are given to others.
///
/// # Errors
/// What was found, in words.
pub(super) fn check(footer: &[u8]) -> Result<Faults, &'static str> {
    let (mut leaves, mut faults) = (Leaves::default(), Faults::default());
    let read = Input::new(footer).fields(|input, id, kind| match (id, kind) {
        (2, LIST) => {
            leaves = Leaves::read(input)?;
            Some(())
        }
        (4, LIST) => {
            let mut row_group = 0..;
            input.list(|input, kind| note(input, kind, row_group.next()?, &leaves, &mut faults))
        }
        _ => input.skip(kind, DEPTH_MAX),
    });
    if read.is_none() {
        return Err("a footer that ends inside one of its lists");
    }
    if leaves.depth > SCHEMA_DEPTH_MAX {
        return Err("a schema of more than 100 groups in one another");
    }
    Ok(faults)
}

/// What the crate decodes of a footer that it refuses, once all is left out that may be. First it
/// is given the statistics all the same.
///
/// # Errors
/// The crate's.
pub(super) fn decode_anew(footer: &[u8]) -> Result<(ParquetMetaData, Faults), ParquetError> {
    let decoded = |statistics| {
        let anew = anew(footer, statistics);
        let broken = || ParquetError::General("a footer that ends too early".to_owned());
        let (bytes, faults) = anew.ok_or_else(broken)?;
        Ok((guarded(|| ParquetMetaDataReader::decode_metadata(&bytes))?, faults))
    };
    decoded(true).or_else(|_: ParquetError| decoded(false))
}

/// The footer without hints, and without what makes the crate refuse a column.
fn anew(footer: &[u8], statistics: bool) -> Option<(Vec<u8>, Faults)> {
    let (mut out, mut faults) = (Vec::new(), Faults::default());
    let mut output = Output::new(&mut out);
    Input::new(footer).fields(|input, id, kind| {
        match (id, kind) {
            (2, LIST) => output.structs(2, &schema(input, &mut faults)?),
            (4, LIST) => output.structs(4, &row_groups(input, statistics, &mut faults)?),
            (5, LIST) => output.structs(5, &key_values(input)?),
            // The version, and the number of rows.
            (1 | 3, _) => output.raw(id, kind, input.value(kind, DEPTH_MAX)?),
            _ => input.skip(kind, DEPTH_MAX)?,
        }
        Some(())
    })?;
    output.end();
    Some((out, faults))
}

/// What programs wrote beside the data, as far as it is text.
fn key_values(input: &mut Input<'_>) -> Option<Vec<Vec<u8>>> {
    let mut kept = Vec::new();
    input.list(|input, kind| {
        let pair = input.value(kind, DEPTH_MAX)?;
        let mut is_text = kind == STRUCT;
        Input::new(pair).fields(|input, _, kind| {
            is_text &= match kind {
                BINARY => std::str::from_utf8(input.binary()?).is_ok(),
                kind => input.skip(kind, DEPTH_MAX).is_some(),
            };
            Some(())
        })?;
        kept.extend(is_text.then(|| pair.to_vec()));
        Some(())
    })?;
    Some(kept)
}

/// The elements of the schema, each as the crate takes it.
fn schema(input: &mut Input<'_>, faults: &mut Faults) -> Option<Vec<Vec<u8>>> {
    let mut elements = Vec::new();
    let mut leaves = 0;
    input.list(|input, kind| {
        let bytes = input.value(kind, DEPTH_MAX)?;
        let element = Element::read(bytes)?;
        let is_root = elements.is_empty();
        let is_leaf = !is_root && element.is_leaf();
        elements.push(if is_root || element.is_taken(bytes) {
            bytes.to_vec()
        } else {
            let (bytes, fault) = element.mended();
            if let Some(fault) = fault.filter(|_| is_leaf) {
                faults.leaves.insert(leaves, fault.to_owned());
            }
            bytes
        });
        leaves += usize::from(is_leaf);
        Some(())
    })?;
    Some(elements)
}

/// What matters of an element of the schema.
#[derive(Default)]
struct Element<'a> {
    physical: Option<i32>,
    length: Option<i32>,
    repetition: Option<i32>,
    name: &'a [u8],
    children: Option<i32>,
    logical: Option<&'a [u8]>,
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut element = Self::default();
        Input::new(bytes).fields(|input, id, kind| {
            match (id, kind) {
                (1, I32) => element.physical = Some(input.number()?),
                (2, I32) => element.length = Some(input.number()?),
                (3, I32) => element.repetition = Some(input.number()?),
                (4, BINARY) => element.name = input.binary()?,
                (5, I32) => element.children = Some(input.number()?),
                (10, STRUCT) => element.logical = Some(input.value(kind, DEPTH_MAX)?),
                _ => input.skip(kind, DEPTH_MAX)?,
            }
            Some(())
        })?;
        Some(element)
    }

    /// Whether it is a column. Some writers give columns children, namely 0.
    fn is_leaf(&self) -> bool {
        self.physical.is_some() && self.children.is_none_or(|children| children == 0)
    }

    /// Whether the crate takes the element as it is. A group is tried without its children.
    fn is_taken(&self, bytes: &[u8]) -> bool {
        let alone = if self.is_leaf() { Some(bytes.to_vec()) } else { without_children(bytes) };
        alone.is_some_and(|alone| is_schema(&alone))
    }

    /// The same element as the crate takes it, and what was wrong if its values may now be taken
    /// for others. Of its annotations the logical type is tried by itself: whatever else there is
    /// says the same in an older way. Without any, and in the last resort, its values are bytes.
    fn mended(&self) -> (Vec<u8>, Option<&'static str>) {
        let logical = self.written(self.physical, self.logical);
        if self.logical.is_some() && self.is_leaf() && is_schema(&logical) {
            return (logical, None);
        }
        let bare = self.written(self.physical, None);
        if !self.is_leaf() || is_schema(&bare) {
            let found = "one whose type has an annotation that is not known or does not fit";
            return (bare, Some(found));
        }
        let found = "one of a type that Parquet does not have";
        (self.written(Some(BYTE_ARRAY), None), Some(found))
    }

    fn written(&self, physical: Option<i32>, logical: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut output = Output::new(&mut out);
        let name = String::from_utf8_lossy(self.name);
        let numbers = [(1, physical), (2, self.length), (3, self.repetition)];
        numbers.iter().for_each(|&(id, number)| {
            if let Some(number) = number {
                output.number(id, number);
            }
        });
        output.binary(4, name.as_bytes());
        if let Some(children) = self.children {
            output.number(5, children);
        }
        if let Some(logical) = logical {
            if let Some([scale, precision]) = decimal(logical) {
                output.number(7, scale);
                output.number(8, precision);
            }
            output.raw(10, STRUCT, logical);
        }
        output.end();
        out
    }
}

/// Scale and precision of a logical type that is a decimal.
fn decimal(logical: &[u8]) -> Option<[i32; 2]> {
    let mut decimal = None;
    Input::new(logical).fields(|input, id, kind| {
        match (id, kind) {
            (5, STRUCT) => decimal = Some(input.numbers(DEPTH_MAX)?),
            _ => input.skip(kind, DEPTH_MAX)?,
        }
        Some(())
    })?;
    decimal
}

/// An element without the number of its children.
fn without_children(element: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut output = Output::new(&mut out);
    Input::new(element).fields(|input, id, kind| {
        let value = input.value(kind, DEPTH_MAX)?;
        if id != 5 {
            output.raw(id, kind, value);
        }
        Some(())
    })?;
    output.end();
    Some(out)
}

/// Whether the crate takes a schema of only this element.
fn is_schema(element: &[u8]) -> bool {
    let (mut root, mut out) = (Vec::new(), Vec::new());
    let mut output = Output::new(&mut root);
    output.binary(4, b"schema");
    output.number(5, 1);
    output.end();
    let mut output = Output::new(&mut out);
    output.structs(2, &[root, element.to_vec()]);
    output.end();
    guarded(|| ParquetMetaDataReader::decode_schema(&out)).is_ok()
}

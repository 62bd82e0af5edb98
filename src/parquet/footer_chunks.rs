//! The row groups of a footer's bytes: which columns of theirs are encrypted or given to others,
//! and what is needed to read the rest.

use super::faults::Faults;
use super::footer_leaves::Leaves;
use super::thrift::{I32, I64, Input, LIST, Output, STRUCT};

/// Structs and lists of a row group that may lie in one another.
const DEPTH_MAX: u8 = 30;
/// The codecs that Parquet has, by their numbers.
const CODECS: std::ops::RangeInclusive<i32> = 0..=7;
/// A length that no chunk has.
const NOWHERE: i64 = -1;
/// What is said of a column that is encrypted.
const ENCRYPTED: &str = "one that is encrypted, for which this job takes no key";

/// Notes which leaves are encrypted in a row group, and which it takes for others than the schema
/// does.
pub(super) fn note<'a>(
    input: &mut Input<'a>,
    kind: u8,
    row_group: usize,
    leaves: &Leaves<'a>,
    faults: &mut Faults,
) -> Option<()> {
    if kind != STRUCT {
        return input.skip(kind, DEPTH_MAX);
    }
    input.fields(|input, id, kind| {
        if (id, kind) != (1, LIST) {
            return input.skip(kind, DEPTH_MAX);
        }
        let mut leaf = 0..;
        input.list(|input, kind| {
            let leaf = leaf.next()?;
            if kind != STRUCT {
                return input.skip(kind, DEPTH_MAX);
            }
            input.fields(|input, id, kind| {
                if is_encryption(id) {
                    faults.chunks.insert((row_group, leaf), ENCRYPTED.to_owned());
                }
                if (id, kind) != (3, STRUCT) {
                    return input.skip(kind, DEPTH_MAX);
                }
                input.fields(|input, id, kind| {
                    if (id, kind) != (3, LIST) {
                        return input.skip(kind, DEPTH_MAX);
                    }
                    if let Err(other) = leaves.check(leaf, input)? {
                        let fault = format!("one whose pages a row group gives to {other:?}");
                        faults.leaves.insert(leaf, fault);
                    }
                    Some(())
                })
            })
        })
    })
}

/// Whether a field of a chunk says how it is encrypted.
const fn is_encryption(id: i32) -> bool {
    matches!(id, 8 | 9)
}

/// The row groups, with only what is needed to read them.
pub(super) fn row_groups(
    input: &mut Input<'_>,
    statistics: bool,
    faults: &mut Faults,
) -> Option<Vec<Vec<u8>>> {
    let mut groups = Vec::new();
    input.list(|input, kind| {
        if kind != STRUCT {
            return None;
        }
        let mut out = Vec::new();
        let mut output = Output::new(&mut out);
        input.fields(|input, id, kind| {
            match (id, kind) {
                (1, LIST) => {
                    let mut chunks = Vec::new();
                    input.list(|input, kind| {
                        let place = (groups.len(), chunks.len());
                        let bytes = Input::new(input.value(kind, DEPTH_MAX)?);
                        chunks.push(chunk(bytes, statistics, |fault| {
                            faults.chunks.insert(place, fault);
                        })?);
                        Some(())
                    })?;
                    output.structs(1, &chunks);
                }
                // Their bytes, and their rows.
                (2 | 3, _) => output.raw(id, kind, input.value(kind, DEPTH_MAX)?),
                _ => input.skip(kind, DEPTH_MAX)?,
            }
            Some(())
        })?;
        output.end();
        groups.push(out);
        Some(())
    })?;
    Some(groups)
}

/// A column chunk.
fn chunk(mut input: Input<'_>, statistics: bool, mut note: impl FnMut(String)) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut output = Output::new(&mut out);
    let (mut metadata, mut fault) = (None, None);
    input.fields(|input, id, kind| {
        match (id, kind) {
            (3, STRUCT) => metadata = Some(Metadata::read(input)?),
            // Where its page index lies.
            (4..=7, I32 | I64) => output.raw(id, kind, input.value(kind, DEPTH_MAX)?),
            _ => {
                if is_encryption(id) {
                    fault = Some(ENCRYPTED.to_owned());
                }
                input.skip(kind, DEPTH_MAX)?;
            }
        }
        Some(())
    })?;
    output.long(2, 0);
    let metadata = metadata.unwrap_or_default();
    if let Some(fault) = fault.or_else(|| metadata.fault()) {
        note(fault);
    }
    metadata.write(output.nested(3), statistics);
    output.end();
    Some(out)
}

/// What is needed to read a column chunk.
#[derive(Default)]
struct Metadata<'a> {
    codec: Option<i32>,
    values: Option<i64>,
    uncompressed: Option<i64>,
    compressed: Option<i64>,
    data_page: Option<i64>,
    dictionary_page: Option<i64>,
    statistics: Option<&'a [u8]>,
}

impl<'a> Metadata<'a> {
    fn read(input: &mut Input<'a>) -> Option<Self> {
        let mut metadata = Self::default();
        input.fields(|input, id, kind| {
            match (id, kind) {
                (4, I32) => metadata.codec = Some(input.number()?),
                (5, I64) => metadata.values = Some(input.long()?),
                (6, I64) => metadata.uncompressed = Some(input.long()?),
                (7, I64) => metadata.compressed = Some(input.long()?),
                (9, I64) => metadata.data_page = Some(input.long()?),
                (11, I64) => metadata.dictionary_page = Some(input.long()?),
                (12, STRUCT) => metadata.statistics = Some(input.value(kind, DEPTH_MAX)?),
                _ => input.skip(kind, DEPTH_MAX)?,
            }
            Some(())
        })?;
        Some(metadata)
    }

    fn fault(&self) -> Option<String> {
        match self.codec {
            Some(codec) if !CODECS.contains(&codec) => {
                return Some(format!("one in a codec that is not known, number {codec}"));
            }
            _ => {}
        }
        let all = self.values.and(self.compressed).and(self.data_page);
        let missing = all.is_none() || self.codec.is_none();
        missing.then(|| "one of which the footer does not say where and how it lies".to_owned())
    }

    fn write(&self, mut output: Output<'_>, statistics: bool) {
        let compressed = self.compressed.filter(|_| self.fault().is_none());
        // No list of encodings: it is only a hint.
        output.raw(2, LIST, &[I32]);
        output.number(4, self.codec.filter(|codec| CODECS.contains(codec)).unwrap_or(0));
        output.long(5, self.values.unwrap_or(0));
        output.long(6, self.uncompressed.unwrap_or(0));
        output.long(7, compressed.unwrap_or(NOWHERE));
        output.long(9, self.data_page.unwrap_or(0));
        if let Some(dictionary_page) = self.dictionary_page {
            output.long(11, dictionary_page);
        }
        if let Some(found) = self.statistics.filter(|_| statistics) {
            output.raw(12, STRUCT, found);
        }
        output.end();
    }
}

//! Columns of text (SPEC 2, *Types* and *Text*).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringViewArray};
use arrow_schema::DataType;

use super::values::{cast_to, plain};
use crate::rejects::TextFault;
use crate::reports::Piece;

/// A column of text. Integers and decimals without a fraction are read as their decimal text.
///
/// Rows that have a text in common share it, as those of a dictionary do.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The texts. One that is not UTF-8 is null here.
    texts: Option<StringViewArray>,
    /// The rows whose text rejects them, ascending, and why.
    faults: Vec<(usize, TextFault)>,
}

/// The longest text that the job reads, in bytes (SPEC 2, *Text*).
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// What is wrong with a text that the job reads.
fn fault(text: &[u8]) -> Option<TextFault> {
    if std::str::from_utf8(text).is_err() {
        Some(TextFault::NotUtf8)
    } else {
        (text.len() > TEXT_BYTES_MAX).then_some(TextFault::TooLong)
    }
}

/// A column of texts that hardly ever repeat.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// All of its texts, one after the other.
    all: Arc<str>,
    /// The place of each row's text in it.
    at: Vec<Option<Range<usize>>>,
    /// The rows whose text rejects them, ascending, and why.
    faults: Vec<(usize, TextFault)>,
}

impl Texts {
    /// The values of a column, or nulls if the file has none.
    pub fn new(column: Option<&ArrayRef>) -> Self {
        let bytes = column.and_then(|column| match column.data_type() {
            DataType::Dictionary(_, values) if values.is_binary() || values.is_string() => {
                cast_to(Some(column), &DataType::BinaryView)
            }
            DataType::Dictionary(..) => bytes_of(&plain(Some(column))?),
            _ => bytes_of(column),
        });
        let Some(bytes) = bytes.as_ref().map(|bytes| bytes.as_binary_view()) else {
            return Self { texts: None, faults: Vec::new() };
        };
        let mut faults = Vec::new();
        for (row, text) in bytes.iter().enumerate() {
            faults.extend(text.and_then(fault).map(|fault| (row, fault)));
        }
        if faults.iter().all(|&(_, fault)| fault == TextFault::TooLong) {
            return Self { texts: bytes.clone().to_string_view().ok(), faults };
        }
        let mut sound = StringViewBuilder::new().with_deduplicate_strings();
        for text in bytes.iter() {
            sound.append_option(text.and_then(|text| std::str::from_utf8(text).ok()));
        }
        Self { texts: Some(sound.finish()), faults }
    }

    /// The text in a row. One that is not UTF-8 is null.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.texts.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    /// What is wrong with the row's text. SPEC 2 rejects such a row.
    pub fn fault(&self, row: usize) -> Option<TextFault> {
        fault_of(&self.faults, row)
    }
}

/// Texts longer than this are stored once. Looking up shorter ones would cost more than it saves.
const LONG_BYTES: usize = 1 << 10;

impl Pieces {
    /// The values of a column, or nulls if the file has none.
    pub(super) fn new(column: Option<&ArrayRef>) -> Self {
        let mut all = String::new();
        let mut at = Vec::new();
        let texts = Texts::new(column);
        let mut long: HashMap<&str, Range<usize>> = HashMap::new();
        for text in texts.texts.iter().flatten() {
            at.push(text.map(|text| {
                if let Some(known) = long.get(text) {
                    return known.clone();
                }
                let begin = all.len();
                all.push_str(text);
                if text.len() > LONG_BYTES {
                    long.insert(text, begin..all.len());
                }
                begin..all.len()
            }));
        }
        Self { all: all.into(), at, faults: texts.faults }
    }

    /// The text in a row.
    pub(super) fn get(&self, row: usize) -> Option<Piece> {
        Piece::of(&self.all, self.at.get(row)?.clone()?)
    }

    /// What is wrong with the row's text.
    pub(super) fn fault(&self, row: usize) -> Option<TextFault> {
        fault_of(&self.faults, row)
    }
}

/// A column of texts or of numbers as the bytes of its texts.
fn bytes_of(column: &ArrayRef) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::BinaryView => Some(column.clone()),
        found if found.is_binary() || found.is_string() => {
            cast_to(Some(column), &DataType::BinaryView)
        }
        _ => cast_to(cast_to(Some(column), &DataType::Utf8).as_ref(), &DataType::BinaryView),
    }
}

fn fault_of(faults: &[(usize, TextFault)], row: usize) -> Option<TextFault> {
    faults.binary_search_by_key(&row, |&(row, _)| row).ok().map(|at| faults[at].1)
}

#[cfg(test)]
mod tests {
    use arrow::array::*;

    use super::*;

    #[test]
    fn text_comes_as_any_string_or_integer_and_in_dictionaries() {
        let of = |array: ArrayRef| Texts::new(Some(&array)).get(0).unwrap().to_owned();
        assert_eq!(of(Arc::new(StringArray::from(vec!["a"]))), "a");
        assert_eq!(of(Arc::new(LargeStringArray::from(vec!["a"]))), "a");
        assert_eq!(of(Arc::new(StringViewArray::from(vec!["a"]))), "a");
        assert_eq!(
            of(Arc::new(
                vec!["a"].into_iter().collect::<DictionaryArray<arrow_array::types::Int8Type>>()
            )),
            "a"
        );
        assert_eq!(of(Arc::new(Int32Array::from(vec![-327]))), "-327");
        assert_eq!(of(Arc::new(UInt64Array::from(vec![u64::MAX]))), "18446744073709551615");
        assert_eq!(of(Arc::new(BinaryArray::from(vec![&b"a"[..]]))), "a");
        assert_eq!(of(Arc::new(BinaryViewArray::from(vec![&b"a"[..]]))), "a");
        let whole = Decimal128Array::from(vec![-327]).with_precision_and_scale(38, 0).unwrap();
        assert_eq!(of(Arc::new(whole)), "-327");
        assert_eq!(Texts::new(None).get(7), None);
    }

    #[test]
    fn a_text_that_is_not_utf_8_is_null_and_marked_and_the_others_are_read() {
        let bytes = [Some(&b"a"[..]), Some(&b"\xff"[..]), None, Some(&b"b"[..])];
        let array: ArrayRef = Arc::new(BinaryArray::from_iter(bytes));
        let texts = Texts::new(Some(&array));
        assert_eq!([0, 1, 2, 3].map(|row| texts.get(row)), [Some("a"), None, None, Some("b")]);
        let fault = Some(TextFault::NotUtf8);
        assert_eq!([0, 1, 2, 3].map(|row| texts.fault(row)), [None, fault, None, None]);
    }

    #[test]
    fn a_text_of_a_mebibyte_is_sound_and_a_longer_one_is_marked() {
        let texts = ["x".repeat(TEXT_BYTES_MAX), "x".repeat(TEXT_BYTES_MAX + 1)];
        let long = [texts[1].as_bytes(), b"\xff"].concat();
        let bytes = [texts[0].as_bytes(), texts[1].as_bytes(), &long];
        let array: ArrayRef = Arc::new(BinaryArray::from_vec(bytes.to_vec()));
        let read = Texts::new(Some(&array));
        assert_eq!(read.get(0), Some(texts[0].as_str()));
        assert_eq!([1, 2].map(|row| read.get(row)), [Some(texts[1].as_str()), None]);
        let faults = [None, Some(TextFault::TooLong), Some(TextFault::NotUtf8)];
        assert_eq!([0, 1, 2].map(|row| read.fault(row)), faults);
    }

    #[test]
    fn a_text_that_many_rows_share_is_held_once() {
        let text = "x".repeat(TEXT_BYTES_MAX);
        let keys = vec![0; 2_000].into_iter().map(Some).collect::<Int32Array>();
        let values: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
        let array: ArrayRef = Arc::new(DictionaryArray::try_new(keys, values).unwrap());
        let texts = Texts::new(Some(&array));
        assert_eq!(texts.get(1_999), Some(text.as_str()));
        let held = texts.texts.unwrap().get_buffer_memory_size();
        assert!(held < 4 * TEXT_BYTES_MAX, "{held}");
    }
}

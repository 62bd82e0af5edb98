//! Values as the page's scripts read them: instants, amounts, and texts of bounded length.

use cohort_core::{Money, Timestamp};
use serde::{Serialize, Serializer};

/// The longest text of the data that the page carries, but for stores, by which it finds things.
const TEXT_CHARS_MAX: usize = 2_000;

/// A text as the page carries it: cut with an ellipsis if it is very long.
pub(super) fn bounded(text: &str) -> String {
    cut(text, TEXT_CHARS_MAX)
}

/// A text, cut with an ellipsis if it has more characters.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An instant in seconds: a whole number if it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seconds(pub i64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000_000 == 0 {
            to.serialize_i64(self.0 / 1_000_000)
        } else {
            to.serialize_f64(self.0 as f64 / 1e6)
        }
    }
}

impl From<Timestamp> for Seconds {
    fn from(at: Timestamp) -> Self {
        Self(at.as_us())
    }
}

/// An amount as a number: a whole one if it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Amount(pub Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let units = self.0.units();
        if units % 10_000 == 0 {
            to.serialize_i64(units / 10_000)
        } else {
            to.serialize_f64(units as f64 / 10_000.0)
        }
    }
}

//! Who is who: hashed ids of reports and events, and the readable cohort id (SPEC 3).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Timestamp;

/// A lower-case hexadecimal SHA-256: 64 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id([u8; 64]);

impl Id {
    /// `id(store_id, t)`: the hash of the store's bytes followed by the instant's 27 characters.
    ///
    /// ```
    /// # use cohort_core::{Id, Timestamp};
    /// let onset: Timestamp = "2025-01-01T11:55:00Z".parse()?;
    /// let id = Id::of("327", onset);
    /// assert_eq!(id.as_str().len(), 64);
    /// # Ok::<(), cohort_core::TimeError>(())
    /// ```
    pub fn of(store_id: &str, at: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(store_id.as_bytes());
        hash.update(at.to_string().as_bytes());
        Self::from_digest(&hash.finalize().into())
    }

    /// The hexadecimal form of a digest.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        Self(text)
    }

    /// The id with these 64 characters; `None` for any other text.
    ///
    /// ```
    /// # use cohort_core::Id;
    /// let text = "a246cad76255a517e1f1fecdb371a00975d876adc75600ebc6cf056402feadf9";
    /// assert_eq!(Id::parse(text).unwrap().as_str(), text);
    /// assert_eq!(Id::parse(&text.to_uppercase()), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text: [u8; 64] = text.as_bytes().try_into().ok()?;
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.iter().all(is_hex).then_some(Self(text))
    }

    /// The 64 characters.
    pub fn as_str(&self) -> &str {
        // Every byte comes from the table of hexadecimal digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What the rows of one event share: its ids and its name.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// `store_id`.
    pub store_id: &'a str,
    /// `report_group_id` and `event_id`.
    pub id: Id,
    /// `cohort_id`.
    pub cohort_id: String,
    /// `cohort_name` of an event without a cause or a cluster.
    base_name: String,
}

impl<'a> Names<'a> {
    /// The names of the store's event that opened at an instant.
    #[must_use]
    pub fn new(store_id: &'a str, opened_at: Timestamp) -> Self {
        Self {
            store_id,
            id: Id::of(store_id, opened_at),
            cohort_id: cohort_id(store_id, opened_at),
            base_name: base_name(store_id, opened_at),
        }
    }

    /// Appends `cohort_name`: the base name, then the cause or else the cluster, if there is one.
    pub fn cohort_name(&self, label: Option<&str>, to: &mut String) {
        to.push_str(&self.base_name);
        if let Some(label) = label {
            to.push_str(", ");
            to.push_str(label);
        }
    }
}

/// The most bytes that `cohort_id` and the base name add to the store's id.
const COHORT_TIME_BYTES_MAX: usize = ":YYYYMMDDTHHMMSS.ffffffZ".len();
const BASE_NAME_BYTES: usize = "Store , YYYY-MM-DD HH:MM UTC".len();

/// `store_id:YYYYMMDDTHHMMSSZ`, with `.ffffff` before the `Z` only if the microseconds are not
/// zero.
pub(crate) fn cohort_id(store_id: &str, opened_at: Timestamp) -> String {
    let at = opened_at.civil();
    let mut id = String::with_capacity(store_id.len() + COHORT_TIME_BYTES_MAX);
    // Writing to a string cannot fail.
    let _ = write!(
        id,
        "{store_id}:{:04}{:02}{:02}T{:02}{:02}{:02}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let us = at.subsec_nanosecond() / 1000;
    if us != 0 {
        let _ = write!(id, ".{us:06}");
    }
    id.push('Z');
    id
}

/// `Store <store_id>, <YYYY-MM-DD HH:MM> UTC`: the name of an event whose cause is not known yet.
pub(crate) fn base_name(store_id: &str, opened_at: Timestamp) -> String {
    let at = opened_at.civil();
    let mut name = String::with_capacity(store_id.len() + BASE_NAME_BYTES);
    name.push_str("Store ");
    name.push_str(store_id);
    name.push_str(", ");
    let year = at.year().unsigned_abs();
    two_digits(&mut name, (year / 100) as u8);
    two_digits(&mut name, (year % 100) as u8);
    let rest = [('-', at.month()), ('-', at.day()), (' ', at.hour()), (':', at.minute())];
    for (before, number) in rest {
        name.push(before);
        two_digits(&mut name, number.unsigned_abs());
    }
    name.push_str(" UTC");
    name
}

/// Appends a number below 100. A registry names millions of rows, and formatting took a tenth of
/// its time.
fn two_digits(to: &mut String, number: u8) {
    to.push(char::from(b'0' + number / 10));
    to.push(char::from(b'0' + number % 10));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_id_hashes_the_store_followed_by_27_characters() {
        // printf %s '3272025-01-01T11:55:00.000000Z' | sha256sum
        assert_eq!(
            Id::of("327", at("2025-01-01T11:55:00Z")).as_str(),
            "a246cad76255a517e1f1fecdb371a00975d876adc75600ebc6cf056402feadf9"
        );
    }

    #[test]
    fn the_cohort_id_has_microseconds_only_if_they_are_not_zero() {
        assert_eq!(cohort_id("327", at("2025-01-01T11:55:00Z")), "327:20250101T115500Z");
        assert_eq!(
            cohort_id("a:b", at("0987-06-05T04:03:02.000010Z")),
            "a:b:09870605T040302.000010Z"
        );
        assert_eq!(
            base_name("327", at("2025-01-01T11:55:59.9Z")),
            "Store 327, 2025-01-01 11:55 UTC"
        );
    }
}

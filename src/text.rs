//! Values whose JSON form is their text: instants, durations, URIs and ids, as the contract writes
//! them.
//!
//! It serves `#[serde(with = "...")]`, so that the core types know nothing of JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::path::Path;
use std::str::FromStr;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::objects::Uri;
use cohort_core::{Interval, Timestamp};

/// Writes the value as [`Display`] has it.
///
/// # Errors
/// The serializer's own.
pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Reads the value as [`FromStr`] does.
///
/// # Errors
/// If the JSON is not a string, or the string is not such a value.
pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// The most members of an object whose keys are names of columns or reasons.
const MEMBERS_MAX: usize = 1000;

/// Reads an object with few members. They take many times the room of their text.
///
/// # Errors
/// If it has more than any run writes, and the deserializer's own.
pub(crate) fn few<'de, V, D>(from: D) -> Result<BTreeMap<String, V>, D::Error>
where
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Few<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Few<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an object of at most {MEMBERS_MAX} members")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            let mut members = BTreeMap::new();
            while let Some((key, value)) = object.next_entry()? {
                if members.len() == MEMBERS_MAX {
                    return Err(A::Error::invalid_length(MEMBERS_MAX + 1, &self));
                }
                members.insert(key, value);
            }
            Ok(members)
        }
    }

    from.deserialize_map(Few(PhantomData))
}

/// A value that may be absent.
pub(crate) mod option {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer};
    use serde::de::Error as _;

    /// Writes the value as [`Display`] has it, or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    /// Reads the value as [`FromStr`] does; null is none.
    ///
    /// # Errors
    /// If the JSON is neither null nor a string, or the string is not such a value.
    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

/// The bytes without a UTF-8 byte order mark, which some tools write before a JSON document.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// An absolute URI as its text.
pub(crate) mod uri {
    use super::{Deserialize, Deserializer, Path, Serializer, Uri};
    use serde::de::Error as _;

    /// Writes the absolute URI.
    ///
    /// # Errors
    /// The serializer's own.
    pub(crate) fn serialize<S: Serializer>(uri: &Uri, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(uri)
    }

    /// Reads an absolute URI. What a storage may hold under a name, it may hold here: a control
    /// character is refused where a manifest is read, and escaped where a URI is shown.
    ///
    /// # Errors
    /// If the JSON is not a string, or the string is not an absolute URI.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Uri, D::Error> {
        let text = String::deserialize(from)?;
        if !text.contains("://") {
            return Err(D::Error::custom(format!("expected an absolute URI, found {text:?}")));
        }
        Uri::from_argument(Path::new("/"), &text).map_err(D::Error::custom)
    }

    /// An absolute URI that may be absent.
    pub(crate) mod option {
        use super::{Deserializer, Serializer, Uri};

        /// Writes the URI, or null.
        ///
        /// # Errors
        /// The serializer's own.
        pub(crate) fn serialize<S: Serializer>(
            uri: &Option<Uri>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match uri {
                Some(uri) => super::serialize(uri, to),
                None => to.serialize_none(),
            }
        }

        /// Reads a URI. It is never called for an absent one.
        ///
        /// # Errors
        /// As for a URI.
        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Uri>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

/// An interval as `{"start": ..., "end": ...}`.
pub(crate) mod interval {
    use super::{Deserialize, Deserializer, Interval, Serialize, Serializer, Timestamp};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ends {
        #[serde(with = "super")]
        start: Timestamp,
        #[serde(with = "super")]
        end: Timestamp,
    }

    /// Writes both ends.
    ///
    /// # Errors
    /// The serializer's own.
    pub(crate) fn serialize<S: Serializer>(interval: &Interval, to: S) -> Result<S::Ok, S::Error> {
        Ends { start: interval.start, end: interval.end }.serialize(to)
    }

    /// Reads both ends.
    ///
    /// # Errors
    /// If one is missing or is not an instant.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Interval, D::Error> {
        Ends::deserialize(from).map(|ends| Interval { start: ends.start, end: ends.end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Place(#[serde(with = "uri")] Uri);

    /// A control character in a file's name was once written, and never read again.
    #[test]
    fn every_uri_that_is_written_is_read() {
        let texts: Vec<(String, usize)> =
            serde_json::from_str(include_str!("../tests/hostile.json")).unwrap();
        let names = texts.iter().map(|(text, _)| text.as_str()).chain(["a\tb", "\u{7f}", "%09"]);
        for name in names {
            for prefix in ["s3://lake/", "file:///lake/"] {
                let place =
                    Uri::from_argument(Path::new("/"), &format!("{prefix}x{name}")).unwrap();
                let json = serde_json::to_string(&Place(place.clone())).unwrap();
                assert_eq!(serde_json::from_str::<Place>(&json).unwrap(), Place(place));
            }
        }
    }
}

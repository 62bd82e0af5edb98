//! The name of a run, and the folder that holds what the run writes.

use std::fmt;
use std::str::FromStr;

use cohort_core::{RunIdError, check_run_id};
use serde::{Deserialize, Serialize};

/// The name of a run: 1 to 250 characters of `A-Za-z0-9._:+@=~-`.
///
/// ```
/// use cohort::RunId;
///
/// let run: RunId = "scheduled__2025-01-01T00:00:00+00:00".parse()?;
/// assert_eq!(run.path_segment(), "run=scheduled__2025-01-01T00%3A00%3A00%2B00%3A00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    const KEY: &'static str = "run=";

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `run=<run_id>`, every byte outside `A-Za-z0-9._-` percent-encoded, as Hive-style readers
    /// decode it.
    pub fn path_segment(&self) -> String {
        let mut segment = String::from(Self::KEY);
        for byte in self.0.bytes() {
            if is_plain(byte) {
                segment.push(char::from(byte));
            } else {
                segment.push_str(&format!("%{byte:02X}"));
            }
        }
        segment
    }

    /// Reads what [`RunId::path_segment`] wrote; `None` for any other text.
    pub fn from_path_segment(segment: &str) -> Option<Self> {
        let mut rest = segment.strip_prefix(Self::KEY)?;
        let mut text = String::new();
        while let Some(next) = rest.chars().next() {
            let taken = if next == '%' {
                let byte = u8::from_str_radix(rest.get(1..3)?, 16).ok()?;
                text.push(char::from(byte));
                3
            } else {
                text.push(next);
                next.len_utf8()
            };
            rest = &rest[taken..];
        }
        // Only the canonical spelling counts, so that no two folders belong to one run.
        text.parse().ok().filter(|run: &Self| run.path_segment() == segment)
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        check_run_id(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<Self, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn run_ids_are_1_to_250_allowed_characters() {
        assert_eq!("".parse::<RunId>(), Err(RunIdError::Empty));
        assert!("x".repeat(250).parse::<RunId>().is_ok());
        assert_eq!("x".repeat(251).parse::<RunId>(), Err(RunIdError::TooLong(251)));
        for text in ["a/b", "a b", "a%b", "ä", "a\n", "a\0", "a\\b"] {
            assert!(matches!(text.parse::<RunId>(), Err(RunIdError::Character { .. })), "{text:?}");
        }
    }

    #[test]
    fn bytes_outside_the_plain_set_are_percent_encoded() {
        let run: RunId = "Az09._-:+@=~".parse().unwrap();
        assert_eq!(run.path_segment(), "run=Az09._-%3A%2B%40%3D%7E");
    }

    #[test]
    fn other_spellings_of_a_segment_are_not_read() {
        for segment in ["run=", "run=a:b", "run=a%3ab", "run=%41", "run=%", "run_id=a"] {
            assert_eq!(RunId::from_path_segment(segment), None, "{segment}");
        }
        assert_eq!(RunId::from_path_segment("run=é%4"), None);
    }

    proptest! {
        #[test]
        fn run_ids_read_back_from_their_segment(text in "[A-Za-z0-9._:+@=~-]{1,250}") {
            let run: RunId = text.parse().unwrap();
            prop_assert_eq!(RunId::from_path_segment(&run.path_segment()), Some(run));
        }
    }
}

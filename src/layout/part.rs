//! The name of a part file, which holds the first digits of the part's digest.

use std::fmt;

/// The name of a part file: `part-<NNNNN>-<first 16 hex of the file's SHA-256>.parquet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartName {
    /// Its position among the dataset's parts, from 0.
    pub number: u32,
    /// The first eight bytes of its digest.
    pub digest: [u8; 8],
}

impl PartName {
    /// The name of the part with that number and digest.
    pub(crate) fn new(number: u32, sha256: &[u8; 32]) -> Self {
        let mut digest = [0; 8];
        digest.copy_from_slice(&sha256[..8]);
        Self { number, digest }
    }

    /// Reads a name as [`fmt::Display`] writes it; `None` for any other text.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (number, hex) =
            name.strip_prefix("part-")?.strip_suffix(".parquet")?.split_once('-')?;
        if hex.len() != 16 || !hex.is_ascii() {
            return None;
        }
        let digest = u64::from_str_radix(hex, 16).ok()?.to_be_bytes();
        let part = Self { number: number.parse().ok()?, digest };
        (part.to_string() == name).then_some(part)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{:05}-{:016x}.parquet", self.number, u64::from_be_bytes(self.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn part_names_have_five_digits_and_sixteen_of_the_digest() {
        let part = PartName::new(7, &[0xab; 32]);
        assert_eq!(part.to_string(), "part-00007-abababababababab.parquet");
        for name in [
            "part-7-abababababababab.parquet",
            "part-00007-ABABABABABABABAB.parquet",
            "part-00007-abab.parquet",
            "part-+0007-abababababababab.parquet",
            "part-00007-abababababababab.parquet#1",
        ] {
            assert_eq!(PartName::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn part_names_read_back(number: u32, digest: [u8; 8]) {
            let part = PartName { number, digest };
            prop_assert_eq!(PartName::parse(&part.to_string()), Some(part));
        }
    }
}

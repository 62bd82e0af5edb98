//! What a machine can run out of, and which setting helps. A shortage is no bug and no fault of the
//! input: the caller may try again. This is a leaf.

use std::fmt;
use std::io;

use rustix::io::Errno;

/// Something that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Memory of the process.
    Memory,
    /// Threads.
    Threads,
    /// Open files of the process.
    Files,
    /// Open files of the machine.
    AllFiles,
    /// Space on a disk.
    Space,
    /// The quota of a disk.
    Quota,
    /// The length that a file may have.
    FileLength,
    /// Random bytes.
    Entropy,
}

impl Shortage {
    /// What ran out, if that is why the operating system refused something.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        match Errno::from_io_error(error)? {
            Errno::NOSPC => Some(Self::Space),
            Errno::DQUOT => Some(Self::Quota),
            Errno::FBIG => Some(Self::FileLength),
            Errno::MFILE => Some(Self::Files),
            Errno::NFILE => Some(Self::AllFiles),
            Errno::NOMEM | Errno::NOBUFS => Some(Self::Memory),
            _ => None,
        }
    }

    /// What ran out, by the words of a library that has no other way to say so. Some say it in a
    /// panic.
    pub(crate) fn said(text: &str) -> Option<Self> {
        let known = [
            // The async runtime.
            ("OS can't spawn worker thread", Self::Threads),
            // The standard library.
            ("failed to spawn thread", Self::Threads),
            // Zstandard, for its working space and for a page.
            ("returned null pointer when creating new context", Self::Memory),
            ("not enough memory", Self::Memory),
            // The operating system's own words, where only they are left of its error.
            ("Cannot allocate memory", Self::Memory),
            ("Too many open files", Self::Files),
            ("File too large", Self::FileLength),
            ("No space left on device", Self::Space),
            ("Disk quota exceeded", Self::Quota),
            // The standard library, for the keys of its maps, and the TLS library.
            ("failed to generate random data", Self::Entropy),
            ("FailedToGetRandomBytes", Self::Entropy),
            // Another library, for the keys of its maps. The number is that of too many open files.
            ("getrandom::fill() failed.: Error { os_error: 24", Self::Files),
            ("getrandom::fill() failed", Self::Entropy),
        ];
        known.iter().find_map(|&(words, what)| text.contains(words).then_some(what))
    }

    /// What ran out, and what helps.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Memory => {
                "out of memory; raise the limit on memory, the container's or that of ulimit -v, \
                 or lower --threads"
            }
            Self::Threads => {
                "no more threads can be started; raise the limit on processes, as with ulimit -u, \
                 or that on memory"
            }
            Self::Files => "too many files are open; raise the limit, as with ulimit -n",
            Self::AllFiles => "too many files are open on this machine; raise fs.file-max",
            Self::Space => "no space is left on the disk; make room there",
            Self::Quota => "the disk's quota is used up; raise it, or make room",
            Self::FileLength => {
                "a file would be longer than it may be; raise the limit, as with ulimit -f"
            }
            Self::Entropy => {
                "the system gives no random bytes; allow getrandom, or mount /dev/urandom"
            }
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; then run again", self.text())
    }
}

/// An error of the operating system in words, with what helps if something ran out.
pub(crate) fn reason(error: &io::Error) -> String {
    Shortage::of(error).map_or_else(|| error.to_string(), |what| what.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_out_is_known_by_number_and_by_words() {
        // Linux numbers.
        for (number, what) in [
            (12, Shortage::Memory),
            (23, Shortage::AllFiles),
            (24, Shortage::Files),
            (27, Shortage::FileLength),
            (28, Shortage::Space),
            (122, Shortage::Quota),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(Shortage::of(&error), Some(what), "{error}");
            assert!(reason(&error).contains("; "), "{error}");
        }
        assert_eq!(Shortage::of(&io::Error::from_raw_os_error(5)), None);
        assert_eq!(Shortage::said("Allocation error : not enough memory"), Some(Shortage::Memory));
        assert_eq!(Shortage::said("index out of bounds"), None);
    }
}

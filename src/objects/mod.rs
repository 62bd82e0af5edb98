//! Object storage: one trait over local disk, S3 and an in-memory twin.
//!
//! The trait names the atomicity that a caller asks for: [`Objects::create`] writes only where nothing is,
//! [`Objects::replace`] only over the version that the caller has seen. Losing such a race is a value
//! ([`Put::Conflict`]), not an error. Errors say whether the operation surely did not happen or may have
//! happened ([`Outcome`]); an adapter resolves the second kind by reading back before it reports it.
//!
//! A "store" is a shop everywhere else in this crate; storage is only ever called "objects".

#[doc(hidden)]
pub mod conformance;
mod local;
mod local_write;
mod memory;
mod s3;
mod storage;
mod uri;

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

pub use local::Local;
pub use memory::Memory;
pub use s3::{S3, Settings as S3Settings};
pub use storage::Storage;
pub use uri::{Scheme, Uri, UriError};

/// An opaque version tag: changes whenever the object's content does. On S3 the `ETag`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub String);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it lies.
    pub uri: Uri,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its version; every later read of it is pinned to this.
    pub tag: Tag,
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object now has this content, under this version.
    Done(Tag),
    /// The condition did not hold: another object stands there. Nothing was written.
    Conflict,
}

/// What an error says about the operation that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It surely did not happen.
    NotDone,
    /// It may have happened; only reading back can tell.
    Unknown,
}

/// Why an operation on an object failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing lies at the URI.
    #[error(
        "{uri}: expected an object, found nothing; check the path, or the job that should have written it"
    )]
    NotFound {
        /// What was asked for.
        uri: Uri,
    },
    /// The caller may not do this.
    #[error("{uri}: not allowed to {action} ({reason}); grant it, or run with another identity")]
    Denied {
        /// What was asked for.
        uri: Uri,
        /// `read`, `list`, `write` or `delete`.
        action: &'static str,
        /// What the storage answered, without credentials.
        reason: String,
    },
    /// The object is no longer the version that this run has pinned.
    #[error("{uri}: was replaced while this run read it; run again")]
    Changed {
        /// The object.
        uri: Uri,
    },
    /// The storage did not answer, or not in time, or asked to come back later.
    #[error("{uri}: could not {action} ({reason}); try again later")]
    Unavailable {
        /// The object.
        uri: Uri,
        /// `read`, `list`, `write` or `delete`.
        action: &'static str,
        /// Whether the operation may have happened all the same.
        outcome: Outcome,
        /// What went wrong, without credentials.
        reason: String,
    },
    /// The storage cannot be spoken to as configured.
    #[error("{uri}: {reason}")]
    Misconfigured {
        /// What was asked for.
        uri: Uri,
        /// What was expected, what was found and what to do.
        reason: String,
    },
}

/// Whether a log line of this tracing target may be written anywhere.
///
/// The AWS SDK and its HTTP client log requests with their signatures. Only this crate's own lines are known to
/// hold none, so a subscriber lets no other through, at whatever level.
///
/// ```
/// assert!(cohort::objects::may_log("cohort::objects::s3"));
/// assert!(!cohort::objects::may_log("aws_smithy_runtime::client::orchestrator"));
/// ```
#[must_use]
pub fn may_log(target: &str) -> bool {
    target == "cohort" || target.starts_with("cohort::")
}

/// What an adapter has asked of its storage so far, for the run's summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent, retries among them. Local disk counts none.
    pub requests: u64,
    /// Requests sent again because the first answer was lost, broken or "come back later".
    pub retries: u64,
}

/// The operations that a run needs of its storage.
///
/// Every method is safe to call from many tasks at once. Retries and time limits are the adapter's own.
#[async_trait]
pub trait Objects: Send + Sync + fmt::Debug {
    /// All objects whose path begins with the prefix's, sorted by the bytes of their path.
    /// Nothing under the prefix is an empty list, not an error.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unavailable`]; [`Error::NotFound`] where the bucket itself is missing.
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error>;

    /// The whole content and its version.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none, and as [`Objects::list`].
    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error>;

    /// The bytes of each range, in the order asked for. Ranges lie within the object's length.
    ///
    /// # Errors
    /// [`Error::Changed`] where the object is gone or no longer has the tag it was listed with, and as
    /// [`Objects::read`].
    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error>;

    /// Writes the object only where there is none. Readers see all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unavailable`]. [`Outcome::Unknown`] only where reading back failed too.
    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error>;

    /// Writes the object only over the version with this tag. Readers see the old content or the new.
    ///
    /// # Errors
    /// As [`Objects::create`].
    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error>;

    /// Deletes the object; one that is not there is already deleted.
    ///
    /// # Errors
    /// As [`Objects::create`].
    async fn delete(&self, uri: &Uri) -> Result<(), Error>;

    /// Removes what killed writers left unfinished under the prefix and no listing shows: temporary files,
    /// uploads never completed, probes. Objects stay. Part of SPEC 11, step 4.
    ///
    /// # Errors
    /// As [`Objects::list`].
    async fn sweep(&self, prefix: &Uri) -> Result<(), Error>;

    /// Tries, with an object of its own directly under the prefix (which ends with a slash), that the storage
    /// honours the conditions of [`Objects::create`] and [`Objects::replace`]; to be called before a commit.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] where it ignores them, and as [`Objects::create`].
    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error>;

    /// What was asked of the storage so far.
    fn traffic(&self) -> Traffic;
}

//! What a run asks of its storage: the trait, and the values that it takes and returns.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use cohort_core::Timestamp;
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::uri::Uri;

/// The longest object that is read as a whole, in bytes: a manifest, a lineage or a part. A body
/// without an end must not fill the memory.
pub(super) const WHOLE_BYTES_MAX: u64 = 256 << 20;

/// What is wrong with an object that is longer.
pub(super) fn too_long() -> String {
    format!("expected at most {WHOLE_BYTES_MAX} bytes, found more; name another object")
}

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
    /// Its place.
    pub uri: Uri,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its version; every later read of it is pinned to this.
    pub tag: Tag,
}

/// An entry of a run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry; only its URI means anything if it is a stranger.
    pub object: Object,
    /// What it is if it is no object that a run could have written, such as `a link`.
    pub stranger: Option<&'static str>,
}

/// What lies directly in a folder: the names of its folders and of its files, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// The folders that hold something, however deep.
    pub folders: Vec<String>,
    /// The files.
    pub files: Vec<String>,
}

/// The SHA-256 of an object's content.
pub(crate) type Digest = [u8; 32];

/// The most bytes that are read at once to compute a digest or to compare contents.
const PIECE_BYTES: u64 = 8 << 20;

/// The ranges in which a long object is read.
pub(super) fn pieces(length: u64) -> impl Iterator<Item = Range<u64>> {
    let starts = (0..length).step_by(PIECE_BYTES as usize);
    starts.map(move |start| start..length.min(start + PIECE_BYTES))
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object now has this content, under this version.
    Done(Tag),
    /// The condition did not hold: another object is there. Nothing was written.
    Conflict,
}

/// What an adapter has asked of its storage so far, for the run's summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests sent, including retries. Local disk counts none.
    pub requests: u64,
    /// Requests sent again because the first answer was lost, broken or "come back later".
    pub retries: u64,
}

/// The operations that a run needs of its storage.
///
/// Every method is safe to call from many tasks at once. Retries and time limits are the adapter's
/// own.
#[async_trait]
pub trait Objects: Send + Sync + fmt::Debug {
    /// All objects whose path begins with the prefix's, sorted by the bytes of their path.
    /// Nothing under the prefix is an empty list, not an error.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unavailable`]; [`Error::NotFound`] if the bucket itself is
    /// missing.
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error>;

    /// What is directly in a run's folder, sorted by path. Nothing is followed: a link is an entry
    /// and no object, and so is a folder.
    ///
    /// # Errors
    /// As [`Objects::list`]; [`Error::Misconfigured`] if the folder itself is a link.
    async fn entries(&self, folder: &Uri) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        for object in self.list(folder).await? {
            let inner = object.uri.below(folder).and_then(|rest| rest.split_once('/'));
            let Some(name) = inner.map(|(name, _)| name.to_owned()) else {
                entries.push(Entry { object, stranger: None });
                continue;
            };
            let uri = folder.join(&name);
            if entries.last().is_none_or(|last| last.object.uri != uri) {
                entries
                    .push(Entry { object: Object { uri, ..object }, stranger: Some("a folder") });
            }
        }
        Ok(entries)
    }

    /// What lies directly in a folder, or `None` if nothing at all lies in it. The prefix ends with
    /// a slash.
    ///
    /// # Errors
    /// As [`Objects::list`].
    async fn level(&self, folder: &Uri) -> Result<Option<Level>, Error> {
        let listed = self.list(folder).await?;
        let mut level = Level::default();
        for below in listed.iter().filter_map(|object| object.uri.below(folder)) {
            match below.split_once('/') {
                Some((name, _)) => level.folders.push(name.to_owned()),
                None => level.files.push(below.to_owned()),
            }
        }
        level.folders.dedup();
        Ok((!listed.is_empty()).then_some(level))
    }

    /// The whole content and its version.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, and as [`Objects::list`].
    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error>;

    /// The bytes of each range, in the order asked for. Ranges lie within the object's length.
    ///
    /// # Errors
    /// [`Error::Changed`] if the object is gone or no longer has the tag that it was listed with,
    /// and as [`Objects::read`].
    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error>;

    /// Writes the object only if there is none. Readers see all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unavailable`]. [`Outcome::Unknown`](super::Outcome) only if
    /// reading back failed too.
    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error>;

    /// Writes the object only over the version with this tag. Readers see the old content or the
    /// new.
    ///
    /// # Errors
    /// As [`Objects::create`].
    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error>;

    /// Copies this version of an object to a place only if there is none. Readers of the copy see
    /// all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Changed`] if the object is gone or no longer has its tag, and as
    /// [`Objects::create`].
    async fn copy(&self, from: &Object, to: &Uri) -> Result<Put, Error> {
        let whole = 0..from.bytes;
        let content = self.read_ranges(from, std::slice::from_ref(&whole)).await?;
        self.create(to, content.into_iter().next().unwrap_or_default()).await
    }

    /// The digest of this version of an object: what the storage vouches for, else what reading it
    /// gives.
    ///
    /// # Errors
    /// As [`Objects::read_ranges`].
    async fn digest(&self, object: &Object) -> Result<Digest, Error> {
        let mut hash = Sha256::new();
        for piece in pieces(object.bytes) {
            for bytes in self.read_ranges(object, std::slice::from_ref(&piece)).await? {
                hash.update(&bytes);
            }
        }
        Ok(hash.finalize().into())
    }

    /// When the object was last written, as the storage's own clock had it; `None` if the storage
    /// does not tell. For people: nothing that is computed may depend on it.
    ///
    /// # Errors
    /// As [`Objects::read`].
    async fn modified(&self, _uri: &Uri) -> Result<Option<Timestamp>, Error> {
        Ok(None)
    }

    /// Deletes the object; one that is not there is already deleted.
    ///
    /// # Errors
    /// As [`Objects::create`].
    async fn delete(&self, uri: &Uri) -> Result<(), Error>;

    /// Removes what killed writers left unfinished under the prefix and no listing shows: temporary
    /// files, uploads never completed, probes. Objects stay. Part of SPEC 11, step 4.
    ///
    /// # Errors
    /// As [`Objects::list`].
    async fn sweep(&self, prefix: &Uri) -> Result<(), Error>;

    /// Tries whether the storage honours the conditions of [`Objects::create`] and
    /// [`Objects::replace`], with an object of its own directly under the prefix, which ends with a
    /// slash. To be called before a commit.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] if it ignores them, and as [`Objects::create`].
    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error>;

    /// What was asked of the storage so far.
    fn traffic(&self) -> Traffic;
}

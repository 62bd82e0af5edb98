//! Local disk as object storage: whole objects or nothing, and exactly one winner among many
//! processes.
//!
//! It owns how an object becomes visible. A new object is written under a temporary name beside its
//! own, synced, and hard-linked to its name. The link fails if the name exists, so one of many
//! writers wins and no reader sees half a file. A replacement is renamed over the old file while
//! the folder is locked (`flock`, which the kernel releases when a process dies), after its tag was
//! compared under that lock.
//!
//! A writer holds a lock on its temporary file. So [`Objects::sweep`] can tell the file of a killed
//! writer, which it removes, from that of a living one.
//!
//! | file | owns |
//! |---|---|
//! | `answers` | what errors and metadata of the operating system mean |
//! | `walk` | the files below a prefix, through links |
//! | `folder` | a folder whose path cannot be swapped, and which is reached through no link |
//! | `own` | what is in a run's folder, through no link |
//! | `read` | whole files, and ranges pinned to a version |
//! | `write` | creates, replaces, deletes, and their locks |

mod answers;
mod folder;
mod own;
mod read;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use std::io::ErrorKind;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use cohort_core::Timestamp;

use self::answers::{failed, tag_of};
use self::walk::{level, walk};
use self::write::{create_once, delete, is_temporary, replace_once, write};
use super::error::{Error, Outcome};
use super::interface::{Entry, Level, Object, Objects, Put, Tag, Traffic};
use super::uri::Uri;

/// The local file system.
#[derive(Debug, Default)]
pub struct Local;

impl Local {
    /// The local file system.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// Disk calls block, so each operation runs off the async threads as a whole.
async fn blocking<T: Send + 'static>(
    uri: &Uri,
    action: &'static str,
    work: impl FnOnce(&Uri) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let owned = uri.clone();
    let done = tokio::task::spawn_blocking(move || work(&owned)).await;
    done.unwrap_or_else(|stopped| {
        Err(Error::Unavailable {
            uri: uri.clone(),
            action,
            outcome: Outcome::Unknown,
            reason: format!("the operation stopped half-way: {stopped}"),
        })
    })
}

#[async_trait]
impl Objects for Local {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        blocking(prefix, "list", |prefix| {
            let mut found = Vec::new();
            walk(prefix, &mut |uri, name, metadata| {
                if !is_temporary(name) {
                    let tag = tag_of(metadata);
                    found.push(Object { uri, bytes: metadata.len(), tag });
                }
                Ok(())
            })?;
            found.sort_by(|a, b| a.uri.cmp(&b.uri));
            Ok(found)
        })
        .await
    }

    async fn entries(&self, folder: &Uri) -> Result<Vec<Entry>, Error> {
        blocking(folder, "list", own::entries).await
    }

    async fn level(&self, folder: &Uri) -> Result<Option<Level>, Error> {
        blocking(folder, "list", |folder| level(folder, |name| !is_temporary(name))).await
    }

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        blocking(uri, "read", read::whole).await
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        let (tag, ranges) = (object.tag.clone(), ranges.to_vec());
        blocking(&object.uri, "read", move |uri| read::pinned(uri, &tag, &ranges)).await
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        blocking(uri, "write", move |uri| write(uri, &content, create_once)).await
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        let seen = seen.clone();
        let once = move |uri: &Uri, content: &[u8]| replace_once(uri, content, &seen);
        blocking(uri, "write", move |uri| write(uri, &content, once)).await
    }

    async fn modified(&self, uri: &Uri) -> Result<Option<Timestamp>, Error> {
        blocking(uri, "read", read::modified).await
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        blocking(uri, "delete", |uri| match delete(uri) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failed(uri, "delete", Outcome::Unknown, &error))
            }
            _ => Ok(()),
        })
        .await
    }

    async fn sweep(&self, prefix: &Uri) -> Result<(), Error> {
        blocking(prefix, "delete", own::sweep).await
    }

    async fn probe_conditions(&self, _prefix: &Uri) -> Result<(), Error> {
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

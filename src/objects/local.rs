//! Local disk as object storage: whole objects or nothing, and exactly one winner among many processes.
//!
//! It owns how an object becomes visible. A new object is written under a temporary name beside its own,
//! synced, and hard-linked to its name: the link fails where the name exists, so one of many writers wins and
//! no reader sees half a file. A replacement is renamed over the old file while the folder is locked
//! (`flock`, which the kernel lifts when a process dies), after its tag was compared under that lock.
//!
//! A writer holds a lock on its temporary file, so that [`Objects::sweep`] tells a killed writer's file, which
//! it removes, from a living one's.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};

use super::local_write::{
    create_once, delete, is_temporary, remove_abandoned, replace_once, write,
};
use super::{Error, Object, Objects, Outcome, Put, Tag, Traffic, Uri};

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

pub(super) fn failed(
    uri: &Uri,
    action: &'static str,
    outcome: Outcome,
    error: &io::Error,
) -> Error {
    let uri = uri.clone();
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound { uri },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::Denied { uri, action, reason: error.to_string() }
        }
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::AlreadyExists => Error::Misconfigured {
            uri,
            reason: format!("could not {action} ({error}); check the path"),
        },
        _ => Error::Unavailable { uri, action, outcome, reason: error.to_string() },
    }
}

pub(super) fn tag_of(found: &fs::Metadata) -> Tag {
    let (seconds, nanos) = (found.mtime(), found.mtime_nsec());
    Tag(format!("{seconds:x}.{nanos:09}-{:x}-{:x}", found.len(), found.ino()))
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

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        blocking(uri, "read", |uri| {
            let failed = |error| failed(uri, "read", Outcome::NotDone, &error);
            let mut file = File::open(uri.path()).map_err(failed)?;
            let before = tag_of(&file.metadata().map_err(failed)?);
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(failed)?;
            if tag_of(&file.metadata().map_err(failed)?) != before {
                return Err(Error::Changed { uri: uri.clone() });
            }
            Ok((content.into(), before))
        })
        .await
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        let (tag, ranges) = (object.tag.clone(), ranges.to_vec());
        blocking(&object.uri, "read", move |uri| read_pinned(uri, &tag, &ranges)).await
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        blocking(uri, "write", move |uri| write(uri, &content, create_once)).await
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        let seen = seen.clone();
        let once = move |uri: &Uri, content: &[u8]| replace_once(uri, content, &seen);
        blocking(uri, "write", move |uri| write(uri, &content, once)).await
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
        blocking(prefix, "delete", |prefix| {
            walk(prefix, &mut |uri, name, _| {
                if !is_temporary(name) {
                    return Ok(());
                }
                match remove_abandoned(Path::new(uri.path())) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        Err(failed(&uri, "delete", Outcome::Unknown, &error))
                    }
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    async fn probe_conditions(&self, _prefix: &Uri) -> Result<(), Error> {
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

type Visit<'a> = &'a mut dyn FnMut(Uri, &str, &fs::Metadata) -> Result<(), Error>;

/// Visits every file whose path begins with the prefix's, in no particular order.
fn walk(prefix: &Uri, visit: Visit<'_>) -> Result<(), Error> {
    let at = prefix.path().rfind('/').map_or(0, |at| at + 1);
    let (folder, name_prefix) = prefix.path().split_at(at);
    let mut folders = vec![(PathBuf::from(folder), name_prefix)];
    while let Some((folder, name_prefix)) = folders.pop() {
        let failed = |error| failed(prefix, "list", Outcome::NotDone, &error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let (Some(text), Some(name)) =
                (path.to_str(), path.file_name().and_then(|name| name.to_str()))
            else {
                return Err(Error::Misconfigured {
                    uri: prefix.clone(),
                    reason: format!("expected file names in UTF-8, found {path:?}; rename it"),
                });
            };
            if !name.starts_with(name_prefix) {
                continue;
            }
            // Follows links, as a lake may be put together from them. What vanished meanwhile is not there.
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => folders.push((path, "")),
                Ok(found) => visit(prefix.with_path(text), name, &found)?,
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}

pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_pinned(uri: &Uri, tag: &Tag, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::UnexpectedEof => Error::Changed { uri: uri.clone() },
        _ => failed(uri, "read", Outcome::NotDone, &error),
    };
    let file = File::open(uri.path()).map_err(failed)?;
    let pinned = |file: &File| match file.metadata() {
        Ok(found) if tag_of(&found) == *tag => Ok(()),
        Ok(_) => Err(Error::Changed { uri: uri.clone() }),
        Err(error) => Err(failed(error)),
    };
    pinned(&file)?;
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        parts.push(read_range(&file, range).map_err(failed)?.into());
    }
    // A file written in place while it was read is caught here; one replaced by a rename stays whole.
    pinned(&file)?;
    Ok(parts)
}

/// The bytes of a range, read into memory that was not zeroed before.
fn read_range(file: &File, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let next = range.start + bytes.len() as u64;
        match pread(file, spare_capacity(&mut bytes), next) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;

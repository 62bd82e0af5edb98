//! How local disk writes: one attempt each at a create, a replace, a delete and a sweep, and their
//! locks.
//!
//! See the parent module for the protocol. What may have happened when an attempt fails is decided
//! here.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::answers::{failed, tag_of};
use super::folder::{EntryKind, Folder, LOCK_TIME_MAX, lock_within};
use super::walk::dangling;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Put, Tag};
use crate::objects::uri::Uri;

/// How often a write starts over because its folder or temporary file was removed under it.
const ATTEMPTS_MAX: usize = 16;
const TEMPORARY_PREFIX: &str = ".cohort-";
const TEMPORARY_SUFFIX: &str = ".tmp";

static TEMPORARY_NEXT: AtomicU64 = AtomicU64::new(0);

/// Whether a name is one that [`Temporary`] gives: process and number between prefix and suffix.
pub(super) fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix(TEMPORARY_PREFIX);
    let inner = inner.and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    inner
        .and_then(|inner| inner.split_once('-'))
        .is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// How one attempt ended.
pub(super) enum Attempt {
    /// The write was done, or met a conflict.
    Ended(Put),
    /// Its folder or its temporary file was removed under it.
    Removed,
}

/// How a write failed, and whether it may have happened.
pub(super) struct WriteFailed(Outcome, io::Error);

pub(super) fn write(
    uri: &Uri,
    content: &[u8],
    once: impl Fn(&Uri, &[u8]) -> Result<Attempt, WriteFailed>,
) -> Result<Put, Error> {
    for _ in 0..ATTEMPTS_MAX {
        match once(uri, content) {
            Ok(Attempt::Ended(put)) => return Ok(put),
            Ok(Attempt::Removed) => {}
            Err(WriteFailed(outcome, error)) => return Err(refused(uri, outcome, &error)),
        }
    }
    Err(Error::Unavailable {
        uri: uri.clone(),
        action: "write",
        outcome: Outcome::NotDone,
        reason: format!("its folder was removed {ATTEMPTS_MAX} times while it was written"),
    })
}

/// Why a write failed. What the system says of a link to nothing in the place of a folder helps
/// nobody.
fn refused(uri: &Uri, outcome: Outcome, error: &io::Error) -> Error {
    let link = match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotFound => dangling(Path::new(uri.path())),
        _ => None,
    };
    match link.as_ref().and_then(|link| link.to_str()) {
        None => failed(uri, "write", outcome, error),
        Some(link) => Error::Misconfigured {
            uri: uri.with_path(link),
            reason: "expected a folder to write to, found a link to nothing; restore what it \
                     pointed to, or remove it"
                .to_owned(),
        },
    }
}

/// The path of the folder that holds the object, and the object's name in it.
pub(super) fn split(uri: &Uri) -> (&str, &str) {
    let path = uri.path();
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

pub(super) fn create_once(uri: &Uri, content: &[u8]) -> Result<Attempt, WriteFailed> {
    let not_done = |error| WriteFailed(Outcome::NotDone, error);
    let (path, name) = split(uri);
    let folder = Folder::create(path).map_err(not_done)?;
    if folder.look(name).map_err(not_done)?.is_some() {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    let Some(temporary) = Temporary::write(&folder, content).map_err(not_done)? else {
        return Ok(Attempt::Removed);
    };
    match folder.link(&temporary.name, name) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Ok(Attempt::Ended(Put::Conflict));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Attempt::Removed),
        Err(error) => return Err(not_done(error)),
    }
    landed(&folder, temporary)
}

pub(super) fn replace_once(uri: &Uri, content: &[u8], seen: &Tag) -> Result<Attempt, WriteFailed> {
    let not_done = |error| WriteFailed(Outcome::NotDone, error);
    let (path, name) = split(uri);
    let folder = match Folder::open(path) {
        Ok(folder) => folder,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Attempt::Ended(Put::Conflict));
        }
        Err(error) => return Err(not_done(error)),
    };
    let matches = || match folder.look(name).map_err(not_done)? {
        Some(look) => Ok(look.kind == EntryKind::File && look.tag == *seen),
        None => Ok(false),
    };
    if !matches()? {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    let Some(temporary) = Temporary::write(&folder, content).map_err(not_done)? else {
        return Ok(Attempt::Removed);
    };
    let _lock = folder.lock().map_err(not_done)?;
    if !matches()? {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    match folder.rename(&temporary.name, name) {
        Ok(()) => landed(&folder, temporary),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Attempt::Removed),
        Err(error) => Err(not_done(error)),
    }
}

/// The object is visible; it is done once the folder's entry is on disk too.
fn landed(folder: &Folder, temporary: Temporary<'_>) -> Result<Attempt, WriteFailed> {
    let unknown = |error| WriteFailed(Outcome::Unknown, error);
    let tag = tag_of(&temporary.file.metadata().map_err(unknown)?);
    drop(temporary);
    folder.sync().map_err(unknown)?;
    Ok(Attempt::Ended(Put::Done(tag)))
}

/// A locked file under a temporary name, which is removed in the end.
pub(super) struct Temporary<'a> {
    folder: &'a Folder,
    pub(super) name: String,
    file: File,
}

impl<'a> Temporary<'a> {
    /// The content, synced, under a fresh name; `None` if the folder was removed meanwhile.
    pub(super) fn write(folder: &'a Folder, content: &[u8]) -> io::Result<Option<Self>> {
        loop {
            let number = TEMPORARY_NEXT.fetch_add(1, Ordering::Relaxed);
            let process = std::process::id();
            let name = format!("{TEMPORARY_PREFIX}{process}-{number}{TEMPORARY_SUFFIX}");
            match folder.new_file(&name) {
                Ok(file) => {
                    let mut temporary = Self { folder, name, file };
                    lock_within(&temporary.file, LOCK_TIME_MAX)?;
                    temporary.file.write_all(content)?;
                    temporary.file.sync_all()?;
                    return Ok(Some(temporary));
                }
                // Another machine or container may use this process number on the same disk.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // After a rename it is gone already. If this fails, it leaves a file that no listing shows
        // and that a sweep removes.
        let _ = self.folder.unlink(&self.name);
    }
}

/// Deletes a file. Anything else under its name is not the job's own and stays.
pub(super) fn delete(uri: &Uri) -> io::Result<()> {
    let (path, name) = split(uri);
    let folder = Folder::open(path)?;
    let _lock = folder.lock()?;
    if folder.look(name)?.is_some_and(|look| look.kind == EntryKind::File) {
        folder.unlink(name)?;
        folder.remove_if_empty();
    }
    Ok(())
}

/// Removes a temporary file unless its writer is alive.
pub(super) fn remove_abandoned(folder: &Folder, name: &str) -> io::Result<()> {
    match folder.file(name)?.try_lock() {
        Ok(()) => folder.unlink(name),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

//! How local disk writes: one attempt each at a create, a replace, a delete and a sweep, and their
//! locks.
//!
//! See the parent module for the protocol. What may have happened when an attempt fails is decided
//! here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::answers::{failed, is_absence, tag_of};
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Put, Tag};
use crate::objects::uri::Uri;

/// How often a write starts over because its folder or temporary file was removed under it.
const ATTEMPTS_MAX: usize = 16;
const TEMPORARY_PREFIX: &str = ".cohort-";
const TEMPORARY_SUFFIX: &str = ".tmp";

static TEMPORARY_NEXT: AtomicU64 = AtomicU64::new(0);

fn folder_of(uri: &Uri) -> &Path {
    let path = uri.path();
    Path::new(path.rfind('/').map_or("/", |at| &path[..=at]))
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
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
            Err(WriteFailed(outcome, error)) => return Err(failed(uri, "write", outcome, &error)),
        }
    }
    Err(Error::Unavailable {
        uri: uri.clone(),
        action: "write",
        outcome: Outcome::NotDone,
        reason: format!("its folder was removed {ATTEMPTS_MAX} times while it was written"),
    })
}

pub(super) fn create_once(uri: &Uri, content: &[u8]) -> Result<Attempt, WriteFailed> {
    let not_done = |error| WriteFailed(Outcome::NotDone, error);
    let folder = folder_of(uri);
    if fs::symlink_metadata(uri.path()).is_ok() {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    fs::create_dir_all(folder).map_err(not_done)?;
    let Some(temporary) = Temporary::write(folder, content).map_err(not_done)? else {
        return Ok(Attempt::Removed);
    };
    match fs::hard_link(&temporary.path, uri.path()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Ok(Attempt::Ended(Put::Conflict));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Attempt::Removed),
        Err(error) => return Err(not_done(error)),
    }
    landed(folder, temporary)
}

pub(super) fn replace_once(uri: &Uri, content: &[u8], seen: &Tag) -> Result<Attempt, WriteFailed> {
    let not_done = |error| WriteFailed(Outcome::NotDone, error);
    let folder = folder_of(uri);
    let matches = || match fs::metadata(uri.path()) {
        Ok(found) => Ok(tag_of(&found) == *seen),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(not_done(error)),
    };
    if !matches()? {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    let Some(temporary) = Temporary::write(folder, content).map_err(not_done)? else {
        return Ok(Attempt::Removed);
    };
    let Some(_lock) = lock_folder(folder).map_err(not_done)? else {
        return Ok(Attempt::Removed);
    };
    if !matches()? {
        return Ok(Attempt::Ended(Put::Conflict));
    }
    match fs::rename(&temporary.path, uri.path()) {
        Ok(()) => landed(folder, temporary),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Attempt::Removed),
        Err(error) => Err(not_done(error)),
    }
}

/// The object is visible; it is done once the folder's entry is on disk too.
fn landed(folder: &Path, temporary: Temporary) -> Result<Attempt, WriteFailed> {
    let unknown = |error| WriteFailed(Outcome::Unknown, error);
    let tag = tag_of(&temporary.file.metadata().map_err(unknown)?);
    drop(temporary);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unknown)?;
    Ok(Attempt::Ended(Put::Done(tag)))
}

/// A locked file under a temporary name, which is removed in the end.
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    file: File,
}

impl Temporary {
    /// The content, synced, under a fresh name; `None` if the folder was removed meanwhile.
    pub(super) fn write(folder: &Path, content: &[u8]) -> io::Result<Option<Self>> {
        loop {
            let number = TEMPORARY_NEXT.fetch_add(1, Ordering::Relaxed);
            let process = std::process::id();
            let name = format!("{TEMPORARY_PREFIX}{process}-{number}{TEMPORARY_SUFFIX}");
            let path = folder.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut temporary = Self { path, file };
                    temporary.file.lock()?;
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

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is gone already. If this fails, it leaves a file that no listing shows
        // and that a sweep removes.
        let _ = fs::remove_file(&self.path);
    }
}

/// Locks the folder against other writers; `None` if it was removed or replaced before the lock was
/// acquired.
fn lock_folder(folder: &Path) -> io::Result<Option<File>> {
    let locked = File::open(folder).and_then(|file| file.lock().map(|()| file));
    let same = |file: &File| -> io::Result<bool> {
        let (held, named) = (file.metadata()?, fs::metadata(folder)?);
        Ok((held.dev(), held.ino()) == (named.dev(), named.ino()))
    };
    match locked.and_then(|file| Ok(same(&file)?.then_some(file))) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other,
    }
}

pub(super) fn delete(uri: &Uri) -> io::Result<()> {
    let folder = folder_of(uri);
    for _ in 0..ATTEMPTS_MAX {
        if !folder.try_exists()? {
            return Ok(());
        }
        let Some(_lock) = lock_folder(folder)? else { continue };
        fs::remove_file(uri.path())?;
        if folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"run=")) {
            // A run's folder goes with its last object, as it does on S3; one that is not empty
            // stays.
            let _ = fs::remove_dir(folder);
        }
        return Ok(());
    }
    Err(io::Error::other("its folder kept being replaced"))
}

/// Removes a temporary file unless its writer is alive.
pub(super) fn remove_abandoned(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => fs::remove_file(path),
        Err(fs::TryLockError::WouldBlock) => Ok(()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

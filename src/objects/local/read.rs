//! How local disk reads: whole files, and ranges pinned to the version that was listed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

use bytes::Bytes;
use cohort_core::Timestamp;
use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::{Errno, pread};

use super::answers::{failed, tag_of};
use super::folder::{EntryKind, Folder};
use super::write::split;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Tag, WHOLE_BYTES_MAX, too_long};
use crate::objects::uri::Uri;

/// Opens what should be a file. A pipe that somebody has put in its place would make the caller
/// wait for a writer, who may never come. Only of the process's own open files is a pipe what was
/// asked for, such as the standard input.
fn opened(uri: &Uri) -> io::Result<File> {
    let path = uri.path();
    if path == "/dev/stdin" || path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/") {
        return File::open(path);
    }
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(nonblock).open(path)?;
    let found = file.metadata()?;
    if found.is_file() || found.is_dir() { Ok(file) } else { Err(Errno::NXIO.into()) }
}

/// Opens a file in a run's folder, or below it, through no link.
fn own(uri: &Uri) -> Result<File, Error> {
    let failed = |error| failed(uri, "read", Outcome::NotDone, &error);
    let (path, name) = split(uri);
    let stranger = |found| Error::Stranger { uri: uri.clone(), found };
    let folder = Folder::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotADirectory => stranger("a link or a file in the place of a folder above it"),
        _ => failed(error),
    })?;
    match folder.look(name).map_err(failed)?.map(|look| look.kind) {
        None => Err(Error::NotFound { uri: uri.clone() }),
        Some(EntryKind::File) => {
            let file = folder.file(name).map_err(failed)?;
            let is_file = file.metadata().map_err(failed)?.is_file();
            if is_file { Ok(file) } else { Err(Error::Changed { uri: uri.clone() }) }
        }
        Some(kind) => Err(stranger(kind.name())),
    }
}

/// The whole file and its version.
pub(super) fn whole(uri: &Uri) -> Result<(Bytes, Tag), Error> {
    let failed = |error| failed(uri, "read", Outcome::NotDone, &error);
    let of_a_run = Folder::is_of_a_run(uri.path());
    let mut file = if of_a_run { own(uri)? } else { opened(uri).map_err(failed)? };
    let before = tag_of(&file.metadata().map_err(failed)?);
    let mut content = Vec::new();
    (&mut file).take(WHOLE_BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > WHOLE_BYTES_MAX {
        return Err(Error::Misconfigured { uri: uri.clone(), reason: too_long() });
    }
    if tag_of(&file.metadata().map_err(failed)?) != before {
        return Err(Error::Changed { uri: uri.clone() });
    }
    Ok((content.into(), before))
}

/// When the file was last written.
pub(super) fn modified(uri: &Uri) -> Result<Option<Timestamp>, Error> {
    let found = std::fs::metadata(uri.path());
    let found = found.map_err(|error| failed(uri, "read", Outcome::NotDone, &error))?;
    let us = found.mtime().saturating_mul(1_000_000).saturating_add(found.mtime_nsec() / 1_000);
    Ok(Timestamp::from_us(us).ok())
}

/// The bytes of each range, if the file has this version before and after.
pub(super) fn pinned(uri: &Uri, tag: &Tag, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::UnexpectedEof => Error::Changed { uri: uri.clone() },
        _ => failed(uri, "read", Outcome::NotDone, &error),
    };
    let file = opened(uri).map_err(failed)?;
    let unchanged = |file: &File| match file.metadata() {
        Ok(found) if tag_of(&found) == *tag => Ok(()),
        Ok(_) => Err(Error::Changed { uri: uri.clone() }),
        Err(error) => Err(failed(error)),
    };
    unchanged(&file)?;
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        parts.push(read_range(&file, range).map_err(failed)?.into());
    }
    // A file written in place while it was read is caught here; one replaced by a rename stays
    // whole.
    unchanged(&file)?;
    Ok(parts)
}

/// The bytes of a range, read into memory that was not zeroed before.
pub(super) fn read_range(file: &File, range: &Range<u64>) -> io::Result<Vec<u8>> {
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

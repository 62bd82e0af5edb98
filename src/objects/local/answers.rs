//! What the answers of the operating system mean: errors, and the version of a file.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Tag;
use crate::objects::uri::Uri;
use crate::shortage;

/// The error that the caller sees when an operation on local disk fails with `error`.
pub(super) fn failed(
    uri: &Uri,
    action: &'static str,
    outcome: Outcome,
    error: &io::Error,
) -> Error {
    let uri = uri.clone();
    if Errno::from_io_error(error) == Some(Errno::LOOP) {
        let reason = "expected a file, found a link that leads in a circle; remove it".to_owned();
        return Error::Misconfigured { uri, reason };
    }
    // What the system says of a socket, and the reader of a pipe or a device.
    if Errno::from_io_error(error) == Some(Errno::NXIO) {
        let reason = "expected a file, found a pipe, a socket or a device; remove it".to_owned();
        return Error::Misconfigured { uri, reason };
    }
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
        _ => Error::Unavailable { uri, action, outcome, reason: shortage::reason(error) },
    }
}

/// What is in the place of a folder, or of one above it, is a file.
pub(super) fn no_folder(uri: &Uri) -> Error {
    let reason = "expected a folder, found a file there or above it; check the path".to_owned();
    Error::Misconfigured { uri: uri.clone(), reason }
}

/// Whether an error says that nothing is at the path.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The version of a file: it changes with its content, its length, and the file itself.
pub(super) fn tag_of(found: &Metadata) -> Tag {
    tag(found.mtime(), found.mtime_nsec(), found.len(), found.ino())
}

/// The same from a look at a name in a folder.
pub(super) fn tag_of_stat(found: &Stat) -> Tag {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_possible_wrap,
        reason = "types differ by system"
    )]
    tag(
        found.st_mtime as i64,
        found.st_mtime_nsec as i64,
        found.st_size.unsigned_abs(),
        found.st_ino as u64,
    )
}

fn tag(seconds: i64, nanos: i64, bytes: u64, number: u64) -> Tag {
    Tag(format!("{seconds:x}.{nanos:09}-{bytes:x}-{number:x}"))
}

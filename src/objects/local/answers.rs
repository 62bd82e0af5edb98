//! What the answers of the operating system mean: errors, and the version of a file.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;

use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Tag;
use crate::objects::uri::Uri;

/// The error that the caller sees when an operation on local disk fails with `error`.
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

/// Whether an error says that nothing is at the path.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The version of a file: it changes with its content, its length, and the file itself.
pub(super) fn tag_of(found: &Metadata) -> Tag {
    let (seconds, nanos) = (found.mtime(), found.mtime_nsec());
    Tag(format!("{seconds:x}.{nanos:09}-{:x}-{:x}", found.len(), found.ino()))
}

//! Where a channel writes, for whoever knows what lies there. This is a leaf.

use std::fmt;
use std::path::Path;

use crate::objects::Uri;

/// Where a channel writes.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    /// One file, which may not be there yet.
    File(&'a Path),
    /// Objects below a prefix.
    Prefix(&'a Uri),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Prefix(uri) => uri.fmt(f),
        }
    }
}

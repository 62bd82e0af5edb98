//! Why a sample cannot be made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::kind::Kind;
use crate::objects::{self, Uri};

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too small or too large.
    #[error("expected 1 to {most} {what}, found {found}")]
    Size {
        /// `stores`, `skus` or `days`.
        what: &'static str,
        /// The most there can be.
        most: u32,
        /// What was asked for.
        found: u32,
    },
    /// Something is there already.
    #[error(
        "{}: expected a new or empty folder, found files in it; name another or remove it",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// Another object is there.
    #[error(
        "{0}: expected nothing or this very file, found another; name another prefix or remove it"
    )]
    Taken(Uri),
    /// The bucket refused.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// The disk refused.
    #[error(
        "{}: could not write the sample ({source}); check space and permissions",
        .path.display()
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The Parquet writer refused.
    #[error(
        "{}: could not write the sample ({source}); check space and permissions",
        .path.display()
    )]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
}

impl Error {
    /// What the caller must do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Size { .. } | Self::NotEmpty(_) | Self::Taken(_) => Kind::Usage,
            Self::Objects(error) => error.kind(),
            Self::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => Kind::Denied,
            Self::Io { .. } | Self::Parquet { .. } => Kind::Temporary,
        }
    }

    /// What becomes of a failure at this file or folder.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

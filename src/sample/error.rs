//! Why a sample cannot be made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::kind::Kind;
use crate::objects::{self, Uri};
use crate::shortage::{self, Shortage};

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
    /// A file is there, or above it.
    #[error("{}: expected a new or empty folder, found a file; name another", .0.display())]
    NotAFolder(PathBuf),
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
        "{}: could not write the sample ({}); mend that, and make it again",
        .path.display(),
        shortage::reason(source)
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The Parquet writer refused.
    #[error(
        "{}: could not write the sample ({}); mend that, and make it again",
        .path.display(),
        words(source)
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
            Self::Size { .. } | Self::NotEmpty(_) | Self::NotAFolder(_) | Self::Taken(_) => {
                Kind::Usage
            }
            Self::Objects(error) => error.kind(),
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                Kind::Denied
            }
            Self::Io { .. } | Self::Parquet { .. } => Kind::Temporary,
        }
    }

    /// What becomes of a failure at this file or folder.
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| match source.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => Self::NotAFolder(path),
            _ => Self::Io { path, source },
        }
    }
}

/// What the Parquet writer says, or what the system said to it.
fn words(error: &parquet::errors::ParquetError) -> String {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(source) = inner {
        let short = source.downcast_ref::<std::io::Error>().and_then(Shortage::of);
        if let Some(what) = short {
            return what.text().to_owned();
        }
        inner = source.source();
    }
    let text = error.to_string();
    Shortage::said(&text).map_or(text, |what| what.text().to_owned())
}

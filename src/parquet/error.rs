//! What can be wrong with a log's files, each with the place where it was found.

use cohort_core::batch::ColumnFault;
use parquet::errors::ParquetError;

use crate::kind::Kind;
use crate::objects::{self, Uri};
use crate::shortage::Shortage;
use crate::workers::Stopped;

/// Why a log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// Nothing at all lies under a dataset's URI.
    #[error(
        "{uri}: expected the dataset {log}, found no file under its URI; check the URI, or the \
         job that should have written it"
    )]
    MissingDataset {
        /// Where it should be.
        uri: Uri,
        /// Its name.
        log: &'static str,
    },
    /// A dataset's folders are not those of its pattern.
    #[error(
        "{uri}: expected folders of the partitioning {pattern:?} for {log}, found {folder:?}; \
         {advice}"
    )]
    Folders {
        /// Where the dataset lies.
        uri: Uri,
        /// Its name.
        log: &'static str,
        /// The pattern.
        pattern: String,
        /// A folder that does not fit it, relative to the URI.
        folder: String,
        /// What to do, in words.
        advice: String,
    },
    /// A file is not a Parquet file, or only a part of one.
    #[error(
        "{uri}: expected a Parquet file, found {found}; write it again as plain Parquet, move it \
         away, or begin its name with _"
    )]
    NotParquet {
        /// The file.
        uri: Uri,
        /// What is wrong with it.
        found: String,
    },
    /// A file's columns are not those of the log.
    #[error("{uri}: {fault}; {advice}")]
    Columns {
        /// The file.
        uri: Uri,
        /// What is wrong with them.
        fault: ColumnFault,
        /// What to do.
        advice: &'static str,
    },
    /// A column that is needed is one that nobody could read.
    #[error(
        "{uri}: expected a column {column:?} that can be read, found {found}; write the file again \
         as plain Parquet"
    )]
    Unreadable {
        /// The file.
        uri: Uri,
        /// The column's name in the file.
        column: String,
        /// What is wrong with it.
        found: String,
    },
    /// A file's pages cannot be decoded.
    #[error(
        "{uri}: expected readable Parquet pages in row group {row_group}, found {reason}; write \
         the file again"
    )]
    Corrupt {
        /// The file.
        uri: Uri,
        /// The row group, from 0.
        row_group: usize,
        /// What the decoder says.
        reason: String,
    },
    /// The encoder failed. No data should make it do so.
    #[error("internal error: {log} could not be encoded ({reason}); please report it")]
    Encode {
        /// The dataset's name.
        log: &'static str,
        /// What the encoder says.
        reason: String,
    },
    /// The machine has too little of something.
    #[error("{0}")]
    Short(Shortage),
    /// A worker panicked.
    #[error(transparent)]
    Worker(#[from] Stopped),
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::MissingDataset { .. } => Kind::NoInput,
            Self::Folders { .. } => Kind::Manifest,
            Self::Encode { .. } | Self::Worker(_) => Kind::Bug,
            Self::Short(_) => Kind::Temporary,
            _ => Kind::Data,
        }
    }

    /// A decoder's complaint about a row group. A decoder that ran short says nothing of the file.
    pub fn corrupt(uri: &Uri, row_group: usize, reason: impl std::fmt::Display) -> Self {
        let reason = reason.to_string();
        Shortage::said(&reason)
            .map_or_else(|| Self::Corrupt { uri: uri.clone(), row_group, reason }, Self::Short)
    }

    /// A column that is needed and cannot be read.
    pub fn unreadable(uri: &Uri, column: String, fault: &str) -> Self {
        Self::Unreadable { uri: uri.clone(), column, found: fault.to_owned() }
    }

    /// An encoder's complaint.
    pub fn encode(log: &'static str, error: &ParquetError) -> Self {
        let reason = error.to_string();
        Shortage::said(&reason).map_or(Self::Encode { log, reason }, Self::Short)
    }
}

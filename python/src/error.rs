//! What can go wrong, as exceptions. `cohort_events.errors` defines them, one for each kind of
//! failure that the job has.

use arrow_schema::ArrowError;
use cohort_core::batch::{ColumnFault, ListTooLong};
use cohort_core::registry::SumOutside;
use cohort_core::{LargeSum, TimeError};
use pyo3::prelude::*;

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The caller's arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// The rows are at fault.
    #[error("{0}")]
    Data(String),
    /// This package is at fault.
    #[error("internal error: {0}; please report it")]
    Bug(String),
    /// The system is short of something.
    #[error("{0}")]
    Temporary(String),
    /// What a method of a frame raised.
    #[error(transparent)]
    Raised(#[from] PyErr),
    /// The caller wants no result any more. Only who goes on after the interpreter has begun to end
    /// sees this.
    #[error(
        "expected a computation, found it stopped since the interpreter ends; take all rows before"
    )]
    Stopped,
}

impl Error {
    /// The exception of this kind.
    pub(crate) fn raise(&self, py: Python<'_>) -> PyErr {
        let name = match self {
            Self::Raised(error) => return error.clone_ref(py),
            Self::Usage(_) | Self::Stopped => "UsageError",
            Self::Data(_) => "DataError",
            Self::Temporary(_) => "TemporaryError",
            Self::Bug(_) => "BugError",
        };
        let raised = py
            .import("cohort_events.errors")
            .and_then(|errors| errors.getattr(name))
            .and_then(|class| class.call1((self.to_string(),)));
        raised.map_or_else(|error| error, PyErr::from_value)
    }

    /// A mistake of a producer whose frame goes under this name.
    pub(crate) fn frame(frame: &str, error: &ArrowError) -> Self {
        let found = match error {
            ArrowError::CDataInterface(found) => found.clone(),
            other => other.to_string(),
        };
        let found = found.replace('\n', " ");
        Self::Data(format!("{frame}: expected a readable Arrow stream, found: {found}"))
    }

    /// Columns that are not those of the log.
    pub(crate) fn columns(frame: &str, fault: &ColumnFault) -> Self {
        let advice = match fault {
            ColumnFault::Missing { .. } => "rename the column that holds it, or add it",
            ColumnFault::Two { .. } => "drop or rename the other",
            ColumnFault::Type { .. } => "cast it",
        };
        Self::Data(format!("{frame}: {fault}; {advice}"))
    }
}

impl From<LargeSum> for Error {
    fn from(error: LargeSum) -> Self {
        Self::Data(error.to_string())
    }
}

impl From<SumOutside> for Error {
    fn from(error: SumOutside) -> Self {
        Self::Data(error.to_string())
    }
}

impl From<ListTooLong> for Error {
    fn from(error: ListTooLong) -> Self {
        Self::Data(format!("{error}; pass fewer edits of it, or an earlier as_of"))
    }
}

impl From<TimeError> for Error {
    fn from(error: TimeError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Only batches that this package builds are meant.
impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Bug(error.to_string())
    }
}

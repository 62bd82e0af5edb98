//! Which binary of the job the tests run.

use std::ffi::OsString;

/// The binary that `COHORT_BINARY` names, if set, and else the one that cargo built beside these
/// tests. CI names the binary that ships.
pub(crate) fn binary() -> OsString {
    std::env::var_os("COHORT_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_cohort").into())
}

//! Calls into the Parquet crate. It was not written to survive every broken file: some make it
//! panic. Here that is an error like any other that it returns.

use parquet::errors::{ParquetError, Result};

use crate::process::decoding;

/// The result of a call into the crate.
///
/// # Errors
/// The call's own, and a panic.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    decoding(call).unwrap_or_else(|panic| {
        Err(ParquetError::General(format!("bytes that no decoder can read ({panic})")))
    })
}

//! SEAM: the lead's run. This file only holds its place, so that the command line compiles.

use crate::error::Error;
use crate::manifest::Overrides;
use crate::summary::Summary;

/// What to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The manifest as typed: a path or a URI.
    pub manifest: String,
    /// What the command line puts over it.
    pub overrides: Overrides,
    /// Threads that compute.
    pub threads: usize,
}

/// Carries out one run.
///
/// # Errors
/// [`Error`], by what the caller must do.
#[allow(clippy::unused_async, reason = "the run that takes this place is asynchronous")]
pub async fn run(options: RunOptions) -> Result<Summary, Error> {
    Err(Error::Bug(format!("no run is built yet, of {}", options.manifest)))
}

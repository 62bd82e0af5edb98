//! What a run may be called (SPEC 10, `run_id`).

/// Most characters of a name.
const LENGTH_MAX: usize = 250;

/// Why a text is not the name of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunIdError {
    /// It is empty.
    #[error("expected a run_id of 1 to 250 characters of A-Za-z0-9._:+@=~-, found an empty string")]
    Empty,
    /// More than 250 characters.
    #[error("expected a run_id of 1 to 250 characters, found {0}")]
    TooLong(usize),
    /// A character that is not allowed.
    #[error("expected a run_id of characters of A-Za-z0-9._:+@=~-, found {found:?} in {text:?}")]
    Character {
        /// The first such character.
        found: char,
        /// The whole text.
        text: String,
    },
}

/// Fails if a text is not the name of a run: 1 to 250 characters of `A-Za-z0-9._:+@=~-`.
///
/// ```
/// use cohort_core::check_run_id;
///
/// assert!(check_run_id("scheduled__2025-01-01T00:00:00+00:00").is_ok());
/// assert!(check_run_id("a/b").is_err());
/// ```
///
/// # Errors
/// [`RunIdError`].
pub fn check_run_id(text: &str) -> Result<(), RunIdError> {
    if text.is_empty() {
        return Err(RunIdError::Empty);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:+@=~-".contains(c);
    if let Some(found) = text.chars().find(|&c| !allowed(c)) {
        return Err(RunIdError::Character { found, text: text.chars().take(60).collect() });
    }
    if text.len() > LENGTH_MAX {
        return Err(RunIdError::TooLong(text.len()));
    }
    Ok(())
}

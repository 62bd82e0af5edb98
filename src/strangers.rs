//! What others left where the job works: one warning names it, once in a process. This is a leaf.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How many are named in one warning.
const NAMED_MAX: usize = 20;

/// What a warning has named or counted.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Lists strangers in one warning; none if there is nothing new. `found` says where they are, and
/// what becomes of them.
pub(crate) fn warn(strangers: impl Iterator<Item = String>, found: &'static str) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let strangers: Vec<String> = strangers.filter(|one| told.insert(one.clone())).collect();
    if strangers.is_empty() {
        return;
    }
    // In their debug form, names cannot pretend to be another line of the log.
    tracing::warn!(
        count = strangers.len(),
        strangers = ?&strangers[..strangers.len().min(NAMED_MAX)],
        "{found}",
    );
}

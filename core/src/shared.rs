//! Texts that repeat, each held once.

use std::collections::HashSet;
use std::sync::Arc;

/// One allocation for each distinct text that repeats: SKUs, names, causes.
#[derive(Clone, Debug, Default)]
pub struct SharedTexts(HashSet<Arc<str>>);

impl SharedTexts {
    /// The text, shared with every equal one before.
    pub fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.0.insert(new.clone());
        new
    }
}

//! Record batches of the edits log (SPEC 8).

use std::sync::Arc;

use super::Lookup;
use super::texts::Texts;
use super::values::{Instant, Instants};
use crate::SharedTexts;
use crate::registry::Edit;
use crate::rejects::TextFault;

/// The columns of a batch of the edits log.
#[derive(Debug)]
pub struct EditColumns {
    texts: [(&'static str, Texts); 6],
    edited_at: Instants,
}

impl EditColumns {
    /// The columns of a batch.
    #[must_use]
    pub fn new(column: Lookup<'_>) -> Self {
        let names = ["edit_id", "event_id", "field", "new_value", "edited_by", "reason"];
        Self {
            texts: names.map(|name| (name, Texts::new(column(name)))),
            edited_at: Instants::new(column("edited_at")),
        }
    }

    /// One row. Whatever is wrong with it, it is an edit, which then does not apply.
    pub fn row(&self, row: usize, texts: &mut SharedTexts) -> Edit {
        let mut fault = None;
        let [edit_id, event_id, field, new_value, edited_by, reason] =
            self.texts.each_ref().map(|(_, column)| {
                if let Some(found) = column.fault(row) {
                    fault = Some(match found {
                        TextFault::NotUtf8 => "a text of it is not UTF-8",
                        TextFault::TooLong => "a text of it is too long",
                    });
                    return Some(Arc::from("\u{fffd}"));
                }
                column.get(row).map(|text| texts.share(text))
            });
        let edited_at = self.edited_at.get(row);
        if edited_at.is_some_and(|at| at.exact().is_none()) {
            fault = Some("its edited_at is outside the years 0001 to 9999");
        }
        let edited_at = edited_at.map(Instant::nearest);
        Edit { edit_id, edited_at, event_id, field, new_value, edited_by, reason, fault }
    }
}

//! One more edit in the edits log.

use std::sync::Arc;

use cohort_core::registry::{Edit, Registry};
use cohort_core::{Id, Timestamp};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::read::{Options, registry};
use crate::committed::Selection;
use crate::lineage::hex;
use crate::manifest::Places;
use crate::objects::{Put, Uri};
use crate::parquet::edits;
use crate::run::Shell;

/// What a person wants to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The event.
    pub event_id: Id,
    /// The field.
    pub field: String,
    /// Its new value; `None` clears it.
    pub new_value: Option<String>,
    /// Who makes the change.
    pub edited_by: String,
    /// When.
    pub edited_at: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// Appends the change to the edits log and returns the registry as it is then. An edit that would
/// not apply is refused, and nothing is written.
///
/// # Errors
/// [`Error::WouldNotApply`], [`Error::NoEditsLog`], and whatever cannot be read or written.
pub(crate) async fn edit(
    shell: &Shell,
    (manifest, places): (&Uri, &Places),
    selection: &Selection,
    change: &Change,
) -> Result<Registry, Error> {
    let Some(dataset) = &places.inputs.edits else {
        return Err(Error::NoEditsLog(manifest.to_string()));
    };
    for attempt in 0.. {
        let edit = change.edit(attempt);
        let options = Options { more: vec![edit.clone()], ..Options::default() };
        let after = registry(shell, places, selection, options).await?;
        let refused = after.unapplied().into_iter().find(|unapplied| unapplied.edit == edit);
        if let Some(refused) = refused {
            return Err(Error::WouldNotApply(refused.because.clone()));
        }
        let part = edits::encode(&edit, dataset)?;
        let name = format!("edit-{}.parquet", edit.edit_id.as_deref().unwrap_or_default());
        // Another file of this name is another edit, made by the same person in the same
        // microsecond: the next attempt has another id.
        if let Put::Done(_) = shell.objects.create(&dataset.uri.join(&name), part.bytes).await? {
            return Ok(after);
        }
    }
    Err(Error::Bug("no name was free for the edit".to_owned()))
}

impl Change {
    /// The edit, whose id no other edit has.
    fn edit(&self, attempt: u32) -> Edit {
        let text = |text: &str| Some(Arc::from(text));
        let mut hash = Sha256::new();
        let parts = [
            self.event_id.as_str(),
            &self.field,
            self.new_value.as_deref().unwrap_or("\0"),
            &self.edited_by,
            &self.edited_at.to_string(),
            self.reason.as_deref().unwrap_or("\0"),
            &std::process::id().to_string(),
            &attempt.to_string(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let id = &hex(&hash.finalize())[..32];
        Edit {
            edit_id: text(id),
            edited_at: Some(self.edited_at),
            event_id: text(self.event_id.as_str()),
            field: text(&self.field),
            new_value: self.new_value.as_deref().map(Arc::from),
            edited_by: text(&self.edited_by),
            reason: self.reason.as_deref().map(Arc::from),
            fault: None,
        }
    }
}

//! The folders of runs below a prefix, and what others left beside them.

use crate::layout::{RunId, is_data};
use crate::objects::{self, Entry, Objects, Uri};
use crate::strangers;

/// The runs that have a folder below this prefix. What else lies there is a stranger's, which a
/// warning names; nothing of it is opened. What lies in a run's folder is not listed.
///
/// # Errors
/// [`objects::Error`].
pub(crate) async fn run_folders(
    objects: &dyn Objects,
    root: &Uri,
) -> Result<Vec<RunId>, objects::Error> {
    let entries = objects.entries(root).await?;
    if entries.is_empty() {
        // It knows which of the ways of not being there are errors.
        objects.level(root).await?;
    }
    let (mut runs, mut others) = (Vec::new(), Vec::new());
    for Entry { object, stranger } in entries {
        match RunId::from_path_segment(object.uri.name()) {
            Some(run_id) if stranger == Some("a folder") => runs.push(run_id),
            _ => others.push(object.uri),
        }
    }
    warn_of_others(others.iter());
    Ok(runs)
}

/// Names what lies beside the folders of runs and is neither one nor hidden.
pub(crate) fn warn_of_others<'u>(others: impl Iterator<Item = &'u Uri>) {
    let others = others.filter(|uri| is_data(uri.name())).map(ToString::to_string);
    strangers::warn(others, "found what is no run beside the runs; it is left out");
}

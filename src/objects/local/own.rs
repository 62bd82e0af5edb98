//! What is in a run's folder, without following any link: its entries, and the temporary files that
//! killed writers left.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;

use rustix::io::Errno;

use super::answers::{failed, no_folder};
use super::folder::{EntryKind, Folder, Look};
use super::write::{is_temporary, remove_abandoned};
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::{Entry, Object};
use crate::objects::uri::Uri;

/// The entries of the folder, in the order of their names.
pub(super) fn entries(folder: &Uri) -> Result<Vec<Entry>, Error> {
    let failed = |error| failed(folder, "list", Outcome::NotDone, &error);
    let open = match Folder::open(folder.path()) {
        Ok(open) => open,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOTDIR) => {
            return Err(no_folder(folder));
        }
        Err(error) => return Err(failed(error)),
    };
    let mut names = open.names().map_err(failed)?;
    names.sort();
    let mut entries = Vec::new();
    for name in names {
        let text = name.to_str();
        if text.is_some_and(is_temporary) {
            continue;
        }
        // What vanished meanwhile is not there.
        let Some(Look { kind, bytes, tag }) = open.look(&name).map_err(failed)? else { continue };
        let stranger = match (kind, text) {
            (EntryKind::File, Some(_)) => None,
            (EntryKind::File, None) => Some("a file whose name is not UTF-8"),
            _ => Some(kind.name()),
        };
        let shown = text.map_or_else(|| name.as_bytes().escape_ascii().to_string(), str::to_owned);
        entries.push(Entry { object: Object { uri: folder.join(&shown), bytes, tag }, stranger });
    }
    Ok(entries)
}

/// Removes the temporary files of dead writers in the folder and below it. What may not be opened
/// or removed is not the job's own, and stays.
pub(super) fn sweep(prefix: &Uri) -> Result<(), Error> {
    let failed = |error| failed(prefix, "delete", Outcome::Unknown, &error);
    match Folder::open(prefix.path()) {
        Ok(folder) => sweep_below(&folder, DEPTH_MAX).map_err(failed),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Whether an error tells of something that is gone already, or that is not the job's own.
fn stays(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// The job's own folders lie no deeper in a run's. Each level holds a file open.
const DEPTH_MAX: usize = 8;

fn sweep_below(folder: &Folder, depth: usize) -> std::io::Result<()> {
    // The job's own names are text.
    for name in folder.names()?.iter().filter_map(|name| name.to_str()) {
        let done = match folder.look(name)?.map(|look| look.kind) {
            Some(EntryKind::File) if is_temporary(name) => remove_abandoned(folder, name),
            Some(EntryKind::Folder) if depth > 0 => {
                folder.within(name).and_then(|inner| sweep_below(&inner, depth - 1))
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => {}
            Err(error) if stays(error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

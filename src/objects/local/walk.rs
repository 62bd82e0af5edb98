//! The files below a prefix. Links are followed, as a lake may be put together from them.

use std::fs::{self, Metadata};
use std::path::PathBuf;

use super::answers::{failed, is_absence};
use crate::objects::error::{Error, Outcome};
use crate::objects::uri::Uri;

pub(super) type Visit<'a> = &'a mut dyn FnMut(Uri, &str, &Metadata) -> Result<(), Error>;

/// Visits every file whose path begins with the prefix's, in no particular order.
pub(super) fn walk(prefix: &Uri, visit: Visit<'_>) -> Result<(), Error> {
    let at = prefix.path().rfind('/').map_or(0, |at| at + 1);
    let (folder, name_prefix) = prefix.path().split_at(at);
    let mut folders = vec![(PathBuf::from(folder), name_prefix)];
    while let Some((folder, name_prefix)) = folders.pop() {
        let failed = |error| failed(prefix, "list", Outcome::NotDone, &error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let (Some(text), Some(name)) =
                (path.to_str(), path.file_name().and_then(|name| name.to_str()))
            else {
                return Err(Error::Misconfigured {
                    uri: prefix.clone(),
                    reason: format!("expected file names in UTF-8, found {path:?}; rename it"),
                });
            };
            if !name.starts_with(name_prefix) {
                continue;
            }
            // A file that vanished meanwhile is not there.
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => folders.push((path, "")),
                Ok(found) => visit(prefix.with_path(text), name, &found)?,
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}

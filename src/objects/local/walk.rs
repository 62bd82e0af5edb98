//! The files below a prefix. Links are followed, as a lake may be put together from them.
//!
//! A link whose target is missing is an error: what it stands for is not known to be empty. Hidden
//! ones are ignored, since editors and lock files leave them.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::answers::{failed, is_absence};
use crate::objects::error::{Error, Outcome};
use crate::objects::uri::Uri;

pub(super) type Visit<'a> = &'a mut dyn FnMut(Uri, &str, &Metadata) -> Result<(), Error>;

/// A folder that is still to be read.
struct Pending {
    path: PathBuf,
    /// How the names of its entries must begin.
    name_prefix: String,
    /// Device and number of it and of each folder above it, down from the first.
    lineage: Vec<(u64, u64)>,
}

/// Visits every file whose path begins with the prefix's, in no particular order.
pub(super) fn walk(prefix: &Uri, visit: Visit<'_>) -> Result<(), Error> {
    let at = prefix.path().rfind('/').map_or(0, |at| at + 1);
    let (folder, name_prefix) = prefix.path().split_at(at);
    let failed = |error| failed(prefix, "list", Outcome::NotDone, &error);
    let first = match fs::metadata(folder) {
        Ok(found) => (found.dev(), found.ino()),
        Err(error) if is_absence(&error) => return no_link_ends_here(prefix, Path::new(folder)),
        Err(error) => return Err(failed(error)),
    };
    let (path, name_prefix) = (PathBuf::from(folder), name_prefix.to_owned());
    let mut folders = vec![Pending { path, name_prefix, lineage: vec![first] }];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder.path) {
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
            if !name.starts_with(&folder.name_prefix) {
                continue;
            }
            let uri = prefix.with_path(text);
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => folders.push(below(&folder, &found, path, &uri)?),
                Ok(found) => visit(uri, name, &found)?,
                Err(_) if is_hidden(&uri, prefix) => {}
                Err(error) if is_absence(&error) => no_link_ends_here(&uri, &path)?,
                Err(error) => return Err(self::failed(&uri, "list", Outcome::NotDone, &error)),
            }
        }
    }
    Ok(())
}

/// A folder in another one, unless a link leads from the one back to the other.
fn below(above: &Pending, found: &Metadata, path: PathBuf, uri: &Uri) -> Result<Pending, Error> {
    let own = (found.dev(), found.ino());
    if above.lineage.contains(&own) {
        return Err(Error::Misconfigured {
            uri: uri.clone(),
            reason: "expected a folder, found a link that leads in a circle; remove it".to_owned(),
        });
    }
    let mut lineage = above.lineage.clone();
    lineage.push(own);
    Ok(Pending { path, name_prefix: String::new(), lineage })
}

/// Whether a name below the prefix's folder hides the file.
fn is_hidden(uri: &Uri, prefix: &Uri) -> bool {
    let folder = prefix.path().rfind('/').map_or(0, |at| at + 1);
    let below = uri.path().get(folder..).unwrap_or_default();
    below.split('/').any(|name| name.starts_with(['_', '.']))
}

/// Nothing was found at the path. That is an error if a link on the way there has no target, and
/// nothing otherwise: a file may vanish at any time.
fn no_link_ends_here(uri: &Uri, path: &Path) -> Result<(), Error> {
    let is_link = |path: &&Path| -> io::Result<bool> {
        Ok(fs::symlink_metadata(path)?.is_symlink() && !fs::exists(path)?)
    };
    match path.ancestors().find(|path| is_link(path).unwrap_or(false)) {
        None => Ok(()),
        Some(link) => Err(Error::NoTarget {
            uri: link.to_str().map_or_else(|| uri.clone(), |link| uri.with_path(link)),
        }),
    }
}

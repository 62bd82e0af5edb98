//! The files below a prefix. Links are followed, as a lake may be put together from them.
//!
//! A link whose target is missing is an error: what it stands for is not known to be empty. Hidden
//! ones are ignored, since editors and lock files leave them.

use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::answers::{failed, is_absence};
use crate::objects::error::{Error, Outcome};
use crate::objects::uri::Uri;

pub(super) type Visit<'a> = &'a mut dyn FnMut(Uri, &str, &Metadata) -> Result<(), Error>;

/// The same, and whether that is enough.
type Look<'a> = &'a mut dyn FnMut(Uri, &str, &Metadata) -> Result<ControlFlow<()>, Error>;

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
    look(prefix, &mut |uri, name, metadata| {
        visit(uri, name, metadata).map(|()| ControlFlow::Continue(()))
    })
}

/// The names of the folders in a folder that hold a file that counts, however deep, sorted; `None`
/// if nothing at all in it does. Of each it looks no further than the first such file.
pub(super) fn folders(
    folder: &Uri,
    counts: impl Fn(&str) -> bool,
) -> Result<Option<Vec<String>>, Error> {
    let failed = |error| failed(folder, "list", Outcome::NotDone, &error);
    let entries = match fs::read_dir(folder.path()) {
        Ok(entries) => entries,
        // It says which of the ways of not being there are errors.
        Err(error) if is_absence(&error) => {
            return walk(folder, &mut |_, _, _| Ok(())).map(|()| None);
        }
        Err(error) => return Err(failed(error)),
    };
    let (mut names, mut files) = (Vec::new(), false);
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(no_text(folder, &path));
        };
        let uri = folder.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let mut holds = false;
                look(&uri.as_prefix(), &mut |_, name, _| {
                    holds = counts(name);
                    Ok(if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })?;
                names.extend(holds.then(|| name.to_owned()));
            }
            Ok(_) => files |= counts(name),
            Err(_) if is_hidden(&uri, folder) => {}
            Err(error) if is_absence(&error) => no_link_ends_here(&uri, &path)?,
            Err(error) => return Err(self::failed(&uri, "list", Outcome::NotDone, &error)),
        }
    }
    names.sort();
    Ok((files || !names.is_empty()).then_some(names))
}

/// As [`walk`], until it is enough.
fn look(prefix: &Uri, visit: Look<'_>) -> Result<(), Error> {
    let at = prefix.path().rfind('/').map_or(0, |at| at + 1);
    let (folder, name_prefix) = prefix.path().split_at(at);
    let failed = |error| failed(prefix, "list", Outcome::NotDone, &error);
    let first = match fs::metadata(folder) {
        Ok(found) => (found.dev(), found.ino()),
        Err(error) if is_absence(&error) => {
            // With its slash, the path of a link would be that of its target.
            let folder = Path::new(folder.trim_end_matches('/'));
            return no_link_ends_here(prefix, folder);
        }
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
                return Err(no_text(prefix, &path));
            };
            if !name.starts_with(&folder.name_prefix) {
                continue;
            }
            let uri = prefix.with_path(text);
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => folders.push(below(&folder, &found, path, &uri)?),
                Ok(found) => {
                    if visit(uri, name, &found)?.is_break() {
                        return Ok(());
                    }
                }
                Err(_) if is_hidden(&uri, prefix) => {}
                Err(error) if is_absence(&error) => no_link_ends_here(&uri, &path)?,
                Err(error) => return Err(self::failed(&uri, "list", Outcome::NotDone, &error)),
            }
        }
    }
    Ok(())
}

fn no_text(prefix: &Uri, path: &Path) -> Error {
    Error::Misconfigured {
        uri: prefix.clone(),
        reason: format!("expected file names in UTF-8, found {path:?}; rename it"),
    }
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

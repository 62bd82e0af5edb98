//! The files below a prefix. Links are followed, as a lake may be put together from them.
//!
//! A link whose target is missing is an error: what it stands for is not known to be empty. So is
//! what a folder lists and no longer has: it may be on its way to be replaced. Hidden ones are
//! ignored, since editors, lock files and writers leave them.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::answers::{failed, is_absence, no_folder};
use crate::layout::is_data;
use crate::objects::error::{Error, Outcome};
use crate::objects::interface::Level;
use crate::objects::uri::Uri;
use crate::strangers;

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

/// The files in a folder that count, and the folders that hold such a file, however deep; `None` if
/// there are none. Of each folder it looks no further than the first such file.
pub(super) fn level(folder: &Uri, counts: impl Fn(&str) -> bool) -> Result<Option<Level>, Error> {
    let failed = |error| failed(folder, "list", Outcome::NotDone, &error);
    let entries = match fs::read_dir(folder.path()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(no_folder(folder)),
        // It says which of the ways of not being there are errors.
        Err(error) if is_absence(&error) => {
            return walk(folder, &mut |_, _, _| Ok(())).map(|()| None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut level = Level::default();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        // A name that is no text is that of no partition, and is only shown.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let uri = folder.join(&name);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                let counts = path.to_str().is_none() || holds(&uri.as_prefix(), &counts)?;
                level.folders.extend(counts.then_some(name));
            }
            Ok(_) => level.files.extend(counts(&name).then_some(name)),
            Err(_) if is_hidden(&uri, folder) => {}
            Err(error) if is_absence(&error) => return Err(gone(&uri, &path)),
            Err(error) => return Err(self::failed(&uri, "list", Outcome::NotDone, &error)),
        }
    }
    level.folders.sort();
    level.files.sort();
    Ok((level != Level::default()).then_some(level))
}

/// Whether a folder holds a file that counts, however deep. What may not be opened may hold one.
fn holds(folder: &Uri, counts: impl Fn(&str) -> bool) -> Result<bool, Error> {
    let mut holds = false;
    let looked = look(folder, &mut |_, name, _| {
        holds = counts(name);
        Ok(if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    match looked {
        Err(Error::Denied { .. }) => Ok(true),
        looked => looked.map(|()| holds),
    }
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
            return dangling(folder).map_or(Ok(()), |link| Err(no_target(prefix, &link)));
        }
        Err(error) => return Err(failed(error)),
    };
    let (path, name_prefix) = (PathBuf::from(folder), name_prefix.to_owned());
    let mut folders = vec![Pending { path, name_prefix, lineage: vec![first] }];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(error) => {
                let path = folder.path.to_str();
                let uri = path.map_or_else(|| prefix.clone(), |path| prefix.with_path(path));
                match error {
                    _ if is_hidden(&uri, prefix) => continue,
                    error if is_absence(&error) => return Err(gone(&uri, &folder.path)),
                    error if is_of_the_disk(&folder.path, &error) => {
                        let found = "found what a file system keeps for itself; it is left out";
                        strangers::warn([uri.to_string()].into_iter(), found);
                        continue;
                    }
                    error => {
                        return Err(self::failed(&uri, "list", Outcome::NotDone, &error));
                    }
                }
            }
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let (Some(text), Some(name)) =
                (path.to_str(), path.file_name().and_then(|name| name.to_str()))
            else {
                if is_hidden(&prefix.with_path(&path.to_string_lossy()), prefix) {
                    continue;
                }
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
                Err(error) if is_absence(&error) => return Err(gone(&uri, &path)),
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
    below.split('/').any(|name| !name.is_empty() && !is_data(name))
}

/// Whether a folder that may not be opened is the one that a file system makes at its top for what
/// it finds when it mends itself. There is no data in it.
fn is_of_the_disk(path: &Path, error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && path.file_name() == Some("lost+found".as_ref())
}

/// What a folder listed is not there any more, or never was: a link that leads nowhere.
fn gone(uri: &Uri, path: &Path) -> Error {
    match dangling(path) {
        Some(link) => no_target(uri, &link),
        None => Error::Vanished { uri: uri.clone() },
    }
}

fn no_target(uri: &Uri, link: &Path) -> Error {
    let link = link.to_str().map_or_else(|| uri.clone(), |link| uri.with_path(link));
    Error::NoTarget { uri: link }
}

/// The link without a target on the way to a path, if there is one.
pub(super) fn dangling(path: &Path) -> Option<PathBuf> {
    let is_link = |path: &&Path| -> io::Result<bool> {
        Ok(fs::symlink_metadata(path)?.is_symlink() && !fs::exists(path)?)
    };
    let link = path.ancestors().find(|path| is_link(path).unwrap_or(false));
    link.map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What vanished between the look at a folder and the look at its entries was once passed
    /// over, as if it had no rows.
    #[test]
    fn what_vanishes_while_it_is_listed_is_no_empty_input() {
        let hidden = |name: &str| name.starts_with('.');
        for names in [&["a", "b", "c"][..], &["a/x", "b/x", "c/x"], &["a", ".b", ".c"]] {
            let folder = tempfile::tempdir().unwrap();
            let prefix = Uri::from_argument(folder.path(), "./").unwrap().as_prefix();
            for name in names {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let mut seen = 0;
            let walked = walk(&prefix, &mut |uri, _, _| {
                seen += 1;
                let at = names.iter().position(|name| uri.path().ends_with(&format!("/{name}")));
                for (other, name) in names.iter().enumerate().filter(|_| seen == 1) {
                    let first = name.split('/').next().unwrap_or(name);
                    if Some(other) != at && first == *name {
                        fs::remove_file(folder.path().join(name)).unwrap();
                    } else if Some(other) != at {
                        fs::remove_dir_all(folder.path().join(first)).unwrap();
                    }
                }
                Ok(())
            });
            if names.iter().any(|name| hidden(name)) {
                // If the file that is not hidden comes last, it was removed before.
                assert!(walked.is_ok() || matches!(walked, Err(Error::Vanished { .. })));
            } else {
                assert!(matches!(walked, Err(Error::Vanished { .. })), "{names:?}: {walked:?}");
                assert_eq!(seen, 1);
            }
        }
    }

    /// A name that begins with `_` and holds a `=` is a partition's, and hides nothing.
    #[test]
    fn a_link_without_a_target_in_a_partition_is_no_empty_input() {
        let root = tempfile::tempdir().unwrap();
        let prefix = Uri::from_argument(root.path(), "./").unwrap().as_prefix();
        for (folder, is_hidden) in [("_p=1", false), ("p=1", false), ("_p", true), (".p", true)] {
            let folder = root.path().join(folder);
            fs::create_dir(&folder).unwrap();
            std::os::unix::fs::symlink("/nowhere/at-all", folder.join("part")).unwrap();
            let walked = walk(&prefix, &mut |_, _, _| Ok(()));
            let names_it = matches!(walked, Err(Error::NoTarget { .. }));
            assert_eq!(names_it, !is_hidden, "{folder:?}: {walked:?}");
            fs::remove_dir_all(&folder).unwrap();
        }
    }

    /// Spark removes its `_temporary` when a writer has ended.
    #[test]
    fn a_hidden_folder_that_vanishes_while_it_is_listed_is_ignored() {
        let root = tempfile::tempdir().unwrap();
        let prefix = Uri::from_argument(root.path(), "./").unwrap().as_prefix();
        let hidden = || (0..30).map(|number| root.path().join(format!("_temporary-{number}")));
        hidden().for_each(|folder| fs::create_dir(folder).unwrap());
        fs::write(root.path().join("data"), "").unwrap();
        let mut seen = Vec::new();
        walk(&prefix, &mut |_, name, _| {
            hidden().for_each(|folder| fs::remove_dir(folder).unwrap());
            seen.push(name.to_owned());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["data"]);
    }
}

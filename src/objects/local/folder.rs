//! A folder opened so that no path can be swapped for another between two operations.
//!
//! A run's folder, `run=…`, and everything below it is never reached through a link: each folder
//! from there on is opened relative to the one above, without following. Every operation then names
//! its file relative to the opened folder. What lies above a run's folder belongs to whoever
//! configured the run, and may be put together from links.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use super::answers::tag_of_stat;
use crate::objects::interface::Tag;

/// How the name of a run's folder begins.
const RUN_FOLDER: &str = "run=";
/// What a run writes there, as `layout` has it.
const LINEAGE: &str = "lineage.json";
const PART: &str = "part-";
const SUPERSEDED: &str = "superseded";

/// How long a lock is waited for. The job holds one for a moment; whoever holds it for longer is a
/// stranger.
pub(super) const LOCK_TIME_MAX: Duration = Duration::from_secs(5);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    itself: OwnedFd,
    /// For a run's folder, the folder above it and its name there.
    above: Option<(OwnedFd, String)>,
}

/// What an entry of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    Link,
    Other,
}

impl EntryKind {
    /// What to call it in a message.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Link => "a link",
            Self::Other => "neither a file nor a folder",
        }
    }

    fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

/// What is under a name.
pub(super) struct Look {
    pub(super) kind: EntryKind,
    pub(super) bytes: u64,
    pub(super) tag: Tag,
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl Folder {
    /// Whether a path is one of those that a run writes to: its lineage or a part in its folder, or
    /// a copy of one that a rerun has kept. Anything else may lie in a folder of that name by
    /// chance, as a manifest.
    pub(super) fn is_of_a_run(path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let run = names.iter().rposition(|name| name.starts_with(RUN_FOLDER));
        match run.map_or(&[][..], |run| &names[run + 1..]) {
            [name] => *name == LINEAGE || name.starts_with(PART),
            [folder, ..] => *folder == SUPERSEDED,
            [] => false,
        }
    }

    /// Opens the folder at an absolute path.
    pub(super) fn open(path: &str) -> io::Result<Self> {
        Self::reach(path, false)
    }

    /// The same, and creates what is missing of the path.
    pub(super) fn create(path: &str) -> io::Result<Self> {
        Self::reach(path, true)
    }

    fn reach(path: &str, create: bool) -> io::Result<Self> {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let run = names.iter().rposition(|name| name.starts_with(RUN_FOLDER));
        let (followed, own) = names.split_at(run.unwrap_or(names.len()));
        let root = format!("/{}", followed.join("/"));
        if create {
            std::fs::create_dir_all(&root)?;
        }
        let root = rustix::fs::openat(CWD, &root, DIRECTORY, Mode::empty())?;
        let mut folder = Self { itself: root, above: None };
        for name in own {
            if create {
                match rustix::fs::mkdirat(&folder.itself, *name, Mode::from_raw_mode(0o777)) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            let inner = folder.within(name)?;
            folder =
                Self { itself: inner.itself, above: Some((folder.itself, (*name).to_owned())) };
        }
        Ok(folder)
    }

    /// A folder in this one, which is not a link.
    pub(super) fn within(&self, name: &str) -> io::Result<Self> {
        match self.open_at(name, DIRECTORY) {
            Ok(itself) => Ok(Self { itself, above: None }),
            Err(error) => match self.look(name)? {
                Some(Look { kind, .. }) if kind != EntryKind::Folder => Err(io::Error::new(
                    ErrorKind::NotADirectory,
                    format!("expected a folder, found {}: {name}", kind.name()),
                )),
                _ => Err(error),
            },
        }
    }

    fn open_at(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.itself, name, flags, Mode::from_raw_mode(0o666))?)
    }

    /// What is under a name; `None` if nothing is. A link is a link.
    pub(super) fn look(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Look>> {
        match rustix::fs::statat(&self.itself, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Look {
                kind: EntryKind::of(&stat),
                bytes: stat.st_size.unsigned_abs(),
                tag: tag_of_stat(&stat),
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file to read. A pipe or a device does not hold it up.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        Ok(self.open_at(name, OFlags::RDONLY | OFlags::NONBLOCK)?.into())
    }

    /// Opens a file to write that was not there.
    pub(super) fn new_file(&self, name: &str) -> io::Result<File> {
        Ok(self.open_at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?.into())
    }

    /// Gives a file a second name that was not taken.
    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (itself, flags) = (&self.itself, AtFlags::empty());
        Ok(rustix::fs::linkat(itself, from, itself, to, flags)?)
    }

    /// Gives a file another name, which may be taken.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.itself, from, &self.itself, to)?)
    }

    /// Removes a file or a link, never what it points to.
    pub(super) fn unlink(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.itself, name, AtFlags::empty())?)
    }

    /// Removes a run's folder if it is empty. A run's folder goes with its last object, as it does
    /// on S3.
    pub(super) fn remove_if_empty(&self) {
        if let Some((above, name)) = &self.above
            && name.starts_with(RUN_FOLDER)
        {
            // One that is not empty stays, which is not an error.
            let _ = rustix::fs::unlinkat(above, name.as_str(), AtFlags::REMOVEDIR);
        }
    }

    /// Brings the folder's entries to disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.itself)?)
    }

    /// Locks the folder against other writers for as long as the result lives. The kernel releases
    /// the lock when the process dies.
    ///
    /// Whoever may read the folder can lock it too, and keep it so. That is an error after a while,
    /// and no reason to wait for ever.
    pub(super) fn lock(&self) -> io::Result<File> {
        // A lock belongs to the opening of a file, so this one is opened anew.
        let file = File::from(self.open_at(".", DIRECTORY)?);
        lock_within(&file, LOCK_TIME_MAX)?;
        Ok(file)
    }

    /// The names in the folder, except `.` and `..`, in no particular order.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.itself)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

/// Locks a file so that only its opener has it, or gives up.
pub(super) fn lock_within(file: &File, time_max: Duration) -> io::Result<()> {
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if waited < time_max => {
                thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => {
                let seconds = time_max.as_secs();
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    format!(
                        "another process has held the lock (flock) of its folder for {seconds} s; \
                         lslocks names it, end it"
                    ),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest that was a link was once refused in any folder of that name.
    #[test]
    fn a_path_is_of_a_run_only_where_a_run_writes() {
        for (path, expected) in [
            ("/lake/lineage/run=r/lineage.json", true),
            ("/lake/run=a/run=r/part-00000-0123456789abcdef.parquet", true),
            ("/lake/run=r/superseded/0123456789abcdef/lineage-0.json", true),
            ("/jobs/run=r/run_manifest.json", false),
            ("/jobs/run=r/lineage/lineage.json", false),
            ("/jobs/run=r", false),
            ("/jobs/lineage.json", false),
        ] {
            assert_eq!(Folder::is_of_a_run(path), expected, "{path}");
        }
    }
}

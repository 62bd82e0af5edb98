//! Result files: the summary or the failure as one JSON value, if a file was asked for.
//!
//! Airflow's Kubernetes operator reads `/airflow/xcom/return.json` through a sidecar that shares
//! that folder, also after failures. `--result-file` serves everyone else. The file is complete
//! before the process ends, and nobody reads it earlier. So it is written in place, since a single
//! file mounted from the host cannot be replaced by a rename.
//!
//! A path that was mistyped may name a manifest, an input or a lineage. So nothing is removed or
//! written over but what a run has left there, or what is empty.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Access, AtFlags, CWD};
use serde::Deserialize as _;
use serde_json::Value;

use super::open;
use crate::commit::Status;
use crate::led::led;

/// The folder that Airflow's sidecar shares with the job.
pub(crate) const XCOM_FOLDER: &str = "/airflow/xcom";

/// No result of a run is longer.
const BYTES_MAX: usize = 1 << 18;

/// How a summary and a failure begin, as this job writes them.
const BEGINNINGS: [&[u8]; 2] = [br#"{"run_id":""#, br#"{"error":""#];

/// The files that the result goes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResultFiles {
    asked_for: Vec<AskedFor>,
    sidecar: Option<PathBuf>,
    /// Whether those asked for turned out to be no place for a result.
    withdrawn: Arc<AtomicBool>,
    /// Whether they turned out to lie apart from all logs.
    vouched: Arc<AtomicBool>,
}

/// A file that the command line names.
#[derive(Clone, Debug)]
struct AskedFor {
    path: PathBuf,
    /// Whether something was there when the process began.
    was_there: bool,
}

/// Why a result file cannot be one, or was not written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// Something is there that no run has written. It stays.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Logs or the summary go there, which would make a result of neither.
    Stream {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    Failed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ResultFiles {
    /// The files asked for, and the sidecar's file if its folder exists.
    pub(crate) fn new(asked_for: Vec<PathBuf>, xcom_folder: &Path) -> Self {
        let sidecar = xcom_folder.is_dir().then(|| xcom_folder.join("return.json"));
        // If stdout is that file, the summary goes there anyway.
        let sidecar = sidecar.filter(|file| !is_stream(file));
        let asked_for =
            asked_for.into_iter().map(|path| AskedFor { was_there: path.exists(), path });
        Self { asked_for: asked_for.collect(), sidecar, ..Self::default() }
    }

    /// From now on nothing is written to the files asked for.
    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::SeqCst);
    }

    /// From now on those that were not there may be made, whatever lies beside them.
    pub(crate) fn vouch(&self) {
        self.vouched.store(true, Ordering::SeqCst);
    }

    /// Whether this path leads to one of the files.
    pub(crate) fn hold(&self, path: &Path) -> bool {
        self.all().any(|(file, _)| led(file) == led(path))
    }

    /// The files, and whether each may only be made where there is no data.
    fn all(&self) -> impl Iterator<Item = (&Path, bool)> {
        let asked_for: &[_] =
            if self.withdrawn.load(Ordering::SeqCst) { &[] } else { &self.asked_for };
        let vouched = self.vouched.load(Ordering::SeqCst);
        let asked_for = asked_for
            .iter()
            .map(move |AskedFor { path, was_there }| (path.as_path(), !vouched && !was_there));
        asked_for.chain(self.sidecar.iter().map(|path| (path.as_path(), false)))
    }

    /// Removes what an earlier run has left in them, and checks whether they can be written. What
    /// is empty stays. A file that cannot be removed, as a single file mounted from the host, is
    /// emptied; a pipe or a device holds nothing. What is not there is not made.
    ///
    /// # Errors
    /// The first file that could not, after all have been tried.
    pub(crate) fn clear(&self) -> Result<(), NotWritten> {
        self.each(|path, _| clear(path))
    }

    /// Writes one line of JSON to each.
    ///
    /// # Errors
    /// The first file that could not be written, after all have been tried.
    pub(crate) fn write(&self, json: &str) -> Result<(), NotWritten> {
        self.each(|path, in_doubt| {
            if in_doubt {
                let failed = |source| NotWritten::Failed { path: path.to_owned(), source };
                open::is_apart_from_data(path).map_err(failed)?;
            }
            write(path, &format!("{json}\n"))
        })
    }

    fn each(&self, deed: impl Fn(&Path, bool) -> Result<(), NotWritten>) -> Result<(), NotWritten> {
        let done: Vec<_> = self.all().map(|(path, in_doubt)| deed(path, in_doubt)).collect();
        done.into_iter().collect()
    }
}

fn clear(path: &Path) -> Result<(), NotWritten> {
    let failed = |source| NotWritten::Failed { path: path.to_owned(), source };
    match fs::metadata(path) {
        // An empty file may be another program's mark.
        Ok(found) if found.is_file() && found.len() == 0 => {
            check(path)?;
            emptied(path).map_err(failed)
        }
        Ok(found) if found.is_file() => {
            check(path)?;
            // What is behind a link is emptied, and the link stays.
            let removed = if path.is_symlink() {
                Err(ErrorKind::Other.into())
            } else {
                fs::remove_file(path)
            };
            removed.or_else(|_| emptied(path)).map_err(failed)
        }
        Ok(found) if found.is_dir() => Err(failed(ErrorKind::IsADirectory.into())),
        Ok(_) => Ok(()),
        // Made only to try it, it would be a broken log if it lay among logs.
        Err(error) if error.kind() == ErrorKind::NotFound => can_be_made(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

/// Whether a file can be made, as far as that shows without making it.
fn can_be_made(path: &Path) -> io::Result<()> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(ErrorKind::IsADirectory.into());
    }
    let place = led(path);
    // With a dot at its end, a file is none.
    let folder = place.parent().unwrap_or(&place).join(".");
    let (access, as_who) = (Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    Ok(rustix::fs::accessat(CWD, folder, access, as_who)?)
}

fn emptied(path: &Path) -> io::Result<()> {
    open::rewrite(&open::to_write(path, true)?, b"")
}

fn write(path: &Path, line: &str) -> Result<(), NotWritten> {
    let failed = |source| NotWritten::Failed { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|found| found.is_file()) {
        check(path)?;
    }
    let file = open::to_write(path, true).map_err(failed)?;
    open::rewrite(&file, line.as_bytes()).map_err(failed)
}

/// Whether stdout or stderr goes to the file.
fn is_stream(path: &Path) -> bool {
    let Ok(file) = rustix::fs::stat(path) else { return false };
    [rustix::fs::fstat(io::stdout()), rustix::fs::fstat(io::stderr())]
        .into_iter()
        .flatten()
        .any(|stream| (stream.st_dev, stream.st_ino) == (file.st_dev, file.st_ino))
}

/// Fails if the file holds something that no run has written.
fn check(path: &Path) -> Result<(), NotWritten> {
    if is_stream(path) {
        return Err(NotWritten::Stream { path: path.to_owned() });
    }
    let foreign = |found| Err(NotWritten::Foreign { path: path.to_owned(), found });
    match open::read(path, BYTES_MAX) {
        Ok(content) if is_result(&content) => Ok(()),
        Ok(_) => foreign("something else"),
        Err(error) if error.kind() == ErrorKind::InvalidData => foreign("something longer"),
        Err(source) => Err(NotWritten::Failed { path: path.to_owned(), source }),
    }
}

/// Whether this is what a run leaves: nothing, a summary or a failure. If the machine stopped
/// meanwhile, it is the beginning of one, and zeros stand for what did not reach the disk.
fn is_result(content: &[u8]) -> bool {
    let zeros = content.iter().rev().take_while(|byte| **byte == 0).count();
    let content = content[..content.len() - zeros].trim_ascii();
    let result = match serde_json::from_slice(content) {
        Ok(Value::Object(result)) => result,
        Ok(_) => return false,
        Err(error) => {
            return error.is_eof()
                && BEGINNINGS.iter().any(|beginning| {
                    content.starts_with(beginning) || beginning.starts_with(content)
                });
        }
    };
    let status = result.get("status").unwrap_or(&Value::Null);
    let keys: &[&str] = if Status::deserialize(status).is_ok() {
        &["run_id", "lineage", "execution"]
    } else if status == "failed" {
        &["run_id", "exit_code", "error"]
    } else {
        return false;
    };
    keys.iter().all(|key| result.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const RESULT: &str = r#"{"run_id":"r","status":"committed","lineage":"l","execution":{}}"#;
    const FAILURE: &str = r#"{"error":"x: y","exit_code":75,"run_id":null,"status":"failed"}"#;

    fn only(path: &Path) -> ResultFiles {
        ResultFiles::new(vec![path.to_owned()], Path::new("/nowhere"))
    }

    #[test]
    fn the_result_reaches_the_file_asked_for_and_the_sidecar() {
        let folder = tempfile::tempdir().unwrap();
        let asked_for = folder.path().join("result.json");
        let files = ResultFiles::new(vec![asked_for.clone()], folder.path());
        files.write(r#"{"status":"committed"}"#).unwrap();
        for path in [asked_for, folder.path().join("return.json")] {
            assert_eq!(fs::read_to_string(path).unwrap(), "{\"status\":\"committed\"}\n");
        }
    }

    #[test]
    fn what_an_earlier_run_left_is_removed_or_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let [result, target, link] = ["return.json", "target", "link"].map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, if name == "target" { FAILURE } else { RESULT }).unwrap();
            path
        });
        fs::remove_file(&link).unwrap();
        symlink(&target, &link).unwrap();
        ResultFiles::new(vec![link.clone()], folder.path()).clear().unwrap();
        assert!(!result.exists() && link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        let (mark, new) = (folder.path().join("mark"), folder.path().join("new"));
        fs::write(&mark, "").unwrap();
        only(&mark).clear().unwrap();
        assert!(mark.exists());
        let dangling = folder.path().join("dangling");
        symlink(&new, &dangling).unwrap();
        only(&dangling).clear().unwrap();
        assert!(dangling.is_symlink() && !new.exists());
        only(Path::new("/dev/null")).clear().unwrap();
        assert!(Path::new("/dev/null").exists());
    }

    /// It was once removed at the start, and written over at the end, whatever it was.
    #[test]
    fn what_no_run_has_written_is_neither_removed_nor_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        symlink(&path, &link).unwrap();
        let long = format!("{}{RESULT}", " ".repeat(BYTES_MAX));
        let lineage = r#"{"version":1,"run_id":"r","interval":{}}"#;
        let torn = &lineage[..20];
        for content in ["PAR1", "{}", "[]", lineage, torn, r#"{"status":"committed"}"#, &long] {
            fs::write(&path, content).unwrap();
            for files in [only(&path), only(&link)] {
                assert!(matches!(files.clear(), Err(NotWritten::Foreign { .. })), "{content}");
                assert!(matches!(files.write(RESULT), Err(NotWritten::Foreign { .. })));
                assert_eq!(fs::read_to_string(&path).unwrap(), content);
            }
        }
        // What a machine that stopped may leave of a result once made every retry fail.
        let torn = [&RESULT[..4], &RESULT[..40], &FAILURE[..20], "\0\0", &format!("{RESULT}\0")];
        for content in ["", "\n", RESULT, FAILURE].iter().chain(&torn) {
            fs::write(&path, content).unwrap();
            only(&path).write(FAILURE).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{FAILURE}\n"));
        }
    }

    #[test]
    fn without_a_sidecar_folder_only_the_file_asked_for_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = ResultFiles::new(Vec::new(), &folder.path().join("missing"));
        files.write("{}").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_bad_file_does_not_keep_the_others_from_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = ResultFiles::new(vec![folder.path().join("no/such/x.json")], folder.path());
        assert!(files.clear().is_err());
        assert!(files.write("{}").is_err());
        assert!(folder.path().join("return.json").exists());
    }
}

//! Result files: the summary or the failure as one JSON value, if a file was asked for.
//!
//! Airflow's Kubernetes operator reads `/airflow/xcom/return.json` through a sidecar that shares
//! that folder, also after failures. `--result-file` serves everyone else. The file is complete
//! before the process ends, and nobody reads it earlier. So it is written in place, since a single
//! file mounted from the host cannot be replaced by a rename.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder that Airflow's sidecar shares with the job.
pub(crate) const XCOM_FOLDER: &str = "/airflow/xcom";

/// The files that the result goes to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResultFiles(Vec<PathBuf>);

impl ResultFiles {
    /// The file asked for, if any, and the sidecar's file if its folder exists.
    pub(crate) fn new(asked_for: Option<PathBuf>, xcom_folder: &Path) -> Self {
        let sidecar = xcom_folder.is_dir().then(|| xcom_folder.join("return.json"));
        Self(asked_for.into_iter().chain(sidecar).collect())
    }

    /// Removes what is in them. A file that cannot be removed, as a single file mounted from the
    /// host, is emptied; a pipe or a device holds nothing.
    ///
    /// # Errors
    /// The first file that could not, after all have been tried.
    pub(crate) fn clear(&self) -> Result<(), (PathBuf, io::Error)> {
        let mut outcome = Ok(());
        for path in &self.0 {
            // What is behind a link is emptied, and the link stays.
            if !fs::metadata(path).is_ok_and(|found| found.is_file()) {
                continue;
            }
            let removed = if path.is_symlink() {
                Err(io::ErrorKind::Other.into())
            } else {
                fs::remove_file(path)
            };
            if let Err(error) = removed.or_else(|_| fs::write(path, ""))
                && outcome.is_ok()
            {
                outcome = Err((path.clone(), error));
            }
        }
        outcome
    }

    /// Writes one line of JSON to each.
    ///
    /// # Errors
    /// The first file that could not be written, after all have been tried.
    pub(crate) fn write(&self, json: &str) -> Result<(), (PathBuf, io::Error)> {
        let mut outcome = Ok(());
        for path in &self.0 {
            if let Err(error) = fs::write(path, format!("{json}\n"))
                && outcome.is_ok()
            {
                outcome = Err((path.clone(), error));
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_reaches_the_file_asked_for_and_the_sidecar() {
        let folder = tempfile::tempdir().unwrap();
        let asked_for = folder.path().join("result.json");
        let files = ResultFiles::new(Some(asked_for.clone()), folder.path());
        files.write(r#"{"status":"committed"}"#).unwrap();
        for path in [asked_for, folder.path().join("return.json")] {
            assert_eq!(fs::read_to_string(path).unwrap(), "{\"status\":\"committed\"}\n");
        }
    }

    #[test]
    fn what_an_earlier_run_left_is_removed_or_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let (result, target) = (folder.path().join("return.json"), folder.path().join("target"));
        let link = folder.path().join("link");
        for path in [&result, &target] {
            fs::write(path, "{\"status\":\"committed\"}").unwrap();
        }
        std::os::unix::fs::symlink(&target, &link).unwrap();
        ResultFiles::new(Some(link.clone()), folder.path()).clear().unwrap();
        assert!(!result.exists() && link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        ResultFiles::new(Some("/dev/null".into()), folder.path()).clear().unwrap();
        assert!(Path::new("/dev/null").exists());
    }

    #[test]
    fn without_a_sidecar_folder_only_the_file_asked_for_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = ResultFiles::new(None, &folder.path().join("missing"));
        files.write("{}").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_bad_file_does_not_keep_the_others_from_being_written() {
        let folder = tempfile::tempdir().unwrap();
        let files = ResultFiles::new(Some(folder.path().join("no/such/x.json")), folder.path());
        assert!(files.write("{}").is_err());
        assert!(folder.path().join("return.json").exists());
    }
}

//! The sample of `cohort demo` in a temporary folder, for tests that change what is around the job.

use std::fs;
use std::path::{Path, PathBuf};

use cohort::Sample;
use serde_json::Value;

/// Writes a small sample of some days; its folder is deleted with the first value.
pub(crate) fn write(days: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap().join("sample");
    Sample { stores: 3, skus: 4, days, seed: 9 }.write(&root).unwrap();
    (folder, root)
}

/// Changes the manifest of the sample at `root`.
pub(crate) fn change_manifest(root: &Path, change: impl FnOnce(&mut Value)) {
    let path = root.join("run_manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

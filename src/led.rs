//! Where a path on local disk leads through links. This is a leaf.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a path leads, also if its end is not there yet.
pub(crate) fn led(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |above: &Path| {
        let real = fs::canonicalize(above).ok()?;
        let rest = path.strip_prefix(above).ok()?;
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    };
    path.ancestors().find_map(real).unwrap_or_else(|| path.clone())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_leads_through_links_also_where_its_end_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let [logs, link, file, alias] =
            ["logs", "link", "logs/file", "alias"].map(|name| root.join(name));
        fs::create_dir(&logs).unwrap();
        fs::write(&file, "").unwrap();
        symlink(&logs, &link).unwrap();
        symlink(&file, &alias).unwrap();
        for (path, expected) in [
            (file.clone(), &file),
            (alias, &file),
            (link.join("file"), &file),
            (link.join("new/file"), &logs.join("new/file")),
            (link, &logs),
            (root.join("missing"), &root.join("missing")),
        ] {
            assert_eq!(led(&path), *expected, "{}", path.display());
        }
    }
}

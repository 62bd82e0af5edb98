//! Where a path on local disk leads through links. This is a leaf.

use std::fs;
use std::path::{Path, PathBuf};

/// More links in a row are a circle.
const LINKS_MAX: usize = 40;

/// Where a path leads, also if its end is not there yet.
pub(crate) fn led(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A link whose target is missing leads there all the same: whoever writes makes the target.
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        if path.exists() {
            break;
        }
        path = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target));
    }
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
        let [logs, link, file, alias, dangling] =
            ["logs", "link", "logs/file", "alias", "dangling"].map(|name| root.join(name));
        symlink("logs/new", &dangling).unwrap();
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
            (dangling, &logs.join("new")),
        ] {
            assert_eq!(led(&path), *expected, "{}", path.display());
        }
    }
}

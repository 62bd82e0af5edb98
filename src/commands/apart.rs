//! Whether a file that the command line names lies apart from the logs of a manifest. Written among
//! them it would be read as one of them, or take the place of one.
//!
//! What counts is where a path leads: a link may stand in the place of a file, or of a folder above
//! it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::Places;
use crate::objects::{Scheme, Uri};

/// What of the manifest is at this place, or holds it.
pub(super) fn taken_by(out: &Uri, places: &Places) -> Option<&'static str> {
    if *out.scheme() == Scheme::File {
        return file_taken_by(Path::new(out.path()), places);
    }
    named(places).find(|(_, uri)| out == *uri || out.below(uri).is_some()).map(|(name, _)| name)
}

/// The same for a file on local disk.
pub(super) fn file_taken_by(file: &Path, places: &Places) -> Option<&'static str> {
    let file = led(file);
    let mut local = named(places).filter(|(_, uri)| *uri.scheme() == Scheme::File);
    local.find(|(_, uri)| file.starts_with(led(Path::new(uri.path())))).map(|(name, _)| name)
}

/// Whether both lead to one object.
pub(super) fn is_same(one: &Uri, other: &Uri) -> bool {
    let led = |uri: &Uri| led(Path::new(uri.path()));
    one == other
        || (*one.scheme() == Scheme::File && one.scheme() == other.scheme())
            && led(one) == led(other)
}

/// Where a path leads, also if its end is not there yet.
pub(super) fn led(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |above: &Path| {
        let real = fs::canonicalize(above).ok()?;
        let rest = path.strip_prefix(above).ok()?;
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    };
    path.ancestors().find_map(real).unwrap_or_else(|| path.clone())
}

/// What a manifest names, besides itself.
fn named(places: &Places) -> impl Iterator<Item = (&'static str, &Uri)> {
    let inputs = places.inputs.each().map(|(log, dataset)| (log.name, &dataset.uri));
    let outputs = places.outputs.each().map(|(log, uri)| (log.name, uri));
    let demo = places.demo_run_config.as_ref().map(|uri| ("demo_run_config", uri));
    inputs.chain(outputs).chain([("the lineages", &places.lineage)]).chain(demo)
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

//! The folders of a lake that may be datasets, from a listing of its files.

use std::collections::BTreeMap;

use crate::layout::{is_data, is_partition};
use crate::objects::{Object, Uri};

/// A folder with files, some of them perhaps in partitions.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// The path below the lake, with a slash at its end, or empty for the lake itself.
    pub path: String,
    /// Its files, in the order of their URIs.
    pub files: Vec<Object>,
    /// The folders of its files that may be partitions, each once.
    pub partitions: Vec<String>,
}

impl Folder {
    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The folder in words.
    pub(super) fn name(&self) -> &str {
        if self.path.is_empty() { "./" } else { &self.path }
    }

    /// A few files, the first and the last among them.
    pub(super) fn some_files(&self, most: usize) -> Vec<&Object> {
        let step = self.files.len().div_ceil(most).max(1);
        let mut some: Vec<_> = self.files.iter().rev().step_by(step).collect();
        some.reverse();
        if let Some(first) = self.files.first().filter(|first| some.first() != Some(first)) {
            some.insert(0, first);
        }
        some
    }
}

/// The folders of all data files. A dataset begins where the first folder is that may be a
/// partition, or where the files are.
pub(super) fn folders(listed: Vec<Object>, lake: &Uri) -> Vec<Folder> {
    let mut folders: BTreeMap<String, Vec<(String, Object)>> = BTreeMap::new();
    for object in listed {
        let Some(path) = object.uri.below(lake).map(str::to_owned) else { continue };
        let parts: Vec<&str> = path.split('/').collect();
        let Some((name, parents)) = parts.split_last() else { continue };
        // JSON is a manifest, a configuration or a lineage.
        if !parts.iter().all(|part| is_data(part)) || name.ends_with(".json") {
            continue;
        }
        let begins = parents.iter().position(|part| is_partition(part)).unwrap_or(parents.len());
        let (root, partition) = parents.split_at(begins);
        let root: String = root.iter().map(|part| format!("{part}/")).collect();
        folders.entry(root).or_default().push((partition.join("/"), object));
    }
    let folders = folders.into_iter().map(|(path, files)| {
        let mut partitions: Vec<String> = files.iter().map(|(folder, _)| folder.clone()).collect();
        partitions.sort();
        partitions.dedup();
        partitions.retain(|folder| !folder.is_empty());
        let files = files.into_iter().map(|(_, object)| object).collect();
        Folder { path, files, partitions }
    });
    folders.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Tag;

    fn found(paths: &[&str]) -> Vec<(String, usize, Vec<String>)> {
        let lake = Uri::from_argument(std::path::Path::new("/"), "s3://lake/a/").unwrap();
        let object = |path: &&str| Object { uri: lake.join(path), bytes: 1, tag: Tag("x".into()) };
        let listed = paths.iter().map(object).collect();
        let found = folders(listed, &lake).into_iter();
        found.map(|folder| (folder.path, folder.files.len(), folder.partitions)).collect()
    }

    #[test]
    fn a_dataset_is_the_folder_above_the_partitions_or_that_of_the_files() {
        let paths = [
            "logs/reports/date=2025-01-01/a.parquet",
            "logs/reports/date=2025-01-01/b.parquet",
            "logs/reports/date=2025-01-02/a.parquet",
            "logs/reports/_SUCCESS",
            "campaigns/a.parquet",
            "scores/2025/01/02/a.parquet",
            "loose.parquet",
            "run_manifest.json",
            "x/_temporary/a.parquet",
        ];
        let expected = [
            ("", 1, &[][..]),
            ("campaigns/", 1, &[]),
            ("logs/reports/", 3, &["date=2025-01-01", "date=2025-01-02"]),
            ("scores/", 1, &["2025/01/02"]),
        ];
        let expected = expected.map(|(path, files, partitions)| {
            let partitions = partitions.iter().map(|&folder: &&str| folder.to_owned()).collect();
            (path.to_owned(), files, partitions)
        });
        assert_eq!(found(&paths), expected);
    }

    #[test]
    fn the_first_and_the_last_file_are_among_a_few() {
        let paths: Vec<String> = (0..100).map(|i| format!("x/{i:03}.parquet")).collect();
        let lake = Uri::from_argument(std::path::Path::new("/"), "s3://lake/a/").unwrap();
        let object =
            |path: &String| Object { uri: lake.join(path), bytes: 1, tag: Tag("x".into()) };
        for most in 1..12 {
            let folder = &folders(paths.iter().map(object).collect(), &lake)[0];
            let some: Vec<_> = folder.some_files(most).iter().map(|file| file.uri.name()).collect();
            assert!(some.len() <= most + 1 && some.is_sorted(), "{some:?}");
            assert!(some.contains(&"000.parquet") && some.contains(&"099.parquet"), "{some:?}");
        }
    }
}

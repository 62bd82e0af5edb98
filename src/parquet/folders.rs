//! Whether the folders of a dataset are those of its pattern (SPEC 2, *Partitioned datasets*).
//!
//! A run opens partitions by their names. Folders with other names would be lost without a word,
//! and so would files that lie in none, so both are looked for.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Error;
use crate::layout::{Partitioning, is_data};
use crate::objects::{Level, Objects, Uri};
use cohort_core::Timestamp;
use cohort_core::contract::Log;

/// Folders that are listed at once.
const LIST_AT_ONCE: usize = 16;
/// Levels of folders that are looked at.
const LEVELS_MAX: usize = 8;

/// A partition that is needed, as it is looked for level by level.
struct Needed {
    /// On each level, the name of its folder, then those that differ from it by leading zeros.
    levels: Vec<Vec<String>>,
    /// The path of its folder so far, with a slash at its end.
    own: String,
    /// The paths so far that are there, as far as that is known.
    paths: Vec<String>,
}

impl Needed {
    fn of(partitioning: &Partitioning, at: Timestamp) -> Self {
        let levels = partitioning.twins(at);
        Self { levels, own: String::new(), paths: vec![String::new()] }
    }

    /// Goes on to the folders of this level. Where nothing was listed, they may all be there.
    fn descend(&mut self, level: usize, listed: &BTreeMap<String, Level>) {
        let names = &self.levels[level];
        let below = self.paths.iter().flat_map(|path| {
            let there = listed.get(path);
            let there = names.iter().filter(move |name| {
                there.is_none_or(|there| there.folders.binary_search(name).is_ok())
            });
            there.map(move |name| format!("{path}{name}/"))
        });
        self.paths = below.collect();
        self.own.push_str(&format!("{}/", names[0]));
    }
}

/// The folders of a dataset.
pub(super) struct Folders<'a> {
    /// Where they are.
    pub objects: &'a dyn Objects,
    /// The dataset.
    pub log: &'static Log,
    /// Its URI.
    pub root: &'a Uri,
    /// The pattern that they should have.
    pub partitioning: &'a Partitioning,
}

impl Folders<'_> {
    /// Fails if rows of a needed partition may lie elsewhere: in a folder whose path differs from
    /// the partition's by leading zeros, or in files above it. Each partition is given by an
    /// instant in it. What lies beside the first folders is no partition's.
    ///
    /// # Errors
    /// [`Error::Folders`] and [`Error::Objects`].
    pub(super) async fn check_needed(&self, needed: &[Timestamp]) -> Result<(), Error> {
        let mut open: Vec<_> = needed.iter().map(|&at| Needed::of(self.partitioning, at)).collect();
        let depth = open.first().map_or(0, |needed| needed.levels.len());
        for level in 0..depth {
            // Of the first level, only what has several names is looked for.
            let looks = |needed: &Needed| level > 0 || needed.levels[level].len() > 1;
            let parents = open.iter().filter(|needed| looks(needed));
            let parents = parents.flat_map(|needed| needed.paths.iter().cloned()).collect();
            let listed = self.listed(parents).await?;
            for needed in &mut open {
                let beside = listed.get(&needed.own).filter(|_| level > 0);
                if let Some(file) = beside.and_then(|level| level.files.iter().find(|f| is_data(f)))
                {
                    return Err(self.file_above(level, &format!("{}{file}", needed.own)));
                }
                needed.descend(level, &listed);
            }
        }
        for needed in &open {
            if let Some(path) = needed.paths.iter().find(|path| **path != needed.own) {
                let advice = "name all its folders alike, with leading zeros or without";
                return Err(self.misfit(path.trim_end_matches('/'), advice).await?);
            }
        }
        Ok(())
    }

    /// What lies in each of these folders.
    async fn listed(&self, parents: BTreeSet<String>) -> Result<BTreeMap<String, Level>, Error> {
        let listed = stream::iter(parents).map(|parent| async move {
            let level = self.objects.level(&self.root.join(&parent)).await?;
            Ok::<_, Error>((parent, level.unwrap_or_default()))
        });
        listed.buffered(LIST_AT_ONCE).try_collect().await
    }

    /// Fails if nothing at all lies under the dataset's URI, or if on a level there are folders of
    /// which none fits. A partition that is merely not there is no fault: it holds no rows.
    ///
    /// # Errors
    /// [`Error::MissingDataset`], [`Error::Folders`] and [`Error::Objects`].
    pub(super) async fn check_levels(&self) -> Result<(), Error> {
        let mut along = String::new();
        for level in 0.. {
            let found = self.objects.level(&self.root.join(&along)).await?;
            if level == 0 && found.is_none() {
                return Err(Error::MissingDataset { uri: self.root.clone(), log: self.log.name });
            }
            let folders = found.unwrap_or_default().folders;
            match self.partitioning.fitting_folder(level, &folders) {
                Ok(None) => break,
                Ok(Some(folder)) => along.push_str(&format!("{folder}/")),
                Err(folder) => {
                    let advice = "give the pattern that its folders have as \"partitioning\" \
                                  in the manifest";
                    return Err(self.misfit(&format!("{along}{folder}"), advice).await?);
                }
            }
        }
        if along.is_empty() {
            let pattern = self.partitioning.to_string();
            tracing::warn!(dataset = %self.root, pattern, "no folder of the partitioning is there");
        }
        Ok(())
    }

    /// The error that a folder does not fit, with the pattern that fits what is there, or else with
    /// this advice.
    async fn misfit(&self, folder: &str, advice: &str) -> Result<Error, Error> {
        let (levels, paths) = self.some(folder).await?;
        let advice = self.partitioning.fitting(&levels, &paths).map_or_else(
            || advice.to_owned(),
            |pattern| format!("give {:?} as \"partitioning\" in the manifest", pattern.to_string()),
        );
        Ok(self.error(folder, advice))
    }

    /// The error that a file lies above the partitions, among the folders of a level.
    fn file_above(&self, level: usize, file: &str) -> Error {
        let mut advice = "move it into the folder of its partition".to_owned();
        if let Some(pattern) = self.partitioning.above(level) {
            let pattern = pattern.to_string();
            advice += &format!(", or give {pattern:?} as \"partitioning\" in the manifest");
        }
        self.error(file, advice)
    }

    fn error(&self, found: &str, advice: String) -> Error {
        Error::Folders {
            uri: self.root.clone(),
            log: self.log.name,
            pattern: self.partitioning.to_string(),
            folder: found.to_owned(),
            advice,
        }
    }

    /// The folders on each level of the dataset, as far as some folders lead there, a given one
    /// among them, and the paths of the deepest.
    async fn some(&self, folder: &str) -> Result<(Vec<BTreeSet<String>>, Vec<String>), Error> {
        let (mut levels, mut paths) = (Vec::new(), Vec::new());
        let mut parents = BTreeSet::from([String::new()]);
        while levels.len() < LEVELS_MAX {
            let listed = self.listed(parents).await?;
            let found = listed.iter().flat_map(|(parent, level)| {
                let data = level.folders.iter().filter(|folder| is_data(folder));
                data.map(move |name| (parent, name))
            });
            let names: BTreeSet<String> = found.clone().map(|(_, name)| name.clone()).collect();
            if names.is_empty() {
                break;
            }
            levels.push(names);
            paths = found.map(|(parent, name)| format!("{parent}{name}")).collect();
            parents = looked_into(&paths, folder);
        }
        Ok((levels, paths))
    }
}

/// Some of these folders: what leads to a given one, the shortest and the longest, which differ by
/// leading zeros if any do, and the first and the last.
fn looked_into(paths: &[String], folder: &str) -> BTreeSet<String> {
    let leading = paths.iter().find(|path| format!("{folder}/").starts_with(&format!("{path}/")));
    let shortest = paths.iter().min_by_key(|path| path.len());
    let longest = paths.iter().max_by_key(|path| path.len());
    let some = [leading, shortest, longest, paths.first(), paths.last()];
    some.into_iter().flatten().map(|path| format!("{path}/")).collect()
}

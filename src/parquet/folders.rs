//! Whether the folders of a dataset are those of its pattern (SPEC 2, *Partitioned datasets*).
//!
//! A run opens partitions by their names. Folders with other names would be lost without a word, so
//! they are looked for where a partition is missing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Error;
use crate::layout::{Partitioning, is_data};
use crate::objects::{Objects, Uri};
use cohort_core::Timestamp;
use cohort_core::contract::Log;

/// Folders that are listed at once.
const LIST_AT_ONCE: usize = 16;
/// Levels of folders that are looked at.
const LEVELS_MAX: usize = 8;

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
    /// Fails if a partition that is missing is there under a name that differs from its own by
    /// leading zeros. Each partition is given by an instant in it.
    ///
    /// # Errors
    /// [`Error::Folders`] and [`Error::Objects`].
    pub(super) async fn check_twins(&self, missing: &[Timestamp]) -> Result<(), Error> {
        let twins = missing.iter().map(|&at| self.partitioning.twins(at));
        // Most partitions have but one name.
        let twins = twins.filter(|levels| levels.iter().any(|names| names.len() > 1));
        let mut open: Vec<_> = twins.map(|levels| (levels, vec![String::new()])).collect();
        let depth = open.iter().map(|(levels, _)| levels.len()).max().unwrap_or(0);
        for level in 0..depth {
            let parents: BTreeSet<String> = open
                .iter()
                .filter(|(levels, _)| levels[level].len() > 1)
                .flat_map(|(_, paths)| paths.iter().cloned())
                .collect();
            let listed = self.listed(parents).await?;
            for (levels, paths) in &mut open {
                let names = &levels[level];
                let mut below = Vec::new();
                for path in paths.iter() {
                    // A level with one name has not been looked at.
                    let there = listed.get(path).filter(|_| names.len() > 1);
                    let there = |name: &&String| there.is_none_or(|there| there.contains(*name));
                    below.extend(names.iter().filter(there).map(|name| format!("{path}{name}/")));
                }
                *paths = below;
            }
            open.retain(|(_, paths)| !paths.is_empty());
        }
        for (levels, paths) in &open {
            let own: String = levels.iter().map(|names| format!("{}/", names[0])).collect();
            for path in paths.iter().filter(|path| **path != own) {
                if self.objects.folders(&self.root.join(path)).await?.is_some() {
                    let advice = "name all its folders alike, with leading zeros or without";
                    return Err(self.misfit(path.trim_end_matches('/'), advice).await?);
                }
            }
        }
        Ok(())
    }

    /// The folders in each of these.
    async fn listed(
        &self,
        parents: BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        let listed = stream::iter(parents).map(|parent| async move {
            let folders = self.objects.folders(&self.root.join(&parent)).await?;
            Ok::<_, Error>((parent, folders.unwrap_or_default().into_iter().collect()))
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
            let folders = self.objects.folders(&self.root.join(&along)).await?;
            if level == 0 && folders.is_none() {
                return Err(Error::MissingDataset { uri: self.root.clone(), log: self.log.name });
            }
            match self.partitioning.fitting_folder(level, &folders.unwrap_or_default()) {
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
        Ok(Error::Folders {
            uri: self.root.clone(),
            log: self.log.name,
            pattern: self.partitioning.to_string(),
            folder: folder.to_owned(),
            advice,
        })
    }

    /// The folders on each level of the dataset, as far as some folders lead there, a given one
    /// among them, and the paths of the deepest.
    async fn some(&self, folder: &str) -> Result<(Vec<BTreeSet<String>>, Vec<String>), Error> {
        let (mut levels, mut paths) = (Vec::new(), Vec::new());
        let mut parents = BTreeSet::from([String::new()]);
        while levels.len() < LEVELS_MAX {
            let listed = self.listed(parents).await?;
            let found = listed.iter().flat_map(|(parent, folders)| {
                let data = folders.iter().filter(|folder| is_data(folder));
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

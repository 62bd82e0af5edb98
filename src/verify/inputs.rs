//! Today's input files beside those that a run read, only by their tags.

use std::collections::{BTreeMap, BTreeSet};

use cohort_core::contract::{CAMPAIGNS, CONTEXT, Inputs, Log};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::report::{FileChange, InputChange};
use crate::error::Error;
use crate::kind::Kind;
use crate::lineage::{Input, InputFile, Lineage};
use crate::manifest::{Dataset, Manifest};
use crate::objects::{Object, Objects, Uri};
use crate::parquet;
use crate::parquet::dataset::{Folder, folders};

/// Folders that are listed, or files whose ends are read, at once.
const AT_ONCE: usize = 32;

/// What lies today in the folders that runs looked into.
#[derive(Debug)]
pub(crate) struct Today {
    /// The files of each folder, or why it cannot be listed.
    listed: BTreeMap<Uri, Result<Vec<Object>, String>>,
    /// The tags of the files that some run read.
    tags: BTreeMap<Uri, String>,
}

impl Today {
    /// Lists each folder once, and takes each file's tag once.
    ///
    /// # Errors
    /// [`Error::Objects`] if the storage does not answer or refuses.
    pub(crate) async fn look(
        objects: &dyn Objects,
        runs: impl Iterator<Item = (&Manifest, &Lineage)>,
    ) -> Result<Self, Error> {
        let mut prefixes = BTreeSet::new();
        let mut read: BTreeSet<(&Uri, u64)> = BTreeSet::new();
        for (manifest, lineage) in runs {
            for (log, input) in lineage.inputs.each() {
                prefixes.extend(looked_into(manifest, lineage, log).into_iter().map(|f| f.prefix));
                read.extend(input.files.iter().map(|file| (&file.uri, file.bytes)));
            }
        }
        let listings = stream::iter(prefixes).map(|prefix| async move {
            let listed = match objects.list(&prefix).await {
                Ok(listed) => Ok(listed),
                Err(error) if is_the_inputs_fault(error.kind()) => Err(error.to_string()),
                Err(error) => return Err(error),
            };
            Ok((prefix, listed))
        });
        let listed: BTreeMap<_, _> = listings.buffered(AT_ONCE).try_collect().await?;
        let there = listed.values().flatten().flatten();
        // A file of another length has changed, whatever its tag.
        let same = there.filter(|object| read.contains(&(&object.uri, object.bytes)));
        let tags = stream::iter(same).map(|object| async move {
            Ok::<_, Error>((object.uri.clone(), parquet::tag(objects, object).await?))
        });
        let tags = tags.buffered(AT_ONCE).try_collect().await?;
        Ok(Self { listed, tags })
    }

    /// The files that are not what a run read, and why some cannot be looked at.
    pub(crate) fn changes(
        &self,
        manifest: &Manifest,
        lineage: &Lineage,
    ) -> (Vec<InputChange>, Option<String>) {
        let mut refused = None;
        let mut now = BTreeMap::new();
        for (log, _) in lineage.inputs.each() {
            let mut files = BTreeMap::new();
            for folder in looked_into(manifest, lineage, log) {
                match self.listed.get(&folder.prefix) {
                    Some(Ok(objects)) => {
                        let data = objects.iter().filter(|object| folder.holds(object));
                        files.extend(data.map(|object| (&object.uri, self.version(object))));
                    }
                    Some(Err(reason)) => refused = Some(reason.clone()),
                    None => {}
                }
            }
            now.insert(log.name, files);
        }
        let changes = lineage.inputs.each().flat_map(|(log, input)| {
            of_log(log, &versions(&input.files), now.get(log.name).unwrap_or(&BTreeMap::new()))
        });
        (changes.collect(), refused)
    }

    fn version(&self, object: &Object) -> Version<'_> {
        (object.bytes, self.tags.get(&object.uri).map(String::as_str))
    }
}

/// A file's length and tag.
type Version<'a> = (u64, Option<&'a str>);

/// Whether an error is about an input itself, and not about the storage or this program.
pub(super) const fn is_the_inputs_fault(kind: Kind) -> bool {
    matches!(kind, Kind::Data | Kind::NoInput | Kind::Manifest)
}

/// The folders of a log that a run looked into.
fn looked_into(manifest: &Manifest, lineage: &Lineage, log: &Log) -> Vec<Folder> {
    let Some(dataset) = manifest.inputs.get(log) else { return Vec::new() };
    let interval = lineage.interval;
    // Campaigns and context have no tick: all of their files are read.
    if [CAMPAIGNS.name, CONTEXT.name].contains(&log.name) {
        let whole = Dataset { partitioning: None, ..dataset.clone() };
        return folders(&whole, interval.start, interval.end);
    }
    let opened_from = lineage.inputs.get(log).and_then(|input| input.opened_from);
    folders(dataset, opened_from.unwrap_or(interval.start), interval.end)
}

fn versions(files: &[InputFile]) -> BTreeMap<&Uri, Version<'_>> {
    files.iter().map(|file| (&file.uri, (file.bytes, file.etag.as_deref()))).collect()
}

/// The files that a run read and those that it would read now, as far as they differ.
pub(crate) fn between(then: &Inputs<Input>, now: &Inputs<Input>) -> Vec<InputChange> {
    let logs = then.each().flat_map(|(log, input)| {
        let now = now.get(log).map(|input| versions(&input.files)).unwrap_or_default();
        of_log(log, &versions(&input.files), &now)
    });
    logs.collect()
}

fn of_log(
    log: &'static Log,
    then: &BTreeMap<&Uri, Version<'_>>,
    now: &BTreeMap<&Uri, Version<'_>>,
) -> Vec<InputChange> {
    let files: BTreeSet<&&Uri> = then.keys().chain(now.keys()).collect();
    let changes = files.into_iter().filter_map(|&file| {
        let change = match (then.get(file), now.get(file)) {
            (Some(then), Some(now)) if then == now => return None,
            (Some(_), Some(_)) => FileChange::Changed,
            (None, _) => FileChange::Came,
            (_, None) => FileChange::Went,
        };
        Some(InputChange { dataset: log.name, file: file.clone(), change })
    });
    changes.collect()
}

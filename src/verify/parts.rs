//! The parts of committed runs: which are missing or altered, and which no lineage lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::report::DamagedPart;
use crate::committed::{run_folders, warn_of_others};
use crate::error::Error;
use crate::layout::{PartName, RunId, run_prefix};
use crate::lineage::{Lineage, OutputFile, hex};
use crate::objects::{Entry, Objects, Scheme, Uri};
use crate::run::Shell;

/// Folders that are listed at once.
const LIST_AT_ONCE: usize = 32;
/// Parts that are read at once.
const READ_AT_ONCE: usize = 4;

/// What lies in the folders of runs.
#[derive(Debug, Default)]
pub(super) struct FoundParts {
    /// By run, everything in its folders by its place.
    by_run: BTreeMap<RunId, BTreeMap<Uri, Entry>>,
}

impl FoundParts {
    /// What lies below these outputs: in the folders of one run, or of all.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(super) async fn list(
        objects: &dyn Objects,
        outputs: &BTreeSet<Uri>,
        only: Option<&RunId>,
    ) -> Result<Self, Error> {
        let mut found = Self::default();
        for root in outputs {
            let folders = match (only, root.scheme()) {
                (Some(run_id), _) => vec![run_id.clone()],
                // Local disk looks into each folder without following links.
                (None, Scheme::File) => run_folders(objects, root).await?,
                (None, _) => {
                    found.take_listing(objects, root).await?;
                    continue;
                }
            };
            let listed = folders.into_iter().map(|run_id| async move {
                let entries = objects.entries(&run_prefix(root, &run_id)).await?;
                Ok::<_, Error>((run_id, entries))
            });
            let listed = stream::iter(listed).buffered(LIST_AT_ONCE);
            for (run_id, entries) in listed.try_collect::<Vec<_>>().await? {
                found.take(&run_id, entries);
            }
        }
        Ok(found)
    }

    /// Takes everything below an output from one listing, which needs fewer requests.
    async fn take_listing(&mut self, objects: &dyn Objects, root: &Uri) -> Result<(), Error> {
        let mut others = BTreeSet::new();
        for object in objects.list(root).await? {
            let path = object.uri.below(root).unwrap_or_default();
            let (name, is_folder) = path.split_once('/').map_or((path, false), |(n, _)| (n, true));
            match RunId::from_path_segment(name).filter(|_| is_folder) {
                Some(run_id) => self.take(&run_id, vec![Entry { object, stranger: None }]),
                None => drop(others.insert(root.join(name))),
            }
        }
        warn_of_others(others.iter());
        Ok(())
    }

    fn take(&mut self, run_id: &RunId, entries: Vec<Entry>) {
        let of_run = self.by_run.entry(run_id.clone()).or_default();
        of_run.extend(entries.into_iter().map(|entry| (entry.object.uri.clone(), entry)));
    }

    /// The parts that a lineage lists and that are missing or altered. Content is only read if this
    /// is no quick look: that a file has the right length does not show that it is whole.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(super) async fn damaged(
        &self,
        shell: &Shell,
        lineage: &Lineage,
        quick: bool,
    ) -> Result<Vec<DamagedPart>, Error> {
        let parts = lineage.outputs.each().flat_map(|(_, output)| &output.files);
        let judged = stream::iter(parts).map(|part| async move {
            let found = self.wrong(shell, &lineage.run_id, part, quick).await?;
            let entry = self.entry(&lineage.run_id, part);
            let is_strangers = entry.is_some_and(|entry| entry.stranger.is_some());
            let part = part.uri.clone();
            Ok::<_, Error>(found.map(|found| DamagedPart { part, found, is_strangers }))
        });
        let judged: Vec<_> = judged.buffered(READ_AT_ONCE).try_collect().await?;
        Ok(judged.into_iter().flatten().collect())
    }

    fn entry(&self, run_id: &RunId, part: &OutputFile) -> Option<&Entry> {
        self.by_run.get(run_id)?.get(&part.uri)
    }

    /// What is in the place of a part, if it is not the part.
    async fn wrong(
        &self,
        shell: &Shell,
        run_id: &RunId,
        part: &OutputFile,
        quick: bool,
    ) -> Result<Option<String>, Error> {
        let Some(Entry { object, stranger }) = self.entry(run_id, part) else {
            return Ok(Some("nothing".to_owned()));
        };
        if let Some(stranger) = stranger {
            return Ok(Some((*stranger).to_owned()));
        }
        if object.bytes != part.bytes {
            return Ok(Some(format!("{} bytes instead of {}", object.bytes, part.bytes)));
        }
        if quick {
            return Ok(None);
        }
        let whole = 0..object.bytes;
        let content = shell.objects.read_ranges(object, std::slice::from_ref(&whole)).await?;
        let content = Arc::new(content);
        let hash = move || {
            let mut hash = Sha256::new();
            content.iter().for_each(|bytes| hash.update(bytes));
            hex(&hash.finalize())
        };
        let found = shell.workers.run(hash).await.map_err(crate::run::Error::from)?;
        let wrong = || format!("content whose SHA-256 is {found} instead of {}", part.sha256);
        Ok((found != part.sha256).then(wrong))
    }

    /// The parts by run that none of these lineages lists.
    pub(super) fn unlisted<'l>(
        &self,
        lineages: impl Iterator<Item = &'l Lineage>,
    ) -> BTreeMap<&RunId, Vec<Uri>> {
        let outputs = lineages.flat_map(|lineage| lineage.outputs.each());
        let listed: BTreeSet<&Uri> =
            outputs.flat_map(|(_, output)| &output.files).map(|part| &part.uri).collect();
        let unlisted = self.by_run.iter().map(|(run_id, entries)| {
            let is_part = |entry: &&Entry| {
                let uri = &entry.object.uri;
                let in_folder =
                    uri.folder().path().ends_with(&format!("{}/", run_id.path_segment()));
                entry.stranger.is_none() && in_folder && PartName::parse(uri.name()).is_some()
            };
            let parts = entries.values().filter(is_part).map(|entry| &entry.object.uri);
            (run_id, parts.filter(|uri| !listed.contains(uri)).cloned().collect::<Vec<_>>())
        });
        unlisted.filter(|(_, parts)| !parts.is_empty()).collect()
    }
}

//! The parts of one run: which are there, whole; creating and mending them; deleting strays.
//!
//! A part is its digest. What is under a part's name counts as the part only if its content has the
//! digest that the name was made of. A file with other content is damaged, and is replaced. What is
//! no file at all is a stranger's, and ends the run: nothing of a stranger is ever written over or
//! deleted.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::folders::{AT_ONCE, Folders};
use crate::layout::{PartName, SUPERSEDED};
use crate::objects::{self, Entry, Object, Objects, Put, Uri};
use crate::progress::{Step, Unit};
use crate::strangers;

/// How often a part is looked at again because it changed while this run was looking.
const LOOKS_MAX: usize = 4;

/// What is in a run's folders, except history.
#[derive(Debug, Default)]
pub(super) struct PartsFound {
    entries: BTreeMap<Uri, Entry>,
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ensured {
    /// It was there, whole.
    There,
    /// This run created it.
    Created(Uri),
    /// This run replaced a damaged one.
    Mended,
}

impl PartsFound {
    /// What is there now.
    pub(super) async fn list(objects: &dyn Objects, folders: &Folders) -> Result<Self, Error> {
        let listed = try_join_all(folders.all().map(|folder| objects.entries(folder))).await?;
        let kept = folders.lineage.join(SUPERSEDED.trim_end_matches('/'));
        let entries = listed.into_iter().flatten().filter(|entry| entry.object.uri != kept);
        Ok(Self { entries: entries.map(|entry| (entry.object.uri.clone(), entry)).collect() })
    }

    /// The parts that an earlier run left here: files with names of the job's own making.
    pub(super) fn own<'a>(&'a self, folders: &'a Folders) -> impl Iterator<Item = &'a Uri> {
        self.entries.values().filter(|entry| is_own(entry, folders)).map(|entry| &entry.object.uri)
    }

    /// Lists the files that the job did not write in one warning, and leaves them.
    pub(super) fn warn_of_strangers(&self, folders: &Folders) {
        let strangers = self.entries.values().filter(|entry| !is_own(entry, folders));
        let uris = strangers.map(|entry| &entry.object.uri);
        warn_of_strangers(uris.filter(|uri| **uri != folders.lineage_key));
    }

    /// Refuses what is under the lineage's name but is no file.
    pub(super) fn check_lineage(&self, folders: &Folders) -> Result<(), Error> {
        match self.entries.get(&folders.lineage_key) {
            Some(Entry { stranger: Some(what), .. }) => {
                Err(foreign(&folders.lineage_key, "the lineage", what))
            }
            _ => Ok(()),
        }
    }
}

fn is_own(entry: &Entry, folders: &Folders) -> bool {
    let uri = &entry.object.uri;
    let in_outputs = folders.outputs.iter().any(|folder| uri.below(folder) == Some(uri.name()));
    entry.stranger.is_none() && in_outputs && PartName::parse(uri.name()).is_some()
}

pub(super) fn foreign(uri: &Uri, expected: &'static str, found: &str) -> Error {
    Error::Foreign { uri: uri.clone(), expected, found: found.to_owned() }
}

/// Creates the parts that are missing and mends those that are damaged. Returns what became of each
/// part, up to the first failure, and that failure.
pub(super) async fn ensure(
    objects: &dyn Objects,
    found: &PartsFound,
    parts: &[(Uri, Bytes)],
) -> (Vec<Ensured>, Option<Error>) {
    let step = Step::begin("parts", Unit::Files);
    step.expect(parts.len() as u64);
    let each = stream::iter(parts).map(|(uri, content)| async {
        let ensured = ensure_one(objects, found.entries.get(uri).cloned(), uri, content).await;
        step.advance(1);
        step.moved(content.len() as u64);
        ensured
    });
    let ended: Vec<Result<_, _>> = each.buffered(AT_ONCE).collect().await;
    let (mut ensured, mut failure) = (Vec::new(), None);
    for one in ended {
        match one {
            Ok(one) => ensured.push(one),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if failure.is_none() {
        step.finish();
    }
    (ensured, failure)
}

/// Creates the parts that have vanished since they were ensured.
pub(super) async fn ensure_again(
    objects: &dyn Objects,
    found: &PartsFound,
    parts: &[(Uri, Bytes)],
) -> Result<(), Error> {
    let gone = parts.iter().filter(|(uri, _)| !found.entries.contains_key(uri));
    let each = stream::iter(gone).map(|(uri, content)| ensure_one(objects, None, uri, content));
    each.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
}

async fn ensure_one(
    objects: &dyn Objects,
    mut entry: Option<Entry>,
    uri: &Uri,
    content: &Bytes,
) -> Result<Ensured, Error> {
    for _ in 0..LOOKS_MAX {
        match &entry {
            None => match objects.create(uri, content.clone()).await? {
                Put::Done(_) => return Ok(Ensured::Created(uri.clone())),
                Put::Conflict => {}
            },
            Some(Entry { stranger: Some(what), .. }) => {
                return Err(foreign(uri, "a part of the digest in its name", what));
            }
            Some(Entry { object, .. }) => match is_whole(objects, object, content).await? {
                Some(true) => return Ok(Ensured::There),
                Some(false) => match objects.replace(uri, content.clone(), &object.tag).await? {
                    Put::Done(_) => {
                        tracing::warn!(part = %uri, "a part was damaged; this run mended it");
                        return Ok(Ensured::Mended);
                    }
                    Put::Conflict => {}
                },
                None => {}
            },
        }
        entry = look(objects, uri).await?;
    }
    Err(objects::Error::Changed { uri: uri.clone() }.into())
}

/// Whether the object has this content; `None` if it changed meanwhile.
async fn is_whole(
    objects: &dyn Objects,
    object: &Object,
    content: &Bytes,
) -> Result<Option<bool>, Error> {
    if object.bytes != content.len() as u64 {
        return Ok(Some(false));
    }
    match objects.digest(object).await {
        Ok(digest) => {
            let wanted: objects::Digest = Sha256::digest(content).into();
            Ok(Some(digest == wanted))
        }
        Err(objects::Error::Changed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Lists what the job did not write in one warning; none if there is nothing.
pub(super) fn warn_of_strangers<'u>(found: impl Iterator<Item = &'u Uri>) {
    let found = found.map(ToString::to_string);
    strangers::warn(found, "found what this job did not write in the run's folders; it stays");
}

/// What is at this very place now.
pub(super) async fn look(objects: &dyn Objects, uri: &Uri) -> Result<Option<Entry>, Error> {
    let entries = objects.entries(&uri.folder()).await?;
    Ok(entries.into_iter().find(|entry| entry.object.uri == *uri))
}

/// Removes the parts that a failing run created, unless the lineage that is committed by now lists
/// them: another run with the same content may have relied on them.
pub(super) async fn take_back(
    objects: &dyn Objects,
    folders: &Folders,
    ensured: &[Ensured],
) -> Result<(), Error> {
    let winner = committed(objects, &folders.lineage_key).await?;
    // A part's name is unique to its content, and the winner's lineage names the parts that it
    // shares with this run.
    let text = winner.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let created = ensured.iter().filter_map(|one| match one {
        Ensured::Created(uri) if !text.contains(uri.name()) => Some(uri.clone()),
        _ => None,
    });
    delete_while(objects, &folders.lineage_key, winner.as_ref(), created.collect()).await
}

/// Deletes objects for as long as the lineage has this content.
pub(super) async fn delete_while(
    objects: &dyn Objects,
    key: &Uri,
    lineage: Option<&Bytes>,
    uris: Vec<Uri>,
) -> Result<(), Error> {
    for batch in uris.chunks(AT_ONCE) {
        if committed(objects, key).await?.as_ref() != lineage {
            return Ok(());
        }
        let deletions = stream::iter(batch).map(|uri| objects.delete(uri));
        deletions.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

/// The lineage that is committed now, if any.
pub(super) async fn committed(objects: &dyn Objects, key: &Uri) -> Result<Option<Bytes>, Error> {
    match objects.read(key).await {
        Ok((content, _)) => Ok(Some(content)),
        Err(objects::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

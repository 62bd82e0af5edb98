//! The commit protocol: a run becomes visible at once, or not at all (SPEC 11).
//!
//! The lineage is the commit point. Parts carry their digest in their names and are written
//! create-only, so that writing them is harmless until a lineage lists them:
//!
//! 1. [`observe`] reads the lineage committed for this `run_id`, its version, and what lies in the
//!    run's folders;
//! 2. the run computes a [`Plan`], a value that holds every object to be written; [`commit`]
//!    creates its parts,
//! 3. copies the lineage that it is about to replace, and its parts, to where they stay
//!    ([`history`]), and writes its own lineage only over what was observed;
//! 4. then deletes what was observed and the new lineage does not list.
//!
//! What can happen in between, and why the outcome is right:
//!
//! - *Killed before 3.* The old lineage is in place and its parts are untouched. The next run
//!   observes the strays and deletes them in its own step 4. History may hold a copy of what is
//!   still current.
//! - *Killed after 3.* The new lineage is in place with all its parts. The next run computes the
//!   same lineage, finds it committed, and does step 4.
//! - *The answer to 3 is lost.* The adapter reads back whether the write was its own.
//! - *Another run of the same `run_id` commits first.* The condition of 3 fails. The same content
//!   is success; other content ends this run, which takes back the parts that it created and nobody
//!   lists.
//! - *Another run deletes a part that this run relies on*, because it had observed it as a stray
//!   before this run committed. Deleting is restricted to what was observed at the start, and stops
//!   once the lineage is no longer the deleter's own. After its commit, a committer checks whether
//!   all its parts are there, and creates those that are not.

mod error;
mod folders;
mod history;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

pub use self::error::Error;
use self::folders::AT_ONCE;
pub use self::folders::Folders;
use crate::layout;
use crate::objects::{self, Objects, Put, Tag, Uri};

/// Whether a run changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The content is now committed.
    Committed,
    /// The same content was already committed.
    Unchanged,
}

/// What was in a run's folders when it began.
#[derive(Debug)]
pub struct Observed {
    lineage: Option<(Bytes, Tag)>,
    parts: BTreeMap<Uri, u64>,
}

/// Every object that a run writes, known before the first write.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The parts and their content.
    pub parts: Vec<(Uri, Bytes)>,
    /// The lineage's content.
    pub lineage: Bytes,
}

/// What the manifest and the command line say about a commit.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether what is about to be replaced is copied to `superseded/` before.
    pub keep_superseded: bool,
}

/// Step 1: what has been committed for this run before, and what lies around.
///
/// # Errors
/// [`Error::Objects`].
pub async fn observe(objects: &dyn Objects, folders: &Folders) -> Result<Observed, Error> {
    let lineage = match objects.read(&folders.lineage_key).await {
        Ok(found) => Some(found),
        Err(objects::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    // Listed after the lineage was read, so that whatever that lineage names is among what this run
    // may delete once it has replaced it.
    Ok(Observed { lineage, parts: list(objects, folders).await? })
}

/// Steps 2 to 4.
///
/// # Errors
/// [`Error::Lost`] if another run won with other content; [`Error::Foreign`]; [`Error::Lineage`];
/// [`Error::Objects`].
pub async fn commit(
    objects: &dyn Objects,
    folders: &Folders,
    observed: &Observed,
    plan: &Plan,
    rules: Rules,
) -> Result<Status, Error> {
    match &observed.lineage {
        Some((content, _)) if *content != plan.lineage && rules.keep_superseded => {
            history::keep(objects, folders, content).await?;
        }
        _ => {}
    }
    let created = create_missing(objects, folders, &observed.parts, plan).await?;
    let status = match write_lineage(objects, folders, observed, plan).await {
        Ok(status) => status,
        Err(error) => {
            if matches!(error, Error::Lost { .. }) {
                take_back(objects, folders, &created).await?;
            }
            return Err(error);
        }
    };
    create_missing(objects, folders, &list(objects, folders).await?, plan).await?;
    let listed: BTreeSet<_> = plan.parts.iter().map(|(uri, _)| uri).collect();
    let strays = observed.parts.keys().filter(|uri| !listed.contains(uri)).cloned().collect();
    delete_while(objects, &folders.lineage_key, Some(&plan.lineage), strays).await?;
    try_join_all(folders.all().map(|folder| objects.sweep(folder))).await?;
    Ok(status)
}

/// All objects in the run's folders except the lineage and history, with their lengths.
async fn list(objects: &dyn Objects, folders: &Folders) -> Result<BTreeMap<Uri, u64>, Error> {
    let listed = try_join_all(folders.all().map(|folder| objects.list(folder))).await?;
    let kept = folders.lineage.join(layout::SUPERSEDED);
    let objects = listed.into_iter().flatten();
    let objects = objects.filter(|object| object.uri.below(&kept).is_none());
    let mut found: BTreeMap<_, _> = objects.map(|object| (object.uri, object.bytes)).collect();
    found.remove(&folders.lineage_key);
    Ok(found)
}

/// Creates the plan's parts that are not there, and returns those that this run created.
async fn create_missing(
    objects: &dyn Objects,
    folders: &Folders,
    there: &BTreeMap<Uri, u64>,
    plan: &Plan,
) -> Result<Vec<Uri>, Error> {
    let mut missing = Vec::new();
    for (uri, content) in &plan.parts {
        match there.get(uri) {
            None => missing.push((uri, content)),
            Some(&found) if found != content.len() as u64 => {
                let found = format!("{found} bytes");
                let expected = "a part of the digest in its name";
                return Err(Error::Foreign { uri: uri.clone(), expected, found });
            }
            Some(_) => {}
        }
    }
    let created = stream::iter(missing).map(|(uri, content)| async move {
        // An object under this name has this digest: whoever created it, it is the part.
        let put = objects.create(uri, content.clone()).await?;
        Ok::<_, Error>(matches!(put, Put::Done(_)).then(|| uri.clone()))
    });
    let created: Vec<Result<_, _>> = created.buffered(AT_ONCE).collect().await;
    let (mut mine, mut failure) = (Vec::new(), None);
    for part in created {
        match part {
            Ok(part) => mine.extend(part),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let Some(failure) = failure else { return Ok(mine) };
    // What is left of a run that cannot go on is of no use; if this fails too, the next run
    // removes it.
    let _ = take_back(objects, folders, &mine).await;
    Err(failure)
}

/// Step 3: the one write that makes the run visible.
async fn write_lineage(
    objects: &dyn Objects,
    folders: &Folders,
    observed: &Observed,
    plan: &Plan,
) -> Result<Status, Error> {
    let key = &folders.lineage_key;
    let put = match &observed.lineage {
        Some((content, _)) if *content == plan.lineage => return Ok(Status::Unchanged),
        Some((_, tag)) => objects.replace(key, plan.lineage.clone(), tag).await?,
        None => objects.create(key, plan.lineage.clone()).await?,
    };
    if let Put::Done(_) = put {
        return Ok(Status::Committed);
    }
    if committed(objects, key).await?.as_ref() == Some(&plan.lineage) {
        Ok(Status::Unchanged)
    } else {
        Err(Error::Lost { lineage: key.clone() })
    }
}

/// Removes the parts that a failing run created, unless the lineage that is committed by now lists
/// them: another run with the same content may have relied on them.
async fn take_back(objects: &dyn Objects, folders: &Folders, created: &[Uri]) -> Result<(), Error> {
    let winner = committed(objects, &folders.lineage_key).await?;
    // A part's name is unique to its content; the winner's lineage names the parts that it shares
    // with this run.
    let text = winner.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let mine = created.iter().filter(|uri| !text.contains(uri.name())).cloned().collect();
    delete_while(objects, &folders.lineage_key, winner.as_ref(), mine).await
}

/// Deletes objects for as long as the lineage has this content.
async fn delete_while(
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
async fn committed(objects: &dyn Objects, key: &Uri) -> Result<Option<Bytes>, Error> {
    match objects.read(key).await {
        Ok((content, _)) => Ok(Some(content)),
        Err(objects::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

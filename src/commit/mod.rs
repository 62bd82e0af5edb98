//! The commit protocol: a run becomes visible at once, or not at all (SPEC 11).
//!
//! The lineage is the commit point. Parts carry their digest in their names and are written
//! create-only, so that writing them is harmless until a lineage lists them:
//!
//! 1. [`observe`] reads the lineage committed for this `run_id`, its version, and what lies in the
//!    run's folders;
//! 2. the run computes a [`Plan`], a value that holds every object to be written; [`commit`] copies
//!    what it is about to replace to where it stays ([`history`]), and creates its parts or mends
//!    them ([`parts`]);
//! 3. it writes the lineage only over what was observed;
//! 4. then it deletes the parts that were observed and that the new lineage does not list.
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
//! - *Somebody damages a part.* Its digest is no longer the one in its name. Every run of this
//!   `run_id` finds that in step 2 and replaces it, if it still is what was looked at.
//! - *Somebody puts anything else into the folders.* It is not the job's own, and stays.

mod difference;
mod error;
mod folders;
mod history;
mod parts;

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use self::difference::Difference;
pub(crate) use self::error::Error;
pub(crate) use self::folders::Folders;
use self::parts::{Ensured, PartsFound, committed, delete_while, ensure, ensure_again, take_back};
use crate::lineage::Lineage;
use crate::objects::{self, Objects, Put, Tag, Uri};

/// Whether a run changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The content is now committed: nothing was before, or this run mended parts of it.
    Committed,
    /// The content is now committed, in place of other content under the same `run_id`.
    Replaced,
    /// The same content was already committed, whole.
    Unchanged,
}

/// What was in a run's folders when it began.
#[derive(Debug)]
pub(crate) struct Observed {
    lineage: Option<(Bytes, Tag)>,
    found: PartsFound,
}

impl Observed {
    /// The content of the lineage that is committed, if one is.
    pub(crate) fn lineage(&self) -> Option<&Bytes> {
        self.lineage.as_ref().map(|(content, _)| content)
    }
}

/// Every object that a run writes, known before the first write.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The parts and their content.
    pub parts: Vec<(Uri, Bytes)>,
    /// The lineage's content.
    pub lineage: Bytes,
}

/// What the manifest and the command line say about a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether what is about to be replaced is copied to `superseded/` before.
    pub keep_superseded: bool,
    /// Whether the run refuses to replace other content.
    pub expect_same: bool,
}

/// Step 1: what has been committed for this run before, and what else is there.
///
/// # Errors
/// [`Error::Objects`]; [`Error::Foreign`] if the lineage is no file.
pub(crate) async fn observe(objects: &dyn Objects, folders: &Folders) -> Result<Observed, Error> {
    // Nothing is read through a link: what is there comes first.
    PartsFound::list(objects, folders).await?.check_lineage(folders)?;
    let lineage = match objects.read(&folders.lineage_key).await {
        Ok(found) => Some(found),
        Err(objects::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    // Listed again after the lineage was read, so that whatever that lineage names is among what
    // this run may delete once it has replaced it.
    let found = PartsFound::list(objects, folders).await?;
    found.warn_of_strangers(folders);
    Ok(Observed { lineage, found })
}

/// Steps 2 to 4.
///
/// # Errors
/// [`Error::Lost`] if another run won with other content; [`Error::Different`] if other content is
/// committed and the rules forbid to replace it; [`Error::Foreign`]; [`Error::Lineage`];
/// [`Error::Objects`].
pub(crate) async fn commit(
    objects: &dyn Objects,
    folders: &Folders,
    observed: &Observed,
    plan: &Plan,
    rules: Rules,
) -> Result<Status, Error> {
    let replaces = before_replacing(objects, folders, observed, plan, rules).await?;
    let (ensured, failure) = ensure(objects, &observed.found, &plan.parts).await;
    if let Some(failure) = failure {
        // What is left of a run that cannot go on is of no use. If this fails too, the next run
        // removes it.
        let _ = take_back(objects, folders, &ensured).await;
        return Err(failure);
    }
    let status = match write_lineage(objects, folders, observed, plan).await {
        Ok(status) => status,
        Err(error) => {
            if matches!(error, Error::Lost { .. }) {
                take_back(objects, folders, &ensured).await?;
            }
            return Err(error);
        }
    };
    ensure_again(objects, &PartsFound::list(objects, folders).await?, &plan.parts).await?;
    let listed: BTreeSet<_> = plan.parts.iter().map(|(uri, _)| uri).collect();
    let own = observed.found.own(folders).filter(|uri| !listed.contains(uri));
    let strays = own.cloned().collect();
    delete_while(objects, &folders.lineage_key, Some(&plan.lineage), strays).await?;
    try_join_all(folders.all().map(|folder| objects.sweep(folder))).await?;
    let was_committed = observed.lineage.as_ref().is_some_and(|(old, _)| *old == plan.lineage);
    Ok(match status {
        Status::Committed if replaces => Status::Replaced,
        // The lineage was there, but not all that it lists.
        Status::Unchanged if was_committed && ensured.iter().any(|one| *one != Ensured::There) => {
            Status::Committed
        }
        status => status,
    })
}

/// Before other content is replaced: says so, refuses if the rules do, and keeps it. Returns
/// whether there is other content.
async fn before_replacing(
    objects: &dyn Objects,
    folders: &Folders,
    observed: &Observed,
    plan: &Plan,
    rules: Rules,
) -> Result<bool, Error> {
    let Some((content, _)) = observed.lineage.as_ref().filter(|(old, _)| *old != plan.lineage)
    else {
        return Ok(false);
    };
    let lineage = &folders.lineage_key;
    let old = Lineage::parse(content, lineage)?;
    let difference = Difference::between(&old, &plan.lineage, &folders.outputs);
    if rules.expect_same {
        let what = difference.text();
        return Err(Error::Different { lineage: lineage.clone(), what });
    }
    let orphans: Vec<String> = difference.orphans.iter().map(ToString::to_string).collect();
    tracing::warn!(
        %lineage,
        differs = difference.text(),
        orphans = orphans.join(" "),
        "this run replaces what was committed under its run_id",
    );
    if rules.keep_superseded {
        history::keep(objects, folders, content, &old).await?;
    }
    Ok(true)
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

//! What a rerun replaces stays readable: before step 3, the lineage that is about to be replaced is
//! copied with its parts to `superseded/` beside the lineage (SPEC 11).
//!
//! The copies are create-only and have the names of their originals. So copying again changes
//! nothing, even after an earlier, partial copy. A run that is killed, or that loses the race for
//! the lineage, may leave a copy of what is still current. That is harmless: history is read by
//! name, and nothing of it is ever deleted here.
//!
//! A part that is not there any more cannot be kept. That is no reason to keep the run from
//! repairing the present, so it is a warning.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::folders::{AT_ONCE, Folders};
use super::parts::{foreign, look, warn_of_strangers};
use crate::layout;
use crate::lineage::{Lineage, OutputFile, hex};
use crate::objects::{self, Entry, Objects, Put, Uri};

/// Copies a committed lineage, whose bytes are `content`, and its parts to where they stay.
pub(super) async fn keep(
    objects: &dyn Objects,
    folders: &Folders,
    content: &Bytes,
    lineage: &Lineage,
) -> Result<(), Error> {
    let history = folders.lineage.join(layout::SUPERSEDED.trim_end_matches('/'));
    if let Some(Entry { stranger: Some(what), .. }) = look(objects, &history).await?
        && what != "a folder"
    {
        return Err(foreign(&history, "a folder of history", what));
    }
    let in_history = objects.entries(&history.as_prefix()).await?;
    let own = |entry: &&Entry| {
        entry.stranger == Some("a folder") && layout::is_superseded(entry.object.uri.name())
    };
    warn_of_strangers(in_history.iter().filter(|entry| !own(entry)).map(|entry| &entry.object.uri));
    let kept = layout::superseded(&folders.lineage, &lineage.content_sha256);
    let parts: Vec<_> = lineage.outputs.each().flat_map(|(_, output)| &output.files).collect();
    let mut places: BTreeSet<Uri> = parts.iter().map(|part| part.uri.folder()).collect();
    places.insert(kept.clone());
    let listed = try_join_all(places.iter().map(|folder| objects.entries(folder))).await?;
    let listed = listed.into_iter().flatten();
    let there: BTreeMap<Uri, Entry> =
        listed.map(|entry| (entry.object.uri.clone(), entry)).collect();
    let copies = stream::iter(parts).map(|part| keep_part(objects, part, &kept, &there));
    copies.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    keep_lineage(objects, &kept, content).await
}

async fn keep_part(
    objects: &dyn Objects,
    part: &OutputFile,
    kept: &Uri,
    there: &BTreeMap<Uri, Entry>,
) -> Result<(), Error> {
    let target = kept.join(part.uri.name());
    if let Some(copy) = there.get(&target) {
        return is_the_part(objects, part, copy).await;
    }
    let original = match there.get(&part.uri) {
        None => return lost(part, "nothing"),
        Some(Entry { stranger: Some(what), .. }) => return lost(part, what),
        Some(Entry { object, .. }) => object,
    };
    let copied = match objects.digest(original).await {
        Ok(digest) if hex(&digest) == part.sha256 => objects.copy(original, &target).await,
        Ok(_) => return lost(part, "other content"),
        Err(error) => Err(error),
    };
    match copied {
        Ok(Put::Done(_)) => Ok(()),
        Ok(Put::Conflict) => match look(objects, &target).await? {
            Some(copy) => is_the_part(objects, part, &copy).await,
            None => lost(part, "something that vanished"),
        },
        // Another run of this `run_id` has replaced it, and kept it before.
        Err(objects::Error::Changed { .. }) => lost(part, "something that changed"),
        Err(error) => Err(error.into()),
    }
}

fn lost(part: &OutputFile, found: &str) -> Result<(), Error> {
    tracing::warn!(part = %part.uri, found, "could not keep a part of the run that is replaced");
    Ok(())
}

async fn is_the_part(objects: &dyn Objects, part: &OutputFile, copy: &Entry) -> Result<(), Error> {
    let found = match copy.stranger {
        Some(what) => what,
        None if hex(&objects.digest(&copy.object).await?) == part.sha256 => return Ok(()),
        None => "other content",
    };
    Err(foreign(&copy.object.uri, "a copy of a replaced part", found))
}

/// Writes the lineage under the first name that is free, unless it is there already.
async fn keep_lineage(objects: &dyn Objects, folder: &Uri, content: &Bytes) -> Result<(), Error> {
    let targets = layout::superseded_lineages(folder, &hex(&Sha256::digest(content)));
    for target in &targets {
        let there = match objects.create(target, content.clone()).await? {
            Put::Done(_) => return Ok(()),
            Put::Conflict => objects.read(target).await?.0,
        };
        if there == *content {
            return Ok(());
        }
    }
    let [_, own] = targets;
    Err(foreign(&own, "a copy of a lineage", "other content"))
}

//! What a rerun replaces stays readable: before step 3, the lineage that is about to be replaced is
//! copied with its parts to `superseded/` beside the lineage (SPEC 11).
//!
//! The copies are create-only and bear the names of their originals, so that copying again changes
//! nothing, whoever copied before and however far. A run that is killed, or that loses the race for
//! the lineage, may leave a copy of what is still current. That is harmless: history is read by
//! name, and nothing of it is ever deleted here.
//!
//! A part that is not there any more cannot be kept. That is no reason to keep the run from
//! repairing the present, so it is a warning.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::error::Error;
use super::folders::{AT_ONCE, Folders};
use crate::layout;
use crate::lineage::{Lineage, OutputFile, hex};
use crate::objects::{self, Object, Objects, Put, Uri};

/// Copies a committed lineage and its parts to where they stay.
pub(super) async fn keep(
    objects: &dyn Objects,
    folders: &Folders,
    content: &Bytes,
) -> Result<(), Error> {
    let lineage = Lineage::parse(content, &folders.lineage_key)?;
    let folder = layout::superseded(&folders.lineage, &lineage.content_sha256);
    let parts = lineage.outputs.each().flat_map(|(_, output)| &output.files);
    let copies = stream::iter(parts).map(|part| keep_part(objects, part, &folder));
    copies.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    keep_lineage(objects, &folder, content).await
}

async fn keep_part(objects: &dyn Objects, part: &OutputFile, folder: &Uri) -> Result<(), Error> {
    let target = folder.join(part.uri.name());
    if let Some(kept) = find(objects, &target).await? {
        return is_the_part(objects, part, &kept).await;
    }
    let Some(original) = find(objects, &part.uri).await? else {
        return lost(part, "is not there");
    };
    if hex(&objects.digest(&original).await?) != part.sha256 {
        return lost(part, "is damaged");
    }
    match objects.copy(&original, &target).await {
        Ok(Put::Done(_)) => Ok(()),
        Ok(Put::Conflict) => match find(objects, &target).await? {
            Some(kept) => is_the_part(objects, part, &kept).await,
            None => lost(part, "could not be copied"),
        },
        // Another run of this `run_id` has replaced it, and kept it before.
        Err(objects::Error::Changed { .. }) => lost(part, "was deleted meanwhile"),
        Err(error) => Err(error.into()),
    }
}

fn lost(part: &OutputFile, what: &str) -> Result<(), Error> {
    tracing::warn!(part = %part.uri, "a part of the run that is replaced {what}; it is not kept");
    Ok(())
}

async fn is_the_part(objects: &dyn Objects, part: &OutputFile, kept: &Object) -> Result<(), Error> {
    if hex(&objects.digest(kept).await?) == part.sha256 {
        return Ok(());
    }
    let found = "other content".to_owned();
    Err(Error::Foreign { uri: kept.uri.clone(), expected: "a copy of a replaced part", found })
}

/// Two lineages may list the same parts, for example if an input file was replaced by an equal one.
/// The second then takes a name with a digest of its own.
async fn keep_lineage(objects: &dyn Objects, folder: &Uri, content: &Bytes) -> Result<(), Error> {
    let own = format!("lineage-{}.json", &hex(&Sha256::digest(content))[..16]);
    for name in ["lineage.json", &own] {
        let target = folder.join(name);
        let there = match objects.create(&target, content.clone()).await? {
            Put::Done(_) => return Ok(()),
            Put::Conflict => objects.read(&target).await?.0,
        };
        if there == *content {
            return Ok(());
        }
    }
    let found = "other content".to_owned();
    Err(Error::Foreign { uri: folder.join(&own), expected: "a copy of a lineage", found })
}

/// The object at this very place, if there is one.
async fn find(objects: &dyn Objects, uri: &Uri) -> Result<Option<Object>, Error> {
    Ok(objects.list(uri).await?.into_iter().find(|object| object.uri == *uri))
}

//! The in-memory twin of real storage: the same contract without a disk or a network, for tests.
//!
//! It owns a map of keys; it must not know what a run writes. Tags follow the content, as on S3, so
//! that two equal runs see equal tags.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::interface::{Object, Objects, Put, Tag, Traffic};
use super::uri::Uri;

/// Objects in memory, whatever the scheme and bucket of their URI.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<Uri, Bytes>>,
}

impl Memory {
    /// No objects yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic in another task leaves the map whole, as every change to it is one insertion or
    /// removal.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uri, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tag(content: &[u8]) -> Tag {
    let mut text = String::with_capacity(32);
    for byte in Sha256::digest(content).iter().take(16) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Tag(text)
}

#[async_trait]
impl Objects for Memory {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        let objects = self.lock();
        let under = objects.range(prefix..).take_while(|(uri, _)| uri.below(prefix).is_some()).map(
            |(uri, content)| Object {
                uri: uri.clone(),
                bytes: content.len() as u64,
                tag: tag(content),
            },
        );
        Ok(under.collect())
    }

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        let content = self.lock().get(uri).cloned();
        let content = content.ok_or_else(|| Error::NotFound { uri: uri.clone() })?;
        let tag = tag(&content);
        Ok((content, tag))
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        let changed = || Error::Changed { uri: object.uri.clone() };
        let content = self.lock().get(&object.uri).cloned().ok_or_else(changed)?;
        if tag(&content) != object.tag {
            return Err(changed());
        }
        ranges
            .iter()
            .map(|range| {
                let start = usize::try_from(range.start).ok()?;
                let end = usize::try_from(range.end).ok().filter(|end| *end <= content.len())?;
                (start <= end).then(|| content.slice(start..end))
            })
            .map(|slice| slice.ok_or_else(changed))
            .collect()
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        let mut objects = self.lock();
        if objects.contains_key(uri) {
            return Ok(Put::Conflict);
        }
        let tag = tag(&content);
        objects.insert(uri.clone(), content);
        Ok(Put::Done(tag))
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        let mut objects = self.lock();
        match objects.get(uri) {
            Some(old) if tag(old) == *seen => {
                let tag = tag(&content);
                objects.insert(uri.clone(), content);
                Ok(Put::Done(tag))
            }
            _ => Ok(Put::Conflict),
        }
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        self.lock().remove(uri);
        Ok(())
    }

    async fn sweep(&self, _prefix: &Uri) -> Result<(), Error> {
        Ok(())
    }

    async fn probe_conditions(&self, _prefix: &Uri) -> Result<(), Error> {
        Ok(())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

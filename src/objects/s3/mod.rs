//! S3, and every server that speaks its protocol, as object storage.
//!
//! It owns what the SDK leaves to its caller: the retries (one loop, one budget for the whole run),
//! reads that go on from the last byte received, and writes whose answer was lost. It must not know
//! what a run writes.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | the limits, and the environment variables that change them |
//! | `retry` | attempts, backoff, the run's retry budget, the counters |
//! | `error` | what an answer means: try again, give up, or it may have happened |
//! | `client` | the SDK's client and single attempts |
//! | `list` | listings, page by page |
//! | `read` | whole objects, coalesced and pinned ranges |
//! | `condition` | what must hold for a write |
//! | `write` | conditional writes |
//! | `copy` | copies that the server makes itself |
//! | `digest` | the digest of an object, vouched for or read back |
//! | `settle` | reading back after a doubtful answer |
//! | `upload` | large objects in parts |
//! | `probe` | whether the server honours conditions |
//! | `tidy` | deletes, and the sweep after a commit |
//!
//! The SDK and its HTTP client log requests with their signatures below the level of a warning. The
//! job's logs let only their warnings through.

mod answer;
mod client;
mod condition;
mod copy;
mod digest;
mod error;
mod list;
mod probe;
mod read;
mod retry;
mod settings;
mod settle;
mod tidy;
mod upload;
mod write;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Builder;
use bytes::Bytes;
use cohort_core::Timestamp;

use self::client::Inner;
use self::condition::Condition;
pub use self::settings::Settings;
use super::error::Error;
use super::interface::{Digest, Entry, Level, Object, Objects, Put, Tag, Traffic};
use super::uri::Uri;

/// A client for all buckets of one endpoint, under one identity.
#[derive(Clone, Debug)]
pub struct S3(Arc<Inner>);

impl S3 {
    /// The client that the environment describes: the default credential chain,
    /// `AWS_ENDPOINT_URL_S3`, the region, and the [`Settings`]. Opens no connection yet.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], at `uri`, if a setting is wrong or no region is given.
    pub async fn from_environment(uri: &Uri) -> Result<Self, Error> {
        let misconfigured = |reason| Error::Misconfigured { uri: uri.clone(), reason };
        let settings = Settings::from_environment().map_err(misconfigured)?;
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let endpoint =
            variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL")).is_some();
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if endpoint {
            // A private server has no region to be asked for, and no instance metadata to ask.
            loader = loader.region(
                RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                    .or_else(ProfileFileRegionProvider::new())
                    .or_else(Region::from_static("us-east-1")),
            );
        }
        let shared = loader.load().await;
        if shared.region().is_none() {
            return Err(misconfigured(
                "expected a region, found none; set AWS_REGION, or a region in the profile"
                    .to_owned(),
            ));
        }
        let path_style = endpoint || shared.endpoint_url().is_some();
        Ok(Self::new(Builder::from(&shared).force_path_style(path_style), settings))
    }

    /// A client from a configuration of its own, whose retries, timeouts and checksums are set
    /// here.
    #[must_use]
    pub fn new(config: Builder, settings: Settings) -> Self {
        Self(Arc::new(Inner::new(config, settings)))
    }

    /// See [`crate::objects::Storage::accept_unconditional`].
    pub fn accept_unconditional(&self) {
        self.0.accept_unconditional();
    }
}

#[async_trait]
impl Objects for S3 {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        list::list(&self.0, prefix).await
    }

    async fn entries(&self, folder: &Uri) -> Result<Vec<Entry>, Error> {
        list::entries(&self.0, folder).await
    }

    async fn level(&self, folder: &Uri) -> Result<Option<Level>, Error> {
        list::level(&self.0, folder).await
    }

    async fn read(&self, uri: &Uri) -> Result<(Bytes, Tag), Error> {
        read::whole(&self.0, uri).await
    }

    async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, Error> {
        read::ranges(&self.0, object, ranges).await
    }

    async fn create(&self, uri: &Uri, content: Bytes) -> Result<Put, Error> {
        write::put(&self.0, uri, content, &Condition::Absent).await
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        write::put(&self.0, uri, content, &Condition::Seen(seen.clone())).await
    }

    async fn copy(&self, from: &Object, to: &Uri) -> Result<Put, Error> {
        copy::copy(&self.0, from, to).await
    }

    async fn digest(&self, object: &Object) -> Result<Digest, Error> {
        digest::digest(&self.0, object).await
    }

    async fn modified(&self, uri: &Uri) -> Result<Option<Timestamp>, Error> {
        read::modified(&self.0, uri).await
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        tidy::delete(&self.0, uri).await
    }

    async fn sweep(&self, prefix: &Uri) -> Result<(), Error> {
        tidy::sweep(&self.0, prefix).await
    }

    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error> {
        probe::probe_conditions(&self.0, prefix).await
    }

    fn traffic(&self) -> Traffic {
        self.0.budget.traffic()
    }
}

//! S3, and every server that speaks its protocol, as object storage.
//!
//! It owns what the SDK leaves to its caller: the retries (one loop, one budget for the whole run), reads that
//! go on from the last byte received, and writes whose answer was lost. It must not know what a run writes.
//!
//! | file | owns |
//! |---|---|
//! | `settings` | the limits, and the environment variables that change them |
//! | `retry` | attempts, backoff, the run's retry budget, the counters |
//! | `error` | what an answer means: to try again, to give up, or that it may have happened |
//! | `read` | listing, whole objects, coalesced and pinned ranges |
//! | `write` | conditional writes, and reading back after a doubtful answer |
//! | `upload` | large objects in parts |
//! | `tidy` | deletes, the sweep after a commit, the probe before it |
//!
//! **Logs.** The SDK and its HTTP client print requests, with their signatures, at levels `debug` and `trace`.
//! A subscriber must let through the targets that [`super::may_log`] accepts, and no other, at any level.

mod error;
mod read;
mod retry;
mod settings;
mod tidy;
mod upload;
mod write;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use self::error::Failure;
use self::retry::{Attempts, Budget};
pub use self::settings::Settings;
use super::{Error, Object, Objects, Put, Scheme, Tag, Traffic, Uri};

/// A request or a body slower than this, over its whole length, is given up like a stalled one.
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;

/// A client for all buckets of one endpoint, under one identity.
#[derive(Clone, Debug)]
pub struct S3(Arc<Inner>);

/// What the tasks of one client share.
#[derive(Debug)]
struct Inner {
    client: Client,
    settings: Settings,
    budget: Budget,
    requests: Semaphore,
    /// KiB of ranges on their way, so that the bytes fit a semaphore's number of permits.
    kibibytes: Semaphore,
    unconditional: AtomicBool,
}

impl S3 {
    /// The client that the environment describes: the default credential chain, `AWS_ENDPOINT_URL_S3`, the
    /// region, and the [`Settings`]. Opens no connection yet.
    ///
    /// # Errors
    /// [`Error::Misconfigured`], at `uri`, where a setting is wrong or no region is given.
    pub async fn from_environment(uri: &Uri) -> Result<Self, Error> {
        let misconfigured = |reason| Error::Misconfigured { uri: uri.clone(), reason };
        let settings = Settings::from_environment().map_err(misconfigured)?;
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let endpoint =
            variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL")).is_some();
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if endpoint {
            // A server of one's own has no region to be asked for, and no instance metadata to ask.
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

    /// A client from a configuration of its own, whose retries, timeouts and checksums are set here.
    #[must_use]
    pub fn new(config: Builder, settings: Settings) -> Self {
        // The SDK's limit on an answer does not know how much the request carries; `Inner::attempt` has its own.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_limit)
            .disable_read_timeout()
            .build();
        let stalls = StalledStreamProtectionConfig::enabled()
            .upload_enabled(true)
            .grace_period(settings.stall_limit)
            .build();
        let config = config
            .behavior_version(BehaviorVersion::latest())
            // The SDK would repeat a conditional write behind our back, and take its own success for a conflict.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(stalls)
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let kibibytes = kibibytes_of(settings.bytes_max) as usize;
        Self(Arc::new(Inner {
            client: Client::from_conf(config.build()),
            budget: Budget::new(&settings),
            requests: Semaphore::new(settings.requests_max),
            kibibytes: Semaphore::new(kibibytes),
            settings,
            unconditional: AtomicBool::new(false),
        }))
    }

    /// See [`super::Storage::accept_unconditional`].
    pub fn accept_unconditional(&self) {
        self.0.unconditional.store(true, Ordering::Relaxed);
    }
}

/// Permits for this many bytes; more than a semaphore can count are as good as no limit.
fn kibibytes_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024))
        .map_or(MOST_PERMITS, |kibibytes| kibibytes.min(MOST_PERMITS))
}

/// Fits [`Semaphore::MAX_PERMITS`] on every platform.
const MOST_PERMITS: u32 = 1 << 28;

impl Inner {
    fn is_unconditional(&self) -> bool {
        self.unconditional.load(Ordering::Relaxed)
    }

    /// A place among the requests under way. Nobody closes the semaphore, so nobody is turned away.
    async fn request_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    /// Room for a range on its way; a range longer than the whole limit takes all of it.
    async fn bytes_permit(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let permits = kibibytes_of(bytes).min(kibibytes_of(self.settings.bytes_max));
        self.kibibytes.acquire_many(permits).await.ok()
    }

    /// One attempt at a request that carries so many bytes, until its answer begins.
    async fn attempt<T, E>(
        &self,
        bytes: u64,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let seconds = bytes / BYTES_PER_SECOND_MIN;
        let limit = self.settings.attempt_limit.saturating_add(Duration::from_secs(seconds));
        self.budget.sent();
        match timeout(limit, request).await {
            Ok(answer) => answer.map_err(|error| error::failure_of(&error)),
            Err(_) => Err(Failure::lost(format!("no answer within {} ms", limit.as_millis()))),
        }
    }

    /// Attempts until one succeeds or none can help any more.
    async fn until_done<T, E, F>(
        &self,
        attempts: &mut Attempts<'_>,
        bytes: u64,
        request: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let _permit = self.request_permit().await;
        loop {
            match self.attempt(bytes, request()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => attempts.again_after(failure).await?,
            }
        }
    }
}

/// The bucket of an S3 URI; empty, which S3 refuses, for any other.
fn bucket(uri: &Uri) -> &str {
    match uri.scheme() {
        Scheme::S3 { bucket } => bucket,
        Scheme::File | Scheme::Memory => "",
    }
}

/// Listings quote a tag and some servers do not, while `If-Match` wants quotes.
fn tag(text: Option<&str>) -> Tag {
    Tag(format!("\"{}\"", text.unwrap_or_default().trim_matches('"')))
}

#[async_trait]
impl Objects for S3 {
    async fn list(&self, prefix: &Uri) -> Result<Vec<Object>, Error> {
        read::list(&self.0, prefix).await
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
        write::put(&self.0, uri, content, &write::Condition::Absent).await
    }

    async fn replace(&self, uri: &Uri, content: Bytes, seen: &Tag) -> Result<Put, Error> {
        write::put(&self.0, uri, content, &write::Condition::Seen(seen.clone())).await
    }

    async fn delete(&self, uri: &Uri) -> Result<(), Error> {
        tidy::delete(&self.0, uri).await
    }

    async fn sweep(&self, prefix: &Uri) -> Result<(), Error> {
        tidy::sweep(&self.0, prefix).await
    }

    async fn probe_conditions(&self, prefix: &Uri) -> Result<(), Error> {
        tidy::probe_conditions(&self.0, prefix).await
    }

    fn traffic(&self) -> Traffic {
        self.0.budget.traffic()
    }
}

//! What the tasks of one S3 client share: the SDK's client, the limits, and single attempts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::answer::LimitAnswers;
use super::error::{self, Failure};
use super::retry::{Attempts, Budget};
use super::settings::Settings;
use crate::objects::interface::Tag;
use crate::objects::uri::Uri;

/// A request or a body that is slower than this, over its whole length, is given up like a stalled
/// one.
pub(super) const BYTES_PER_SECOND_MIN: u64 = 64 << 10;

/// What the tasks of one client share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) budget: Budget,
    requests: Semaphore,
    /// KiB of ranges on their way, so that the bytes fit a semaphore's number of permits.
    kibibytes: Semaphore,
    unconditional: AtomicBool,
}

/// Permits for this many bytes; more than a semaphore can count are as good as no limit.
fn kibibytes_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024))
        .map_or(MOST_PERMITS, |kibibytes| kibibytes.min(MOST_PERMITS))
}

/// Fits [`Semaphore::MAX_PERMITS`] on every platform.
const MOST_PERMITS: u32 = 1 << 28;

impl Inner {
    /// From a configuration whose retries, timeouts and checksums are set here.
    pub(super) fn new(config: Builder, settings: Settings) -> Self {
        // The SDK's limit on an answer does not know how much the request carries;
        // `Inner::attempt` has its own.
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
            .interceptor(LimitAnswers)
            // The SDK would repeat a conditional write unseen, and take its own success for a
            // conflict.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(stalls)
            .request_checksum_calculation(RequestChecksumCalculation::WhenSupported)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let kibibytes = kibibytes_of(settings.bytes_max) as usize;
        Self {
            client: Client::from_conf(config.build()),
            budget: Budget::new(&settings),
            requests: Semaphore::new(settings.requests_max),
            kibibytes: Semaphore::new(kibibytes),
            settings,
            unconditional: AtomicBool::new(false),
        }
    }

    /// Writes without conditions from now on.
    pub(super) fn accept_unconditional(&self) {
        self.unconditional.store(true, Ordering::Relaxed);
    }

    /// Whether writes carry no conditions.
    pub(super) fn is_unconditional(&self) -> bool {
        self.unconditional.load(Ordering::Relaxed)
    }

    /// A place among the requests under way. Nobody closes the semaphore, so nobody is turned away.
    pub(super) async fn request_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    /// Room for a range on its way; a range longer than the whole limit takes all of it.
    pub(super) async fn bytes_permit(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let permits = kibibytes_of(bytes).min(kibibytes_of(self.settings.bytes_max));
        self.kibibytes.acquire_many(permits).await.ok()
    }

    /// One attempt at a request that carries so many bytes, until its answer begins.
    pub(super) async fn attempt<T, E>(
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
    pub(super) async fn until_done<T, E, F>(
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

/// What a browser must be told of an object to show it. Nothing else cares.
pub(super) fn content_type(uri: &Uri) -> Option<String> {
    uri.name().ends_with(".html").then(|| "text/html; charset=utf-8".to_owned())
}

/// Listings quote a tag and some servers do not, while `If-Match` wants quotes.
pub(super) fn tag(text: Option<&str>) -> Tag {
    Tag(format!("\"{}\"", text.unwrap_or_default().trim_matches('"')))
}

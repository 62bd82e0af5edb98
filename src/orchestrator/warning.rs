//! A channel that fails is a warning in the log, and no more than that.

use std::future::Future;

/// Warns if the attempt failed.
pub(super) async fn warn_if(channel: &str, attempt: impl Future<Output = Result<(), String>>) {
    if let Err(reason) = attempt.await {
        warn(channel, &reason);
    }
}

/// Warns that this channel does not hear of the run.
pub(super) fn warn(channel: &str, reason: &str) {
    tracing::warn!(
        channel,
        reason,
        "this channel does not hear of it; the run ends as it would without"
    );
}

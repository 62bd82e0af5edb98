//! How often and how long the S3 client tries: one loop for reads and writes, one budget for the
//! run.
//!
//! Waits double from attempt to attempt with full jitter, so that the tasks of many runs that were
//! throttled together do not come back together. A throttled request waits longer. If the storage
//! fails every request, the run soon uses up its budget and does not add to the load.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::error::Failure;
use super::settings::Settings;
use crate::objects::interface::Traffic;

/// The retries left to the run, and what it has asked for so far.
#[derive(Debug)]
pub(super) struct Budget {
    attempts_max: u32,
    retries_max: u64,
    backoff: Duration,
    backoff_max: Duration,
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Budget {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self {
            attempts_max: settings.attempts_max,
            retries_max: settings.retries_max,
            backoff: settings.backoff,
            backoff_max: settings.backoff_max,
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    /// Counts a request as it is sent.
    pub(super) fn sent(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }

    /// The attempts of one operation.
    pub(super) const fn attempts(&self) -> Attempts<'_> {
        Attempts { budget: self, failed: 0, doubtful: false }
    }

    /// Takes one retry from the budget, unless it is used up.
    fn take(&self) -> bool {
        self.retries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < self.retries_max).then_some(used + 1)
            })
            .is_ok()
    }
}

/// The attempts of one operation so far.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    budget: &'a Budget,
    failed: u32,
    doubtful: bool,
}

impl Attempts<'_> {
    /// After a failed attempt: waits, and returns when it is time to try again.
    ///
    /// # Errors
    /// The failure, if trying again cannot help, or the attempts or the budget are used up.
    pub(super) async fn again_after(&mut self, failure: Failure) -> Result<(), Failure> {
        let (reason, doubtful, throttled) = match failure {
            Failure::Transient { reason, doubtful, throttled } => (reason, doubtful, throttled),
            Failure::Collision => ("met another conditional write".to_owned(), false, false),
            failure => return Err(failure),
        };
        self.failed += 1;
        self.doubtful |= doubtful;
        let give_up = |why: String| {
            Err(Failure::Transient { reason: format!("{reason}; {why}"), doubtful, throttled })
        };
        if self.failed >= self.budget.attempts_max {
            return give_up(format!("tried {} times", self.failed));
        }
        if !self.budget.take() {
            return give_up(format!("the run's {} retries are used up", self.budget.retries_max));
        }
        tracing::debug!(%reason, attempt = self.failed, "storage request failed; trying again");
        tokio::time::sleep(self.wait(throttled)).await;
        Ok(())
    }

    /// Whether an attempt that failed may have happened all the same.
    pub(super) const fn doubtful(&self) -> bool {
        self.doubtful
    }

    fn wait(&self, throttled: bool) -> Duration {
        let doublings = (self.failed - 1).min(16) + if throttled { 2 } else { 0 };
        let most = self.budget.backoff.saturating_mul(1 << doublings).min(self.budget.backoff_max);
        // Full jitter over the upper three quarters: never at once, never all together.
        most.mul_f64(0.25 + 0.75 * jitter())
    }
}

/// A number in [0, 1) that differs between the processes and tasks that were turned away together.
/// Waiting times reach no output, so chance may enter here.
fn jitter() -> f64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "jitter: which attempt waits how long reaches no output"
    )]
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    // 53 bits fit a double exactly.
    #[allow(clippy::cast_precision_loss)]
    let share = bits as f64 / (1_u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            attempts_max: 3,
            retries_max: 5,
            backoff: Duration::from_millis(1),
            ..Settings::default()
        }
    }

    fn lost(doubtful: bool) -> Failure {
        Failure::Transient { reason: "reset".to_owned(), doubtful, throttled: false }
    }

    #[tokio::test]
    async fn an_operation_ends_after_its_attempts_and_remembers_a_doubtful_one() {
        let budget = Budget::new(&settings());
        let mut attempts = budget.attempts();
        attempts.again_after(lost(true)).await.unwrap();
        attempts.again_after(lost(false)).await.unwrap();
        assert!(attempts.doubtful());
        let ended = attempts.again_after(lost(false)).await.unwrap_err();
        let Failure::Transient { reason, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(reason, "reset; tried 3 times");
        assert_eq!(budget.traffic().retries, 2);
    }

    #[tokio::test]
    async fn all_operations_share_the_budget_of_the_run() {
        let budget = Budget::new(&settings());
        let mut ended = 0;
        for _ in 0..10 {
            let mut attempts = budget.attempts();
            while attempts.again_after(lost(false)).await.is_ok() {}
            ended += 1;
        }
        assert_eq!((ended, budget.traffic().retries), (10, 5));
    }

    #[tokio::test]
    async fn what_cannot_help_is_not_tried_again() {
        let budget = Budget::new(&settings());
        let ended = budget.attempts().again_after(Failure::Precondition).await;
        assert!(matches!(ended, Err(Failure::Precondition)));
        assert_eq!(budget.traffic().retries, 0);
    }
}

//! `cohort sample`: a seeded retail chain, as the five input logs of SPEC 2 with a manifest ready
//! to run.
//!
//! Everything follows from [`Sample`]: no clock, no system randomness, no floating function beyond
//! the four operations, so a seed gives the same files on every machine, whatever the number of
//! threads. What happens is decided first (`plan`), then written day by day (`day`). The last day
//! is 2025-01-01; in store 327 it holds the worked example (SPEC 9) and nothing else.
//!
//! The logs have what real ones have: late and repeated rows, gaps, reports of whole shops,
//! detectors that do not track an onset, causes that only campaigns or the weather explain, and a
//! few rows that must be rejected. One shop is never quiet, so that its events are cut, and one
//! shop's detector is stuck at an old onset.

mod chain;
mod day;
mod error;
mod files;
mod kinds;
mod manifest;
mod place;
mod plan;
mod predictions;
mod random;
mod reports;
mod settings;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use chain::ShopChain;
use place::Place;
use plan::SamplePlan;
use tokio::runtime::Handle;

use crate::objects::{Storage, Uri};

pub(crate) use error::Error;
pub use settings::Sample;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The run manifest, ready for `cohort run --manifest`.
    pub manifest: String,
    /// Rows of `minority_reports_detected_log`.
    pub reports: u64,
    /// Rows of the two prediction logs together.
    pub predictions: u64,
}

impl Sample {
    /// Writes the sample into a new or empty folder: five datasets, `run_manifest.json` and
    /// `demo_run_config.json`.
    ///
    /// # Errors
    /// [`Error`] if the size is out of range, the folder is not empty or cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Written, Error> {
        self.check()?;
        self.fill(&Place::folder(dir)?)
    }

    /// Writes the same below a prefix that ends with a slash. What is there already is left as it
    /// is, so that a sample that was interrupted can be made again.
    ///
    /// Waits for requests on the runtime, so it must not be called on one of its threads.
    ///
    /// # Errors
    /// [`Error`] if the size is out of range, another object is in the way or the bucket cannot be
    /// written.
    pub fn put(
        &self,
        storage: Arc<Storage>,
        prefix: Uri,
        runtime: Handle,
    ) -> Result<Written, Error> {
        self.check()?;
        self.fill(&Place::Prefix { storage, prefix, runtime })
    }

    fn fill(&self, place: &Place) -> Result<Written, Error> {
        let chain = ShopChain::new(self);
        let plan = SamplePlan::new(self, &chain);
        files::write_spans(place, "all_campaign_data", ["campaign_id", "name"], &plan.campaigns)?;
        files::write_spans(place, "contextual_data", ["context_id", "label"], &plan.contexts)?;
        let (reports, predictions) = self.write_days(place, &chain, &plan)?;
        let manifest = manifest::write(place)?;
        Ok(Written { manifest, reports, predictions })
    }

    /// Writes each day's logs, with the days spread over threads. A day's files depend
    /// only on the day.
    fn write_days(
        &self,
        place: &Place,
        chain: &ShopChain,
        plan: &SamplePlan,
    ) -> Result<(u64, u64), Error> {
        let next = AtomicI64::new(1 - i64::from(self.days));
        let work = || -> Result<(u64, u64), Error> {
            let mut rows = (0, 0);
            loop {
                let day = next.fetch_add(1, Ordering::Relaxed);
                if day > 0 {
                    return Ok(rows);
                }
                let (reports, predictions) = day::write(place, chain, plan, day)?;
                rows = (rows.0 + reports, rows.1 + predictions);
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            // This thread is one of them. If the system refuses others, it goes on without.
            let spawned =
                (1..threads).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok());
            let workers: Vec<_> = spawned.collect();
            workers.into_iter().try_fold(work()?, |sum, worker| {
                let rows: (u64, u64) = match worker.join() {
                    Ok(rows) => rows?,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                Ok((sum.0 + rows.0, sum.1 + rows.1))
            })
        })
    }

    fn check(&self) -> Result<(), Error> {
        let sizes = [
            ("stores", 100_000, self.stores),
            ("skus", 10_000, self.skus),
            ("days", 3_650, self.days),
        ];
        for (what, most, found) in sizes {
            if !(1..=most).contains(&found) {
                return Err(Error::Size { what, most, found });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! A few threads that compute, fed by tasks that wait for storage.
//!
//! Tokio's own threads only wait. Everything that takes processor time runs here, so `--threads`
//! bounds it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::process::panic_message;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they end when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Workers {
    /// Where jobs go; `None` if there are no threads but the caller's.
    jobs: Option<mpsc::Sender<Job>>,
    count: usize,
}

/// A job panicked.
#[derive(Debug, thiserror::Error)]
#[error("internal error: a worker stopped ({0}); please report it")]
pub struct Stopped(pub String);

impl Workers {
    /// Starts `count` threads, at least one. If the system refuses some, goes on with the others,
    /// or with the caller's: the result is the same for any number.
    #[must_use]
    pub fn start(count: usize) -> Self {
        Self::start_with(count, |name, work| {
            thread::Builder::new().name(name).spawn(work).map(|_| ())
        })
    }

    fn start_with(count: usize, mut spawn: impl FnMut(String, Job) -> io::Result<()>) -> Self {
        let asked = count.max(1);
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for started in 0..asked {
            let queue = queue.clone();
            let work = Box::new(move || work(&queue));
            if let Err(error) = spawn(format!("worker-{started}"), work) {
                tracing::warn!(asked, started, %error, "the system refused more threads");
                return Self { jobs: (started > 0).then_some(jobs), count: started.max(1) };
            }
        }
        Self { jobs: Some(jobs), count: asked }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Runs a job on the next free thread, or on this one if there are no others.
    ///
    /// # Errors
    /// [`Stopped`] if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let job =
            || catch_unwind(AssertUnwindSafe(job)).map_err(|panic| Stopped(panic_message(&*panic)));
        let Some(jobs) = &self.jobs else { return job() };
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            let outcome = job();
            // The caller may have given up meanwhile.
            let _ = done.send(outcome);
        });
        let gone = || Stopped("the worker threads have ended".to_owned());
        jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

/// Carries out jobs until there are no more to come.
fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The lock is held only while waiting, never while working.
        let job = queue.lock().map(|queue| queue.recv());
        let Ok(Ok(job)) = job else { return };
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let workers = Workers::start(1);
        let stopped = workers
            .run(|| {
                if true {
                    panic!("no")
                }
            })
            .await;
        assert_eq!(
            stopped.unwrap_err().to_string(),
            "internal error: a worker stopped (no); please report it"
        );
        assert_eq!(workers.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn fewer_threads_than_asked_for_are_enough_and_without_any_the_caller_computes() {
        let refused = || io::Error::from(io::ErrorKind::WouldBlock);
        let mut left = 2;
        let workers = Workers::start_with(7, |name, work| {
            if left == 0 {
                return Err(refused());
            }
            left -= 1;
            thread::Builder::new().name(name).spawn(work).map(|_| ())
        });
        assert_eq!(workers.count(), 2);
        assert_eq!(workers.run(|| 7).await.unwrap(), 7);
        let alone = Workers::start_with(7, |_, _| Err(refused()));
        assert_eq!(alone.count(), 1);
        assert_eq!(alone.run(|| 7).await.unwrap(), 7);
    }
}

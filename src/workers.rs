//! A few threads that compute, fed by tasks that wait for storage.
//!
//! Tokio's own threads only wait. Whatever takes processor time runs here, so that `--threads`
//! bounds it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they end when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Workers {
    jobs: mpsc::Sender<Job>,
    count: usize,
}

/// A job panicked, or its thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Stopped(pub String);

impl Workers {
    /// Starts `count` threads, at least one.
    ///
    /// # Errors
    /// [`Stopped`] if the system refuses a thread.
    pub fn start(count: usize) -> Result<Self, Stopped> {
        let count = count.max(1);
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for i in 0..count {
            let queue = queue.clone();
            let work = move || {
                loop {
                    // The lock is held only while waiting, never while working.
                    let job = queue.lock().map(|queue| queue.recv());
                    let Ok(Ok(job)) = job else { return };
                    job();
                }
            };
            let name = format!("worker-{i}");
            thread::Builder::new()
                .name(name)
                .spawn(work)
                .map_err(|error| Stopped(error.to_string()))?;
        }
        Ok(Self { jobs, count })
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Runs a job on the next free thread.
    ///
    /// # Errors
    /// [`Stopped`] if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            let outcome =
                catch_unwind(AssertUnwindSafe(job)).map_err(|panic| Stopped(message(&*panic)));
            // Whoever asked may have given up meanwhile.
            let _ = done.send(outcome);
        });
        let gone = || Stopped("the worker threads have ended".to_owned());
        self.jobs.send(job).map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let workers = Workers::start(1).unwrap();
        let stopped = workers
            .run(|| {
                if true {
                    panic!("no")
                }
            })
            .await;
        assert_eq!(stopped.unwrap_err().0, "no");
        assert_eq!(workers.run(|| 7).await.unwrap(), 7);
    }
}

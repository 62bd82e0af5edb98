//! Computing beside Python: on a thread of its own, so that the interpreter goes on, Ctrl-C is
//! heard, and a panic is an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::error::Error;

/// How long a signal waits at most.
const HEARD_EVERY: Duration = Duration::from_millis(50);

/// Tells a computation that nobody wants its result any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the computation at its next check.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once nobody wants the result.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Computes, and waits for the result without the GIL.
///
/// # Errors
/// Whatever the computation returns, as its exception. `KeyboardInterrupt`, or whatever a signal's
/// handler raises: the computation then ends by itself.
pub(crate) fn compute<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    let stop = Stop::default();
    let (sender, mut receiver) = sync_channel(1);
    let stopped = stop.clone();
    thread::spawn(move || {
        // The caller may have gone.
        let _ = sender.send(guarded(|| work(&stopped)));
    });
    match receive(py, &mut receiver) {
        Ok(result) => result.map_err(|error| error.raise(py)),
        Err(error) => {
            stop.set();
            Err(error)
        }
    }
}

/// The next message, waited for without the GIL.
///
/// # Errors
/// What a signal's handler raises.
pub(crate) fn receive<T: Send>(py: Python<'_>, receiver: &mut Receiver<T>) -> PyResult<T> {
    loop {
        let waiting = &mut *receiver;
        match py.detach(move || waiting.recv_timeout(HEARD_EVERY)) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Bug("a computation went away".to_owned()).raise(py));
            }
        }
    }
}

/// Runs a computation; a panic of it is a bug of this package.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Nothing that the computation held is used after a panic.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::Bug(text(&panic))))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

//! Computing beside Python: on a thread of its own, so that the interpreter goes on, Ctrl-C is
//! heard, and a panic is an error.
//!
//! A thread may be inside a producer that is written in Python, or hold one. So no thread may be
//! left when the interpreter ends: [`end_all`] waits for them. And no other thread may go back into
//! an interpreter that ends: those that the program left running stay where they wait.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};
use pyo3::prelude::*;

use crate::error::Error;

/// How long a signal or a stop waits at most.
const HEARD_EVERY: Duration = Duration::from_millis(50);

/// The exit code of a process that a person interrupts.
const INTERRUPTED: i32 = 130;

/// The computations that have not ended.
static ALL: Mutex<Vec<Stop>> = Mutex::new(Vec::new());
/// Told whenever one of them has.
static ENDED: Condvar = Condvar::new();
/// The thread on which the interpreter ends, once it does.
static ENDS_ON: OnceLock<ThreadId> = OnceLock::new();
/// How many threads wait for the GIL to come back with what was computed.
static COMING_BACK: AtomicUsize = AtomicUsize::new(0);

/// Tells a computation that nobody wants its result any more.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    is_set: Arc<AtomicBool>,
    /// The process that the computation's thread is of: a fork has no threads but its own.
    process: u32,
}

impl Stop {
    /// Ends the computation at its next check.
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Relaxed);
    }

    /// Fails once nobody wants the result.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_set.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Fails in a process that has not the computation's thread.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.process == process::id() {
            return Ok(());
        }
        let usage = "expected a kernel of this process, found one that was made before a fork; \
                     make it afterwards";
        Err(Error::Usage(usage.to_owned()))
    }

    /// Waits for a message until nobody wants the result.
    ///
    /// # Errors
    /// [`Error::Stopped`], also if nobody is left to send one.
    pub(crate) fn receive<T>(&self, receiver: &Receiver<T>) -> Result<T, Error> {
        loop {
            match receiver.recv_timeout(HEARD_EVERY) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) => self.check()?,
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Stopped),
            }
        }
    }

    /// Hands over a message, unless nobody wants the result.
    ///
    /// # Errors
    /// [`Error::Stopped`], also if nobody is left to take it.
    pub(crate) fn send<T>(&self, sender: &Sender<T>, message: T) -> Result<(), Error> {
        let mut message = message;
        loop {
            match sender.send_timeout(message, HEARD_EVERY) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(back)) => message = back,
                Err(SendTimeoutError::Disconnected(_)) => return Err(Error::Stopped),
            }
            self.check()?;
        }
    }
}

/// Computes on a thread of its own. All that the computation holds is gone when it has ended.
///
/// # Errors
/// [`Error::Temporary`] if the system gives no thread.
pub(crate) fn spawn(work: impl FnOnce(&Stop) + Send + 'static) -> Result<Stop, Error> {
    /// Ends with the computation.
    struct Ends(Stop);
    impl Drop for Ends {
        fn drop(&mut self) {
            all().retain(|other| !Arc::ptr_eq(&other.is_set, &self.0.is_set));
            ENDED.notify_all();
        }
    }
    let stop = Stop { is_set: Arc::default(), process: process::id() };
    all().push(stop.clone());
    let ends = Ends(stop.clone());
    let spawned = thread::Builder::new().spawn(move || {
        let ends = ends;
        work(&ends.0);
    });
    let none = |error| {
        Error::Temporary(format!("expected a thread to compute on, found none: {error}; try again"))
    };
    spawned.map(|_| stop).map_err(none)
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
    outside(py, || ());
    let (sender, receiver) = bounded(1);
    let stop = spawn(move |stop| {
        // The caller may have gone.
        let _ = sender.send(guarded(|| work(stop)));
    });
    let stop = stop.map_err(|error| error.raise(py))?;
    match receive(py, &receiver) {
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
pub(crate) fn receive<T: Send>(py: Python<'_>, receiver: &Receiver<T>) -> PyResult<T> {
    loop {
        match outside(py, || receiver.recv_timeout(HEARD_EVERY)) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Bug("a computation went away".to_owned()).raise(py));
            }
        }
    }
}

/// Does something without the GIL. It never comes back to an interpreter that ends, unless on the
/// thread that ends it: by then, only threads are left that end with the process.
fn outside<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let done = py.detach(|| {
        let done = work();
        COMING_BACK.fetch_add(1, Ordering::SeqCst);
        if ENDS_ON.get().is_some_and(|&thread| thread != thread::current().id()) {
            COMING_BACK.fetch_sub(1, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }
        done
    });
    COMING_BACK.fetch_sub(1, Ordering::SeqCst);
    done
}

/// Stops all computations of this process, and waits until they have ended: the interpreter ends.
/// Whoever presses Ctrl-C while it waits ends the process at once. `imported_in` is the process
/// that imported this package: a fork of it has none of its threads.
///
/// # Errors
/// What flushing the streams raises then.
pub(crate) fn end_all(py: Python<'_>, imported_in: u32) -> PyResult<()> {
    let _ = ENDS_ON.set(thread::current().id());
    let is_left = || {
        (imported_in == process::id() && COMING_BACK.load(Ordering::SeqCst) > 0)
            || all().iter().any(|stop| stop.process == process::id())
    };
    all().iter().for_each(Stop::set);
    while is_left() {
        py.detach(|| drop(ENDED.wait_timeout(all(), HEARD_EVERY)));
        if py.check_signals().is_err() {
            // A computation is inside a producer, and would come back to an interpreter that ends.
            for stream in ["stdout", "stderr"] {
                py.import("sys")?.getattr(stream)?.call_method0("flush")?;
            }
            py.import("os")?.call_method1("_exit", (INTERRUPTED,))?;
        }
    }
    Ok(())
}

fn all() -> MutexGuard<'static, Vec<Stop>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a computation; a panic of it is a bug of this package.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Nothing that the computation held is used after a panic.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::Bug(text(&*panic))))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

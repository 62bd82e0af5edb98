//! The signals that reach the process before anything else of it runs.
//!
//! By default a signal ends a process at once. A run that was stopped like that in its first
//! moments would leave the result of an earlier run in its result file, and a file that grows past
//! `ulimit -f` would end any command without a word. So the handlers come first of all. What a
//! handler does is to note the signal; whoever can do something about it asks.
#![allow(
    unsafe_code,
    reason = "a handler has no safe interface but that of the async runtime, which takes memory, \
              files and time to begin: a stop in that time would be lost"
)]

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use cohort::{hangup_is_ignored, stop_asked};
use rustix::process::Signal;

type Handler = extern "C" fn(c_int);

const DEFAULT: usize = 0;
const IGNORED: usize = 1;

unsafe extern "C" {
    fn signal(number: c_int, handler: usize) -> usize;
}

/// What asks a process to stop.
const STOPS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::XCPU];

/// Which of them the caller of the process had ignored.
static WERE_IGNORED: [AtomicBool; STOPS.len()] = [const { AtomicBool::new(false) }; STOPS.len()];

/// Notes from now on what asks the process to stop, and outlives files that may not grow.
pub(crate) fn catch() {
    for (stop, was_ignored) in STOPS.into_iter().zip(&WERE_IGNORED) {
        let ignored = set(stop, of(stop_asked)) == IGNORED;
        was_ignored.store(ignored, Ordering::Relaxed);
        // Whoever calls `nohup` wants the process to outlive the terminal.
        if ignored && stop == Signal::HUP {
            set(stop, IGNORED);
            hangup_is_ignored();
        }
    }
    // The write fails instead, and says why.
    set(Signal::XFSZ, of(outlived));
}

/// Gives the signals that ask to stop back to the system: a command that writes nothing has
/// nothing to end well.
pub(crate) fn release() {
    for (stop, was_ignored) in STOPS.into_iter().zip(&WERE_IGNORED) {
        set(stop, if was_ignored.load(Ordering::Relaxed) { IGNORED } else { DEFAULT });
    }
}

extern "C" fn outlived(_: c_int) {}

fn of(handler: Handler) -> usize {
    handler as usize
}

fn set(number: Signal, handler: usize) -> usize {
    // SAFETY: the handler is one of the two values that every system knows, or a function that
    // takes the signal's number, and that only stores a number.
    unsafe { signal(number.as_raw(), handler) }
}

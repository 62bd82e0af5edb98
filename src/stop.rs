//! Whether the process was asked to stop, as a handler of signals notes it. This is a leaf.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::process::Signal;

/// The signal that asked the process to stop; 0 if none did.
static ASKED: AtomicI32 = AtomicI32::new(0);
/// Whether a hangup is no such signal.
static HANGUP_IGNORED: AtomicBool = AtomicBool::new(false);

/// Notes that a signal asked the process to stop. It may be called by a handler of signals.
pub extern "C" fn stop_asked(signal: c_int) {
    ASKED.store(signal, Ordering::SeqCst);
}

/// Says that the caller of the process wants it to outlive the terminal.
pub fn hangup_is_ignored() {
    HANGUP_IGNORED.store(true, Ordering::SeqCst);
}

/// Whether a hangup asks the process to stop.
pub(crate) fn hangup_stops() -> bool {
    !HANGUP_IGNORED.load(Ordering::SeqCst)
}

/// The signal that has asked the process to stop, if one has.
pub(crate) fn stop_noted() -> Option<&'static str> {
    match ASKED.load(Ordering::SeqCst) {
        0 => None,
        n if n == Signal::TERM.as_raw() => Some("SIGTERM"),
        n if n == Signal::INT.as_raw() => Some("SIGINT"),
        n if n == Signal::HUP.as_raw() => Some("SIGHUP"),
        _ => Some("SIGXCPU"),
    }
}

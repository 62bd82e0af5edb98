//! Room on the stack, whatever `ulimit -s` says.

use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, getrlimit};

/// What every command can do with, and the job's other threads have.
const BYTES: usize = 1 << 21;

/// Runs on this thread if its stack may grow far enough, else on one that has its own.
pub(crate) fn with_room(run: fn() -> ExitCode) -> ExitCode {
    let granted = getrlimit(Resource::Stack).current;
    if granted.is_none_or(|granted| granted >= BYTES as u64) {
        return run();
    }
    match thread::Builder::new().stack_size(BYTES).spawn(run) {
        // A panic ends the process before it comes here.
        Ok(thread) => thread.join().unwrap_or(ExitCode::FAILURE),
        // The little room would not do: whoever overflows it ends without a word.
        Err(error) => cohort::end_short(&error).into(),
    }
}

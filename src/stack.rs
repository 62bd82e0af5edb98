//! Room on the stack, whatever `ulimit -s` says.

use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, getrlimit};

/// What every command can do with, and the job's other threads have.
const BYTES: usize = 1 << 21;
/// What the commands take of it, with room to spare.
const TAKEN_BYTES: usize = 1 << 19;

/// Runs on this thread if its stack may grow far enough, else on one that has its own.
pub(crate) fn with_room(run: fn() -> ExitCode) -> ExitCode {
    let granted = getrlimit(Resource::Stack).current;
    if granted.is_none_or(|granted| granted >= BYTES as u64) {
        grow();
        return run();
    }
    match thread::Builder::new().stack_size(BYTES).spawn(run) {
        // A panic ends the process before it comes here.
        Ok(thread) => thread.join().unwrap_or(ExitCode::FAILURE),
        // The little room would not do: whoever overflows it ends without a word.
        Err(error) => cohort::end_short(&error).into(),
    }
}

/// Takes the room at once. Later the system may refuse it, as the heap has used up what
/// `ulimit -v` grants, and a stack that cannot grow ends the process without a word.
#[inline(never)]
fn grow() {
    std::hint::black_box(&mut [0_u8; TAKEN_BYTES]);
}

//! How bytes reach stdout and stderr, which may be pipes that nobody reads.
//!
//! A write to a full pipe waits for a reader, who may never come, and a handler of signals does not
//! end it. So nothing is written to a stream before it takes something, and a process that was
//! asked to stop waits for that no longer than a moment.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::stop::stop_noted;

/// What a pipe takes at once if it takes anything.
const PIECE_BYTES: usize = 4_096;
/// The time between two looks at whether the process was asked to stop.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How many such times a stream is waited for after that.
const PAUSES_MAX: u32 = 10;

/// Whether a stream was waited for in vain. Nothing then waits for one again.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Writes all of it to stderr, past every lock.
///
/// # Errors
/// Those of the system; and [`ErrorKind::TimedOut`] if stderr takes nothing and the process was
/// asked to stop.
pub(crate) fn to_stderr(bytes: &[u8]) -> io::Result<()> {
    all(io::stderr().as_fd(), bytes)
}

/// The same on stdout.
///
/// # Errors
/// As [`to_stderr`].
pub(crate) fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    all(io::stdout().as_fd(), bytes)
}

fn all(stream: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        wait(stream)?;
        match rustix::io::write(stream, &bytes[..bytes.len().min(PIECE_BYTES)]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until the stream takes something, or has gone.
fn wait(stream: BorrowedFd<'_>) -> io::Result<()> {
    let mut pauses = 0;
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(stream, PollFlags::OUT)], Some(&PAUSE)) {
            Ok(0) | Err(Errno::INTR) if stop_noted().is_some() => {
                pauses += 1;
                if pauses > PAUSES_MAX || GIVEN_UP.load(Ordering::SeqCst) {
                    GIVEN_UP.store(true, Ordering::SeqCst);
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            Ok(0) | Err(Errno::INTR) => {}
            // If it cannot be waited for, the write says why.
            _ => return Ok(()),
        }
    }
}

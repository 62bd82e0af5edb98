//! What this process costs, and how it ends when it finds a bug in itself.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::escape;
use crate::kind::Kind;
use crate::progress;
use crate::screen::{Look, WRONG, stderr_has_colour};
use cohort_core::Timestamp;

/// Processor time over all threads since the process began.
pub(crate) fn cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// The time, for messages about a run. Nothing that a run computes or commits may depend on it.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros())
        .ok()
        .and_then(|us| Timestamp::from_us(us).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The most memory that the process held at once, in bytes; `None` if the system does not tell.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    peak_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// From now on a panic on any thread ends the process with the exit code of a bug and one line on
/// stderr.
///
/// Ending at once is safe at every instant of a run (SPEC 11). It is also the only way to print one
/// line, whichever thread fails.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
        let (kind, message) = if said.contains(NO_THREAD) {
            (Kind::Temporary, no_thread(said))
        } else if said.contains(NO_MEMORY) {
            (Kind::Temporary, no_memory(said))
        } else {
            (Kind::Bug, format!("internal error{place}: {said}; please report it"))
        };
        print_error(&message);
        std::process::exit(i32::from(kind.exit_code()));
    }));
}

/// How the async runtime says, in a panic, that the system gave it no thread. It has no other way
/// to say so. A shortage is not a bug.
const NO_THREAD: &str = "OS can't spawn worker thread";

/// How the bindings of Zstandard say, in a panic, that there was no memory for its working space.
const NO_MEMORY: &str = "returned null pointer when creating new context";

fn no_memory(reason: &str) -> String {
    format!("expected more memory, was refused ({reason}); raise the memory limit, and run again")
}

/// The message of a run that got no thread at all.
pub(crate) fn no_thread(reason: impl std::fmt::Display) -> String {
    format!(
        "expected to start a thread, was refused ({reason}); raise the limit on processes or \
         memory, and run again"
    )
}

/// Prints `cohort: <message>` on stderr, as one line whatever the message holds.
pub fn print_error(message: &str) {
    progress::clear();
    let line = escape::line(message);
    let look = Look { colour: stderr_has_colour(), ..Look::PLAIN };
    let name = look.styled(WRONG, "cohort:");
    // If stderr is closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{name} {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_read_in_bytes() {
        assert_eq!(peak_of("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    1234 kB\n"), Some(1_263_616));
        assert_eq!(peak_of("Name:\tx\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_running_process_has_cost_something() {
        let spun: u64 = (0..3_000_000_u64).map(std::hint::black_box).sum();
        assert!(spun > 0 && cpu_time() > Duration::ZERO);
        assert!(peak_memory_bytes().is_some_and(|bytes| bytes > 100_000));
    }

    #[test]
    fn a_panic_on_any_thread_ends_with_one_line_and_the_exit_code_of_a_bug() {
        const INSIDE: &str = "COHORT_TEST_PANIC";
        if std::env::var_os(INSIDE).is_some() {
            end_on_panic();
            let _ = std::thread::spawn(|| panic!("the\nmessage")).join();
            std::process::exit(0);
        }
        let name =
            "process::tests::a_panic_on_any_thread_ends_with_one_line_and_the_exit_code_of_a_bug";
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(70));
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("cohort: internal error at src"), "{said}");
        assert!(said.ends_with(": the\\nmessage; please report it\n"), "{said}");
    }
}

//! What this process costs, and which of its panics are errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

thread_local! {
    /// Whether this thread runs a decoder whose panics are errors.
    static IN_DECODER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a decoder whose panics are errors.
pub(crate) fn is_decoding() -> bool {
    IN_DECODER.get()
}

/// Calls a decoder of another crate. Some panic on bytes that they should refuse. Such a panic is
/// no bug of the job, but an error: what the panic says.
///
/// The decoder must not be used after an error: the panic may have left it half done.
///
/// # Errors
/// The panic's message.
pub(crate) fn decoding<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    let outer = IN_DECODER.replace(true);
    let done = catch_unwind(AssertUnwindSafe(call));
    IN_DECODER.set(outer);
    done.map_err(|panic| panic_message(&*panic))
}

/// From now on the panics of decoders print nothing. A test makes very many of them.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn decode_quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IN_DECODER.get() {
                before(panic);
            }
        }));
    });
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
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
    fn a_panic_of_a_decoder_is_an_error_and_the_process_goes_on() {
        const INSIDE: &str = "COHORT_TEST_DECODER_PANIC";
        if std::env::var_os(INSIDE).is_some() {
            crate::ending::end_on_panic(|| {});
            let said = decoding(|| panic!("wrong\nbytes")).unwrap_err();
            assert_eq!((said.as_str(), decoding(|| 7)), ("wrong\nbytes", Ok(7)));
            std::process::exit(0);
        }
        let name = "process::tests::a_panic_of_a_decoder_is_an_error_and_the_process_goes_on";
        let done = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    }
}

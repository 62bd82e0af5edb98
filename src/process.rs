//! What this process costs.

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
}

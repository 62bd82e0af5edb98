//! The properties of SPEC.md, held against random and exhaustive small histories.

use proptest::test_runner::{Config, FileFailurePersistence};

/// `cases` random cases, times `COHORT_CASES_TIMES` where the environment has it; seeds of failures
/// stay in the repository.
pub fn config(cases: u32) -> Config {
    let times = std::env::var("COHORT_CASES_TIMES").ok().and_then(|times| times.parse().ok());
    Config {
        cases: cases * times.unwrap_or(1),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/proptest-regressions.txt"
        )))),
        max_shrink_iters: 4_000,
        ..Config::default()
    }
}

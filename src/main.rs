//! The `cohort` binary.
fn main() {}

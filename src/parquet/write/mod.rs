//! Rows to Parquet parts whose bytes depend only on the rows (SPEC 6 and 11).

mod checksums;
pub(crate) mod mrch;
pub(crate) mod part;
pub(crate) mod rejects;

//! Rows to Parquet parts whose bytes depend on the rows alone (SPEC 6 and 11).

mod checksums;
pub mod mrch;
pub mod part;
pub mod rejects;

//! Arrow and Parquet: logs to values and values to logs.
//!
//! [`dataset`] finds the files of a time range, [`mod@file`] opens one, [`columns`] checks its
//! schema against the contract, and [`prune`] leaves out what cannot matter. [`reports`],
//! [`mod@reference`] and [`edits`] read the small logs whole, [`scan`] streams the big ones, and
//! [`mod@write`] encodes.

mod batches;
mod bounds;
pub(crate) mod columns;
mod content;
pub(crate) mod dataset;
mod deltas;
pub(crate) mod edits;
mod error;
mod faults;
mod fetched;
pub(crate) mod file;
mod flat_index;
mod folders;
mod footer;
mod footer_bytes;
mod footer_chunks;
mod footer_leaves;
mod guard;
mod instants96;
mod mended;
mod moved_index;
mod page_header;
mod pages;
pub(crate) mod prune;
pub(crate) mod reference;
pub(crate) mod reports;
pub(crate) mod scan;
mod schema;
mod tail;
mod thrift;
pub(crate) mod write;

pub(crate) use error::Error;
pub(crate) use tail::tag;

//! Record batches to rows and back (SPEC 2 and 6): Arrow in, Arrow out.
//!
//! - [`Texts`], [`Instants`] and the other columns in `values.rs` turn arrays of every type that
//!   SPEC 2 allows into the kernel's own types.
//! - [`LogColumns`] finds a log's columns in an input.
//! - [`ReportDecoder`] takes the rows of reports that a [`Pass`] needs. [`PredictionRows`] reads a
//!   prediction log, [`CandidateLog`] campaigns or context.
//! - [`BatchBuilder`] makes batches of a log in the contract's column order. [`MrchBatch`] and
//!   [`MelogBatch`] fill them.
//! - [`EventColumns`] and [`LineColumns`] read both again for the registry, [`EditColumns`] reads
//!   the edits log. [`RegistryBatch`] makes the registry's rows, [`registry_row`] gives them value
//!   by value.
//!
//! A caller names columns: it knows what a file or a frame calls them.

mod builder;
mod candidates;
mod columns;
mod edits;
mod melog;
mod mrch;
mod pass;
mod predictions;
mod registry;
mod registry_rows;
mod reports;
mod texts;
mod values;

use arrow_array::ArrayRef;

pub use self::builder::{BatchBuilder, data_type, schema};
pub use self::candidates::{CAMPAIGN_LOG, CONTEXT_LOG, CandidateLog};
pub use self::columns::{ColumnFault, LogColumns, is_readable, places_of};
pub use self::edits::EditColumns;
pub use self::melog::MelogBatch;
pub use self::mrch::MrchBatch;
pub use self::pass::{Counted, DecodedReports, Pass, ReportDecoder, ReportReader};
pub use self::predictions::{Prediction, PredictionRows, ReadPredictions};
pub use self::registry::{EVENT_COLUMNS, EventColumns, LINE_COLUMNS, LineColumns, RowFault};
pub use self::registry_rows::{
    ListTooLong, RegistryBatch, RegistryColumns, registry_row, unapplied_edit,
};
pub use self::reports::ReportColumns;
pub use self::texts::{TEXT_BYTES_MAX, Texts};
pub use self::values::{Instant, Instants};

/// Finds a column of one record batch by its name in the contract; `None` if the input lacks it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<&'a ArrayRef>;

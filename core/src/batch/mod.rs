//! Record batches to rows and back (SPEC 2 and 6): Arrow in, Arrow out.
//!
//! [`texts`] and [`values`] turn arrays of every type that SPEC 2 allows into the kernel's own
//! types. [`columns`] finds a log's columns in an input. [`reports`], [`predictions`] and
//! [`candidates`] read one input log each. [`pass`] takes the rows of reports that a run needs.
//! [`builder`] makes batches of a log in the contract's column order; [`mrch`] and [`melog`] fill
//! them. [`mod@registry`] reads both again, and [`edits`] the edits log. A caller names columns:
//! it knows what a file or a frame calls them.

pub mod builder;
pub mod candidates;
pub mod columns;
pub mod edits;
pub mod melog;
pub mod mrch;
pub mod pass;
pub mod predictions;
pub mod registry;
pub mod registry_rows;
pub mod reports;
pub mod texts;
pub mod values;

use arrow::array::ArrayRef;

/// Finds a column of one record batch by its name in the contract; `None` if the input lacks it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<&'a ArrayRef>;

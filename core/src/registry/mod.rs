//! The registry: one row per event over a set of committed runs, with people's edits applied
//! (SPEC 8).
//!
//! It is made in four steps, since what must be read in each follows from those before:
//!
//! 1. [`Events`] takes in the rows of MELOG.
//! 2. [`Registry::new`] judges the edits. [`Registry::wants`] then says of which events the rows of
//!    MRCH matter: those that are open, and those that are merged. [`Registry::add`] takes them in.
//! 3. [`Registry::complete`] brings open events up to today and adds up what is merged.
//! 4. [`Registry::needed`] says of which events the inputs show what the logs leave open, and
//!    [`Registry::recall`] fills it in. Without this step, it stays null with the reason.
//!
//! [`Registry::rows`] gives the rows.
//!
//! Nothing depends on the order in which rows come in.

mod coverage;
mod edits;
mod event_row;
mod events;
mod exact;
mod field;
mod lines;
mod merges;
mod packed;
mod rows;
mod set;
mod today;
mod totals;

pub use self::edits::{Edit, Unapplied};
pub use self::event_row::EventRow;
pub use self::events::{Conflict, Events};
pub use self::exact::{Needed, Recalled, Recollection, Sku};
pub use self::field::{Field, REVERT};
pub use self::lines::LineRow;
pub use self::rows::{RegistryRow, TrailEntry};
pub use self::set::{Label, Registry, SumOutside, Wanted};
pub use self::today::Undetermined;

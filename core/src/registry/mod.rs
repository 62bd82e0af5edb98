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
//!
//! # Example
//!
//! A person takes note of an event that one run wrote.
//!
//! ```
//! # use cohort_core::batch::MelogBatch;
//! # use cohort_core::{Candidates, EventRows, Evidence, Life, Names, Predictions, Report, Series};
//! # use cohort_core::{event_rows, events};
//! use cohort_core::batch::EventColumns;
//! use cohort_core::registry::{Edit, Events, Field, Registry};
//! use cohort_core::{Id, Interval};
//!
//! # struct NoPredictions;
//! # impl Predictions for NoPredictions {
//! #     fn series(&self, _sku: Option<&str>) -> Series<'_> {
//! #         Series::default()
//! #     }
//! # }
//! # let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
//! # let reports = vec![Report::at("2025-01-01T11:55:00Z".parse()?)];
//! # let (events, _) = events(reports, life, None);
//! # let day = Interval {
//! #     start: "2025-01-01T00:00:00Z".parse()?,
//! #     end: "2025-01-02T00:00:00Z".parse()?,
//! # };
//! # let candidates = Candidates::default();
//! # let evidence =
//! #     Evidence { store_id: "327", predictions: &NoPredictions, candidates: &candidates };
//! # let mut rows = EventRows::default();
//! # event_rows(&events[0], evidence, day, &mut rows)?;
//! # let mut batch = MelogBatch::new("my-run");
//! # batch.push(&Names::new("327", events[0].opened_at), &events[0], &rows);
//! # let melog = batch.finish()?;
//! // `melog` holds the rows of one event of store 327, opened and closed on `day`.
//! let columns = EventColumns::new(&|name| melog.column_by_name(name));
//! let mut set = Events::new(&[("my-run".into(), day)], None);
//! for row in 0..melog.num_rows() {
//!     set.add(&columns.row(row)?);
//! }
//! let event_id = Id::of("327", "2025-01-01T11:55:00Z".parse()?);
//! let edit = Edit {
//!     edit_id: Some("e1".into()),
//!     edited_at: Some("2025-01-03T08:00:00Z".parse()?),
//!     event_id: Some(event_id.as_str().into()),
//!     field: Some("note".into()),
//!     new_value: Some("the freezer was off".into()),
//!     edited_by: Some("ada".into()),
//!     ..Edit::default()
//! };
//! let mut registry = Registry::new(set, vec![edit]);
//! // The event has ended, and nothing is merged: no row of MRCH matters.
//! assert!(!registry.wants(&event_id));
//! registry.complete()?;
//! let row = registry.row(&event_id).expect("the set has the event");
//! assert_eq!(row.value(Field::Note), Some("the freezer was off"));
//! assert!(!row.is_open() && registry.unapplied().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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

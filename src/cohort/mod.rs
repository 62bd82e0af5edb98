//! The core: reports to events, lines, metrics, causes and rows. Values in, values out.
//!
//! Nothing here knows a clock, a file, a thread or the order in which rows came in. The modules stand in
//! the order of the contract: [`report`] duplicates (SPEC 2), [`identity`] (3), [`mod@events`] (4),
//! [`lookback`] and [`rows`] (5), [`lines`] and [`totals`] (6), [`causes`] (7).

pub mod causes;
pub mod events;
pub mod identity;
pub mod lines;
pub mod lookback;
pub mod money;
pub mod predictions;
pub mod report;
pub mod rows;
pub mod time;
pub mod totals;

pub use causes::{Candidate, Candidates, Source};
pub use events::{Event, Line, events};
pub use identity::Id;
pub use money::Money;
pub use predictions::{Predictions, Sale, Score, Series};
pub use report::{Carried, Report};
pub use rows::{EventRows, event_rows};
pub use time::{Duration, Interval, Timestamp};

//! The contract of `cohort`, computed: Arrow in, Arrow out.
//!
//! This crate knows no clock, file, thread, network or logging, and does not depend on the order in
//! which rows come in. Two crates that it never calls come with Arrow: `iana-time-zone`, with which
//! `chrono` would ask for the local time zone, and `getrandom`, which seeds the hashes of `ahash`.
//! Check it against SPEC.md side by side:
//!
//! | SPEC.md | here |
//! |---|---|
//! | 1 Terms | [`Timestamp`], [`Duration`], [`Interval`] in `time.rs` |
//! | 2 Inputs: columns | [`contract`] |
//! | 2 Inputs: names, types | [`batch::LogColumns`] in `columns.rs` |
//! | 2 Inputs: text | [`batch::Texts`] in `texts.rs` |
//! | 2 Inputs: values, money, doubles | `batch/values.rs`, [`Money`] in `money.rs`, `doubles.rs` |
//! | 2 Inputs: bad rows | [`rejects`], [`batch::Pass`] in `pass.rs` |
//! | 2 Inputs: duplicates | `Report::precedence` in `reports.rs` |
//! | 2 Inputs: duplicate predictions | [`PredictionLog::precedence`], [`Gathered`] in `points.rs` |
//! | 3 Identity | [`Id`], [`Names`] in `identity.rs` |
//! | 4 Events | [`fn@events`] in `events.rs` |
//! | 5 Rows | [`event_rows`] in `rows.rs`, [`store_rows`] |
//! | 5 How far back a run reads | [`Lookback`] |
//! | 6 which predictions lines need | [`Windows`], [`ByCell`] in `points.rs` |
//! | 6 MRCH, MELOG: values | `lines.rs`, `totals.rs`, `rows.rs`, `statuses.rs` |
//! | 6 MRCH, MELOG: columns | [`contract`], [`batch::MrchBatch`], [`batch::MelogBatch`] |
//! | 7 Causes | [`Candidates`] in `causes.rs`, the dominant cause in `claims.rs` |
//! | 8 Registry and edits | [`registry`] |
//! | 10 `run_id` | [`check_run_id`] |
//! | 12 `counts` | [`Counts`] |
//!
//! Modules are private, and what other crates need is listed below. Four are public, since their
//! names say enough only together with the module's, as in `rejects::Reason` or `contract::MRCH`:
//! [`batch`], [`contract`], [`registry`] and [`rejects`].
//!
//! # Example
//!
//! The worked example of SPEC 9: three ticks of one SKU, five minutes apart.
//!
//! ```
//! use cohort_core::{Life, Report, events};
//!
//! let life = Life { gap: "PT1H".parse()?, duration_max: "P7D".parse()? };
//! let ticks = ["2025-01-01T12:05:00Z", "2025-01-01T11:55:00Z", "2025-01-01T12:00:00Z"];
//! let rows = ticks.map(|tick| tick.parse().map(Report::at));
//! let rows = rows.into_iter().collect::<Result<_, _>>()?;
//! let (events, duplicates) = events(rows, life, None);
//! assert_eq!((events.len(), duplicates), (1, 0));
//! assert_eq!(events[0].opened_at.to_string(), "2025-01-01T11:55:00.000000Z");
//! assert_eq!(events[0].closed_at.to_string(), "2025-01-01T13:05:00.000000Z");
//! # Ok::<(), cohort_core::TimeError>(())
//! ```

pub mod batch;
mod causes;
mod claims;
pub mod contract;
mod counts;
mod doubles;
mod events;
mod identity;
mod lines;
mod lookback;
mod money;
mod points;
mod predictions;
pub mod registry;
pub mod rejects;
mod reports;
mod rows;
mod run_id;
mod shared;
mod statuses;
mod stores;
mod time;
mod totals;
mod windows;

pub use causes::{Candidate, Candidates};
pub use counts::Counts;
pub use events::{EndReason, Event, Life, Line, events};
pub use identity::{Id, Names};
pub use lookback::{ChainBegin, ChainSeen, Lookback};
pub use money::{Money, Overflow, grouped};
pub use points::{ByCell, Gathered, Point};
pub use predictions::{PredictionLog, Predictions, Sale, Sales, Score, Scores, Series};
pub use reports::{Carried, Report};
pub use rows::{EventRows, Evidence, MelogRow, MrchRow, event_rows, rows_in};
pub use run_id::{RunIdError, check_run_id};
pub use shared::SharedTexts;
pub use statuses::{EventStatus, ReportStatus};
pub use stores::{LargeSum, store_rows};
pub use time::{Duration, Interval, TimeError, Timestamp};
pub use windows::Windows;

//! The core: reports to events, lines, metrics and causes. Values in, values out.

pub mod money;
pub mod time;

pub use money::Money;
pub use time::{Duration, Interval, Timestamp};

//! `cohort registry` and `cohort edit` (SPEC 8), against the naive model and by hand.

mod conflicts;
mod edits;
mod lake;
mod properties;
mod rules;
mod s3;
mod totals;

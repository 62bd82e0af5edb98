//! The registry of a set of committed runs (SPEC 8): what the kernel's
//! [`Registry`](cohort_core::registry::Registry) needs, read from the parts that lineages list and
//! from the edits log, printed, and edited.
//!
//! It reads MELOG whole, one part at a time, and of MRCH only the rows of open and merged events.
//! Where windows of these meet, it reads the inputs too, but only in those windows.

mod edit;
mod error;
mod jsonl;
mod print;
mod read;
mod recall;
mod table;

pub(crate) use edit::{Change, edit};
pub(crate) use error::Error;
pub(crate) use print::{Form, labels, print, unapplied};
pub(crate) use read::{Options, registry};

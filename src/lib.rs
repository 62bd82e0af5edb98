//! Groups the short-term anomalies of shops into events, from logs to logs.
//!
//! This crate is the job around the kernel `cohort-core`: it reads a manifest and the logs, lets
//! the kernel compute, writes, commits and reports. Data flows in one direction.
//!
//! | SPEC.md | here |
//! |---|---|
//! | 2 Partitioned datasets | `layout/partitioning.rs`, `parquet/dataset.rs` |
//! | 2 to 8 The contract, computed | the crate `cohort-core` |
//! | 5 How far back a run reads | `run/reports.rs` |
//! | 8 Registry and edits | `registry/`, and the kernel's `registry/` |
//! | 10 Run manifest | `manifest/` |
//! | 10 Command line | `commands/` |
//! | 10 Exit codes | [`Kind`] in `kind.rs` |
//! | 11 Output layout | `layout/`, `parquet/write/` |
//! | 11 Commit | `commit/`, `objects/` |
//! | 12 Lineage manifest | `lineage.rs` |
//!
//! It is the binary's library: what is exported is what `main.rs` and the integration tests use.
#![forbid(unsafe_code)]

mod changes;
mod commands;
mod commit;
mod committed;
mod ending;
mod error;
mod escape;
mod explain;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod history;
mod init;
mod kind;
mod layout;
mod led;
mod lineage;
mod logging;
mod manifest;
mod nearest;
mod objects;
mod orchestrator;
mod page;
mod parquet;
mod process;
mod progress;
mod registry;
mod run;
mod sample;
mod schemas;
mod screen;
mod shortage;
mod show;
mod stop;
mod strangers;
mod streams;
mod summary;
mod table;
mod text;
mod verify;
mod workers;

#[cfg(feature = "bench")]
pub use crate::parquet::scan::bench as scan_bench;
pub use commands::{
    Cli, execute, help_printed, refusal, stdout_is_closed, stopped, tell_those_who_wait,
};
pub use commit::Status;
pub use ending::{end_before_it_began, end_on_panic, end_short, end_without_memory, print_error};
pub use error::Error;
pub use kind::{Kind, Verdict};
pub use layout::RunId;
pub use lineage::Lineage;
pub use manifest::{Error as ManifestError, Manifest, Overrides};
pub use objects::{
    Error as ObjectsError, Level, Local, Memory, Object, Objects, Outcome, Put, S3, S3Settings,
    Storage, Tag, Traffic, Uri,
};
pub use run::{Error as RunError, Shell, load_manifest};
pub use sample::Sample;
pub use schemas::{ALL as SCHEMAS, Schema, find as find_schema};
pub use screen::choose_colour;
pub use stop::{hangup_is_ignored, stop_asked};
pub use summary::{Execution, Summary};
pub use workers::Workers;

//! Groups the short-term anomalies of shops into events, from logs to logs.
#![forbid(unsafe_code)]
#![deny(missing_docs, rustdoc::broken_intra_doc_links)]

pub mod cli;
pub mod cohort;
pub mod command;
pub mod commit;
pub mod contract;
pub mod error;
pub mod kind;
pub mod layout;
pub mod lineage;
pub mod logging;
pub mod manifest;
pub mod objects;
pub mod orchestrator;
pub mod process;
pub mod run;
pub mod sample;
pub mod schemas;
pub mod show;
pub mod summary;
pub mod table;
pub mod text;
pub mod workers;

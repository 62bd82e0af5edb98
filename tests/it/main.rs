//! One integration binary: each module holds the tests of one area.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and may say why"
)]

mod attack;
mod binary;
mod bombs;
mod command_line;
mod completions;
mod conformance;
mod crash;
mod cuts;
mod demo;
mod dry_run;
mod edges;
mod errors;
mod exhaustive;
mod explain;
mod fault_proxy;
mod field;
mod footers;
mod golden;
mod histories;
mod history;
mod hostile;
mod housekeeping;
mod init;
mod lake;
mod lies;
mod links;
mod model;
mod model_rules;
mod page;
mod page_index;
mod properties;
mod registry;
mod rejects;
mod replaced;
mod reruns;
mod result_file;
mod s3_access;
mod s3_bench;
mod s3_copy;
mod s3_crash;
mod s3_faults;
mod s3_golden;
mod s3_job;
mod s3_races;
mod s3_storage;
mod s3_strangers;
mod s3_upload;
mod sample;
mod schemas;
mod seaweed;
mod short;
mod stops;
mod strangers;
mod terminal;
mod thrift;
mod verify;
mod verify_histories;
mod verify_sets;
mod zeros;

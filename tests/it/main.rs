//! One integration binary: each module holds the tests of one area.

mod command_line;
mod edges;
mod exhaustive;
mod fault_proxy;
mod golden;
mod history;
mod lake;
mod model;
mod model_rules;
mod properties;
mod s3_storage;
mod schemas;
mod seaweed;

//! One integration binary: each module holds the tests of one area.

mod command_line;
mod fault_proxy;
mod s3_storage;
mod schemas;
mod seaweed;

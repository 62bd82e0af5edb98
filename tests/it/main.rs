//! One integration binary: each module holds the tests of one area.

mod command_line;
mod schemas;

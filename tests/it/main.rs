//! One integration binary: each module holds the tests of one area.

mod command_line;
mod edges;
mod exhaustive;
mod golden;
mod history;
mod lake;
mod model;
mod model_rules;
mod properties;
mod schemas;

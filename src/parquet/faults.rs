//! What makes columns of a file unreadable. It only matters if somebody asks for them.

use std::collections::BTreeMap;

/// What makes columns unreadable, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// By leaf, in all row groups.
    pub leaves: BTreeMap<usize, String>,
    /// By row group and leaf.
    pub chunks: BTreeMap<(usize, usize), String>,
}

impl Faults {
    /// What makes a leaf unreadable in a row group.
    pub(super) fn of(&self, row_group: usize, leaf: usize) -> Option<&str> {
        self.of_leaf(leaf).or_else(|| Some(self.chunks.get(&(row_group, leaf))?.as_str()))
    }

    /// What makes a leaf unreadable in all row groups.
    pub(super) fn of_leaf(&self, leaf: usize) -> Option<&str> {
        self.leaves.get(&leaf).map(String::as_str)
    }
}

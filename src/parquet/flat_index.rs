//! A page index without the columns of lists.
//!
//! A page of a list column in version 1 does not say how many rows it has, so nobody sees without
//! decoding it whether the index tells the truth about it. Rows of another page would be taken for
//! those that were asked for. Such columns are read whole.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

/// A page index, and the leaves that it says nothing of.
#[derive(Debug)]
pub(super) struct FlatIndex {
    /// The index.
    pub index: Arc<dyn PageIndexProvider>,
    /// The leaves.
    pub lists: BTreeSet<usize>,
}

impl PageIndexProvider for FlatIndex {
    fn has_offset_indexes(&self) -> bool {
        self.index.has_offset_indexes()
    }

    fn has_column_indexes(&self) -> bool {
        self.index.has_column_indexes()
    }

    fn column_index(&self, row_group: usize, leaf: usize) -> Option<&ColumnIndexMetaData> {
        self.index.column_index(row_group, leaf).filter(|_| !self.lists.contains(&leaf))
    }

    fn offset_index(&self, row_group: usize, leaf: usize) -> Option<&OffsetIndexMetaData> {
        self.index.offset_index(row_group, leaf).filter(|_| !self.lists.contains(&leaf))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

//! The page index of a file, some of whose pages have been moved.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::offset_index::{OffsetIndexMetaData, PageLocation};

/// A page index, and where the moved pages of one row group lie now.
#[derive(Debug)]
pub(super) struct MovedIndex {
    index: Option<Arc<dyn PageIndexProvider>>,
    row_group: usize,
    moved: BTreeMap<usize, OffsetIndexMetaData>,
}

impl MovedIndex {
    /// The index, with these pages of some leaves of a row group.
    pub(super) fn new(
        index: Option<Arc<dyn PageIndexProvider>>,
        row_group: usize,
        moved: Vec<(usize, Vec<PageLocation>)>,
    ) -> Self {
        let moved = moved.into_iter().map(|(leaf, page_locations)| {
            (leaf, OffsetIndexMetaData { page_locations, unencoded_byte_array_data_bytes: None })
        });
        Self { index, row_group, moved: moved.collect() }
    }
}

impl PageIndexProvider for MovedIndex {
    fn has_offset_indexes(&self) -> bool {
        true
    }

    fn has_column_indexes(&self) -> bool {
        self.index.as_ref().is_some_and(|index| index.has_column_indexes())
    }

    fn column_index(&self, row_group: usize, leaf: usize) -> Option<&ColumnIndexMetaData> {
        self.index.as_ref()?.column_index(row_group, leaf)
    }

    fn offset_index(&self, row_group: usize, leaf: usize) -> Option<&OffsetIndexMetaData> {
        let moved = self.moved.get(&leaf).filter(|_| row_group == self.row_group);
        moved.or_else(|| self.index.as_ref()?.offset_index(row_group, leaf))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

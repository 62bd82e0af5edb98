//! A file's pages as the Parquet crate can read them: those that must be put right lie past the end
//! of the file, in memory.

use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;

use super::fetched::Fetched;
use super::file::File;
use super::moved_index::MovedIndex;
use super::{bounds, footer, pages};

impl File {
    /// The pages of a leaf column, as far as they have been fetched.
    ///
    /// # Errors
    /// If they are cut short.
    pub(crate) fn pages(
        &self,
        fetched: &Arc<Fetched>,
        row_group: usize,
        leaf: usize,
    ) -> Result<SerializedPageReader<Fetched>, ParquetError> {
        self.batch_rows(fetched, row_group, &[leaf])?;
        let rows = self.group_rows(row_group);
        let (mended, metadata) = self.mended((**fetched).clone(), row_group, &[leaf])?;
        let fetched = if metadata.is_some() { Arc::new(mended) } else { fetched.clone() };
        let metadata = metadata.as_ref().unwrap_or(self.metadata());
        let column = metadata.row_group(row_group).column(leaf);
        SerializedPageReader::new(fetched, column, rows, locations(metadata, row_group, leaf))
    }

    /// Whether all pages of a leaf column that have been fetched use its dictionary, by their
    /// headers. What the footer says of it is only a hint.
    pub(crate) fn is_in_dictionary(
        &self,
        fetched: &Fetched,
        row_group: usize,
        leaf: usize,
    ) -> Result<bool, ParquetError> {
        let column = self.metadata().row_group(row_group).column(leaf);
        let chunk = footer::chunk_range(column, self.object.bytes).map_err(ParquetError::EOF)?;
        let places = bounds::places(&chunk, self.page_locations(row_group, leaf).as_deref());
        let mut all = true;
        bounds::each_page(fetched, &places, |header, _, _| {
            all &= header.is_dictionary() || header.is_in_dictionary();
            Ok(())
        })?;
        Ok(all)
    }

    /// What was fetched, with the chunks that must be written anew past the end of the file, and
    /// the metadata that say so.
    ///
    /// # Errors
    /// If a page is cut short, or is not what its header and the page index say.
    pub(super) fn mended(
        &self,
        mut fetched: Fetched,
        row_group: usize,
        leaves: &[usize],
    ) -> Result<(Fetched, Option<ParquetMetaData>), ParquetError> {
        let (mut chunks, mut indexes) = (Vec::new(), Vec::new());
        let rows = self.group_rows(row_group);
        for &leaf in leaves {
            let column = self.metadata().row_group(row_group).column(leaf);
            let chunk =
                footer::chunk_range(column, self.object.bytes).map_err(ParquetError::EOF)?;
            let start = fetched.end();
            let mended = match self.page_locations(row_group, leaf) {
                None => pages::mended(&fetched, column, chunk)?,
                Some(pages) => {
                    let mended = pages::mended_alone(&fetched, column, chunk, &pages, rows)?;
                    mended.map(|(bytes, mut pages)| {
                        let start = i64::try_from(start).unwrap_or(i64::MAX);
                        pages.iter_mut().for_each(|page| page.offset += start);
                        indexes.push((leaf, pages));
                        (bytes, column.compression())
                    })
                }
            };
            let Some((bytes, codec)) = mended else { continue };
            let (start, length) = fetched.append(bytes);
            chunks.push((leaf, footer::moved(column, start, length, codec)?));
        }
        if chunks.is_empty() {
            return Ok((fetched, None));
        }
        let metadata = footer::with_chunks(self.metadata().clone(), row_group, chunks)?;
        if indexes.is_empty() {
            return Ok((fetched, Some(metadata)));
        }
        let mut builder = metadata.into_builder();
        let index = builder.take_page_index();
        let index = MovedIndex::new(index, row_group, indexes);
        Ok((fetched, Some(builder.set_page_index(Some(Arc::new(index))).build())))
    }
}

/// Where the pages of a column chunk lie, if these metadata have an offset index.
pub(super) fn locations(
    metadata: &ParquetMetaData,
    row_group: usize,
    leaf: usize,
) -> Option<Vec<PageLocation>> {
    let index = metadata.page_index_for_row_group(row_group);
    index.offset_index(leaf).map(|pages| pages.page_locations().clone())
}

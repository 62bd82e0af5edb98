//! Whether the key columns of a row group hold only sound text, which is UTF-8 and not too long, at
//! the price of their dictionaries.
//!
//! A row with any other text is rejected, and statistics show nothing of it. So the scan may skip
//! the rows of stores without lines only where this is known.

use parquet::column::page::Page;
use parquet::errors::Result;

use std::ops::Range;

use super::group::in_dictionary;
use super::page_values::is_plain;
use super::plain::{Physical, Plain, PlainValues};
use crate::parquet::dataset::Source;
use crate::parquet::fetched::Fetched;
use crate::parquet::prune::is_text;
use cohort_core::batch::TEXT_BYTES_MAX;

/// The key columns that may be text, as leaves.
fn leaves(source: &Source) -> impl Iterator<Item = (&'static str, usize)> + '_ {
    let texts = ["store_id", "sku"].into_iter().filter(|key| is_text(source, key));
    texts.filter_map(|key| Some((key, source.file.leaf_of(source.columns.place(key)?)?)))
}

/// Where the dictionaries of the columns of text lie, or `None` if not all of their values are said
/// to be in a dictionary.
pub(super) fn dictionaries(source: &Source, row_group: usize) -> Option<Vec<Range<u64>>> {
    let of = |(key, leaf)| {
        let ranges = source.file.dictionary_range(row_group, leaf);
        ranges.filter(|_| in_dictionary(source, row_group, key))
    };
    leaves(source).map(of).collect()
}

/// Whether all texts in the dictionaries are sound, and no page that has been fetched has others.
pub(super) fn are_sound(source: &Source, row_group: usize, fetched: &Fetched) -> bool {
    let file = &source.file;
    leaves(source).all(|(_, leaf)| {
        let page = file.dictionary(row_group, leaf, fetched);
        page.and_then(|page| is_sound(&page)).unwrap_or(false)
            && file.is_in_dictionary(fetched, row_group, leaf).unwrap_or(false)
    })
}

fn is_sound(page: &Page) -> Result<bool> {
    let Page::DictionaryPage { buf, num_values, encoding, .. } = page else { return Ok(false) };
    if !is_plain(*encoding) {
        return Ok(false);
    }
    let mut values = PlainValues::new(Physical::Bytes, buf);
    for _ in 0..*num_values {
        if let Plain::Bytes(bytes) = values.read()?
            && (bytes.len() > TEXT_BYTES_MAX || std::str::from_utf8(bytes).is_err())
        {
            return Ok(false);
        }
    }
    Ok(true)
}

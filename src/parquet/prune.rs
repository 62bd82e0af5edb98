//! Row groups and pages that statistics prove to hold nothing that a run needs.
//!
//! A part is kept if a row in it may be wanted, and also if a row in it may have to be rejected in
//! the run's interval. Pruning never hides a bad row.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::data_type::AsBytes;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

use super::dataset::Source;
use cohort_core::batch::Instant;
use cohort_core::{Interval, Timestamp};

/// What a run needs of a log.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The first and the last tick.
    pub ticks: (Timestamp, Timestamp),
    /// The stores, sorted by their bytes, or `None` for all.
    pub stores: Option<Arc<[Arc<str>]>>,
    /// The interval in which rejected rows count, or `None` if they do not count.
    pub rejects_in: Option<Interval>,
    /// Whether a text may have to be rejected, whatever the statistics say.
    pub any_text: bool,
}

/// The least and the greatest value of a part, and whether it may hold nulls.
#[derive(Clone, Debug)]
struct Bounds<T> {
    range: Option<(T, T)>,
    nulls: bool,
}

impl<T: Ord> Bounds<T> {
    const UNKNOWN: Self = Self { range: None, nulls: true };

    /// Whether the range of a page lies in this one, as far as both are known.
    fn hold(&self, page: &Self) -> bool {
        match (&self.range, &page.range) {
            (Some((min, max)), Some((first, last))) => min <= first && last <= max,
            _ => true,
        }
    }
}

/// The rows of a row group that may matter, as ranges of row numbers inside it. There are none if
/// no row may.
pub(crate) fn candidate_rows(
    source: &Source,
    row_group: usize,
    wanted: &Wanted,
    columns: (&str, &str),
) -> Vec<Range<usize>> {
    let (tick, store) = columns;
    let all = 0..source.file.group_rows(row_group);
    let unit = tick_unit(source, tick);
    let metadata = source.file.metadata().row_group(row_group);
    let leaf = |name: &str| source.file.leaf_of(source.columns.place(name)?);
    let tick_leaf = leaf(tick);
    let store_leaf = leaf(store).filter(|_| is_text(source, store));
    let required = |leaf: usize| metadata.column(leaf).column_descr().max_def_level() == 0;
    let ticks_of = |leaf| group_ticks(metadata.column(leaf).statistics(), unit, required(leaf));
    let tick_leaf = tick_leaf.filter(|&leaf| {
        let chunk = ticks_of(leaf);
        agree(source, row_group, leaf, |pages, page| {
            chunk.hold(&page_ticks(pages, page, unit, required(leaf)))
        })
    });
    let texts_of = |leaf| group_texts(metadata.column(leaf).statistics(), required(leaf));
    let store_leaf = store_leaf.filter(|&leaf| {
        let chunk = texts_of(leaf);
        agree(source, row_group, leaf, |pages, page| {
            chunk.hold(&page_texts(pages, page, required(leaf)))
        })
    });
    let ticks = tick_leaf.map_or(Bounds::UNKNOWN, ticks_of);
    let stores = store_leaf.map_or(Bounds::UNKNOWN, texts_of);
    if all.is_empty() || !wanted.may_hold(&ticks, &stores, source.file.partition) {
        return Vec::new();
    }
    let pages = |leaf: Option<usize>, keep: &dyn Fn(&ColumnIndexMetaData, usize) -> bool| {
        let kept = leaf.and_then(|leaf| {
            let starts = source.file.page_locations(row_group, leaf)?;
            let starts: Vec<_> = starts.iter().map(|page| page.first_row_index as usize).collect();
            let ends = starts.iter().copied().skip(1).chain([all.end]);
            source.file.with_page_statistics(row_group, leaf, |statistics| {
                let pages = starts.iter().zip(ends).enumerate();
                let kept = pages.filter(|&(page, _)| keep(statistics, page));
                kept.map(|(_, (&start, end))| start..end).collect::<Vec<_>>()
            })
        });
        kept.unwrap_or_else(|| std::iter::once(all.clone()).collect())
    };
    let in_time = pages(tick_leaf, &|column, page| {
        let bounds = page_ticks(column, page, unit, tick_leaf.is_some_and(required));
        wanted.may_hold(&bounds, &stores, source.file.partition)
    });
    let in_stores = pages(store_leaf, &|column, page| {
        let bounds = page_texts(column, page, store_leaf.is_some_and(required));
        wanted.may_hold(&ticks, &bounds, source.file.partition)
    });
    intersect(&in_time, &in_stores)
}

/// Whether what the page index says of a leaf agrees with what the footer says of its chunk. If
/// not, nobody knows which of them errs. `holds` is asked of each page.
fn agree(
    source: &Source,
    row_group: usize,
    leaf: usize,
    holds: impl Fn(&ColumnIndexMetaData, usize) -> bool,
) -> bool {
    let chunk = source.file.metadata().row_group(row_group).column(leaf).statistics();
    let in_chunk = chunk.and_then(Statistics::null_count_opt);
    let agree = source.file.with_page_statistics(row_group, leaf, |pages| {
        let mut places = 0..usize::try_from(pages.num_pages()).unwrap_or_default();
        let in_pages = places.clone().try_fold(0_u64, |nulls, page| {
            nulls.checked_add(u64::try_from(pages.null_count(page)?).ok()?)
        });
        let nulls = in_chunk.zip(in_pages).is_none_or(|(chunk, pages)| chunk == pages);
        nulls && places.all(|page| holds(pages, page))
    });
    agree.unwrap_or(true)
}

/// The first and the last tick of a file, as far as its statistics tell.
pub(crate) fn tick_range(source: &Source, tick: &str) -> Option<(Timestamp, Timestamp)> {
    let leaf = source.file.leaf_of(source.columns.place(tick)?)?;
    let groups = source.file.metadata().row_groups().iter();
    let ranges = groups.filter_map(|group| {
        group_ticks(group.column(leaf).statistics(), tick_unit(source, tick), false).range
    });
    ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Row ranges as a selection of a row group's rows.
pub(crate) fn selection(ranges: &[Range<usize>], rows: usize) -> RowSelection {
    RowSelection::from_consecutive_ranges(ranges.iter().cloned(), rows)
}

impl Wanted {
    fn may_hold(
        &self,
        ticks: &Bounds<Timestamp>,
        stores: &Bounds<&[u8]>,
        partition: Option<Interval>,
    ) -> bool {
        self.may_be_wanted(ticks, stores)
            || self.rejects_in.is_some_and(|i| self.may_reject(i, ticks, stores, partition))
    }

    fn may_be_wanted(&self, ticks: &Bounds<Timestamp>, stores: &Bounds<&[u8]>) -> bool {
        let (first, last) = self.ticks;
        let in_time = ticks.range.is_none_or(|(min, max)| min <= last && first <= max);
        let of_a_store = match (&self.stores, &stores.range) {
            (Some(wanted), Some((min, max))) => {
                let next = wanted.partition_point(|store| store.as_bytes() < *min);
                wanted.get(next).is_some_and(|store| store.as_bytes() <= *max)
            }
            _ => true,
        };
        in_time && of_a_store
    }

    /// Whether a part may hold a row that is rejected in the interval.
    fn may_reject(
        &self,
        interval: Interval,
        ticks: &Bounds<Timestamp>,
        stores: &Bounds<&[u8]>,
        partition: Option<Interval>,
    ) -> bool {
        let overlaps = |span: Interval| span.start < interval.end && interval.start < span.end;
        let placed_here = partition.is_none_or(overlaps);
        let in_time =
            ticks.range.is_none_or(|(min, max)| min < interval.end && interval.start <= max);
        let storeless = stores.nulls || stores.range.as_ref().is_none_or(|(min, _)| min.is_empty());
        let misplaced = match (partition, ticks.range) {
            (Some(partition), Some((min, max))) => !(partition.holds(min) && partition.holds(max)),
            _ => false,
        };
        // Without bounds, a tick may lie outside the calendar.
        let unbounded = ticks.range.is_none();
        (placed_here && (ticks.nulls || unbounded || misplaced))
            || (in_time && (storeless || self.any_text))
    }
}

/// The unit of a tick column that holds 64-bit integers. No bounds are taken from any other column.
fn tick_unit(source: &Source, tick: &str) -> Option<TimeUnit> {
    let root = source.columns.place(tick)?;
    match source.file.schema().field(root).data_type() {
        DataType::Timestamp(unit, _) => Some(*unit),
        _ => None,
    }
}

/// Whether a column is text. Only then are its bounds in the order of its text.
pub(super) fn is_text(source: &Source, column: &str) -> bool {
    let root = source.columns.place(column);
    root.is_some_and(|root| source.file.schema().field(root).data_type() == &DataType::Utf8)
}

fn instants(
    min: Option<i64>,
    max: Option<i64>,
    unit: Option<TimeUnit>,
) -> Option<(Timestamp, Timestamp)> {
    let unit = unit?;
    let (min, max) = (Instant::of(min?, unit).exact()?, Instant::of(max?, unit).exact()?);
    (min <= max).then_some((min, max))
}

/// Bounds of text, unless they contradict themselves.
fn texts<'a>(min: Option<&'a [u8]>, max: Option<&'a [u8]>) -> Option<(&'a [u8], &'a [u8])> {
    min.zip(max).filter(|(min, max)| min <= max)
}

fn group_ticks(
    statistics: Option<&Statistics>,
    unit: Option<TimeUnit>,
    required: bool,
) -> Bounds<Timestamp> {
    let Some(statistics) = statistics else { return Bounds { range: None, nulls: !required } };
    let nulls = !required && statistics.null_count_opt() != Some(0);
    let range = match statistics {
        Statistics::Int64(s) => instants(s.min_opt().copied(), s.max_opt().copied(), unit),
        _ => None,
    };
    Bounds { range, nulls }
}

fn group_texts(statistics: Option<&Statistics>, required: bool) -> Bounds<&[u8]> {
    let Some(statistics) = statistics else { return Bounds { range: None, nulls: !required } };
    let nulls = !required && statistics.null_count_opt() != Some(0);
    let range = match statistics {
        // Deprecated bounds of text may be in the order of signed bytes.
        Statistics::ByteArray(s) if !statistics.is_min_max_deprecated() => {
            texts(s.min_opt().map(AsBytes::as_bytes), s.max_opt().map(AsBytes::as_bytes))
        }
        _ => None,
    };
    Bounds { range, nulls }
}

fn page_ticks(
    index: &ColumnIndexMetaData,
    page: usize,
    unit: Option<TimeUnit>,
    required: bool,
) -> Bounds<Timestamp> {
    let nulls = !required && index.null_count(page) != Some(0);
    let range = match index {
        ColumnIndexMetaData::INT64(i) => {
            instants(i.min_value(page).copied(), i.max_value(page).copied(), unit)
        }
        _ => None,
    };
    Bounds { range, nulls }
}

fn page_texts(index: &ColumnIndexMetaData, page: usize, required: bool) -> Bounds<&[u8]> {
    let nulls = !required && index.null_count(page) != Some(0);
    let range = match index {
        ColumnIndexMetaData::BYTE_ARRAY(i) => texts(i.min_value(page), i.max_value(page)),
        _ => None,
    };
    Bounds { range, nulls }
}

/// The rows that lie in both of two lists of ascending, disjoint ranges.
fn intersect(a: &[Range<usize>], b: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut both: Vec<Range<usize>> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let common = x.start.max(y.start)..x.end.min(y.end);
        if !common.is_empty() {
            match both.last_mut() {
                Some(last) if last.end == common.start => last.end = common.end,
                _ => both.push(common),
            }
        }
        if x.end <= y.end { i += 1 } else { j += 1 }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: i64) -> Timestamp {
        Timestamp::from_us(us).unwrap()
    }

    fn wanted() -> Wanted {
        Wanted {
            ticks: (us(10), us(20)),
            stores: Some(["b".into(), "d".into()].into()),
            rejects_in: Some(Interval { start: us(15), end: us(25) }),
            any_text: false,
        }
    }

    fn ticks(min: i64, max: i64, nulls: bool) -> Bounds<Timestamp> {
        Bounds { range: Some((us(min), us(max))), nulls }
    }

    fn stores(min: &'static str, max: &'static str, nulls: bool) -> Bounds<&'static [u8]> {
        Bounds { range: Some((min.as_bytes(), max.as_bytes())), nulls }
    }

    #[test]
    fn a_part_is_kept_where_its_bounds_touch_a_wanted_tick_and_store() {
        for (t, s, kept) in [
            ((20, 30), ("a", "b"), true),
            ((0, 10), ("d", "e"), true),
            ((21, 30), ("b", "b"), false),
            ((0, 9), ("b", "b"), false),
            ((12, 13), ("c", "c"), false),
            ((12, 13), ("e", "z"), false),
        ] {
            let held = wanted().may_hold(&ticks(t.0, t.1, false), &stores(s.0, s.1, false), None);
            assert_eq!(held, kept, "{t:?} {s:?}");
        }
    }

    #[test]
    fn a_part_that_may_hold_a_row_to_reject_is_kept() {
        let day = Some(Interval { start: us(0), end: us(100) });
        let other_day = Some(Interval { start: us(100), end: us(200) });
        let hold = |t, s, partition| wanted().may_hold(&t, &s, partition);
        assert!(hold(ticks(16, 17, false), stores("c", "c", true), None));
        assert!(hold(ticks(16, 17, false), stores("", "a", false), None));
        assert!(!hold(ticks(30, 40, false), stores("c", "c", true), None));
        assert!(hold(ticks(30, 40, true), stores("c", "c", false), day));
        assert!(!hold(ticks(130, 140, true), stores("c", "c", false), other_day));
        assert!(hold(ticks(30, 140, false), stores("c", "c", false), day));
        assert!(!Wanted { rejects_in: None, ..wanted() }.may_hold(
            &ticks(16, 17, false),
            &stores("c", "c", true),
            None
        ));
        // Bounds show nothing of a text between them that is not UTF-8.
        let any_text = Wanted { any_text: true, ..wanted() };
        assert!(any_text.may_hold(&ticks(16, 17, false), &stores("c", "c", false), None));
        assert!(!any_text.may_hold(&ticks(30, 40, false), &stores("c", "c", false), None));
    }

    #[test]
    fn what_is_not_known_is_kept() {
        assert!(wanted().may_hold(&Bounds::UNKNOWN, &Bounds::UNKNOWN, None));
        assert!(Wanted { rejects_in: None, ..wanted() }.may_hold(
            &Bounds::UNKNOWN,
            &stores("b", "b", false),
            None
        ));
    }

    #[test]
    fn bounds_that_contradict_themselves_are_unknown() {
        assert_eq!(texts(Some(b"b"), Some(b"a")), None);
        assert_eq!(texts(Some(b"a"), Some(b"a")), Some((&b"a"[..], &b"a"[..])));
        let us = Some(TimeUnit::Microsecond);
        assert_eq!(instants(Some(2), Some(1), us), None);
        assert!(instants(Some(1), Some(2), us).is_some());
    }

    #[test]
    fn a_page_lies_in_its_chunk_as_far_as_both_are_known() {
        for (page, lies) in
            [((10, 20), true), ((12, 12), true), ((9, 20), false), ((10, 21), false)]
        {
            assert_eq!(ticks(10, 20, false).hold(&ticks(page.0, page.1, true)), lies, "{page:?}");
        }
        assert!(ticks(10, 20, false).hold(&Bounds::UNKNOWN));
        assert!(Bounds::UNKNOWN.hold(&ticks(10, 20, false)));
    }

    #[test]
    fn ranges_intersect() {
        assert_eq!(intersect(&[0..10, 20..30], &[5..7, 7..25, 29..40]), [5..10, 20..25, 29..30]);
    }
}

//! The scan and the Parquet crate decode the same key columns to the same rows, whatever the file.
//! They are the rows that a look at each value gives, and pruning loses none of them.
//!
//! `COHORT_FILES` says on how many files they are compared.

#[path = "agree_files.rs"]
mod files;

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use self::files::{DAY, Row, Written, file, shapes};
use super::super::cells::StoreEvents;
use super::super::probe::tests::row;
use super::*;
use crate::manifest::Dataset;
use crate::objects::{Memory, Objects as _, Uri};
use crate::parquet::dataset;
use crate::parquet::prune::{Wanted, candidate_rows};
use cohort_core::contract::BASELINE;
use cohort_core::rejects::judge_prediction;
use cohort_core::{Duration, Life, events};

async fn source(file: Vec<u8>) -> (Memory, Source) {
    let objects = Memory::new();
    let root = Uri::from_argument(Path::new("/"), "s3://lake/log").unwrap().as_prefix();
    objects.create(&root.join("part-0.parquet"), file.into()).await.unwrap();
    let dataset = Dataset { uri: root, partitioning: None, columns: BTreeMap::new() };
    let any = Timestamp::MIN;
    let sources = dataset::open(&objects, &BASELINE, &dataset, any, Timestamp::MAX).await;
    (objects, sources.unwrap().remove(0))
}

/// Stores whose lines are given as (store, SKU, first day).
fn stores(lines: &[Row]) -> Vec<StoreEvents> {
    let day = DAY;
    let of_store = |store: usize| {
        let lines = lines.iter().filter(|line| line.0 == store);
        let rows = lines.flat_map(|&(_, sku, first)| {
            let sku = (sku != 4).then(|| sku.to_string());
            (first..first + 3).map(move |at| row(at * day, sku.as_deref(), Some(first * day)))
        });
        let life = Life { gap: Duration::from_us(day), duration_max: Duration::from_us(1 << 60) };
        (store.to_string().into(), events(rows.collect(), life, None).0)
    };
    (0..6).map(of_store).filter(|(_, events)| !events.is_empty()).collect()
}

/// What a look at each of these rows gives.
fn look_at_each(
    rows: &[Written],
    among: &[Range<usize>],
    probe: &Probe,
    interval: Interval,
) -> Matches {
    let scope = Scope::new(interval, None);
    let mut found = Matches::default();
    for row in among.iter().cloned().flatten() {
        let Written { store, sku, day } = &rows[row];
        let at = day.map(|day| Instant::of(day * 86_400, TimeUnit::Second));
        let is_invalid = [store, sku].iter().any(|text| **text == Some(None));
        let fault = is_invalid.then_some(TextFault::NotUtf8);
        match judge_prediction(store.is_some(), at, fault, None) {
            Err(reason) if scope.counts(at.and_then(Instant::exact)) => {
                found.rejects.add(row, reason);
            }
            Err(_) => {}
            Ok(tick) => {
                let text = |text: &Option<Option<String>>| text.clone().flatten();
                let store = probe.cells.store_code(&text(store).unwrap_or_default());
                let cell = probe.cells.of(store, text(sku).as_deref());
                let tick = tick.as_us();
                if let Some(cell) = cell.filter(|&cell| probe.wants(cell, tick)) {
                    found.rows.push(row);
                    found.cells.push(cell);
                    found.ticks.push(tick);
                }
            }
        }
    }
    found
}

async fn agree(
    file: &[u8],
    rows: &[Written],
    probe: &Probe,
    interval: Interval,
    candidates: impl Fn(usize) -> Vec<Range<usize>>,
) -> Result<(), TestCaseError> {
    let (objects, source) = source(file.to_vec()).await;
    let mut first = 0;
    for group in 0..source.file.metadata().num_row_groups() {
        let all = [0..source.file.group_rows(group)];
        let of_group = &rows[first..first + all[0].len()];
        first += all[0].len();
        let wanted = Wanted {
            ticks: probe.bounds.unwrap_or((interval.start, interval.start)),
            stores: Some(probe.cells.stores.clone()),
            rejects_in: Some(interval),
            any_text: true,
        };
        let pruned = candidate_rows(&source, group, &wanted, ("tick_at", "store_id"));
        let some = candidates(all[0].len());
        for (among, expected) in [
            (&some, look_at_each(of_group, &some, probe, interval)),
            (&pruned, look_at_each(of_group, &all, probe, interval)),
        ] {
            for reader in [Reader::Scan, Reader::Crate] {
                let ranges = key_ranges(&source, group, among, reader).unwrap();
                let fetched = source.file.fetch(&objects, ranges).await.unwrap();
                let found = match_keys(&source, group, among, fetched, (probe, interval), reader);
                match found {
                    Ok(found) => prop_assert_eq!(&found, &expected, "{:?}", reader),
                    // What the scan declines is left to the crate.
                    Err(error) => prop_assert_eq!(reader, Reader::Scan, "{}", error),
                }
                let ranges = key_ranges(&source, group, &all, reader).unwrap();
                let fetched = source.file.fetch(&objects, ranges).await.unwrap();
                let scope = Scope::new(interval, None);
                let at = |row: &&Written| {
                    scope.counts(row.day.map(|day| Timestamp::from_us(day * DAY).unwrap()))
                };
                let expected = of_group.iter().filter(at).count() as u64;
                match count_in_scope(&source, group, fetched, scope, reader) {
                    Ok(counted) => prop_assert_eq!(counted, expected, "{:?}", reader),
                    Err(error) => prop_assert_eq!(reader, Reader::Scan, "{}", error),
                }
            }
        }
    }
    Ok(())
}

fn files() -> u32 {
    std::env::var("COHORT_FILES").map_or(1000, |files| files.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(files()))]

    #[test]
    fn the_scan_and_the_crate_find_the_same_rows_in_any_file(
        shape in shapes(),
        order in select(vec![[2, 0, 1], [0, 1, 2], [0, 2, 1], [1, 2, 0]]),
        lines in prop::collection::vec((0..6_usize, 0..6_usize, 0..12_i64), 0..20),
        cuts in any::<[Index; 3]>(),
        start in 0..12_i64,
    ) {
        let skus = |store| (0..6).flat_map(move |sku| (0..12).map(move |day| (store, sku, day)));
        let mut rows: Vec<Row> = (0..6).flat_map(skus).collect();
        rows.sort_by_key(|row| order.map(|i| [row.0 as i64, row.1 as i64, row.2][i]));
        let stores = stores(&lines);
        let cells = Arc::new(Cells::new(&stores));
        let at = |day| Timestamp::from_us(day * DAY).unwrap();
        let interval = Interval { start: at(start), end: at(start + 3) };
        let candidates = |rows: usize| {
            let mut cuts = cuts.map(|cut| cut.index(rows));
            cuts.sort_unstable();
            let ranges = [0..cuts[0], cuts[1]..cuts[2] + 1];
            ranges.into_iter().filter(|range| !range.is_empty()).collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let written = shape.written(&rows);
        let file = file(&written, &shape);
        for probe in [Probe::windows(&cells, &stores), Probe::ticks(&cells, &stores)] {
            runtime.block_on(agree(&file, &written, &probe, interval, candidates))?;
        }
    }
}

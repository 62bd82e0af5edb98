use std::path::PathBuf;

use super::*;
use crate::objects::{Memory, Objects as _};

const SMALL: Sample = Sample { stores: 6, skus: 8, days: 3, seed: 7 };

#[test]
fn equal_seeds_give_equal_bytes_and_other_seeds_give_others() {
    let files = |seed| {
        let dir = tempfile::tempdir().unwrap();
        Sample { seed, ..SMALL }.write(dir.path()).unwrap();
        contents(dir.path())
    };
    let first = files(7);
    assert!(first == files(7));
    assert!(first != files(8));
}

#[test]
fn every_log_has_every_day_and_both_predictions_most_rows() {
    let dir = tempfile::tempdir().unwrap();
    let written = SMALL.write(dir.path()).unwrap();
    for log in [
        "minority_reports_detected_log",
        "anomaly_classifier_model_prediction_log",
        "baseline_sales_model_prediction_log",
    ] {
        for day in ["2024-12-30", "2024-12-31", "2025-01-01"] {
            assert!(dir.path().join(format!("{log}/date={day}/part-00000.parquet")).is_file());
        }
    }
    assert!(written.reports > 50, "{written:?}");
    assert!(written.predictions > 2 * 6 * 8 * 3 * 144, "{written:?}");
}

#[test]
fn the_smallest_sample_is_the_worked_example_alone() {
    let dir = tempfile::tempdir().unwrap();
    let written = Sample { stores: 1, skus: 1, days: 1, seed: 0 }.write(dir.path()).unwrap();
    assert_eq!(written.reports, 3);
    assert_eq!(written.manifest, dir.path().join("run_manifest.json").to_str().unwrap());
}

#[test]
fn one_shop_is_never_quiet_and_one_is_stuck_at_an_old_onset() {
    let chain = ShopChain::new(&SMALL);
    let plan = SamplePlan::new(&SMALL, &chain);
    let longest = plan.lines.iter().max_by_key(|line| line.ticks.end - line.ticks.start).unwrap();
    assert_eq!(chain.shops[longest.shop].id, "104");
    assert!(chain.shops[longest.shop].open_at(0), "it must never close");
    assert_eq!(longest.ticks.end - longest.ticks.start, 3 * chain::DAY_TICKS);
    let stuck: Vec<_> = plan.lines.iter().filter(|line| line.onset < line.ticks.start).collect();
    assert_eq!(stuck.len(), 3, "one line a day");
    for line in stuck {
        assert_eq!((chain.shops[line.shop].id.as_str(), line.tracked), ("105", true));
        // Older than the default look-back on the first day already.
        assert!(line.onset < line.ticks.start - 30 * chain::DAY_TICKS);
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [
        Sample { stores: 0, ..SMALL },
        Sample { skus: 10_001, ..SMALL },
        Sample { days: 3_651, ..SMALL },
    ] {
        assert!(matches!(wrong.write(dir.path()), Err(Error::Size { .. })));
    }
}

#[test]
fn a_folder_with_files_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine"), "").unwrap();
    assert!(matches!(SMALL.write(dir.path()), Err(Error::NotEmpty(_))));
    assert_eq!(contents(dir.path()).len(), 1);
}

#[test]
fn below_a_prefix_stand_the_files_of_a_folder_and_what_is_there_already_stays() {
    let dir = tempfile::tempdir().unwrap();
    SMALL.write(dir.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = Arc::new(Storage::new().with_memory(Arc::new(Memory::new())));
    let prefix = Uri::from_argument(Path::new("/"), "memory:///chain/").unwrap();
    let put =
        |sample: Sample| sample.put(Arc::clone(&storage), prefix.clone(), runtime.handle().clone());
    assert_eq!(put(SMALL).unwrap().manifest, "memory:///chain/run_manifest.json");
    let objects = runtime.block_on(storage.list(&prefix)).unwrap();
    let written: Vec<_> = objects
        .iter()
        .map(|object| {
            let content = runtime.block_on(storage.read(&object.uri)).unwrap().0.to_vec();
            (PathBuf::from(object.uri.below(&prefix).unwrap()), content)
        })
        .collect();
    assert!(contents(dir.path()) == written);
    // A sample that was interrupted can be made again. Another sample does not mix with it.
    let last = prefix.join("run_manifest.json");
    runtime.block_on(storage.delete(&last)).unwrap();
    put(SMALL).unwrap();
    assert!(runtime.block_on(storage.read(&last)).is_ok());
    assert!(matches!(put(Sample { seed: 8, ..SMALL }), Err(Error::Taken(_))));
}

/// Every file below a folder, with its content, sorted by path.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut folders, mut files) = (vec![dir.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                files.push((path.strip_prefix(dir).unwrap().to_owned(), content));
            }
        }
    }
    files.sort();
    files
}

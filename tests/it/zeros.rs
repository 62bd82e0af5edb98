//! Folders whose numbers have leading zeros where the pattern has none, or the other way round, and
//! files above the folders of a pattern. No row is lost without a word, and the pattern that is
//! advised fits.

use std::fs;

use serde_json::json;

use crate::attack::{Attacked, last_word, texts, ticks};
use crate::sample;

const MRDL: &str = "minority_reports_detected_log";

/// A lake with one report in each hour of its day, in folders that `name` names.
fn lake(pattern: &str, name: impl Fn(i64) -> String) -> Attacked {
    let lake = Attacked::new();
    let dataset = lake.root.join(MRDL);
    fs::remove_dir_all(&dataset).unwrap();
    for hour in 0..24 {
        let folder = dataset.join(name(hour));
        fs::create_dir_all(&folder).unwrap();
        let columns = vec![("store_id", texts(["1"])), ("detected_at", ticks([hour * 60]))];
        let file = folder.join(format!("part-{hour}.parquet"));
        crate::attack::write(&file, columns, Default::default());
    }
    with_pattern(&lake, pattern);
    lake
}

fn with_pattern(lake: &Attacked, pattern: &str) {
    sample::change_manifest(&lake.root, |manifest| {
        manifest["inputs"][MRDL]["partitioning"] = json!(pattern);
    });
}

/// The run is refused, naming this folder and advising this pattern, with which it has all rows.
#[track_caller]
fn is_advised(pattern: &str, name: impl Fn(i64) -> String, folder: &str, advised: &str) {
    let lake = lake(pattern, name);
    let done = lake.run();
    let line = last_word(&done);
    assert_eq!(done.status.code(), Some(78), "{line}");
    for word in [format!("{pattern:?}"), format!("found {folder:?}"), format!("give {advised:?}")] {
        assert!(line.contains(&word), "{word} is not in {line}");
    }
    with_pattern(&lake, advised);
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let (_, lineage) = lake.lineage();
    assert_eq!(lineage["inputs"][MRDL]["rows_read"], 24, "{lineage}");
}

/// The hours 0 to 9 once were lost without a word, since 10 to 23 fit.
#[test]
fn hours_without_zeros_are_not_lost_under_a_pattern_with_them() {
    is_advised(
        "date=%Y-%m-%d/hour=%H",
        |hour| format!("date=2025-01-01/hour={hour}"),
        "date=2025-01-01/hour=0",
        "date=%Y-%m-%d/hour=%-H",
    );
}

#[test]
fn hours_with_zeros_are_not_lost_under_a_pattern_without_them() {
    is_advised(
        "date=%Y-%m-%d/hour=%-H",
        |hour| format!("date=2025-01-01/hour={hour:02}"),
        "date=2025-01-01/hour=00",
        "date=%Y-%m-%d/hour=%H",
    );
}

#[test]
fn one_round_gives_the_pattern_of_every_level() {
    let name = |hour: i64| format!("year=2025/month=1/day=01/hour={hour}");
    is_advised(
        "year=%Y/month=%m/day=%-d/hour=%H",
        name,
        "year=2025/month=1/day=01/hour=0",
        "year=%Y/month=%-m/day=%d/hour=%-H",
    );
    let name = |hour: i64| format!("date=2025-01-01/hour={hour}");
    is_advised(
        "year=%Y/month=%m/day=%d/hour=%H",
        name,
        "date=2025-01-01",
        "date=%Y-%m-%d/hour=%-H",
    );
}

/// No pattern of hours fits all of them. That of the days does.
#[test]
fn folders_with_and_without_zeros_are_read_by_what_they_have_in_common() {
    let name = |hour: i64| {
        let hour = if hour % 2 == 0 { format!("{hour:02}") } else { hour.to_string() };
        format!("date=2025-01-01/hour={hour}")
    };
    is_advised("date=%F/hour=%H", name, "date=2025-01-01/hour=1", "date=%Y-%m-%d");
}

/// Each of these once lost what lay in `hour=9`.
#[test]
fn a_partition_under_two_names_is_refused() {
    for holds in [true, false] {
        let lake = lake("date=%F/hour=%H", |hour| format!("date=2025-01-01/hour={hour:02}"));
        let day = lake.root.join(MRDL).join("date=2025-01-01");
        fs::create_dir(day.join("hour=9")).unwrap();
        let [own, other] = ["hour=09", "hour=9"].map(|hour| day.join(hour).join("part-9.parquet"));
        if holds {
            fs::copy(&own, other).unwrap();
        } else {
            fs::rename(&own, other).unwrap();
            fs::write(own.with_file_name("_SUCCESS"), "").unwrap();
        }
        let done = lake.run();
        let line = last_word(&done);
        assert_eq!(done.status.code(), Some(78), "{line}");
        assert!(line.contains(r#"found "date=2025-01-01/hour=9""#), "{line}");
    }
}

/// Each of these once lost the file's rows.
#[test]
fn a_file_above_the_folders_of_a_pattern_is_refused() {
    for hours in [0, 1, 23] {
        let name = |hour: i64| match hour < hours {
            true => format!("date=2025-01-01/hour={hour:02}"),
            false => "date=2025-01-01".to_owned(),
        };
        let file = format!("date=2025-01-01/part-{hours}.parquet");
        is_advised("date=%F/hour=%H", name, &file, "date=%F");
    }
}

#[test]
fn what_is_hidden_above_the_folders_of_a_pattern_is_no_fault() {
    let lake = lake("date=%F/hour=%H", |hour| format!("date=2025-01-01/hour={hour:02}"));
    for name in ["_SUCCESS", ".part.crc", "hour=12_$folder$"] {
        fs::write(lake.root.join(MRDL).join("date=2025-01-01").join(name), "x").unwrap();
    }
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(lake.lineage().1["inputs"][MRDL]["rows_read"], 24);
}

#[test]
fn a_partition_that_is_merely_not_there_is_no_fault() {
    let lake = lake("date=%F/hour=%H", |hour| format!("date=2025-01-01/hour={hour:02}"));
    for hour in [3, 4, 17] {
        let folder = format!("{MRDL}/date=2025-01-01/hour={hour:02}");
        fs::remove_dir_all(lake.root.join(folder)).unwrap();
    }
    let done = lake.run();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(lake.lineage().1["inputs"][MRDL]["rows_read"], 21);
}

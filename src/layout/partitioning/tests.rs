//! The pattern's rules, and the round trip from instant to prefix and back.

use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const VALID: [&str; 15] = [
    "date=%Y-%m-%d",
    "%F",
    "dt=%Y%m%d/hour=%H",
    "%Y/%m/%d/%H/%M",
    "%Y/%j",
    "year=%Y/month=%m",
    "year=%Y",
    "year=%Y/date=%F",
    "%j-%Y/%M/%H",
    "100%%/%Y-%m",
    "y%Y/%d/%j",
    "year=%Y/month=%-m/day=%-d",
    "%Y-%-m-%-d/%-H/%-M",
    "%Y/%-j",
    "%Y/%m/%-d.x",
];

#[test]
fn a_range_opens_the_partitions_that_it_overlaps() {
    let hourly: Partitioning = "dt=%Y%m%d/hour=%H".parse().unwrap();
    let prefixes = |from, to| {
        hourly.partitions(at(from), at(to)).map(|(_, prefix)| prefix).collect::<Vec<_>>()
    };
    assert_eq!(
        prefixes("2024-12-31T22:59:59.999999Z", "2025-01-01T00:00:00.000001Z"),
        ["dt=20241231/hour=22/", "dt=20241231/hour=23/", "dt=20250101/hour=00/"]
    );
    assert_eq!(prefixes("2025-01-01T01:00:00Z", "2025-01-01T02:00:00Z").len(), 1);
    assert!(prefixes("2025-01-01T01:30:00Z", "2025-01-01T01:30:00Z").is_empty());
}

#[test]
fn months_and_years_have_their_own_lengths() {
    let (from, to) = (at("2024-01-01T00:00:00Z"), at("2025-02-01T00:00:00Z"));
    for (pattern, count) in [("%Y-%m", 13), ("%Y", 2), ("%Y/%j", 397), ("%F", 397)] {
        let parsed: Partitioning = pattern.parse().unwrap();
        assert_eq!(parsed.partitions(from, to).count(), count, "{pattern}");
    }
}

#[test]
fn the_calendars_ends_do_not_overflow() {
    for pattern in VALID {
        let parsed: Partitioning = pattern.parse().unwrap();
        assert_eq!(parsed.partition_at(Timestamp::MIN).0.start, Timestamp::MIN);
        assert_eq!(parsed.partition_at(Timestamp::MAX).0.end, Timestamp::MAX);
        assert!(parsed.partitions(at("9999-12-31T23:58:00Z"), Timestamp::MAX).count() < 4);
    }
}

#[test]
fn patterns_name_every_field_from_the_year_down() {
    for (pattern, missing) in [
        ("date=%m-%d", "the year (%Y)"),
        ("x", "the year (%Y)"),
        ("%Y/%d", "the month (%m)"),
        ("%Y/%H", "the day (%m and %d, or %j)"),
        ("%Y/%m/%H", "the day (%m and %d, or %j)"),
        ("%F/%M", "the hour (%H)"),
    ] {
        let found = pattern.parse::<Partitioning>();
        assert_eq!(found, Err(PartitioningError::Gap { missing, pattern: pattern.to_owned() }));
    }
}

#[test]
fn unknown_fields_and_odd_paths_are_refused() {
    for (pattern, field) in
        [("%Y-%q", "%q"), ("%Y%", "%"), ("%Y/%", "%"), ("%y", "%y"), ("%-Y", "%-")]
    {
        let found = pattern.parse::<Partitioning>();
        let expected =
            PartitioningError::Field { found: field.to_owned(), pattern: pattern.to_owned() };
        assert_eq!(found, Err(expected));
    }
    for pattern in ["", "/", "/%Y", "%Y//%m", "../%Y", "%Y/.", "%Y/\n%m"] {
        let found = pattern.parse::<Partitioning>();
        assert!(matches!(found, Err(PartitioningError::Path { .. })), "{pattern:?}");
    }
}

#[test]
fn fields_without_leading_zeros_need_an_end() {
    for pattern in ["%Y%-m%d", "%Y/%-m1", "%Y/%-j/%-H%-M"] {
        let found = pattern.parse::<Partitioning>();
        assert_eq!(found, Err(PartitioningError::Unclear { pattern: pattern.to_owned() }));
    }
    let bare: Partitioning = "%Y/%-m/%-d".parse().unwrap();
    assert_eq!(bare.partition_at(at("2025-01-02T00:00:00Z")).1, "2025/1/2/");
    assert_eq!(bare.partition_of("2025/01/2/x"), None);
}

#[test]
fn a_folder_that_does_not_fit_is_found_level_by_level() {
    let misfit = |pattern: &str, paths: &[&str]| {
        let parsed: Partitioning = pattern.parse().unwrap();
        let mut along = String::new();
        for level in 0.. {
            let below = paths.iter().filter_map(|path| path.strip_prefix(&along)?.split_once('/'));
            let folders: Vec<_> = below.map(|(folder, _)| folder.to_owned()).collect();
            match parsed.fitting_folder(level, &folders) {
                Ok(None) => break,
                Ok(Some(folder)) => along.push_str(&format!("{folder}/")),
                Err(folder) => return Some(format!("{along}{folder}")),
            }
        }
        None
    };
    for (pattern, paths, expected) in [
        ("date=%F", &["date=2025-01-01/x"][..], None),
        ("date=%F", &["x", "_temporary/0/x"], None),
        ("date=%F", &["date=20250101/x"], Some("date=20250101")),
        (
            "year=%Y/month=%m",
            &["year=2024/month=9/x", "year=2025/month=1/x"],
            Some("year=2024/month=9"),
        ),
        ("%Y/%m/%d", &["2025/1/1/x"], Some("2025/1")),
        ("date=%F", &["tuesday/x"], Some("tuesday")),
        // One that fits is enough.
        ("date=%F", &["other/x", "date=2025-01-01/x"], None),
    ] {
        assert_eq!(misfit(pattern, paths).as_deref(), expected, "{pattern} {paths:?}");
    }
}

#[test]
fn the_pattern_that_fits_is_given_at_once() {
    let fitting = |pattern: &str, paths: &[&str]| {
        let parsed: Partitioning = pattern.parse().unwrap();
        let mut levels: Vec<std::collections::BTreeSet<String>> = Vec::new();
        for path in paths {
            for (level, folder) in path.split('/').enumerate() {
                if level == levels.len() {
                    levels.push(Default::default());
                }
                levels[level].insert(folder.to_owned());
            }
        }
        let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
        parsed.fitting(&levels, &paths).map(|pattern| pattern.to_string())
    };
    for (pattern, paths, expected) in [
        ("date=%F", &["date=20250101"][..], Some("date=%Y%m%d")),
        (
            "year=%Y/month=%m",
            &["year=2025/month=1", "year=2025/month=12"],
            Some("year=%Y/month=%-m"),
        ),
        ("%Y/%m/%d", &["2025/1/1", "2025/11/11"], Some("%Y/%-m/%-d")),
        // Leading zeros where there were none.
        (
            "year=%Y/month=%-m/hour=%-d",
            &["year=2025/month=01/hour=02"],
            Some("year=%Y/month=%m/hour=%d"),
        ),
        // Each level by itself.
        ("%Y/%m/%-d/%H", &["2025/1/02/3", "2025/11/12/13"], Some("%Y/%-m/%d/%-H")),
        ("date=%F", &["date=2025-1-2"], Some("date=%Y-%-m-%-d")),
        // Another number of levels, and other names.
        ("year=%Y/month=%m/day=%d", &["date=2025-01-02"], Some("date=%Y-%m-%d")),
        (
            "date=%F",
            &["Year=2025/Month=1/Day=2", "Year=2025/Month=12/Day=31"],
            Some("Year=%Y/Month=%-m/Day=%-d"),
        ),
        ("dt=%F", &["ds=20250102/hour=3", "ds=20250102/hour=13"], Some("ds=%Y%m%d/hour=%-H")),
        // No finer pattern fits both.
        ("%Y/%m", &["2025/01", "2025/2"], Some("%Y")),
        ("date=%F", &["tuesday"], None),
    ] {
        assert_eq!(fitting(pattern, paths).as_deref(), expected, "{pattern} {paths:?}");
    }
}

#[test]
fn a_partition_has_a_twin_where_its_numbers_are_written_with_a_zero_or_without() {
    let twins = |pattern: &str, instant: &str| {
        let parsed: Partitioning = pattern.parse().unwrap();
        let levels = parsed.twins(at(instant));
        levels.iter().map(|names| names.join(" ")).collect::<Vec<_>>().join(" / ")
    };
    for (pattern, instant, expected) in [
        ("dt=%F/hour=%H", "2025-11-12T09:30:00Z", "dt=2025-11-12 / hour=09 hour=9"),
        ("dt=%F/hour=%-H", "2025-11-12T09:00:00Z", "dt=2025-11-12 / hour=9 hour=09"),
        ("dt=%F/hour=%H", "2025-11-12T10:00:00Z", "dt=2025-11-12 / hour=10"),
        ("%Y/%m/%d", "2025-01-02T00:00:00Z", "2025 / 01 1 / 02 2"),
        ("%F", "2025-01-02T00:00:00Z", "2025-01-02 2025-01-2 2025-1-02 2025-1-2"),
        // A number with a digit after it is written in one way only.
        ("%Y%m%d", "2025-01-02T00:00:00Z", "20250102 2025012"),
        ("%Y/%j", "2025-01-02T00:00:00Z", "2025 / 002 2"),
    ] {
        assert_eq!(twins(pattern, instant), expected);
    }
}

#[test]
fn paths_outside_every_partition_have_none() {
    let parsed: Partitioning = "date=%Y-%m-%d".parse().unwrap();
    assert!(parsed.partition_of("date=2025-02-28/part.parquet").is_some());
    for path in ["date=2025-02-29/x", "date=2025-2-28/x", "date=0000-01-01/x", "x", ""] {
        assert_eq!(parsed.partition_of(path), None, "{path}");
    }
    let twice: Partitioning = "year=%Y/date=%F".parse().unwrap();
    assert_eq!(twice.partition_of("year=2024/date=2025-01-01/x"), None);
}

proptest! {
    #[test]
    fn prefixes_read_back_to_their_partition(
        us in Timestamp::MIN.as_us()..=Timestamp::MAX.as_us(),
        pattern in prop::sample::select(VALID.to_vec()),
    ) {
        let at = Timestamp::from_us(us).unwrap();
        let parsed: Partitioning = pattern.parse().unwrap();
        let (interval, prefix) = parsed.partition_at(at);
        prop_assert!(interval.contains(at) || interval.end == Timestamp::MAX);
        prop_assert_eq!(parsed.partition_of(&format!("{prefix}x.parquet")), Some(interval));
        prop_assert_eq!(parsed.to_string().parse::<Partitioning>(), Ok(parsed));
    }

    #[test]
    fn partitions_tile_the_range(
        from in 0_i64..4_000_000_000_000_000,
        length in 1_i64..200_000_000_000,
        pattern in prop::sample::select(VALID.to_vec()),
    ) {
        let to = Timestamp::from_us(from + length).unwrap();
        let from = Timestamp::from_us(from).unwrap();
        let parsed: Partitioning = pattern.parse().unwrap();
        let found: Vec<_> = parsed.partitions(from, to).collect();
        prop_assert!(found[0].0.contains(from));
        prop_assert!(found[found.len() - 1].0.start < to && to <= found[found.len() - 1].0.end);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].0.end, pair[1].0.start);
            prop_assert!(pair[0].1 != pair[1].1);
        }
    }
}

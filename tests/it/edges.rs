//! The edges of the rules, each by itself and small enough to count its rows by hand.

use crate::lake::{Lake, Partitioning, Shape, encodings, rejected, tables};
use crate::model::{self, Amount, Candidate, Input, Params, Report, Sale, Score};

const MINUTE: i64 = 60_000_000;
const GAP: i64 = 30 * MINUTE;
/// 2025-01-01T00:00:00Z.
const DAY: i64 = 1_735_689_600_000_000;

/// A report of store 1 and SKU x, that many microseconds into the day.
fn report(at: i64) -> Report {
    Report {
        store_id: Some("1".to_owned()),
        sku: Some("x".to_owned()),
        detected_at: Some(DAY + at),
        severity: Some(0.5),
        sales_total: Some(10_000),
        ..Report::default()
    }
}

fn reports(reports: impl IntoIterator<Item = Report>) -> Input {
    Input { reports: reports.into_iter().collect(), ..Input::default() }
}

fn params(start: i64, end: i64) -> Params {
    Params {
        gap: GAP,
        max_event_duration: 7 * 24 * 60 * MINUTE,
        max_lookback: 60 * MINUTE,
        start: DAY + start,
        end: DAY + end,
        run_id: "edges".to_owned(),
    }
}

/// A day and what closes after it.
fn whole() -> Params {
    params(0, 48 * 60 * MINUTE)
}

/// Runs the job in every layout, compares it with the model, and counts the rows of MRCH and MELOG.
fn rows(input: &Input, params: &Params) -> (usize, usize) {
    let expected = model::run(input, params).unwrap();
    for partitioning in Partitioning::ALL {
        let lake = Lake::new(input, Shape { partitioning, ..Shape::PLAIN });
        let committed = lake.committed(params, &[]);
        assert_eq!(model::difference(&expected, &committed.output), None, "{partitioning:?}");
        assert_eq!(
            lake.expected_rejects(&expected, params),
            rejected(&committed.lineage),
            "{partitioning:?}"
        );
    }
    (expected.mrch.len(), expected.melog.len())
}

#[test]
fn no_rows_make_no_rows() {
    assert_eq!(rows(&Input::default(), &whole()), (0, 0));
}

#[test]
fn one_row_opens_and_closes_an_event() {
    assert_eq!(rows(&reports([report(0)]), &whole()), (2, 2));
}

#[test]
fn equal_ticks_of_two_skus_are_two_lines_of_one_event() {
    let other = Report { sku: Some("y".to_owned()), ..report(0) };
    assert_eq!(rows(&reports([report(0), other]), &whole()), (4, 2));
}

#[test]
fn duplicates_are_one_row() {
    let later = Report { ingested_at: Some(1), ..report(0) };
    assert_eq!(rows(&reports([report(0), later.clone(), report(0), later]), &whole()), (2, 2));
}

#[test]
fn exactly_the_gap_joins_and_a_microsecond_more_does_not() {
    assert_eq!(rows(&reports([report(0), report(GAP - 1)]), &whole()), (3, 2));
    assert_eq!(rows(&reports([report(0), report(GAP)]), &whole()), (3, 2));
    assert_eq!(rows(&reports([report(0), report(GAP + 1)]), &whole()), (4, 4));
}

#[test]
fn an_interval_begins_with_its_start_and_ends_before_its_end() {
    let input = reports([report(60 * MINUTE)]);
    let closed_at = 60 * MINUTE + GAP;
    assert_eq!(rows(&input, &params(60 * MINUTE, closed_at)), (1, 1));
    assert_eq!(rows(&input, &params(60 * MINUTE + 1, closed_at)), (0, 0));
    assert_eq!(rows(&input, &params(closed_at, closed_at + 1)), (1, 1));
    assert_eq!(rows(&input, &params(closed_at + 1, closed_at + 2)), (0, 0));
}

#[test]
fn an_event_over_a_partition_border_is_one() {
    let midnight = 24 * 60 * MINUTE;
    let input = reports([report(midnight - 1), report(midnight), report(midnight + GAP)]);
    assert_eq!(rows(&input, &whole()), (4, 2));
    assert_eq!(rows(&input, &params(midnight, 2 * midnight)), (3, 1));
}

#[test]
fn rows_are_rejected_for_each_reason_and_take_no_part() {
    let cases = [
        ("missing_store_id", Report { store_id: None, ..report(0) }),
        ("missing_store_id", Report { store_id: Some(String::new()), ..report(0) }),
        ("missing_detected_at", Report { detected_at: None, ..report(0) }),
        ("onset_after_detection", Report { first_detected_from: Some(DAY + 1), ..report(0) }),
        (
            "onset_after_detection",
            Report { first_detected_from: Some(model::LAST_INSTANT), ..report(0) },
        ),
        (
            "instant_out_of_range",
            Report { detected_at: Some(model::FIRST_INSTANT - 1), ..report(0) },
        ),
        (
            "instant_out_of_range",
            Report { detected_at: Some(model::LAST_INSTANT + 1), ..report(0) },
        ),
    ];
    for (reason, bad) in cases {
        // The bad row would open the event, and its neighbour would be the second of a chain.
        let input = reports([bad, report(GAP)]);
        let lake = Lake::new(&input, Shape::PLAIN);
        let committed = lake.committed(&whole(), &[]);
        let output = &committed.output;
        assert_eq!((output.mrch.len(), output.melog.len()), (2, 2), "{reason}");
        assert_eq!(output.melog[0].created_at, DAY + GAP, "{reason}");
        let counts: Vec<_> = rejected(&committed.lineage).into_iter().collect();
        assert_eq!(counts, [(("reports", reason), 1)]);
        assert!(committed.files.keys().any(|path| path.starts_with("rejects/")), "{reason}");
    }
}

#[test]
fn rejects_over_the_limit_are_refused_before_anything_is_written() {
    let bad = Report { store_id: None, ..report(0) };
    let lake = Lake::new(&reports([bad, report(0), report(1), report(2)]), Shape::PLAIN);
    let mut manifest = lake.manifest(&whole());
    manifest["max_reject_ratio"] = serde_json::json!(0.2499);
    let run = lake.run_manifest(&manifest, &[]);
    assert_eq!(run.exit, 65, "{run:?}");
    assert_eq!(lake.outputs(), Vec::<String>::new());
    manifest["max_reject_ratio"] = serde_json::json!(0.25);
    let run = lake.run_manifest(&manifest, &[]);
    assert_eq!(run.exit, 0, "exactly the limit: {run:?}");
}

#[test]
fn sums_outside_the_amounts_are_refused_by_their_store() {
    let most: Amount = model::AMOUNT_END - 1;
    let with =
        |sales_total: Amount, at: i64| Report { sales_total: Some(sales_total), ..report(at) };
    let baseline = |baseline_sales: Amount| Sale {
        store_id: Some("1".to_owned()),
        sku: Some("x".to_owned()),
        tick_at: Some(DAY),
        baseline_sales: Some(baseline_sales),
        ..Sale::default()
    };
    let sum = reports([with(most, 0), with(1, 1)]);
    let negative = reports([with(-most, 0), with(-1, 1)]);
    let impact = Input { sales: vec![baseline(-1)], ..reports([with(most, 0)]) };
    let over_skus = reports([with(most, 0), Report { sku: Some("y".to_owned()), ..with(1, 0) }]);
    for (what, input) in
        [("sum", sum), ("negative", negative), ("impact", impact), ("over SKUs", over_skus)]
    {
        let lake = Lake::new(&input, Shape::PLAIN);
        let run = lake.run(&whole(), &[]);
        assert_eq!(run.exit, 65, "{what}: {run:?}");
        assert!(run.stderr.contains("store 1") || run.stderr.contains("\"1\""), "{what}: {run:?}");
        assert_eq!(lake.outputs(), Vec::<String>::new(), "{what}");
    }
    assert_eq!(rows(&reports([with(most, 0), with(-1, 1)]), &whole()), (3, 2));
}

#[test]
fn one_sku_at_one_instant_counts_once_in_an_event() {
    // Two reports overlap on one SKU. The second has other sales at their common tick.
    let first = Report { first_detected_from: Some(DAY), sales_total: Some(7), ..report(MINUTE) };
    let second =
        Report { first_detected_from: Some(DAY + 1), sales_total: Some(9), ..report(MINUTE) };
    let input = reports([first, second]);
    assert_eq!(rows(&input, &whole()), (4, 2));
    let output = model::run(&input, &whole()).unwrap();
    assert_eq!(output.melog[1].attributed_sales_total, Some(7));
}

#[test]
fn candidates_that_touch_in_one_instant_match_only_a_window_of_one_instant() {
    let campaign = Candidate {
        id: "c".to_owned(),
        name: "Fair".to_owned(),
        starts_at: DAY,
        ends_at: DAY,
        ..Candidate::default()
    };
    for (onset, cause) in [(DAY, Some("Fair")), (DAY - 1, None)] {
        let report = Report { first_detected_from: Some(onset), ..report(0) };
        let input = Input { campaigns: vec![campaign.clone()], ..reports([report]) };
        assert_eq!(rows(&input, &whole()), (2, 2));
        let output = model::run(&input, &whole()).unwrap();
        assert_eq!(output.mrch[0].proposed_cause.as_deref(), cause);
    }
}

/// One report with a value in every column, and predictions and candidates that touch it.
fn a_value_in_every_column() -> Input {
    let text = |text: &str| Some(text.to_owned());
    let report = Report {
        first_detected_from: Some(DAY - MINUTE),
        anomaly_id: text("a"),
        ingested_at: Some(DAY),
        feature_vector: Some(vec![Some(0.5), None]),
        cluster_id: text("c"),
        cluster_name: text("Surge"),
        similarity_score: Some(0.1),
        cluster_match_confidence: Some(0.2),
        tsne_x: Some(0.3),
        tsne_y: Some(0.4),
        proposed_cause: text("Promo"),
        proposed_cause_category: text("Marketing"),
        supporting_evidence: text("seen"),
        confidence_score: Some(0.6),
        ..report(0)
    };
    let unattributed = Report { proposed_cause: None, sku: None, ..report.clone() };
    let candidate = Candidate {
        id: "k".to_owned(),
        name: "Fair".to_owned(),
        starts_at: DAY - MINUTE,
        ends_at: DAY + MINUTE,
        store_id: text("1"),
        sku: None,
        category: text("Local"),
        confidence: Some(0.9),
    };
    Input {
        campaigns: vec![candidate.clone()],
        context: vec![Candidate { confidence: Some(1.0), ..candidate }],
        scores: vec![Score {
            store_id: text("1"),
            tick_at: Some(DAY),
            sku: text("x"),
            ingested_at: Some(DAY),
            anomaly_score: Some(0.7),
        }],
        sales: vec![
            Sale {
                store_id: text("1"),
                tick_at: Some(DAY),
                sku: text("x"),
                ingested_at: Some(DAY),
                baseline_sales: Some(20_000),
                actual_sales: Some(50_000),
            },
            Sale {
                store_id: text("1"),
                tick_at: Some(DAY),
                sku: None,
                ingested_at: None,
                baseline_sales: None,
                actual_sales: None,
            },
        ],
        ..reports([report, unattributed])
    }
}

#[test]
fn every_allowed_encoding_of_every_column_reads_the_same() {
    let input = a_value_in_every_column();
    let params = params(0, 60 * MINUTE);
    let expected = model::run(&input, &params).unwrap();
    let mut tried = 0;
    for table in tables(&input) {
        for (column, values) in &table.columns {
            for (index, array) in encodings(column, values).iter().enumerate() {
                let recoded = Some((table.name, *column, index));
                let lake = Lake::new(&input, Shape { recoded, ..Shape::PLAIN });
                let run = lake.run(&params, &[]);
                let what = format!("{} {column} as {}", table.name, array.data_type());
                assert_eq!(run.exit, 0, "{what}: {run:?}");
                let output = lake.read(&params).output;
                assert_eq!(model::difference(&expected, &output), None, "{what}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

/// Once, rows that lay a page apart were read through a mask, which wanted the pages between as
/// well and took the file for a corrupt one.
#[test]
fn rows_of_scattered_pages_are_read_from_their_own_pages() {
    let ticks = 0..24;
    let sales = ticks.clone().map(|minute| Sale {
        store_id: Some("1".to_owned()),
        // Every other row has another SKU and so belongs to no line.
        sku: Some(if minute % 2 == 0 { "x" } else { "y" }.to_owned()),
        tick_at: Some(DAY + minute * MINUTE),
        actual_sales: Some(1 << minute),
        ..Sale::default()
    });
    let all = ticks.map(|minute| report(minute * MINUTE));
    let input = Input { sales: sales.collect(), ..reports(all) };
    let expected = model::run(&input, &whole()).unwrap();
    for seed in 0..24 {
        let lake = Lake::new(&input, Shape { seed: Some(seed), ..Shape::PLAIN });
        let output = lake.committed(&whole(), &[]).output;
        assert_eq!(model::difference(&expected, &output), None, "{seed}");
    }
}

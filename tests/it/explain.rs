//! `cohort explain`: every figure that it shows is one that the run committed, and every row is
//! where it says.

use std::path::Path;
use std::process::{Command, Output};

use arrow::array::{Array, AsArray, RecordBatch, TimestampMicrosecondArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::Value;

use crate::history::history;
use crate::lake::{Lake, Partitioning, Shape};
use crate::model::{Candidate, Input, MelogRow, Params, Report, Sale, Score, id, instant};
use crate::properties::config;
use crate::schemas;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// 2025-01-01T00:00:00Z.
const MIDNIGHT: i64 = 1_735_689_600_000_000;
const SHAPE: Shape = Shape { partitioning: Partitioning::Daily, ..Shape::PLAIN };

fn explain(lake: &Lake, event: &str, arguments: &[&str]) -> Output {
    let manifest = lake.path().join("manifest.json");
    let fixed = ["explain", "--manifest", manifest.to_str().unwrap(), "--event", event];
    let mut command = Command::new(crate::binary::binary());
    command.args(fixed).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

#[track_caller]
fn explained(lake: &Lake, event: &str) -> Value {
    let done = explain(lake, event, &["--as", "json"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let explanation = serde_json::from_slice(&done.stdout).unwrap();
    schemas::check("explain", &explanation).unwrap();
    explanation
}

/// The tick in a row of an input file.
fn tick_in(file: &str, row: usize) -> i64 {
    let file = std::fs::File::open(Path::new(file.strip_prefix("file://").unwrap())).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let all = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
    let ticks = all.column_by_name("detected_at").unwrap();
    let ticks: &TimestampMicrosecondArray = ticks.as_primitive();
    assert!(ticks.is_valid(row));
    ticks.value(row)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn amount(value: &Value) -> Option<i128> {
    value.as_str().map(|text| text.replace('.', "").parse().unwrap())
}

fn report(minute: i64, sku: &str) -> Report {
    Report {
        store_id: Some("327".to_owned()),
        sku: Some(sku.to_owned()),
        detected_at: Some(MIDNIGHT + minute * MINUTE),
        severity: Some(0.5),
        sales_total: Some(10_000),
        ..Report::default()
    }
}

fn campaign(id: &str, confidence: f64) -> Candidate {
    Candidate {
        id: id.to_owned(),
        name: format!("cause {id}"),
        starts_at: MIDNIGHT,
        ends_at: MIDNIGHT + DAY,
        confidence: Some(confidence),
        ..Candidate::default()
    }
}

/// An event of two SKUs with three ticks, one of which has a duplicate, after an earlier one.
fn input() -> Input {
    let (store_id, sku) = (Some("327".to_owned()), Some("x".to_owned()));
    let named = Report {
        proposed_cause: Some("weather".to_owned()),
        confidence_score: Some(0.9),
        ..report(620, "y")
    };
    let older = Report { severity: Some(0.1), ..report(610, "x") };
    let newer = Report { ingested_at: Some(MIDNIGHT), ..report(610, "x") };
    Input {
        reports: vec![report(500, "x"), report(600, "x"), older, newer, named],
        scores: vec![Score {
            store_id: store_id.clone(),
            sku: sku.clone(),
            tick_at: Some(MIDNIGHT + 600 * MINUTE),
            anomaly_score: Some(0.8),
            ..Score::default()
        }],
        sales: vec![Sale {
            store_id,
            sku,
            tick_at: Some(MIDNIGHT + 605 * MINUTE),
            baseline_sales: Some(50_000),
            actual_sales: Some(70_000),
            ..Sale::default()
        }],
        campaigns: vec![campaign("weak", 0.5), campaign("strong", 0.6)],
        context: Vec::new(),
    }
}

fn day() -> Params {
    Params {
        gap: 30 * MINUTE,
        max_event_duration: 7 * DAY,
        max_lookback: 30 * DAY,
        start: MIDNIGHT,
        end: MIDNIGHT + DAY,
        run_id: "day".to_owned(),
    }
}

#[test]
fn an_event_is_explained_tick_by_tick_and_row_by_row() {
    let lake = Lake::new(&input(), SHAPE);
    lake.committed(&day(), &[]);
    let found = explained(&lake, &id("327", MIDNIGHT + 600 * MINUTE));
    assert_eq!(found["cohort_id"], "327:20250101T100000Z");
    assert_eq!(found["run_ids"], serde_json::json!(["day"]));
    assert_eq!(found["inputs_changed"], serde_json::json!([]));
    let event = &found["event"];
    let opened = event["opened_because"].as_str().unwrap();
    assert!(opened.contains("the store's tick before is 2025-01-01T08:20:00.000000Z"), "{opened}");
    assert_eq!(event["closed_at"], "2025-01-01T10:50:00.000000Z");
    assert_eq!(event["end_reason"], "quiet");
    let ticks = event["ticks"].as_array().unwrap();
    let since: Vec<_> = ticks.iter().map(|tick| tick["since_previous"].as_str()).collect();
    assert_eq!(since, [None, Some("PT10M"), Some("PT10M")]);
    let sales: Vec<_> = ticks.iter().map(|tick| amount(&tick["attributed_sales_total"])).collect();
    assert_eq!(sales, [Some(10_000), Some(90_000), Some(100_000)]);
    let causes: Vec<_> = ticks.iter().map(|tick| tick["proposed_cause"].as_str()).collect();
    assert_eq!(causes, [Some("cause strong"), Some("cause strong"), Some("weather")]);
    let [x, y] = event["lines"].as_array().unwrap().as_slice() else { panic!("{event:#}") };
    assert_eq!(
        (number(&x["rows"][0]["anomaly_score"]), x["onset_derived"].as_bool()),
        (Some(0.8), Some(true))
    );
    let places = |row: &Value, what: &str| -> Vec<u64> {
        row[what].as_array().unwrap().iter().map(|place| place["row"].as_u64().unwrap()).collect()
    };
    assert_eq!(places(&x["rows"][1], "places"), [3]);
    assert_eq!(places(&x["rows"][1], "duplicates"), [2]);
    // Campaigns for every store and SKU weigh half.
    let lost: Vec<_> = x["candidates"].as_array().unwrap().iter().collect();
    assert_eq!(lost[0]["id"], "strong");
    assert!((number(&lost[1]["behind"]).unwrap() - 0.05).abs() < 1e-9, "{lost:#?}");
    assert_eq!(
        (&y["cause"]["cause"], &y["cause"]["source"]),
        (&"weather".into(), &"reported".into())
    );
    let causes = event["causes"].as_array().unwrap();
    assert_eq!(
        (&causes[0]["cause"], &causes[1]["cause"]),
        (&"weather".into(), &"cause strong".into())
    );
    assert!((number(&causes[1]["behind"]).unwrap() - 0.6).abs() < 1e-9, "{causes:#?}");
    let page = explain(&lake, &id("327", MIDNIGHT + 600 * MINUTE), &[]);
    let page = String::from_utf8(page.stdout).unwrap();
    for words in ["Opened 2025-01-01T10:00:00Z", "+PT10M", "its duplicate gave way: row 2"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn inputs_that_changed_since_are_named_and_an_event_that_is_gone_too() {
    let lake = Lake::new(&input(), SHAPE);
    lake.committed(&day(), &[]);
    let mut late = input();
    late.reports.push(report(580, "x"));
    lake.rewrite(&late, SHAPE);
    let found = explained(&lake, &id("327", MIDNIGHT + 600 * MINUTE));
    assert_eq!(found["event"], Value::Null);
    assert_eq!(found["inputs_changed"][0]["change"], "changed");
}

#[test]
fn an_event_that_no_run_has_is_exit_66_and_no_id_is_exit_2() {
    let lake = Lake::new(&input(), SHAPE);
    lake.committed(&day(), &[]);
    for (event, exit, words) in [
        (id("nobody", 0), 66, "in none of 1"),
        ("327:20250101T100000Z".to_owned(), 2, "--event"),
        ("\u{1b}[2J".to_owned(), 2, "--event"),
    ] {
        let done = explain(&lake, &event, &[]);
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(exit), "{said}");
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
        assert!(!said.contains('\u{1b}') && done.stdout.is_empty());
    }
}

#[test]
fn no_text_of_an_event_can_move_the_cursor_or_begin_a_line() {
    let evil = "\u{1b}[2J\n Opened never\n";
    let reports = [600, 610].map(|minute| Report {
        store_id: Some(evil.to_owned()),
        proposed_cause: Some(evil.to_owned()),
        ..report(minute, evil)
    });
    let lake = Lake::new(&Input { reports: reports.to_vec(), ..Input::default() }, SHAPE);
    lake.committed(&day(), &[]);
    let done = explain(&lake, &id(evil, MIDNIGHT + 600 * MINUTE), &[]);
    let page = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page}");
    assert!(!page.lines().any(|line| line.starts_with(" Opened never")), "{page}");
}

/// What the last tick says must be what the closing row says.
fn assert_is_the_closing_row(tick: &Value, row: &MelogRow) -> Result<(), TestCaseError> {
    prop_assert_eq!(number(&tick["severity_score"]), row.severity_score.filter(|s| s.is_finite()));
    prop_assert_eq!(amount(&tick["attributed_sales_total"]), row.attributed_sales_total);
    prop_assert_eq!(amount(&tick["baseline_sales_total"]), row.baseline_sales_total);
    prop_assert_eq!(amount(&tick["impact_estimate"]), row.impact_estimate);
    prop_assert_eq!(tick["report_count"].as_i64(), Some(row.report_count.into()));
    prop_assert_eq!(tick["sku_count"].as_i64(), Some(row.sku_count.into()));
    prop_assert_eq!(tick["proposed_cause"].as_str(), row.proposed_cause.as_deref());
    Ok(())
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn explanations_end_in_the_committed_figures_and_their_rows_are_where_they_say(
        history in history(),
        seed in prop::option::of(any::<u64>()),
    ) {
        let shape = Shape { partitioning: Partitioning::None, seed, recoded: None };
        let lake = Lake::new(&history.input, shape);
        let params = history.whole();
        if lake.run(&params, &[]).exit != 0 {
            return Ok(());
        }
        let committed = lake.read(&params).output;
        for row in committed.melog.iter().filter(|row| row.version == 2).take(2) {
            let found = explained(&lake, &row.event_id);
            let event = &found["event"];
            assert_is_the_closing_row(event["ticks"].as_array().unwrap().last().unwrap(), row)?;
            prop_assert_eq!(event["end_reason"].as_str(), row.end_reason.as_deref());
            let continues = event["continues_event_id"].as_str();
            prop_assert_eq!(continues, row.continues_event_id.as_deref());
            let best = event["causes"].get(0).and_then(|cause| cause["cause"].as_str());
            prop_assert_eq!(best, row.proposed_cause.as_deref());
            for shown in event["lines"].as_array().unwrap().iter().flat_map(|line| {
                line["rows"].as_array().unwrap()
            }) {
                let places = shown["places"].as_array().unwrap();
                prop_assert!(!places.is_empty(), "{:#}", shown);
                // Other encodings of the ticks are not read here.
                if seed.is_none() {
                    let (file, number) = (places[0]["file"].as_str(), places[0]["row"].as_u64());
                    let at = instant(shown["at"].as_str().unwrap());
                    let tick = tick_in(file.unwrap(), number.unwrap() as usize);
                    prop_assert_eq!(tick, at);
                }
            }
        }
    }
}

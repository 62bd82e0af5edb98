//! Where a chain is cut and where it is not, how far back a run reads for it, and values that do
//! not count. Each case is by itself, and small enough to count its rows by hand.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lake::{Lake, Partitioning, Shape, facts, files_under, rejected};
use crate::model::{self, AMOUNT_END, Amount, Candidate, Input, Output, Params, Report, Sale};
use crate::properties::union;

const MINUTE: i64 = 60_000_000;
const GAP: i64 = 30 * MINUTE;
/// 2025-01-01T00:00:00Z, a boundary of days.
const MIDNIGHT: i64 = 1_735_689_600_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// A report of store 1 and SKU x, that many microseconds after midnight.
fn report(at: i64) -> Report {
    Report {
        store_id: Some("1".to_owned()),
        sku: Some("x".to_owned()),
        detected_at: Some(MIDNIGHT + at),
        severity: Some(0.5),
        sales_total: Some(10_000),
        ..Report::default()
    }
}

fn reports(ticks: impl IntoIterator<Item = i64>) -> Input {
    Input { reports: ticks.into_iter().map(report).collect(), ..Input::default() }
}

/// Ticks from one to another, a step apart.
fn every(step: i64, from: i64, to: i64) -> impl Iterator<Item = i64> {
    (from..=to).step_by(step as usize)
}

fn params(max_event_duration: i64, start: i64, end: i64) -> Params {
    Params {
        gap: GAP,
        max_event_duration,
        max_lookback: 30 * DAY,
        start: MIDNIGHT + start,
        end: MIDNIGHT + end,
        run_id: "cuts".to_owned(),
    }
}

/// Runs the job in every layout, and compares its rows and lineage with the model.
fn output(input: &Input, params: &Params) -> Output {
    let expected = model::run(input, params).unwrap();
    for partitioning in Partitioning::ALL {
        let lake = Lake::new(input, Shape { partitioning, ..Shape::PLAIN });
        let committed = lake.committed(params, &[]);
        let difference = model::difference(&expected, &committed.output);
        assert_eq!(difference, None, "{partitioning:?}");
        let rejects = rejected(&committed.lineage);
        assert_eq!(lake.expected_rejects(&expected, params), rejects, "{partitioning:?}");
        assert_eq!(expected.facts, facts(&committed.lineage), "{partitioning:?}");
    }
    expected
}

/// For each closed event: when it opened, its last tick, when it closed, and why.
fn closed(output: &Output) -> Vec<(i64, i64, i64, &str)> {
    let rows = output.melog.iter().filter(|row| row.version == 2);
    rows.map(|row| {
        (
            row.created_at - MIDNIGHT,
            row.window_end.unwrap() - MIDNIGHT,
            row.finalized_at.unwrap() - MIDNIGHT,
            row.end_reason.as_deref().unwrap(),
        )
    })
    .collect()
}

/// The closed events of a run over a few days around midnight, with days as periods.
fn closed_of(ticks: impl IntoIterator<Item = i64>) -> Vec<(i64, i64, i64, &'static str)> {
    let output = output(&reports(ticks), &params(DAY, -3 * DAY, 4 * DAY));
    let name = |reason: &str| if reason == "quiet" { "quiet" } else { "max_duration" };
    closed(&output).into_iter().map(|(a, b, c, reason)| (a, b, c, name(reason))).collect()
}

#[test]
fn a_chain_is_cut_only_if_it_went_on_for_the_whole_period_before() {
    let last = DAY + GAP / 2;
    // It began exactly at the boundary before, or a microsecond later.
    let whole = closed_of(every(GAP / 2, 0, last));
    let cut = DAY - GAP / 2;
    assert_eq!(whole, [(0, cut, DAY, "max_duration"), (DAY, last, last + GAP, "quiet")]);
    let shorter = closed_of([1].into_iter().chain(every(GAP / 2, GAP / 2, last)));
    assert_eq!(shorter, [(1, last, last + GAP, "quiet")]);
}

#[test]
fn ticks_before_at_and_after_a_boundary_are_on_their_sides_of_the_cut() {
    for (off, opened_at) in [(-1, DAY + GAP - 1), (0, DAY), (1, DAY + 1)] {
        let chain = every(GAP / 2, 0, DAY - GAP / 2);
        let ticks = chain.chain([DAY + off, DAY + GAP - 1]);
        let last = if off < 0 { DAY - 1 } else { DAY - GAP / 2 };
        let next = DAY + GAP - 1;
        assert_eq!(
            closed_of(ticks),
            [(0, last, DAY, "max_duration"), (opened_at, next, next + GAP, "quiet")],
            "{off}"
        );
    }
}

#[test]
fn an_event_that_would_be_active_at_a_boundary_closes_there_whatever_follows() {
    let until = |last: i64| closed_of(every(GAP / 2, 0, DAY - GAP).chain([last]));
    // A tick at the boundary would still have joined.
    assert_eq!(until(DAY - GAP), [(0, DAY - GAP, DAY, "max_duration")]);
    assert_eq!(until(DAY - 1), [(0, DAY - 1, DAY, "max_duration")]);
    let before = closed_of(every(GAP / 2, 0, DAY - GAP - GAP / 2).chain([DAY - GAP - 1]));
    assert_eq!(before, [(0, DAY - GAP - 1, DAY - 1, "quiet")]);
}

#[test]
fn a_quiet_stretch_over_a_boundary_ends_the_chain_there() {
    let chain = || every(GAP / 2, 0, DAY - GAP / 2);
    let joined = output(&reports(chain().chain([DAY + GAP / 2])), &params(DAY, -DAY, 3 * DAY));
    let continued = joined.melog.iter().filter(|row| row.continues_event_id.is_some()).count();
    assert_eq!(continued, 2, "both rows of the second event");
    let apart = output(&reports(chain().chain([DAY + GAP / 2 + 1])), &params(DAY, -DAY, 3 * DAY));
    assert!(apart.melog.iter().all(|row| row.continues_event_id.is_none()));
    assert_eq!(
        closed(&apart),
        [
            (0, DAY - GAP / 2, DAY, "max_duration"),
            (DAY + GAP / 2 + 1, DAY + GAP / 2 + 1, DAY + GAP + GAP / 2 + 1, "quiet"),
        ]
    );
}

#[test]
fn reports_go_on_under_their_names_and_no_sale_counts_twice() {
    let stuck = |mut report: Report| {
        report.first_detected_from = Some(MIDNIGHT - GAP);
        report
    };
    let mut input = reports(every(GAP / 2, 0, 3 * DAY));
    input.reports = input.reports.into_iter().map(stuck).collect();
    let sales = every(5 * MINUTE, -GAP, 3 * DAY);
    input.sales = sales
        .map(|at| Sale {
            store_id: Some("1".to_owned()),
            sku: Some("x".to_owned()),
            tick_at: Some(MIDNIGHT + at),
            actual_sales: Some(1),
            ..Sale::default()
        })
        .collect();
    let output = output(&input, &params(DAY, -DAY, 5 * DAY));
    let report_id = model::id("1", MIDNIGHT - GAP);
    assert!(output.mrch.iter().all(|row| row.report_id == report_id));
    let rows: Vec<_> = output.melog.iter().filter(|row| row.version == 2).collect();
    let starts: Vec<i64> = rows.iter().map(|row| row.window_start - MIDNIGHT).collect();
    assert_eq!(starts, [-GAP, DAY, 2 * DAY, 3 * DAY]);
    // A window ends at the last tick, a quarter of an hour before the cut: two sales are in
    // neither.
    let sold: Vec<Amount> = rows.iter().map(|row| row.attributed_sales_total.unwrap()).collect();
    assert_eq!(sold, [6 + 288 - 2, 288 - 2, 288 - 2, 1]);
}

#[test]
fn a_period_need_not_be_a_multiple_of_anything() {
    let odd = 7 * 60 * MINUTE + 11;
    let input = reports(every(GAP, -2 * DAY, 2 * DAY));
    let whole = output(&input, &params(odd, -3 * DAY, 3 * DAY));
    for row in whole.melog.iter().filter(|row| row.end_reason.as_deref() == Some("max_duration")) {
        assert_eq!(row.finalized_at.unwrap() % odd, 0);
    }
    assert!(closed(&whole).len() > 12);
    for day in -2..2 {
        output(&input, &params(odd, day * DAY, (day + 1) * DAY));
    }
}

#[test]
fn a_run_that_starts_at_a_boundary_writes_both_sides_of_the_cut() {
    let input = reports(every(GAP / 2, -2 * DAY, DAY));
    let output = output(&input, &params(DAY, 0, GAP));
    let rows: Vec<_> = output
        .melog
        .iter()
        .map(|row| (row.version, row.created_at - MIDNIGHT, row.written_at - MIDNIGHT))
        .collect();
    assert_eq!(rows, [(2, -DAY, 0), (1, 0, 0)]);
}

/// Thirteen weeks without a pause, in days: the run for the last of them reads a few of them.
#[test]
fn a_run_reads_no_further_back_than_the_bound_however_long_the_chain() {
    let weeks = 13 * WEEK;
    let quiet = Report { store_id: Some("quiet".to_owned()), ..report(-GAP) };
    let mut input = reports(every(20 * MINUTE, -weeks, DAY));
    input.reports.push(quiet);
    let run = params(DAY, 0, DAY);
    let expected = output(&input, &run);
    // The first tick to matter is at 23:40 of the day before, whose midnight is its boundary.
    assert_eq!(expected.facts.lookback_start, MIDNIGHT - 3 * DAY - GAP);
    let lake = Lake::new(&input, Shape { partitioning: Partitioning::Daily, ..Shape::PLAIN });
    let lineage = lake.committed(&run, &[]).lineage;
    let dataset = &lineage["inputs"]["minority_reports_detected_log"];
    // At most one partition for the gap before the bound, three for the days after it, one for the
    // interval.
    let files = dataset["files"].as_array().unwrap().len();
    assert!((4..=5).contains(&files), "{dataset}");
    // The quiet store's row and a day's 72 ticks at most in each.
    assert!(dataset["rows_read"].as_u64().unwrap() <= 5 * 72 + 1, "{dataset}");
}

/// How many rows of reports a run read, and the files that it opened for them, by name.
fn read_of(lake: &Lake, run: &Params) -> (u64, BTreeSet<String>) {
    let lineage = lake.committed(run, &[]).lineage;
    let dataset = &lineage["inputs"]["minority_reports_detected_log"];
    let files = dataset["files"].as_array().unwrap().iter();
    let name = |file: &Value| {
        let uri = file["uri"].as_str().unwrap();
        uri.split_once("/minority_reports_detected_log/").unwrap().1.to_owned()
    };
    (dataset["rows_read"].as_u64().unwrap(), files.map(name).collect())
}

/// Of stores that are quiet every night, a run reads the rows before its interval that it would
/// read if no other store had a chain.
#[test]
fn a_chain_makes_a_run_read_no_further_back_for_other_stores() {
    let days = -20..=0i64;
    let of = |store: &str, at: i64| Report { store_id: Some(store.to_owned()), ..report(at) };
    let hours = |day: i64| every(HOUR, day * DAY + 8 * HOUR, day * DAY + 20 * HOUR);
    let others: Vec<Report> = days
        .flat_map(|day| hours(day).flat_map(move |at| [of("a", at), of("b", at), of("c", at)]))
        .collect();
    let others = Input { reports: others, ..Input::default() };
    let chain = reports(every(20 * MINUTE, -20 * DAY, DAY));
    let run = params(DAY, 0, DAY);
    for partitioning in [Partitioning::None, Partitioning::Daily] {
        let lake = |input: &Input| Lake::new(input, Shape { partitioning, ..Shape::PLAIN });
        let (alone, both) = (lake(&others), lake(&chain));
        let (chain_rows, chain_files) = read_of(&both, &run);
        // The files of the other stores lie beside those of the chain.
        let root = |lake: &Lake| lake.path().join("minority_reports_detected_log");
        for (path, content) in files_under(&root(&alone)) {
            let beside = root(&both).join(path.replace(".parquet", "-others.parquet"));
            std::fs::write(beside, content).unwrap();
        }
        let (rows, files) = read_of(&alone, &run);
        let (both_rows, both_files) = read_of(&both, &run);
        assert_eq!(both_rows - chain_rows, rows, "{partitioning:?}");
        assert!(rows <= 3 * 2 * 13 || partitioning == Partitioning::None, "{rows}");
        // A partition is opened whole, so of the chain's partitions there are also footers.
        let beside = |file: &String| file.replace(".parquet", "-others.parquet");
        let expected: BTreeSet<_> = match partitioning {
            Partitioning::None => files.iter().map(beside).collect(),
            _ => chain_files.iter().map(beside).collect(),
        };
        assert!(files.iter().all(|file| expected.contains(&beside(file))));
        let opened: BTreeSet<_> = both_files.difference(&chain_files).cloned().collect();
        assert_eq!(opened, expected, "{partitioning:?}");
    }
}

/// A chain of thirteen weeks that is cut at every midnight, and one run for each of its days.
#[test]
fn the_daily_runs_over_a_chain_of_thirteen_weeks_write_what_one_run_writes() {
    let weeks = 13 * WEEK;
    let stuck = |at: i64| Report { first_detected_from: Some(MIDNIGHT - weeks), ..report(at) };
    let mut input = reports([]);
    input.reports = every(20 * MINUTE, -weeks, 0).map(stuck).collect();
    let lake = Lake::new(&input, Shape { partitioning: Partitioning::Daily, ..Shape::PLAIN });
    let whole = params(DAY, -weeks, DAY);
    let expected = lake.committed(&whole, &[]).output;
    let ended = expected.melog.iter().filter(|row| row.end_reason.is_some()).count();
    assert_eq!(ended, 13 * 7 + 1);
    let days: Vec<_> = (-13 * 7..=0)
        .map(|day| {
            let run_id = format!("day{day}");
            let day = Params { run_id, ..params(DAY, day * DAY, (day + 1) * DAY) };
            let mut output = lake.committed(&day, &[]).output;
            output.mrch.iter_mut().for_each(|row| row.run_id = whole.run_id.clone());
            output.melog.iter_mut().for_each(|row| row.run_id = whole.run_id.clone());
            output
        })
        .collect();
    assert_eq!(days.len(), 92);
    assert_eq!(model::difference(&expected, &union(days)), None);
}

#[test]
fn an_onset_that_is_too_old_is_no_onset() {
    let with = |onset: i64, at: i64, severity: f64| Report {
        first_detected_from: Some(onset),
        severity: Some(severity),
        ..report(at)
    };
    let old = MIDNIGHT - 30 * DAY;
    let mut input = reports([]);
    // As old as allowed, too old, out of range on both sides; the last three say when the first
    // was.
    input.reports = vec![
        with(old, 0, 0.1),
        with(old - 1, 0, 0.2),
        with(model::FIRST_INSTANT - 1, 0, 0.3),
        with(model::LAST_INSTANT + 1, 0, 0.4),
    ];
    let output = output(&input, &params(WEEK, 0, DAY));
    assert_eq!((output.facts.onsets_ignored, output.rejects.len()), (3, 0));
    // They are duplicates of each other: two lines, each with an active and a closing row.
    let starts: Vec<_> = output.mrch.iter().map(|row| row.window_start).collect();
    assert_eq!(starts, [old, MIDNIGHT, old, MIDNIGHT]);
    assert_eq!(output.mrch[1].severity_score, Some(0.4));
}

#[test]
fn amounts_that_no_decimal_holds_are_null_and_counted() {
    let amounts = [AMOUNT_END, -AMOUNT_END, Amount::MAX, AMOUNT_END - 1];
    for (amount, fits) in amounts.into_iter().zip([false, false, false, true]) {
        let sale = Sale {
            store_id: Some("1".to_owned()),
            sku: Some("x".to_owned()),
            tick_at: Some(MIDNIGHT),
            baseline_sales: Some(amount),
            ..Sale::default()
        };
        let mut input = reports([0]);
        input.reports[0].sales_total = Some(amount);
        // The second is outside every window, and not counted.
        input.sales = vec![sale.clone(), Sale { tick_at: Some(MIDNIGHT + 1), ..sale }];
        let output = output(&input, &params(WEEK, 0, DAY));
        let total = fits.then_some(amount);
        assert_eq!(output.melog[0].attributed_sales_total, total);
        assert_eq!(output.melog[0].baseline_sales_total, total);
        let counted: Vec<u64> = output.facts.values_out_of_range.values().copied().collect();
        assert_eq!(counted, if fits { vec![] } else { vec![1, 1] });
    }
}

#[test]
fn what_ends_beyond_the_last_instant_ends_with_it() {
    for (starts_at, ends_at) in [
        (MIDNIGHT - DAY, model::LAST_INSTANT),
        (MIDNIGHT - DAY, model::LAST_INSTANT + DAY),
        (model::FIRST_INSTANT - DAY, MIDNIGHT),
    ] {
        let mut input = reports([0]);
        input.campaigns = vec![Candidate {
            id: "c".to_owned(),
            name: "Forever".to_owned(),
            starts_at,
            ends_at,
            ..Candidate::default()
        }];
        let output = output(&input, &params(WEEK, 0, DAY));
        assert_eq!(output.melog[1].proposed_cause.as_deref(), Some("Forever"));
    }
}

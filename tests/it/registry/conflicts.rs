//! Runs that saw different inputs: two that say different things about one event, and one that was
//! run again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::lake::{Cell, Row, Scene};
use super::properties::{compare, list, machine, text};
use super::rules::{self, HOUR, MIDNIGHT, MINUTE, report};
use crate::history::{History, Instant, history, moment};
use crate::lake::{Lake, Shape};
use crate::model::{self, Expected, Input, MelogRow, Output, Params, Report};
use crate::properties::config;

/// What is another row in the second input.
#[derive(Clone, Debug)]
enum Change {
    Dropped(Index),
    Severe(Index),
    Moved(Index, i64),
    Caused(Index),
    Sold(Index, i128),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        any::<Index>().prop_map(Change::Dropped),
        any::<Index>().prop_map(Change::Severe),
        (any::<Index>(), -3..4_i64).prop_map(|(at, by)| Change::Moved(at, by)),
        any::<Index>().prop_map(Change::Caused),
        (any::<Index>(), -50_000..50_000_i128).prop_map(|(at, by)| Change::Sold(at, by)),
    ];
    prop::collection::vec(change, 0..4)
}

fn changed(history: &History, changes: &[Change]) -> Input {
    let mut input = history.input.clone();
    for change in changes {
        let reports = &mut input.reports;
        let report = |reports: &mut Vec<Report>, at: &Index, with: &dyn Fn(&mut Report)| {
            if !reports.is_empty() {
                let at = at.index(reports.len());
                with(&mut reports[at]);
            }
        };
        match change {
            Change::Dropped(at) if reports.len() > 1 => {
                reports.remove(at.index(reports.len()));
            }
            Change::Dropped(_) => {}
            Change::Severe(at) => report(reports, at, &|report| report.severity = Some(77.0)),
            Change::Caused(at) => {
                report(reports, at, &|report| report.proposed_cause = Some("Flood".to_owned()));
            }
            Change::Moved(at, by) => report(reports, at, &|report| {
                let tick = report.detected_at.map(|tick| tick + by * history.scene.unit());
                report.detected_at = tick.filter(|tick| model::in_range(*tick));
            }),
            Change::Sold(at, by) if !input.sales.is_empty() => {
                let at = at.index(input.sales.len());
                input.sales[at].actual_sales = Some(*by);
            }
            Change::Sold(..) => {}
        }
    }
    input
}

/// A run over the history up to an instant.
fn run(history: &History, end: Option<Instant>, name: &str) -> Params {
    let whole = history.whole();
    let end = end.map_or(whole.end, |end| history.instant(end) + 1);
    Params { end: end.max(whole.start + 1), run_id: name.to_owned(), ..whole }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn a_run_that_was_run_again_counts_once(
        history in history(),
        changes in changes(),
        end in prop::option::weighted(0.7, moment()),
    ) {
        let (run, input) = (run(&history, end, "run"), changed(&history, &changes));
        prop_assume!(model::run(&history.input, &run).is_ok() && model::run(&input, &run).is_ok());
        let lake = Lake::new(&history.input, Shape::PLAIN);
        lake.committed(&run, &[]);
        lake.rewrite(&input, Shape::PLAIN);
        lake.committed(&run, &[]);
        let scene = Scene::over(lake, &run);
        compare(&scene, &model::registry(&input, &[run], &[], None), &[])?;
    }

    #[test]
    fn two_runs_that_say_different_things_are_a_conflict_in_just_those_columns(
        history in history(),
        changes in changes(),
        end in prop::option::weighted(0.7, moment()),
        names in prop_oneof![Just(["a", "b"]), Just(["b", "a"])],
    ) {
        let runs = names.map(|name| run(&history, end, name));
        let inputs = [history.input.clone(), changed(&history, &changes)];
        let mut said = Vec::new();
        for (input, run) in inputs.iter().zip(&runs) {
            said.extend(Said::new(input, run));
        }
        prop_assume!(said.len() == 2);
        let lake = Lake::new(&inputs[0], Shape::PLAIN);
        lake.committed(&runs[0], &[]);
        lake.rewrite(&inputs[1], Shape::PLAIN);
        lake.committed(&runs[1], &[]);
        let scene = Scene::over(lake, &runs[0]);
        let rows = scene.rows(&[]);
        let ids: BTreeSet<String> = rows.iter().map(|row| text(row, "event_id")).collect();
        let wanted: BTreeSet<String> = said.iter().flat_map(Said::ids).collect();
        prop_assert_eq!(ids, wanted);
        said.sort_by(|a, b| a.run.cmp(&b.run));
        for row in &rows {
            check(row, &said)?;
        }
    }
}

/// What one of the runs says.
struct Said {
    run: String,
    output: Output,
    /// Its events as of its end, if it were alone.
    today: BTreeMap<String, Expected>,
}

impl Said {
    fn new(input: &Input, run: &Params) -> Option<Self> {
        let output = model::run(input, run).ok()?;
        let alone = model::registry(input, std::slice::from_ref(run), &[], None);
        let today = alone.rows.into_iter().map(|row| (row.machine.event_id.clone(), row));
        Some(Self { run: run.run_id.clone(), output, today: today.collect() })
    }

    fn ids(&self) -> impl Iterator<Item = String> {
        self.output.melog.iter().map(|row| row.event_id.clone())
    }

    fn row(&self, event: &str, version: i32) -> Option<&MelogRow> {
        let is_it = |row: &&MelogRow| row.event_id == event && row.version == version;
        self.output.melog.iter().find(is_it)
    }
}

type Columns = BTreeMap<String, Cell>;

/// The columns on which runs can disagree.
fn columns(row: &MelogRow) -> Columns {
    let own = ["event_id", "store_id", "created_at", "version", "cohort_id", "run_id"];
    let plain =
        |name: &str| name.trim_start_matches("own_").trim_start_matches("machine_").to_owned();
    let all = machine(row).into_iter().map(|(name, cell)| (plain(name), cell));
    all.filter(|(name, _)| !own.contains(&name.as_str())).collect()
}

fn differing(a: &Columns, b: &Columns) -> BTreeSet<String> {
    a.keys().filter(|name| a[*name] != b[*name]).cloned().collect()
}

const TOTALS: [&str; 3] = ["impact_estimate", "attributed_sales_total", "baseline_sales_total"];

fn check(row: &Row, said: &[Said]) -> Result<(), TestCaseError> {
    let event = text(row, "event_id");
    let of_version = |version| {
        let rows = said.iter().filter_map(|said| said.row(&event, version));
        rows.map(columns).collect::<Vec<_>>()
    };
    let closed = of_version(2);
    let (opened, is_open) = (of_version(1), closed.is_empty());
    let today: Vec<Columns> = said
        .iter()
        .filter_map(|said| said.today.get(&event))
        .map(|one| columns(&one.machine))
        .collect();
    let mut disputed = BTreeSet::new();
    if let [a, b] = &opened[..] {
        let open = |name: &String| !is_open || name == "continues_event_id";
        disputed.extend(differing(a, b).into_iter().filter(open));
    }
    let last = if is_open { &today } else { &closed };
    if let [a, b] = &last[..] {
        disputed.extend(differing(a, b));
    }
    let mut found = BTreeSet::new();
    for conflict in list(row, "conflicts") {
        let runs = conflict["runs"].as_array().unwrap().iter();
        let runs: Vec<_> = runs.map(|run| run["run_id"].as_str().unwrap().to_owned()).collect();
        prop_assert_eq!(runs, ["a", "b"]);
        // What a run does not know any more is no null that it said.
        for (said, run) in last.iter().zip(conflict["runs"].as_array().unwrap()) {
            for column in TOTALS.iter().filter(|column| run["says"][**column].is_null()) {
                let is_said = run["says"].get(*column).is_some();
                prop_assert!(!is_said || said[*column] == Cell::Null, "{} {:?}", column, row);
            }
        }
        let columns = conflict["columns"].as_array().unwrap().iter();
        found.extend(columns.map(|name| Value::as_str(name).unwrap().to_owned()));
    }
    let machines = ["proposed_cause", "proposed_cause_category", "cohort_name", "cohort_reason"];
    for (column, cell) in &last[0] {
        let of_machine = machines.contains(&column.as_str());
        let shown = if of_machine { &row[&format!("machine_{column}")] } else { &row[column] };
        if is_open && TOTALS.contains(&column.as_str()) {
            // The inputs of the first run are not there any more: its totals may be unknown.
            let all = || last.iter().map(|row| &row[column]);
            prop_assert!(*shown == Cell::Null || all().all(|cell| cell == shown), "{}", column);
            let unknown = list(row, "undetermined");
            let is_unknown = unknown.iter().any(|unknown| unknown["column"] == **column);
            let is_null = all().all(|cell| *cell == Cell::Null);
            let is_open_question = is_unknown != found.contains(column);
            prop_assert_eq!(*shown == Cell::Null, is_null || is_open_question, "{:?}", row);
            continue;
        }
        prop_assert_eq!(found.contains(column), disputed.contains(column), "{} {:?}", column, row);
        let expected = if disputed.contains(column) { &Cell::Null } else { cell };
        prop_assert_eq!(shown, expected, "{} of {:?}", column, row);
    }
    Ok(())
}

#[test]
fn what_the_opening_rows_alone_say_differently_is_no_conflict_of_an_open_event() {
    let row = |sku, minute| Report {
        first_detected_from: Some(MIDNIGHT + 150 * MINUTE),
        sales_total: None,
        severity: Some(1.0),
        ..report("1", sku, minute)
    };
    let first = Input {
        reports: vec![row("x", 150), row("y", 150), row("x", 160), row("y", 160)],
        ..Input::default()
    };
    let mut second = first.clone();
    second.reports.remove(1);
    let runs = ["a", "b"].map(|name| rules::run(name, 0, 3 * HOUR));
    let lake = Lake::new(&first, Shape::PLAIN);
    lake.committed(&runs[0], &[]);
    lake.rewrite(&second, Shape::PLAIN);
    lake.committed(&runs[1], &[]);
    let scene = Scene::over(lake, &runs[0]);
    let rows = scene.rows(&[]);
    assert_eq!(rows.len(), 1);
    assert_eq!(list(&rows[0], "conflicts"), Vec::<Value>::new());
    assert_eq!(rows[0]["sku_count"], Cell::Count(2));
}

//! The registry over random histories, runs and edits is what the naive model says.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::edits::{drafts, rows as edit_rows};
use super::lake::{Cell, Row, Scene};
use crate::history::{History, Instant, Moment, history, moment};
use crate::model::{self, Amount, EditRow, Expected, ExpectedRegistry, MelogRow, Params};
use crate::properties::config;

/// Which runs there are: the parts of a history, one over all of it, or both, and some left out.
#[derive(Clone, Debug)]
struct Runs {
    cuts: Vec<Instant>,
    whole_too: bool,
    left_out: Vec<Index>,
    /// Where the history ends for these runs.
    end: Option<Instant>,
}

fn runs() -> impl Strategy<Value = Runs> {
    (
        prop::collection::vec(moment(), 0..4),
        prop::bool::weighted(0.3),
        prop_oneof![
            3 => Just(Vec::new()),
            1 => prop::collection::vec(any::<Index>(), 1..2),
        ],
        prop::option::weighted(0.7, moment()),
    )
        .prop_map(|(cuts, whole_too, left_out, end)| Runs { cuts, whole_too, left_out, end })
}

impl Runs {
    fn of(&self, history: &History) -> Vec<Params> {
        let mut runs = history.parts(&self.cuts);
        if let Some(end) = self.end {
            let end = history.instant(end) + 1;
            runs.retain(|run| run.start < end);
            runs.iter_mut().for_each(|run| run.end = run.end.min(end));
        }
        let whole = Params { end: runs[runs.len() - 1].end, ..runs[0].clone() };
        for left_out in &self.left_out {
            if runs.len() > 1 {
                runs.remove(left_out.index(runs.len()));
            }
        }
        if self.whole_too && self.left_out.is_empty() {
            runs.push(whole);
        }
        for (number, run) in runs.iter_mut().enumerate() {
            run.run_id = format!("r{}", (number * 7 + 3) % 10);
        }
        runs
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn the_registry_equals_the_naive_model(
        history in history(),
        runs in runs(),
        drafts in drafts(),
        order in any::<u64>(),
        as_of in prop::option::weighted(0.3, moment()),
    ) {
        let runs = runs.of(&history);
        let outputs: Result<Vec<_>, _> =
            runs.iter().map(|run| model::run(&history.input, run)).collect();
        prop_assume!(outputs.is_ok());
        let scene = Scene::new(&history.input, &runs);
        let mut events: Vec<String> = outputs
            .unwrap()
            .iter()
            .flat_map(|output| output.melog.iter().map(|row| row.event_id.clone()))
            .collect();
        events.dedup();
        let around = history.instant((Moment::Step(3), 0)).min(model::LAST_INSTANT - 10);
        let edits = edit_rows(&drafts, &events, around);
        write_in_any_order(&scene, &edits, order);
        let as_of = as_of.map(|as_of| history.instant(as_of));
        let expected = model::registry(&history.input, &runs, &edits, as_of);
        let as_of = as_of.map(model::clock_text);
        let arguments: Vec<&str> =
            as_of.iter().flat_map(|as_of| ["--as-of", as_of.as_str()]).collect();
        compare(&scene, &expected, &arguments)?;
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn a_registry_over_parts_is_that_over_the_whole_and_that_over_both(
        history in history(),
        cuts in prop::collection::vec(moment(), 1..6),
        drafts in drafts(),
    ) {
        let name = |run: &Params, name: String| Params { run_id: name, ..run.clone() };
        let parts: Vec<Params> = history.parts(&cuts);
        let parts: Vec<Params> =
            parts.iter().enumerate().map(|(n, run)| name(run, format!("part{n}"))).collect();
        let whole = vec![name(&history.whole(), "whole".to_owned())];
        prop_assume!(model::run(&history.input, &whole[0]).is_ok());
        let both = [parts.clone(), whole.clone()].concat();
        let registries = [parts, whole, both].map(|runs| {
            let scene = Scene::new(&history.input, &runs);
            let rows = scene.rows(&[]);
            let ids: Vec<String> = rows.iter().map(|row| text(row, "event_id")).collect();
            scene.write_edits("edits.parquet", &edit_rows(&drafts, &ids, 0));
            let mut rows = scene.rows(&[]);
            rows.iter_mut().for_each(|row| drop(row.remove("run_id")));
            rows
        });
        prop_assert_eq!(&registries[0], &registries[1]);
        prop_assert_eq!(&registries[1], &registries[2]);
    }
}

/// The edits in two files, shuffled, some of them twice.
fn write_in_any_order(scene: &Scene, edits: &[EditRow], seed: u64) {
    let mut dice = crate::lake::Dice::new(seed);
    let mut rows: Vec<EditRow> = [edits, &edits[..dice.below(edits.len() + 1)]].concat();
    dice.shuffle(&mut rows);
    let half = dice.below(rows.len() + 1);
    scene.write_edits("a.parquet", &rows[half..]);
    scene.write_edits("b.parquet", &rows[..half]);
}

pub(super) fn compare(
    scene: &Scene,
    expected: &ExpectedRegistry,
    arguments: &[&str],
) -> Result<(), TestCaseError> {
    let rows = scene.rows(arguments);
    let ids: Vec<String> = rows.iter().map(|row| text(row, "event_id")).collect();
    let mut wanted: Vec<&Expected> = expected.rows.iter().collect();
    wanted.sort_by_key(|one| (one.machine.store_id.clone(), one.machine.created_at));
    let wanted_ids: Vec<String> = wanted.iter().map(|one| one.machine.event_id.clone()).collect();
    prop_assert_eq!(&ids, &wanted_ids);
    for (row, one) in rows.iter().zip(&wanted) {
        compare_row(row, one)?;
        let into =
            expected.rows.iter().find(|other| other.merged_from.contains(&text(row, "event_id")));
        let into = into.map_or(Cell::Null, |other| Cell::Text(other.machine.event_id.clone()));
        prop_assert_eq!(&row["merged_into"], &into);
    }
    let unapplied =
        scene.json("registry", &[&["--unapplied", "--as", "jsonl"], arguments].concat());
    let strays: Vec<_> = unapplied
        .iter()
        .filter(|edit| !ids.iter().any(|id| edit["event_id"] == id.as_str()))
        .map(|edit| edit["edit_id"].as_str().map(str::to_owned))
        .collect();
    prop_assert_eq!(&strays, &expected.strays);
    let all = expected.rows.iter().map(|one| one.unapplied.len()).sum::<usize>() + strays.len();
    prop_assert_eq!(unapplied.len(), all);
    Ok(())
}

/// The machine's columns that neither people nor merges change.
pub(super) fn machine(row: &MelogRow) -> Vec<(&'static str, Cell)> {
    let text = |text: &Option<String>| text.clone().map_or(Cell::Null, Cell::Text);
    let instant = |at: Option<i64>| at.map_or(Cell::Null, Cell::Instant);
    let double = |value: Option<f64>| value.map_or(Cell::Null, Cell::Double);
    let amount = |value: Option<Amount>| value.map_or(Cell::Null, Cell::Amount);
    let some = |text: &String| Cell::Text(text.clone());
    vec![
        ("event_id", some(&row.event_id)),
        ("store_id", some(&row.store_id)),
        ("window_start", instant(Some(row.window_start))),
        ("window_end", instant(row.window_end)),
        ("event_status", some(&row.event_status)),
        ("created_at", instant(Some(row.created_at))),
        ("finalized_at", instant(row.finalized_at)),
        ("version", Cell::Count(row.version)),
        ("report_count", Cell::Count(row.report_count)),
        ("sku_count", Cell::Count(row.sku_count)),
        ("severity_score", double(row.severity_score)),
        ("own_impact_estimate", amount(row.impact_estimate)),
        ("own_attributed_sales_total", amount(row.attributed_sales_total)),
        ("own_baseline_sales_total", amount(row.baseline_sales_total)),
        ("machine_proposed_cause", text(&row.proposed_cause)),
        ("machine_proposed_cause_category", text(&row.proposed_cause_category)),
        ("confidence_score", double(row.confidence_score)),
        ("cohort_confidence", double(row.cohort_confidence)),
        ("cohort_id", some(&row.cohort_id)),
        ("machine_cohort_name", some(&row.cohort_name)),
        ("machine_cohort_reason", some(&row.cohort_reason)),
        ("continues_event_id", text(&row.continues_event_id)),
        ("end_reason", text(&row.end_reason)),
        ("run_id", some(&row.run_id)),
        ("written_at", instant(Some(row.written_at))),
    ]
}

fn compare_row(row: &Row, one: &Expected) -> Result<(), TestCaseError> {
    for (column, value) in machine(&one.machine) {
        let plain = column.trim_start_matches("own_").trim_start_matches("machine_");
        let value = if one.open_columns.contains(plain) { Cell::Null } else { value };
        prop_assert_eq!(&row[column], &value, "{} of {:#?}", column, one);
    }
    let [attributed, baseline] = one.totals.map(|total| total.flatten());
    let impact = attributed.zip(baseline).map(|(a, b)| a - b);
    for (column, amount) in [
        ("attributed_sales_total", attributed),
        ("baseline_sales_total", baseline),
        ("impact_estimate", impact),
    ] {
        let value = amount.map_or(Cell::Null, Cell::Amount);
        prop_assert_eq!(&row[column], &value, "{} of {:#?}", column, one);
    }
    for field in ["cohort_name", "proposed_cause", "proposed_cause_category", "cohort_reason"] {
        let machine = &row[&format!("machine_{field}")];
        prop_assert_eq!(&row[field], &person(one, field).unwrap_or_else(|| machine.clone()));
    }
    for field in ["note", "verdict", "review_status", "assignee", "close_reason"] {
        prop_assert_eq!(&row[field], &person(one, field).unwrap_or(Cell::Null));
    }
    let suppressed = person(one, "suppressed_until").unwrap_or(Cell::Null);
    let suppressed = match suppressed {
        Cell::Text(at) => Cell::Instant(model::instant(&at)),
        other => other,
    };
    prop_assert_eq!(&row["suppressed_until"], &suppressed);
    let trail: Vec<_> = list(row, "trail")
        .iter()
        .map(|entry| {
            let before = entry["before"].as_str().map(str::to_owned);
            (entry["edit_id"].as_str().unwrap().to_owned(), before, entry["holds"] == true)
        })
        .collect();
    prop_assert_eq!(&trail, &one.trail);
    let unapplied: Vec<_> = list(row, "unapplied")
        .iter()
        .map(|entry| entry["edit_id"].as_str().map(str::to_owned))
        .collect();
    prop_assert_eq!(&unapplied, &one.unapplied);
    let merged: Vec<_> =
        list(row, "merged_from").iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    prop_assert_eq!(&merged, &one.merged_from.iter().cloned().collect::<Vec<_>>());
    prop_assert_eq!(list(row, "conflicts"), Vec::<Value>::new());
    Ok(())
}

fn person(one: &Expected, field: &str) -> Option<Cell> {
    Some(one.person.get(field)?.clone().map_or(Cell::Null, Cell::Text))
}

pub(super) fn text(row: &Row, column: &str) -> String {
    match &row[column] {
        Cell::Text(text) => text.clone(),
        other => panic!("{column}: {other:?}"),
    }
}

pub(super) fn list(row: &Row, column: &str) -> Vec<Value> {
    serde_json::from_str(&text(row, column)).unwrap()
}

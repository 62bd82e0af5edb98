//! Totals of windows that meet, which the inputs show and the logs do not.

use std::fs;

use serde_json::{Value, json};

use super::lake::{Cell, Row, Scene};
use super::rules::{HOUR, MIDNIGHT, MINUTE, edit, event, input, of, report, run};
use crate::lake::{Lake, Partitioning, Shape};
use crate::model::{Input, Params, Report, Sale};

const DAILY: Shape = Shape { partitioning: Partitioning::Daily, ..Shape::PLAIN };
const SALES: &str = "baseline_sales_model_prediction_log";
/// One unit of money in ten-thousandths.
const ONE: i128 = 10_000;

fn sale(minute: i64, baseline: i128, actual: i128) -> Sale {
    Sale {
        store_id: Some("1".to_owned()),
        sku: Some("x".to_owned()),
        tick_at: Some(MIDNIGHT + minute * MINUTE),
        baseline_sales: Some(ONE * baseline),
        actual_sales: Some(ONE * actual),
        ingested_at: None,
    }
}

/// The open event of [`input`] has two lines of one SKU, of which one goes back into the event
/// before. The minutes 15 and 155 are in two windows, and 165 in one.
fn meeting() -> Input {
    let mut input = input();
    input.reports[4].first_detected_from = Some(MIDNIGHT + 15 * MINUTE);
    input.sales =
        vec![sale(12, 1, 2), sale(15, 10, 20), sale(155, 100, 200), sale(165, 1000, 2000)];
    input
}

fn day() -> Params {
    run("day", 0, 3 * HOUR)
}

fn scene(shape: Shape) -> Scene {
    let lake = Lake::new(&meeting(), shape);
    assert_eq!(lake.run(&day(), &[]).exit, 0);
    Scene::over(lake, &day())
}

fn totals(row: &Row) -> [&Cell; 3] {
    ["attributed_sales_total", "baseline_sales_total", "impact_estimate"].map(|name| &row[name])
}

fn known(attributed: i128, baseline: i128) -> [Cell; 3] {
    [attributed, baseline, attributed - baseline].map(|units| Cell::Amount(ONE * units))
}

/// The reasons why the open event lacks its totals.
fn reasons(scene: &Scene, arguments: &[&str]) -> Vec<String> {
    let rows = scene.json("registry", &[&["--as", "jsonl", "--open"], arguments].concat());
    assert_eq!(rows.len(), 1);
    for column in ["attributed_sales_total", "baseline_sales_total", "impact_estimate"] {
        assert_eq!(rows[0][column], Value::Null, "{column}");
    }
    let reasons = rows[0]["undetermined"].as_array().unwrap().iter();
    reasons.map(|one| one["because"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn totals_of_windows_that_meet_count_each_instant_once() {
    for shape in [Shape::PLAIN, DAILY] {
        let scene = scene(shape);
        let rows = scene.rows(&[]);
        // The row's own sales at 150, 160 and 170, and 20, 200 and 2000 of the log.
        let open = of(&rows, &event(150));
        assert_eq!(totals(open), known(150 + 160 + 170 + 2220, 1110).each_ref());
        assert_eq!(open["undetermined"], Cell::Text("[]".to_owned()));
        let then = crate::model::clock_text(MIDNIGHT + 165 * MINUTE);
        let rows = scene.rows(&["--as-of", &then]);
        assert_eq!(totals(of(&rows, &event(150))), known(150 + 160 + 200, 100).each_ref());
    }
}

#[test]
fn totals_of_merged_windows_that_meet_count_each_instant_once() {
    let scene = scene(DAILY);
    scene.write_edits("a.parquet", &[edit("e1", &event(150), "merged_into", &event(10), 1)]);
    let rows = scene.rows(&[]);
    let own = 10 + 20 + 150 + 160 + 170;
    assert_eq!(totals(of(&rows, &event(10))), known(own + 2222, 1111).each_ref());
    assert_eq!(of(&rows, &event(10))["own_baseline_sales_total"], Cell::Amount(11 * ONE));
}

#[test]
fn an_edit_prints_the_same_totals() {
    let scene = scene(DAILY);
    let row = scene.json("edit", &["--event", &event(150), "--set", "note=x"]);
    assert_eq!(row[0]["baseline_sales_total"], json!(1110.0));
}

#[test]
fn totals_that_the_inputs_do_not_give_any_more_are_left_open_and_say_so() {
    let less = |change: fn(&mut Input)| {
        let mut input = meeting();
        change(&mut input);
        input
    };
    for changed in [
        less(|input| input.sales[3].actual_sales = Some(1)),
        less(|input| input.sales.clear()),
        less(|input| drop(input.reports.remove(3))),
        less(|input| input.reports[4].sales_total = Some(1)),
        less(|input| input.reports[4].first_detected_from = Some(MIDNIGHT + 16 * MINUTE)),
        less(|input| input.reports.push(Report { severity: None, ..report("1", "x", 165) })),
    ] {
        let scene = scene(Shape::PLAIN);
        scene.lake.rewrite(&changed, Shape::PLAIN);
        let reasons = reasons(&scene, &[]);
        assert_eq!(reasons.len(), 3);
        assert!(reasons.iter().all(|reason| reason.contains("cohort verify")), "{reasons:?}");
    }
}

#[test]
fn a_change_of_other_rows_leaves_the_totals_known() {
    let scene = scene(Shape::PLAIN);
    let mut input = meeting();
    input.reports[3].severity = Some(0.5);
    input.reports.push(report("1", "y", 160));
    input.reports.push(report("2", "x", 160));
    input.sales.push(sale(171, 5, 5));
    scene.lake.rewrite(&input, Shape::PLAIN);
    assert_eq!(totals(of(&scene.rows(&[]), &event(150))), known(2700, 1110).each_ref());
}

#[test]
fn a_manifest_without_the_baseline_log_leaves_the_totals_open_and_names_it() {
    let scene = scene(Shape::PLAIN);
    let manifest = scene.lake.path().join("registry.json");
    let mut without: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    without["inputs"].as_object_mut().unwrap().remove(SALES);
    fs::write(&manifest, without.to_string()).unwrap();
    let reasons = reasons(&scene, &[]);
    assert!(reasons.iter().all(|reason| reason.contains(SALES)), "{reasons:?}");
}

#[test]
fn inputs_that_are_gone_leave_the_totals_open_and_a_damaged_file_is_refused() {
    for gone in [SALES, "minority_reports_detected_log"] {
        let scene = scene(DAILY);
        fs::remove_dir_all(scene.lake.path().join(gone)).unwrap();
        let reasons = reasons(&scene, &[]);
        assert!(reasons.iter().all(|reason| reason.contains("cohort verify")), "{reasons:?}");
    }
    let scene = scene(Shape::PLAIN);
    let folder = scene.lake.path().join(SALES);
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, b"no Parquet file at all").unwrap();
    scene.fails("registry", &[], 65, &[file.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn events_whose_windows_do_not_meet_read_no_input() {
    let scene = Scene::new(&input(), &[day()]);
    scene.write_edits("a.parquet", &[edit("e1", &event(150), "merged_into", &event(10), 1)]);
    for name in [SALES, "minority_reports_detected_log"] {
        let folder = scene.lake.path().join(name);
        for file in fs::read_dir(folder).into_iter().flatten() {
            fs::write(file.unwrap().path(), b"no Parquet file at all").unwrap();
        }
    }
    assert_eq!(of(&scene.rows(&[]), &event(10))["attributed_sales_total"], Cell::Amount(510 * ONE));
}

#[test]
fn of_clusters_that_begin_at_a_cut_the_least_onset_names_the_event() {
    // Ticks every ten minutes for two hours and a half; cuts each hour but the first.
    let mut input = Input::default();
    for minute in (0..150).step_by(10) {
        for (sku, onset, cluster) in [("a", 5, "later"), ("b", 3, "earlier")] {
            input.reports.push(Report {
                first_detected_from: Some(MIDNIGHT - HOUR + onset * MINUTE),
                cluster_name: Some(cluster.to_owned()),
                ..report("1", sku, minute)
            });
        }
    }
    let params = Params { max_event_duration: HOUR, ..run("day", 0, 2 * HOUR + 10 * MINUTE) };
    let lake = Lake::new(&input, DAILY);
    assert_eq!(lake.run(&params, &[]).exit, 0);
    let scene = Scene::over(lake, &params);
    let rows = scene.rows(&["--open"]);
    let Cell::Text(name) = &rows[0]["cohort_name"] else { panic!("{rows:#?}") };
    assert!(name.ends_with(", earlier"), "{name}");
    fs::remove_dir_all(scene.lake.path().join("minority_reports_detected_log")).unwrap();
    assert_eq!(scene.rows(&["--open"])[0]["cohort_name"], Cell::Null);
}

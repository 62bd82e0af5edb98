//! Golden cases: `tests/golden/<case>/` holds the datasets as text tables, the manifest, and every
//! column of every row that the job must write. `COHORT_GOLDEN=overwrite` rewrites the expectations
//! from the naive model. The binary must meet them either way.

mod table;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::lake::{self, Partitioning};
use crate::model::{self, Candidate, Input, Params, Report, Sale, Score};
use table::TextTable;

/// The folder of each case.
pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// A case read, and its datasets written to a folder.
pub(crate) struct Case {
    /// Its folder's name.
    pub name: String,
    expected: PathBuf,
    /// With paths relative to `folder`.
    pub manifest: Value,
    params: Params,
    input: Input,
    /// The folder of its datasets.
    pub folder: tempfile::TempDir,
}

impl Case {
    /// Reads it, and writes its datasets.
    pub(crate) fn read(path: &Path) -> Self {
        let manifest: Value =
            serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tables = write_datasets(path, &manifest, folder.path());
        Self {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            expected: path.join("expected.txt"),
            params: params(&manifest),
            input: input(&tables),
            manifest,
            folder,
        }
    }
}

#[test]
fn golden_cases_are_what_the_model_computes() {
    let overwrite = std::env::var("COHORT_GOLDEN").is_ok_and(|mode| mode == "overwrite");
    for case in cases() {
        let case = Case::read(&case);
        let mut output = model::run(&case.input, &case.params).unwrap();
        // No case with such rows has partitions, so they are counted in every run.
        for (what, rows) in std::mem::take(&mut output.rejects_without_tick) {
            *output.rejects.entry(what).or_default() += rows;
        }
        let computed = model::text(&output);
        if overwrite {
            fs::write(&case.expected, &computed).unwrap();
        }
        let expected = fs::read_to_string(&case.expected).unwrap();
        assert!(expected == computed, "{}: {}", case.name, first_lines(&expected, &computed));
    }
}

#[test]
fn golden_cases_are_met_to_the_last_column() {
    let cases = cases();
    assert!(cases.len() >= 16, "golden cases are missing: {cases:?}");
    for case in cases {
        let case = Case::read(&case);
        let run = lake::run_in(case.folder.path(), &case.manifest, &[]);
        assert_eq!(run.exit, 0, "{}: {run:?}", case.name);
        let mut output = lake::read(case.folder.path(), &case.params.run_id);
        output.output.rejects = lake::rejected(&output.lineage);
        output.output.facts = lake::facts(&output.lineage);
        let actual = model::text(&output.output);
        let expected = fs::read_to_string(&case.expected).unwrap();
        assert!(expected == actual, "{}: {}", case.name, first_lines(&expected, &actual));
    }
}

/// The first lines that differ, with the line that names their row.
fn first_lines(expected: &str, actual: &str) -> String {
    let mut report = String::new();
    let longest = expected.lines().count().max(actual.lines().count());
    for index in 0..longest {
        let (a, b) = (expected.lines().nth(index), actual.lines().nth(index));
        if a != b && report.lines().count() < 20 {
            report.push_str(&format!("line {}: expected {a:?}, found {b:?}\n", index + 1));
        }
    }
    report
}

/// Every dataset that the manifest names, from text to Parquet.
fn write_datasets(case: &Path, manifest: &Value, folder: &Path) -> Vec<(String, TextTable)> {
    let mut tables = Vec::new();
    for (name, dataset) in manifest["inputs"].as_object().unwrap() {
        let text = fs::read_to_string(case.join(format!("{name}.txt"))).unwrap();
        let table = TextTable::parse(&text);
        let partitioning = Partitioning::of_pattern(dataset["partitioning"].as_str());
        let tick = if name == "minority_reports_detected_log" { "detected_at" } else { "tick_at" };
        let root = folder.join(dataset["uri"].as_str().unwrap());
        table.write(&root, partitioning, tick);
        tables.push((name.clone(), table));
    }
    tables
}

fn params(manifest: &Value) -> Params {
    let text = |value: &Value, default: &str| value.as_str().unwrap_or(default).to_owned();
    let instant = |value: &Value| model::instant(&text(value, ""));
    let duration = |value: &Value, default: &str| model::duration(&text(value, default));
    Params {
        gap: duration(&manifest["gap"], "PT30M"),
        max_event_duration: duration(&manifest["max_event_duration"], "P7D"),
        max_lookback: duration(&manifest["max_lookback"], "P30D"),
        start: instant(&manifest["interval"]["start"]),
        end: instant(&manifest["interval"]["end"]),
        run_id: text(&manifest["run_id"], ""),
    }
}

/// The tables as the model's rows.
fn input(tables: &[(String, TextTable)]) -> Input {
    let mut input = Input::default();
    for (name, table) in tables {
        for row in 0..table.rows() {
            match name.as_str() {
                "minority_reports_detected_log" => input.reports.push(report(table, row)),
                "anomaly_classifier_model_prediction_log" => input.scores.push(Score {
                    store_id: table.text(row, "store_id"),
                    tick_at: table.time(row, "tick_at"),
                    sku: table.text(row, "sku"),
                    ingested_at: table.time(row, "ingested_at"),
                    anomaly_score: table.double(row, "anomaly_score"),
                }),
                "baseline_sales_model_prediction_log" => input.sales.push(Sale {
                    store_id: table.text(row, "store_id"),
                    tick_at: table.time(row, "tick_at"),
                    sku: table.text(row, "sku"),
                    ingested_at: table.time(row, "ingested_at"),
                    baseline_sales: table.money(row, "baseline_sales"),
                    actual_sales: table.money(row, "actual_sales"),
                }),
                "all_campaign_data" => {
                    input.campaigns.push(candidate(table, row, "campaign_id", "name"));
                }
                "contextual_data" => {
                    input.context.push(candidate(table, row, "context_id", "label"));
                }
                other => panic!("unknown dataset {other}"),
            }
        }
    }
    input
}

fn report(table: &TextTable, row: usize) -> Report {
    Report {
        store_id: table.text(row, "store_id"),
        detected_at: table.time(row, "detected_at"),
        sku: table.text(row, "sku"),
        first_detected_from: table.time(row, "first_detected_from"),
        anomaly_id: table.text(row, "anomaly_id"),
        severity: table.double(row, "severity"),
        sales_total: table.money(row, "sales_total"),
        ingested_at: table.time(row, "ingested_at"),
        feature_vector: table.doubles(row, "feature_vector"),
        cluster_id: table.text(row, "cluster_id"),
        cluster_name: table.text(row, "cluster_name"),
        similarity_score: table.double(row, "similarity_score"),
        cluster_match_confidence: table.double(row, "cluster_match_confidence"),
        tsne_x: table.double(row, "tsne_x"),
        tsne_y: table.double(row, "tsne_y"),
        proposed_cause: table.text(row, "proposed_cause"),
        proposed_cause_category: table.text(row, "proposed_cause_category"),
        supporting_evidence: table.text(row, "supporting_evidence"),
        confidence_score: table.double(row, "confidence_score"),
    }
}

fn candidate(table: &TextTable, row: usize, id: &str, name: &str) -> Candidate {
    Candidate {
        id: table.text(row, id).unwrap(),
        name: table.text(row, name).unwrap(),
        starts_at: table.time(row, "starts_at").unwrap(),
        ends_at: table.time(row, "ends_at").unwrap(),
        store_id: table.text(row, "store_id"),
        sku: table.text(row, "sku"),
        category: table.text(row, "category"),
        confidence: table.double(row, "confidence"),
    }
}

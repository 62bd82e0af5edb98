//! `cohort init`: the manifest that it proposes for a lake runs without edits.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::s3_job::{self, Place};
use crate::sample;
use crate::seaweed::{ADMIN, server};

fn cohort(arguments: &[&str]) -> Output {
    Command::new(crate::binary::binary()).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// Proposes a manifest for the lake. Returns its path and what was said.
fn init(lake: &Path, out: &Path) -> String {
    let (lake, out) = (lake.to_str().unwrap(), out.to_str().unwrap());
    let done = cohort(&["init", "--lake", lake, "--out", out]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    String::from_utf8(done.stdout).unwrap()
}

/// The digests of both logs that a run of the manifest writes, with the sample's own settings.
fn content(manifest: &Path) -> String {
    let run = ["run", "--manifest", manifest.to_str().unwrap(), "--run-id", "same"];
    let life = ["--gap", "PT1H", "--max-event-duration", "P1D"];
    let done = cohort(&[&run[..], &life].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    let lineage = summary["lineage"].as_str().unwrap().strip_prefix("file://").unwrap();
    let lineage: Value = serde_json::from_slice(&fs::read(lineage).unwrap()).unwrap();
    let files = ["minority_reports_cohorted_log", "minority_event_log"]
        .map(|log| lineage["outputs"][log]["files"].as_array().unwrap().clone());
    files.concat().iter().map(|file| file["sha256"].as_str().unwrap().to_owned() + " ").collect()
}

/// The manifest without its comments.
fn read(manifest: &Path) -> Value {
    let text = fs::read_to_string(manifest).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    serde_json::from_str(&lines.collect::<String>()).unwrap()
}

/// Copies the sample's logs into another lake: `folder` gives the place of a log and of a day,
/// `column` the name of a column.
fn copy(
    sample: &Path,
    lake: &Path,
    folder: impl Fn(&str, Option<&str>) -> String,
    column: impl Fn(&str, &str) -> String,
) {
    for name in s3_job::files(sample).into_keys() {
        let parts: Vec<&str> = name.split('/').collect();
        let [log, .., file] = parts[..] else { continue };
        let day = parts.iter().find_map(|part| part.strip_prefix("date="));
        let target = lake.join(folder(log, day));
        fs::create_dir_all(&target).unwrap();
        let named = format!("{}-{file}", day.unwrap_or("all"));
        rename(&sample.join(&name), &target.join(named), |name| column(log, name));
    }
}

/// Writes a Parquet file again, with other names of its columns.
fn rename(from: &Path, to: &Path, name: impl Fn(&str) -> String) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(from).unwrap()).unwrap();
    let fields = reader.schema().fields().iter();
    let fields: Vec<_> = fields
        .map(|field| Field::new(name(field.name()), field.data_type().clone(), field.is_nullable()))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(File::create(to).unwrap(), schema.clone(), None).unwrap();
    for batch in reader.build().unwrap() {
        let columns = batch.unwrap().columns().to_vec();
        writer.write(&RecordBatch::try_new(schema.clone(), columns).unwrap()).unwrap();
    }
    writer.close().unwrap();
}

fn same_name(_log: &str, column: &str) -> String {
    column.to_owned()
}

/// A sample, its own content, and a folder for a lake.
fn sample_and_content() -> (tempfile::TempDir, PathBuf, String) {
    let (folder, root) = sample::write(3);
    let content = content(&root.join("run_manifest.json"));
    // What this run wrote is not to be found in the lake.
    fs::remove_dir_all(root.join("out")).unwrap();
    (folder, root, content)
}

#[test]
fn the_manifest_proposed_for_a_sample_runs_and_gives_the_same_rows() {
    let (_folder, root, expected) = sample_and_content();
    let manifest = root.join("proposed.jsonc");
    let said = init(&root, &manifest);
    let proposed = read(&manifest);
    let own = read(&root.join("run_manifest.json"));
    assert_eq!(proposed["inputs"], own["inputs"], "{said}");
    assert_eq!(proposed["interval"]["start"], "2025-01-01T00:00:00.000000Z");
    assert!(said.contains("user_minority_events_edits_log: not found (it needs edit_id"), "{said}");
    assert_eq!(content(&manifest), expected);
    // As it is, with no option at all.
    let done = cohort(&["run", "--manifest", manifest.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(0), "{}", self::said(&done));
}

#[test]
fn a_lake_of_other_names_and_partitions_is_understood() {
    let (folder, root, expected) = sample_and_content();
    let bare = |number: &str| number.trim_start_matches('0').to_owned();
    type Days<'a> = &'a dyn Fn(&str) -> String;
    let parts = |day: &str| -> Vec<String> { day.split('-').map(str::to_owned).collect() };
    let padded = |day: &str| {
        let of = parts(day);
        format!("year={}/month={}/day={}", of[0], of[1], of[2])
    };
    let unpadded = |day: &str| {
        let of = parts(day);
        format!("year={}/month={}/day={}", of[0], bare(&of[1]), bare(&of[2]))
    };
    let compact = |day: &str| format!("dt={}", day.replace('-', ""));
    let plain = |day: &str| day.replace('-', "/");
    let none = |_: &str| String::new();
    for (name, days, pattern) in [
        ("padded", &padded as Days<'_>, Some("year=%Y/month=%m/day=%d")),
        ("unpadded", &unpadded, Some("year=%Y/month=%-m/day=%-d")),
        ("compact", &compact, Some("dt=%Y%m%d")),
        ("plain", &plain, Some("%Y/%m/%d")),
        ("none", &none, None),
    ] {
        let lake = folder.path().join(name);
        let place = |log: &str, day: Option<&str>| {
            let log = match log {
                "minority_reports_detected_log" => "bronze/detector_reports",
                "anomaly_classifier_model_prediction_log" => "bronze/ml/scores",
                "baseline_sales_model_prediction_log" => "bronze/ml/forecast",
                "all_campaign_data" => "silver/campaigns",
                _ => "silver/weather",
            };
            format!("{log}/{}", day.map(days).unwrap_or_default())
        };
        let column = |_: &str, column: &str| match column {
            "store_id" => "StoreCode".to_owned(),
            "sku" => "article_no".to_owned(),
            "detected_at" => "detection_time".to_owned(),
            "tick_at" => "ts".to_owned(),
            "first_detected_from" => "onset".to_owned(),
            "baseline_sales" => "expected_sales".to_owned(),
            "starts_at" => "valid_from".to_owned(),
            "ends_at" => "valid_to".to_owned(),
            other => other.to_uppercase(),
        };
        copy(&root, &lake, place, column);
        let manifest = folder.path().join(format!("{name}.jsonc"));
        let said = init(&lake, &manifest);
        let proposed = read(&manifest);
        let reports = &proposed["inputs"]["minority_reports_detected_log"];
        assert_eq!(reports["partitioning"].as_str(), pattern, "{name}: {said}");
        assert_eq!(reports["columns"]["store_id"], "StoreCode", "{name}");
        assert!(
            said.contains("took \"StoreCode\" for store_id, \"detection_time\" for detected_at, "),
            "{said}"
        );
        assert_eq!(proposed["inputs"].as_object().unwrap().len(), 5, "{said}");
        assert_eq!(proposed["interval"]["end"], "2025-01-02T00:00:00.000000Z", "{name}");
        assert_eq!(content(&manifest), expected, "{name}");
    }
}

#[test]
fn folders_that_hold_other_times_than_their_names_say_are_not_taken_for_partitions() {
    let (folder, root, expected) = sample_and_content();
    let lake = folder.path().join("late");
    // The folder is the day of the load, a year later.
    let place = |log: &str, day: Option<&str>| {
        let loaded = day.map(|day| format!("loaded={}", day.replace("202", "203")));
        format!("{log}/{}", loaded.unwrap_or_default())
    };
    copy(&root, &lake, place, same_name);
    let manifest = folder.path().join("late.jsonc");
    let said = init(&lake, &manifest);
    assert!(said.contains("hold ticks of other times"), "{said}");
    assert!(read(&manifest)["inputs"]["minority_reports_detected_log"]["partitioning"].is_null());
    assert_eq!(content(&manifest), expected);
}

#[test]
fn what_is_there_is_never_replaced() {
    let (_folder, root) = sample::write(1);
    let manifest = root.join("run_manifest.json");
    let before = fs::read(&manifest).unwrap();
    let (lake, out) = (root.to_str().unwrap(), manifest.to_str().unwrap());
    let done = cohort(&["init", "--lake", lake, "--out", out]);
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    assert!(said(&done).contains("expected a place where nothing is"), "{}", said(&done));
    assert_eq!(fs::read(&manifest).unwrap(), before);
}

#[test]
fn a_lake_without_reports_is_exit_66_and_names_what_is_there() {
    let (folder, root) = sample::write(1);
    fs::remove_dir_all(root.join("minority_reports_detected_log")).unwrap();
    let out = folder.path().join("m.jsonc");
    let done = cohort(&["init", "--lake", root.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(66), "{}", said(&done));
    assert!(said(&done).contains("minority_reports_detected_log (store_id, detected_at)"));
    assert!(said(&done).contains("contextual_data/ (context_id"), "{}", said(&done));
    assert!(!out.exists());
    let empty = folder.path().join("nothing");
    let done = cohort(&["init", "--lake", empty.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(66), "{}", said(&done));
    assert!(!out.exists());
}

#[test]
fn names_in_the_lake_cannot_leave_their_comment_or_their_string() {
    let (folder, root, expected) = sample_and_content();
    let lake = folder.path().join("h \"o*/ // ,\u{e9}");
    let column = |_: &str, column: &str| match column {
        "severity" => "severity\n  \"outputs\": {}, // */".to_owned(),
        "store_id" => "store \"id\" */".to_owned(),
        other => other.to_owned(),
    };
    let place = |log: &str, day: Option<&str>| {
        let day = day.map(|day| format!("date \"=\\ %={day}")).unwrap_or_default();
        format!("{log}/{day}")
    };
    copy(&root, &lake, place, column);
    let manifest = folder.path().join("hostile.jsonc");
    let said = init(&lake, &manifest);
    assert!(said.lines().all(|line| !line.starts_with("  \"outputs\"")), "{said}");
    let proposed = read(&manifest);
    let reports = &proposed["inputs"]["minority_reports_detected_log"];
    assert_eq!(reports["columns"]["store_id"], "store \"id\" */", "{proposed}");
    assert_eq!(reports["partitioning"], "date \"=\\ %%=%Y-%m-%d");
    assert_ne!(content(&manifest), expected, "the severities are another column's");
}

#[test]
fn what_the_job_wrote_and_what_is_no_log_is_left_out() {
    let (_folder, root) = sample::write(1);
    content(&root.join("run_manifest.json"));
    fs::create_dir(root.join("notes")).unwrap();
    fs::write(root.join("notes/readme.txt"), "text").unwrap();
    let manifest = root.join("proposed.jsonc");
    let said = init(&root, &manifest);
    assert!(said.contains("out/minority_event_log/: left out, since this job has written it"));
    assert!(said.contains("notes/: left out; "), "{said}");
    assert_eq!(read(&manifest)["inputs"].as_object().unwrap().len(), 5);
}

#[test]
fn a_lake_on_s3_gets_its_manifest_there() {
    let place = Place::new("init", &s3_job::sample(1));
    let before = place.everything();
    let uri = |name: &str| place.prefix.join(name).to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(crate::binary::binary());
        s3_job::environment(&mut command, server().port, ADMIN);
        command.args(arguments).output().unwrap()
    };
    let (lake, manifest) = (uri(""), uri("proposed.jsonc"));
    for exit in [0, 2] {
        let done = run(&["init", "--lake", &lake, "--out", &manifest]);
        assert_eq!(done.status.code(), Some(exit), "{}", said(&done));
    }
    let mut after = place.everything();
    assert!(after.remove("proposed.jsonc").is_some());
    assert_eq!(after, before);
    let done = run(&["run", "--manifest", &manifest]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
}

//! Bad input, bad manifests and bad disks: each has its exit code, one clear line, and leaves
//! nothing behind.
//!
//! The table runs the real binary on the sample with one thing broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Decimal128Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::attack::{ANOTHER, may_be_another, skip};
use crate::sample;

/// The day that the sample's manifest is for, in microseconds.
const DAY_US: i64 = 1_735_689_600_000_000;

struct Lake {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Lake {
    fn new() -> Self {
        let (folder, root) = sample::write(2);
        Self { _folder: folder, root }
    }

    fn with_manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        sample::change_manifest(&self.root, change);
        self
    }

    fn with_text(self, text: &str) -> Self {
        fs::write(self.root.join("run_manifest.json"), text).unwrap();
        self
    }

    /// The only file of a log's last day.
    fn file(&self, log: &str) -> PathBuf {
        let day = self.root.join(log).join("date=2025-01-01");
        fs::read_dir(day).unwrap().next().unwrap().unwrap().path()
    }

    fn with_bytes(self, log: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        let path = self.file(log);
        fs::write(&path, change(fs::read(&path).unwrap())).unwrap();
        self
    }

    /// Replaces MRDL's last day.
    fn with_reports(self, columns: Vec<(&str, ArrayRef)>) -> Self {
        write(&self.file("minority_reports_detected_log"), columns);
        self
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(crate::binary::binary());
        command.args(["run", "--manifest", "run_manifest.json"]).args(arguments);
        command.current_dir(&self.root).env_remove("RUST_LOG").output().unwrap()
    }

    /// Fails with this exit code and one line that contains all of `says`, and leaves no output.
    #[track_caller]
    fn fails(&self, exit: i32, says: &[&str]) {
        self.fails_with(&[], exit, says);
    }

    #[track_caller]
    fn fails_with(&self, arguments: &[&str], exit: i32, says: &[&str]) {
        let output = self.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{stderr}");
        assert!(output.stdout.is_empty());
        let lines: Vec<_> = stderr.lines().filter(|line| line.starts_with("cohort: ")).collect();
        assert_eq!(lines.len(), 1, "{stderr}");
        for word in says {
            assert!(lines[0].contains(word), "{word:?} is not in {stderr}");
        }
        assert!(!stderr.contains("RUST_BACKTRACE") && !stderr.contains("panicked"), "{stderr}");
        assert_eq!(files(&self.root.join("out")), 0, "something was written");
    }
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ticks(minutes: impl IntoIterator<Item = i64>) -> ArrayRef {
    let us = minutes.into_iter().map(|minute| DAY_US + minute * 60_000_000);
    Arc::new(TimestampMicrosecondArray::from_iter_values(us).with_timezone("UTC"))
}

fn amounts(units: Vec<i128>, precision: u8, scale: i8) -> ArrayRef {
    Arc::new(Decimal128Array::from(units).with_precision_and_scale(precision, scale).unwrap())
}

const MRDL: &str = "minority_reports_detected_log";
const BASELINE: &str = "baseline_sales_model_prediction_log";

#[test]
fn the_sample_itself_is_sound() {
    assert!(Lake::new().run(&[]).status.success());
}

#[test]
fn a_missing_column_is_named_with_those_that_are_there() {
    let lake = Lake::new().with_reports(vec![("shop", texts(&["1"])), ("detected_at", ticks([0]))]);
    lake.fails(65, &["\"store_id\"", "found shop, detected_at", "date=2025-01-01", "map it"]);
    let mapped = |columns| Lake::new().with_manifest(|m| m["inputs"][MRDL]["columns"] = columns);
    mapped(json!({"store_id": "shop"})).fails(65, &["\"shop\"", "store_id"]);
    let optional = mapped(json!({"sku": "article"})).run(&[]);
    assert!(optional.status.success(), "an optional column that a file lacks is null");
}

#[test]
fn a_text_that_is_not_utf_8_rejects_its_row_alone() {
    let bytes =
        |texts: [&'static [u8]; 2]| -> ArrayRef { Arc::new(BinaryArray::from_vec(texts.to_vec())) };
    for column in ["store_id", "sku", "cluster_name", "anomaly_id"] {
        let broken =
            |name| if name == column { bytes([b"a\xff", b"a"]) } else { bytes([b"a", b"a"]) };
        let names = ["store_id", "sku", "cluster_name", "anomaly_id"];
        let mut columns: Vec<_> = names.iter().map(|&name| (name, broken(name))).collect();
        columns.push(("detected_at", ticks([0, 5])));
        let lake = Lake::new()
            .with_reports(columns)
            .with_manifest(|manifest| manifest["max_reject_ratio"] = json!(1.0));
        let output = lake.run(&[]);
        assert!(output.status.success(), "{column}: {output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lineage = summary["lineage"].as_str().unwrap().strip_prefix("file://").unwrap();
        let lineage: Value = serde_json::from_slice(&fs::read(lineage).unwrap()).unwrap();
        assert_eq!(
            lineage["inputs"][MRDL]["rows_rejected"],
            json!({"invalid_text": 1}),
            "{column}"
        );
    }
}

#[test]
fn a_name_that_fits_two_columns_is_refused() {
    let texts = || texts(&["1"]);
    let columns = vec![("Store_Id", texts()), ("STORE_ID", texts()), ("detected_at", ticks([0]))];
    let both = ["\"store_id\"", "\"Store_Id\" and \"STORE_ID\"", "map the right one"];
    Lake::new().with_reports(columns).fails(65, &both);
}

#[test]
fn a_mistyped_column_is_named_with_both_types() {
    let lake = Lake::new()
        .with_reports(vec![("store_id", texts(&["1"])), ("detected_at", texts(&["noon"]))]);
    lake.fails(65, &["\"detected_at\"", "timestamp", "Utf8"]);
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let lake = Lake::new().with_reports(vec![("store_id", doubles), ("detected_at", ticks([0]))]);
    lake.fails(65, &["\"store_id\"", "string", "Float64"]);
}

#[test]
fn a_file_that_is_no_parquet_or_only_a_part_of_one_is_named() {
    for log in [MRDL, BASELINE] {
        Lake::new().with_bytes(log, |_| Vec::new()).fails(65, &[log, "Parquet", "0 bytes"]);
        Lake::new()
            .with_bytes(log, |_| b"store_id,detected_at\n1,2025-01-01T00:00:00Z\n".to_vec())
            .fails(65, &[log, "Parquet"]);
        Lake::new()
            .with_bytes(log, |bytes| bytes[..bytes.len() / 2].to_vec())
            .fails(65, &[log, "Parquet"]);
    }
}

#[test]
fn a_file_with_broken_pages_is_named() {
    let broken = |mut bytes: Vec<u8>| {
        bytes[4..40].fill(0xff);
        bytes
    };
    Lake::new().with_bytes(MRDL, broken).fails(65, &[MRDL, "row group 0"]);
    Lake::new().with_bytes(BASELINE, broken).fails(65, &[BASELINE, "row group 0"]);
}

#[test]
fn a_file_without_rows_is_no_fault() {
    let lake = Lake::new().with_reports(vec![("store_id", texts(&[])), ("detected_at", ticks([]))]);
    assert!(lake.run(&[]).status.success());
}

#[test]
fn a_dataset_with_nothing_in_it_is_an_input_that_does_not_exist() {
    for log in [MRDL, BASELINE] {
        let lake = Lake::new().with_manifest(|m| m["inputs"][log]["uri"] = json!("nowhere/"));
        lake.fails(66, &[log, "nowhere/"]);
    }
    let lake = Lake::new().with_manifest(|m| {
        m["inputs"][MRDL]["uri"] = json!("nowhere/");
        m["inputs"][MRDL].as_object_mut().unwrap().remove("partitioning");
    });
    lake.fails(66, &[MRDL, "nowhere/"]);
}

#[test]
fn a_manifest_that_does_not_exist_is_an_input_that_does_not_exist() {
    let lake = Lake::new();
    fs::remove_file(lake.root.join("run_manifest.json")).unwrap();
    lake.fails(66, &["run_manifest.json"]);
}

#[test]
fn too_many_rejected_rows_fail_the_run_and_are_counted_by_reason() {
    let rows = vec![("store_id", texts(&["1", "", "2"])), ("detected_at", ticks([0, 5, 10]))];
    let lake = Lake::new().with_reports(rows).with_manifest(|m| m["max_reject_ratio"] = json!(0.3));
    lake.fails(65, &[MRDL, "1 of 3", "missing_store_id: 1", "max_reject_ratio"]);
    let lake = lake.with_manifest(|m| m["max_reject_ratio"] = json!(0.34));
    assert!(lake.run(&[]).status.success());
}

#[test]
fn a_sum_that_does_not_fit_names_its_store_and_its_event() {
    let most = amounts(vec![10_i128.pow(18) - 1; 2], 18, 4);
    let rows = vec![
        ("store_id", texts(&["kiosk 7"; 2])),
        ("detected_at", ticks([0, 5])),
        ("sales_total", most),
    ];
    Lake::new().with_reports(rows).fails(65, &["kiosk 7", "2025-01-01T00:00:00"]);
}

#[test]
fn a_manifest_at_fault_is_named_with_what_to_write_instead() {
    let with = |change: fn(&mut Value)| Lake::new().with_manifest(change);
    with(|m| m["outptus"] = json!({})).fails(78, &["outptus", "outputs"]);
    with(|m| m["inputs"]["minority_report_detected_log"] = json!({"uri": "x/"}))
        .fails(78, &["minority_reports_detected_log"]);
    with(|m| m["gap"] = json!("30 minutes")).fails(78, &["gap", "PT30M", "30 minutes"]);
    with(|m| m["gap"] = json!("PT0S")).fails(78, &["gap"]);
    with(|m| m["interval"]["end"] = m["interval"]["start"].clone()).fails(78, &["interval", "end"]);
    with(|m| m["version"] = json!(2)).fails(78, &["version"]);
    with(|m| m["inputs"][MRDL]["partitioning"] = json!("date=%Y-%H")).fails(78, &["partition"]);
    with(|m| m["inputs"][MRDL]["uri"] = json!("gs://lake/x/"))
        .fails(78, &["gs://lake/x/", "s3://"]);
    Lake::new().with_text("version: 1\n").fails(78, &["run_manifest.json", "JSON"]);
}

#[test]
fn a_run_id_must_be_there_and_fit_a_path() {
    let with = |run_id: &str| Lake::new().with_manifest(|m| m["run_id"] = json!(run_id));
    with("a/b").fails(78, &["run_id", "/"]);
    with("").fails(78, &["run_id"]);
    with(&"x".repeat(251)).fails(78, &["run_id", "250"]);
    let nowhere = Lake::new().with_manifest(|m| {
        m.as_object_mut().unwrap().remove("run_id");
        m.as_object_mut().unwrap().remove("demo_run_config");
    });
    nowhere.fails(78, &["run_id", "--run-id", "demo_run_config"]);
    Lake::new().fails_with(&["--run-id", "a/b"], 2, &["run"]);
    Lake::new().fails_with(&["--interval-start", "yesterday"], 2, &["yesterday"]);
}

fn by_another(lake: &Lake) -> Output {
    let mut command = Command::new("setpriv");
    command
        .args(ANOTHER)
        .arg(crate::binary::binary())
        .args(["run", "--manifest", "run_manifest.json"])
        .current_dir(&lake.root)
        .output()
        .unwrap()
}

fn denied(output: &Output, says: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(77), "{stderr}");
    assert!(stderr.contains("not allowed to") && stderr.contains(says), "{stderr}");
}

#[test]
fn an_input_that_may_not_be_read_and_a_disk_that_may_not_be_written_are_denied() {
    use std::os::unix::fs::PermissionsExt as _;
    if !may_be_another() {
        return;
    }
    let lake = Lake::new();
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(lake.root.parent().unwrap());
    open(&lake.root);
    denied(&by_another(&lake), "write");
    fs::create_dir(lake.root.join("out")).unwrap();
    fs::set_permissions(lake.root.join("out"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(lake.file(MRDL), fs::Permissions::from_mode(0o000)).unwrap();
    denied(&by_another(&lake), "read");
    assert_eq!(files(&lake.root.join("out")), 0);
}

#[test]
fn a_full_disk_is_temporary_and_leaves_nothing_half_written() {
    let lake = Lake::new();
    let out = lake.root.join("out");
    fs::create_dir(&out).unwrap();
    let small = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=16k", "cohort-test"])
        .arg(&out)
        .status();
    if !small.is_ok_and(|status| status.success()) {
        return skip("a disk of the test's own takes the right to mount one");
    }
    let output = lake.run(&[]);
    let left = files(&out);
    assert!(Command::new("umount").arg(&out).status().unwrap().success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{stderr}");
    assert!(stderr.contains("space"), "{stderr}");
    assert_eq!(left, 0, "something was left on the full disk");
}

/// It once was exit 70, a bug, when the system gave the runtime no thread.
#[test]
fn a_thread_that_the_system_refuses_is_never_a_bug() {
    let lake = Lake::new();
    for mib in (24..=96).step_by(2) {
        let limited = format!("ulimit -v {}; exec \"$0\" \"$@\"", mib * 1024);
        let output = Command::new("sh")
            .arg("-c")
            .arg(limited)
            .arg(crate::binary::binary())
            .args(["run", "--manifest"])
            .arg(lake.root.join("run_manifest.json"))
            .output()
            .unwrap();
        let is_a_bug = output.status.code() == Some(70);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!is_a_bug || !said.contains("thread"), "{mib} MiB: {said}");
    }
}

#[test]
fn a_demo_run_config_that_is_not_utf_8_names_itself() {
    let lake = Lake::new().with_manifest(|m| {
        m.as_object_mut().unwrap().remove("run_id");
        m["demo_run_config"] = json!("who.json");
    });
    fs::write(lake.root.join("who.json"), b"{\"run_id\": \"\xff\"}").unwrap();
    lake.fails(78, &["demo_run_config", "who.json", "UTF-8"]);
}

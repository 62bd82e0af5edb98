//! A small lake whose reports the attacker writes, and the binary run on it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::sample;

/// The day that the sample's manifest is for, in microseconds.
const DAY_US: i64 = 1_735_689_600_000_000;

/// What an earlier run has left in its result file, as far as that is looked at.
pub(crate) const EARLIER: &str =
    r#"{"run_id":"earlier","status":"committed","lineage":"file:///l","execution":{}}"#;

/// The arguments of `setpriv` that make a program that of a user who owns nothing, for whom
/// permissions and limits hold. The tests may run as root, for whom neither does.
pub(crate) const ANOTHER: [&str; 3] = ["--reuid=61427", "--regid=61427", "--clear-groups"];

/// Whether a program can be run as [`ANOTHER`].
pub(crate) fn may_be_another() -> bool {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        skip("another user takes root");
    }
    is_root
}

/// Says why a test cannot run here. In CI every test must run.
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "skipped in CI: {reason}");
    println!("skipped: {reason}");
}

/// Lets anybody read and write all that is there.
pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(path).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            open_to_all(&path);
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        }
    }
}

/// The lake.
pub(crate) struct Attacked {
    _folder: tempfile::TempDir,
    /// Its folder.
    pub root: PathBuf,
}

impl Attacked {
    /// The sample as it is.
    pub(crate) fn new() -> Self {
        let (folder, root) = sample::write(2);
        sample::change_manifest(&root, |manifest| manifest["max_reject_ratio"] = json!(1.0));
        Self { _folder: folder, root }
    }

    /// The same with these reports on its day.
    pub(crate) fn with_reports(columns: Vec<(&str, ArrayRef)>) -> Self {
        let lake = Self::new();
        write(&lake.reports(), columns, WriterProperties::default());
        lake
    }

    /// The only file of the reports of its day.
    pub(crate) fn reports(&self) -> PathBuf {
        let day = self.root.join("minority_reports_detected_log/date=2025-01-01");
        fs::read_dir(day).unwrap().next().unwrap().unwrap().path()
    }

    /// Where a result is asked for.
    pub(crate) fn result_file(&self) -> PathBuf {
        self.root.join("result.json")
    }

    /// `cohort run` on it, begun by a program that sets limits and then starts what it is given.
    pub(crate) fn limited(&self, program: &str, limits: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(limits).arg(crate::binary::binary()).args(["run", "--manifest"]);
        command.arg(self.root.join("run_manifest.json"));
        command.arg("--result-file").arg(self.result_file()).env_remove("RUST_LOG");
        command
    }

    /// `cohort run` on it.
    pub(crate) fn run(&self) -> Output {
        self.limited("env", &[]).output().unwrap()
    }

    /// Any command of the binary.
    pub(crate) fn cohort<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut command = Command::new(crate::binary::binary());
        command.args(arguments).current_dir(&self.root).env_remove("RUST_LOG").output().unwrap()
    }

    /// What the result file says.
    pub(crate) fn result(&self) -> Value {
        let text = fs::read_to_string(self.result_file()).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }

    /// The lineage of the only run.
    pub(crate) fn lineage(&self) -> (PathBuf, Value) {
        let path = self.root.join("out/lineage/run=demo__2025-01-01/lineage.json");
        let text = fs::read_to_string(&path).unwrap();
        (path, serde_json::from_str(&text).unwrap())
    }
}

/// Writes a file of Parquet.
pub(crate) fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A column of texts.
pub(crate) fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A column of ticks, in minutes of the day.
pub(crate) fn ticks(minutes: impl IntoIterator<Item = i64>) -> ArrayRef {
    let us = minutes.into_iter().map(|minute| DAY_US + minute * 60_000_000);
    Arc::new(TimestampMicrosecondArray::from_iter_values(us).with_timezone("UTC"))
}

/// The only line that begins as the last word of a failure does.
#[track_caller]
pub(crate) fn last_word(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("cohort: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0].to_owned()
}

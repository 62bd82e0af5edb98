//! Files as people's tools write them: `tests/field/<case>/` holds a manifest, its datasets, and
//! what must come of them. That is the rows of both logs, or an exit code and a word of the
//! message.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use crate::lake;

const LOGS: [(&str, &str); 2] =
    [("minority_reports_cohorted_log", "mrch"), ("minority_event_log", "melog")];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field");
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn files_of_other_tools_give_what_they_hold() {
    let cases = cases();
    assert!(cases.len() >= 23, "field cases are missing: {cases:?}");
    let failures: Vec<_> = cases.iter().filter_map(|case| run(case).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn run(case: &Path) -> Result<(), String> {
    let name = case.file_name().unwrap().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(case, folder.path());
    let read = |file: &str| fs::read(case.join(file)).unwrap();
    let expected: Value = serde_json::from_slice(&read("expected.json")).unwrap();
    let run = lake::run_as_it_is(folder.path(), &[]);
    if expected["exit"] != run.exit {
        return Err(format!("{name}: expected exit {}, found {run:?}", expected["exit"]));
    }
    if let Some(word) = expected["names"].as_str() {
        let named = format!("{run:?}").contains(word);
        return if named { Ok(()) } else { Err(format!("{name}: {word:?} is not in {run:?}")) };
    }
    for (log, dataset) in LOGS {
        let found = rows(&folder.path().join("out").join(dataset));
        let expected = expected[log].as_array().unwrap();
        if found.len() != expected.len() {
            return Err(format!("{name}: {log}: {} rows, not {}", found.len(), expected.len()));
        }
        for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
            let differs = expected.as_object().unwrap().iter().find(|(column, value)| {
                !found.get(*column).is_some_and(|found| same(found, value))
            });
            if let Some((column, value)) = differs {
                let found = found.get(column);
                return Err(format!("{name}: {log} {number}: {column}: {found:?}, not {value}"));
            }
        }
    }
    Ok(())
}

/// Whether two values are the same, whatever the spelling of an instant or an amount.
fn same(found: &Value, expected: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::Number(number) => format!("{:?}", number.as_f64()),
        Value::Array(items) => format!("{:?}", items.iter().map(Value::as_f64).collect::<Vec<_>>()),
        Value::String(text) => text.parse::<cohort_core::Timestamp>().map_or_else(
            |_| text.parse::<f64>().map_or_else(|_| text.clone(), |n| format!("{:?}", Some(n))),
            |at| at.to_string(),
        ),
        other => other.to_string(),
    };
    text(found) == text(expected)
}

/// The rows of all parts below a folder, in the order of the parts' names.
fn rows(folder: &Path) -> Vec<Map<String, Value>> {
    let mut parts = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { parts.push(path) }
        }
    }
    parts.sort();
    parts.iter().flat_map(|part| rows_of(part)).collect()
}

fn rows_of(part: &Path) -> Vec<Map<String, Value>> {
    let file = fs::File::open(part).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> =
        reader.map(Result::unwrap).map(|batch| in_utc(&batch)).collect();
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    let text = String::from_utf8(writer.into_inner()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The same rows with every instant in the zone `+00:00`, the only one that the writer knows.
fn in_utc(batch: &RecordBatch) -> RecordBatch {
    use arrow::datatypes::DataType;
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let column = match column.data_type() {
            DataType::Timestamp(unit, Some(_)) => {
                let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
                arrow::compute::cast(column, &utc).unwrap()
            }
            _ => column.clone(),
        };
        (field.name().clone(), column, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

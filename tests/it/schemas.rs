//! The published schemas against the code: both accept the same, and the logs' columns agree.

use std::ffi::OsString;
use std::path::Path;

use arrow::datatypes::{DataType, TimeUnit};
use jsonschema::{Registry, Validator};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use cohort::{Execution, Lineage, Manifest, Overrides, SCHEMAS, Status, Summary, Uri, find_schema};
use cohort_core::Counts;
use cohort_core::contract::{self, Outputs};
use sha2::{Digest as _, Sha256};

fn schema(name: &str) -> Value {
    serde_json::from_str(find_schema(name).unwrap().text).unwrap()
}

/// Whether the schema of that name accepts the value, and if not, why.
pub(crate) fn check(name: &str, value: &Value) -> Result<(), String> {
    let registry = Registry::new()
        .add("json-schema:///run_manifest.v1.json", schema("run_manifest"))
        .unwrap()
        .prepare()
        .unwrap();
    let schema = schema(name);
    let options = jsonschema::options().with_registry(&registry);
    let validator: Validator = options.build(&schema).unwrap();
    validator.validate(value).map_err(|error| error.to_string())
}

fn uri(text: &str) -> Uri {
    Uri::from_argument(Path::new("/lake"), text).unwrap()
}

fn parse(manifest: &Value) -> Result<Manifest, cohort::ManifestError> {
    let overrides = Overrides { run_id: Some("typed".into()), ..Overrides::default() };
    Manifest::parse(&manifest.to_string(), &uri("m.json"), &overrides, None)
}

fn good() -> Value {
    json!({
        "version": 1,
        "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
        "inputs": {"minority_reports_detected_log": {"uri": "mrdl"}},
        "outputs": {"minority_reports_cohorted_log": "a", "minority_event_log": "b", "lineage": "c"}
    })
}

/// The good manifest with the value at a pointer replaced, or removed if the new value is null.
fn with(pointer: &str, value: &Value) -> Value {
    let mut manifest = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::String(text) if text == "<remove>" => {
            parent.remove(key);
        }
        _ => {
            parent.insert(key.to_owned(), value.clone());
        }
    }
    manifest
}

const MRDL: &str = "/inputs/minority_reports_detected_log";

#[test]
fn manifests_that_the_parser_accepts_the_schema_accepts() {
    for (pointer, value) in [
        ("/version", json!(1.0)),
        ("/run_id", json!("scheduled__2025-01-01T00:00:00+00:00")),
        ("/run_id", json!("x".repeat(250))),
        ("/gap", json!("PT0.000001S")),
        ("/gap", json!("P1DT12H")),
        ("/gap", json!("P1D")),
        ("/gap", json!("PT1.5H")),
        ("/max_lookback", json!("PT0S")),
        ("/max_reject_ratio", json!(0)),
        ("/max_reject_ratio", json!(1)),
        ("/max_reject_ratio", json!(0.5)),
        ("/demo_run_config", json!("../demo.json")),
        ("/commit", json!("unconditional")),
        ("/interval/start", json!("2024-12-31T23:00:00.123456789+01:00")),
        ("/interval/start", json!("2024-12-31 23:00:00Z")),
        ("/interval/start", json!("2024-12-31T23:00Z")),
        ("/inputs/contextual_data", json!({"uri": "x", "partitioning": "%Y/%j", "columns": {}})),
        ("/inputs/user_minority_events_edits_log", json!({"uri": "file:///x%3A y"})),
        ("/inputs/all_campaign_data", json!({"uri": "x", "columns": {"name": "ä b"}})),
        (MRDL, json!({"uri": "s3://b"})),
        (MRDL, json!({"uri": "/x", "partitioning": "dt=%Y%m%d/hour=%H/"})),
        (MRDL, json!({"uri": "x", "partitioning": "year=%Y/date=%F/%H-%M/100%%"})),
        (MRDL, json!({"uri": "x", "partitioning": "year=%Y/month=%-m/day=%-d/%-H%%"})),
        ("/outputs/rejects", json!("memory:///r")),
    ] {
        let manifest = with(pointer, &value);
        parse(&manifest).unwrap_or_else(|error| panic!("{pointer} {value}: {error}"));
        check("run_manifest", &manifest).unwrap_or_else(|error| panic!("{value}: {error}"));
    }
}

/// What is changed in a good manifest, and its new value as JSON.
const REFUSED: &[(&str, &str)] = &[
    ("/gaps", r#""PT5M""#),
    ("/version", r#""<remove>""#),
    ("/version", "2"),
    ("/version", r#""1""#),
    ("/run_id", r#""""#),
    ("/run_id", r#""a/b""#),
    ("/run_id", r#""a\n""#),
    ("/run_id", "null"),
    ("/gap", r#""PT0S""#),
    ("/gap", r#""P0D""#),
    ("/gap", r#""30M""#),
    ("/gap", r#""P1M""#),
    ("/gap", r#""P1Y""#),
    ("/gap", r#""P""#),
    ("/gap", r#""PT""#),
    ("/gap", r#""-PT5M""#),
    ("/gap", r#""PT0.0000001S""#),
    ("/gap", "30"),
    ("/max_lookback", r#""a month""#),
    ("/max_reject_ratio", "1.01"),
    ("/max_reject_ratio", "-0.01"),
    ("/max_reject_ratio", r#""0.1""#),
    ("/demo_run_config", r#""""#),
    ("/demo_run_config", r#""gs://b/k""#),
    ("/commit", r#""always""#),
    ("/interval", r#""2025-01-01/2025-01-02""#),
    ("/interval/start", r#""<remove>""#),
    ("/interval/start", r#""2025-01-01""#),
    ("/interval/start", r#""2025-01-01T00:00:00""#),
    ("/interval/begin", r#""2025-01-01T00:00:00Z""#),
    ("/inputs", r#""<remove>""#),
    ("/inputs", "{}"),
    ("/inputs/sales", r#"{"uri": "x"}"#),
    (MRDL, r#""x""#),
    (MRDL, "{}"),
    (MRDL, r#"{"uri": ""}"#),
    (MRDL, r#"{"uri": "s3:///k"}"#),
    (MRDL, r#"{"uri": "file://host/k"}"#),
    (MRDL, r#"{"uri": "a\tb"}"#),
    (MRDL, r#"{"uri": "x", "url": "y"}"#),
    (MRDL, r#"{"uri": "x", "columns": {"store": "y"}}"#),
    (MRDL, r#"{"uri": "x", "columns": {"store_id": ""}}"#),
    (MRDL, r#"{"uri": "x", "columns": {"store_id": 1}}"#),
    (MRDL, r#"{"uri": "x", "partitioning": ""}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "date"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%m-%d"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/%d"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/%m/%H"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%F/%M"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/%-d"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/%-m0"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/%-m%-d"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y-%q"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y%"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "/%Y"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y//%m"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "../%Y"}"#),
    (MRDL, r#"{"uri": "x", "partitioning": "%Y/."}"#),
    ("/outputs/lineage", r#""<remove>""#),
    ("/outputs/lineage", r#""""#),
    ("/outputs/linage", r#""x""#),
];

#[test]
fn manifests_that_the_parser_refuses_the_schema_refuses() {
    let refused = REFUSED.iter().map(|(at, value)| (*at, serde_json::from_str(value).unwrap()));
    for (pointer, value) in refused.chain([("/run_id", json!("x".repeat(251)))]) {
        let manifest = with(pointer, &value);
        assert!(parse(&manifest).is_err(), "the parser accepts {pointer} {value}");
        assert!(check("run_manifest", &manifest).is_err(), "the schema accepts {pointer} {value}");
    }
}

#[test]
fn the_manifest_schema_knows_the_columns_of_every_input() {
    let schema = schema("run_manifest");
    let inputs = schema.pointer("/properties/inputs/properties").unwrap().as_object().unwrap();
    let logs = contract::ALL.iter().filter(|log| log.direction == contract::Direction::Input);
    assert_eq!(inputs.len(), logs.clone().count());
    for log in logs {
        let columns = inputs[log.name].pointer("/properties/columns/properties").unwrap();
        let mut names: Vec<&str> = log.columns.iter().map(|column| column.name).collect();
        names.sort_unstable();
        let found: Vec<&String> = columns.as_object().unwrap().keys().collect();
        assert_eq!(found, names, "{}", log.name);
    }
}

#[test]
fn examples_in_schemas_are_valid() {
    for name in ["run_manifest", "lineage", "summary", "verify", "explain", "history"] {
        for example in schema(name)["examples"].as_array().unwrap() {
            check(name, example).unwrap();
        }
    }
    let manifest = &schema("run_manifest")["examples"][0];
    parse(manifest).unwrap();
}

#[test]
fn a_lineage_validates_and_reads_back() {
    let example = &schema("lineage")["examples"][0];
    let lineage = Lineage::parse(example.to_string().as_bytes(), &uri("l.json")).unwrap();
    let written = lineage.to_json();
    assert!(written.ends_with("}\n"));
    let value: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(value, *example);
    let digests: String = lineage
        .outputs
        .each()
        .flat_map(|(_, output)| &output.files)
        .map(|file| format!("{}\n", file.sha256))
        .collect();
    let digest: String = Sha256::digest(digests).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, lineage.content_sha256);
    assert_eq!(Lineage::parse(written.as_bytes(), &uri("l.json")).unwrap(), lineage);
}

#[test]
fn a_lineage_with_every_option_validates() {
    let mut lineage = {
        let example = &schema("lineage")["examples"][0];
        Lineage::parse(example.to_string().as_bytes(), &uri("l.json")).unwrap()
    };
    let mut input = lineage.inputs.reports.clone();
    input.opened_from = Some(lineage.interval.start);
    let missing = ["missing_store_id", "missing_detected_at", "missing_tick_at"];
    let faulty = ["instant_out_of_range", "invalid_text", "value_too_long", "outside_partition"];
    for reason in missing.into_iter().chain(faulty) {
        input.rows_rejected.insert(reason.to_owned(), 1);
    }
    input.rows_rejected.insert("onset_after_detection".to_owned(), 2);
    input.files[0].etag = Some("\"abc\"".to_owned());
    lineage.inputs.scores = Some(input.clone());
    lineage.inputs.sales = Some(input.clone());
    lineage.inputs.campaigns = Some(input.clone());
    lineage.inputs.context = Some(input);
    lineage.outputs.rejects = Some(lineage.outputs.melog.clone());
    let mut manifest = with("/outputs/rejects", &json!("s3://b/r"));
    manifest["demo_run_config"] = json!("demo.json");
    manifest["inputs"]["contextual_data"] =
        json!({"uri": "x", "partitioning": "%F", "columns": {"label": "l"}});
    lineage.manifest = parse(&manifest).unwrap().resolved();
    let value: Value = serde_json::from_str(&lineage.to_json()).unwrap();
    check("lineage", &value).unwrap();
}

#[test]
fn a_lineage_of_another_version_or_kind_is_refused() {
    for (text, found) in [
        ("{\"version\": 2}", "found version 2"),
        ("{}", "found no version"),
        ("{\"version\": 1}", "found missing field"),
        ("x", "found expected value at line 1"),
    ] {
        let error = Lineage::parse(text.as_bytes(), &uri("s3://b/l.json")).unwrap_err();
        assert!(error.to_string().starts_with("s3://b/l.json: expected a lineage of version 1"));
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[test]
fn summaries_validate() {
    for (status, rejects, peak) in
        [(Status::Committed, None, Some(1)), (Status::Unchanged, Some(3), None)]
    {
        let summary = Summary {
            run_id: "r".parse().unwrap(),
            status,
            interval: parse(&good()).unwrap().interval,
            lineage: uri("s3://b/l.json"),
            rows: Outputs { mrch: 1, melog: 2, rejects },
            counts: Counts::default(),
            execution: Execution::default(),
            peak_memory_bytes: peak,
        };
        let line = summary.to_json();
        assert!(!line.contains('\n'));
        check("summary", &serde_json::from_str(&line).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&line).unwrap(), summary);
    }
}

/// `COHORT_GOLDEN=overwrite` writes the files anew.
#[test]
fn every_log_has_its_schema_and_it_is_the_contracts_table() {
    for log in contract::ALL {
        let expected = serde_json::to_string_pretty(log).unwrap() + "\n";
        let name = format!("{}.v{}", log.name, log.version);
        if std::env::var("COHORT_GOLDEN").is_ok_and(|mode| mode == "overwrite") {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
            std::fs::write(folder.join(format!("{name}.json")), &expected).unwrap();
        } else {
            assert_eq!(find_schema(&name).unwrap().text, expected, "{name}");
        }
    }
}

#[test]
fn every_file_in_schemas_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let stem = |name: OsString| name.to_str().unwrap().strip_suffix(".json").map(str::to_owned);
    let mut files: Vec<String> = names.filter_map(stem).collect();
    files.sort();
    let mut names: Vec<&str> = SCHEMAS.iter().map(|schema| schema.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    assert_eq!(find_schema("lineage").unwrap().name, "lineage.v1");
    assert_eq!(find_schema("lineage.v1.json").unwrap().name, "lineage.v1");
    assert!(find_schema("lineage.v2").is_none());
}

/// What the contract calls an Arrow type.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => format!("timestamp(us, {zone})"),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        other => other.to_string(),
    }
}

#[test]
fn a_real_run_prints_and_writes_what_the_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let cohort = |arguments: &[&str]| {
        let done = std::process::Command::new(crate::binary::binary())
            .args(arguments)
            .arg(&lake)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    cohort(&["sample", "--stores", "4", "--skus", "3", "--days", "2", "--seed", "7"]);
    let manifest = lake.join("run_manifest.json");
    let rejects = with_rejects(&std::fs::read_to_string(&manifest).unwrap());
    check("run_manifest", &rejects).unwrap();
    std::fs::write(&manifest, rejects.to_string()).unwrap();
    let done = std::process::Command::new(crate::binary::binary())
        .args(["run", "--manifest"])
        .arg(&manifest)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    check("summary", &summary).unwrap();
    let local = |uri: &Value| uri.as_str().unwrap().strip_prefix("file://").unwrap().to_owned();
    let lineage: Value =
        serde_json::from_slice(&std::fs::read(local(&summary["lineage"])).unwrap()).unwrap();
    check("lineage", &lineage).unwrap();
    for (name, output) in lineage["outputs"].as_object().unwrap() {
        let log = contract::ALL.iter().find(|log| log.name == name).unwrap();
        for file in output["files"].as_array().unwrap() {
            let part = std::fs::File::open(local(&file["uri"])).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(part).unwrap();
            let fields = reader.schema().fields();
            let found: Vec<(String, String, bool)> = fields
                .iter()
                .map(|field| {
                    (field.name().clone(), type_name(field.data_type()), field.is_nullable())
                })
                .collect();
            let columns = log.columns.iter();
            let expected: Vec<(String, String, bool)> = columns
                .map(|column| (column.name.to_owned(), column.kind.to_string(), column.nullable))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}

/// A manifest that asks for rejected rows too, and accepts any number of them.
fn with_rejects(manifest: &str) -> Value {
    let mut manifest: Value = serde_json::from_str(manifest).unwrap();
    manifest["outputs"]["rejects"] = json!("rejects/");
    manifest["max_reject_ratio"] = json!(1);
    manifest
}

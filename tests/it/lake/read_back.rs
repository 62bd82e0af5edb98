//! A committed run read back as its consumers read it: from the lineage to the parts it lists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::{Committed, files_under};
use crate::model::{Amount, COUNTS, Facts, MelogRow, MrchRow, Output, instant};

pub(crate) fn committed(lake: &Path, run_id: &str) -> Committed {
    let files = files_under(&lake.join("out"));
    let folder = format!("run={}/", percent_encoded(run_id));
    let lineage = format!("lineage/{folder}lineage.json");
    let lineage =
        files.get(&lineage).unwrap_or_else(|| panic!("{lineage} is not among {:?}", files.keys()));
    let lineage: Value = serde_json::from_slice(lineage).unwrap();
    let mut output = Output::default();
    for path in listed(&lineage, "minority_reports_cohorted_log") {
        for batch in batches(&path) {
            output.mrch.extend((0..batch.num_rows()).map(|row| mrch_row(&batch, row)));
        }
    }
    for path in listed(&lineage, "minority_event_log") {
        for batch in batches(&path) {
            output.melog.extend((0..batch.num_rows()).map(|row| melog_row(&batch, row)));
        }
    }
    Committed { output, lineage, files }
}

/// The logs that rows can be rejected from, by the model's names for them.
const LOGS: [(&str, &str); 3] = [
    ("reports", "minority_reports_detected_log"),
    ("scores", "anomaly_classifier_model_prediction_log"),
    ("sales", "baseline_sales_model_prediction_log"),
];

/// The log's full name.
pub(super) fn log(dataset: &str) -> &'static str {
    LOGS.iter().find(|(name, _)| *name == dataset).unwrap().1
}

/// The rejected rows that the lineage counts, named as the model names them.
pub(crate) fn rejected(lineage: &Value) -> BTreeMap<(&'static str, &'static str), u64> {
    let reasons = [
        "missing_store_id",
        "missing_detected_at",
        "missing_tick_at",
        "instant_out_of_range",
        "onset_after_detection",
        "value_too_long",
    ];
    let mut counts = BTreeMap::new();
    for (dataset, log) in LOGS {
        for reason in reasons {
            let count = lineage["inputs"][log]["rows_rejected"][reason].as_u64();
            if let Some(count) = count.filter(|count| *count > 0) {
                counts.insert((dataset, reason), count);
            }
        }
    }
    counts
}

/// What else the lineage counts, named as the model names it.
pub(crate) fn facts(lineage: &Value) -> Facts {
    let mut facts = Facts::default();
    let inputs = &lineage["inputs"];
    facts.onsets_ignored = inputs[LOGS[0].1]["onsets_ignored"].as_u64().unwrap();
    let columns =
        [("reports", "sales_total"), ("sales", "baseline_sales"), ("sales", "actual_sales")];
    for (dataset, column) in columns {
        let values = inputs[log(dataset)]["values_out_of_range"][column].as_u64();
        if let Some(values) = values {
            facts.values_out_of_range.insert((dataset, column), values);
        }
    }
    for name in COUNTS {
        facts.counts.insert(name, lineage["counts"][name].as_u64().unwrap());
    }
    facts.lookback_start = instant(lineage["lookback"]["start"].as_str().unwrap());
    facts
}

/// SPEC 10: every byte outside `A-Za-z0-9._-` is percent-encoded.
fn percent_encoded(run_id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    run_id
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The paths of a dataset's parts, in the lineage's order.
fn listed(lineage: &Value, dataset: &str) -> Vec<String> {
    let files = lineage["outputs"][dataset]["files"].as_array().unwrap();
    let path = |file: &Value| {
        let uri = file["uri"].as_str().unwrap();
        uri.strip_prefix("file://").unwrap_or(uri).to_owned()
    };
    files.iter().map(path).collect()
}

fn batches(path: &str) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a ArrayRef> {
    let column =
        batch.column_by_name(name).unwrap_or_else(|| panic!("no column {name} in an output"));
    (!column.is_null(row)).then_some(column)
}

trait Cell: Sized {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self>;
}

impl Cell for String {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row).map(|column| column.as_string::<i32>().value(row).to_owned())
    }
}

impl Cell for i64 {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row)
            .map(|column| column.as_primitive::<TimestampMicrosecondType>().value(row))
    }
}

impl Cell for i32 {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row).map(|column| column.as_primitive::<Int32Type>().value(row))
    }
}

impl Cell for f64 {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row).map(|column| column.as_primitive::<Float64Type>().value(row))
    }
}

impl Cell for Amount {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row).map(|column| {
            let amounts = column.as_primitive::<Decimal128Type>();
            assert_eq!((amounts.precision(), amounts.scale()), (18, 4), "{name}");
            amounts.value(row)
        })
    }
}

impl Cell for Vec<Option<f64>> {
    fn read(batch: &RecordBatch, name: &str, row: usize) -> Option<Self> {
        column(batch, name, row).map(|column| {
            column.as_list::<i32>().value(row).as_primitive::<Float64Type>().iter().collect()
        })
    }
}

macro_rules! row {
    ($Row:ident, $batch:ident, $row:ident:
     $($required:ident)*; $($nullable:ident)*) => {
        $Row {
            $($required: Cell::read($batch, stringify!($required), $row)
                .unwrap_or_else(|| panic!("{} is null", stringify!($required))),)*
            $($nullable: Cell::read($batch, stringify!($nullable), $row),)*
        }
    };
}

fn mrch_row(batch: &RecordBatch, row: usize) -> MrchRow {
    let mrch_row = row!(MrchRow, batch, row:
        report_id report_group_id event_status report_status version store_id window_start run_id
        cohort_id cohort_name cohort_reason cohort_size written_at;
        sku window_end severity_score impact_estimate attributed_sales_total baseline_sales_total
        feature_vector cluster_id cluster_name similarity_score cluster_match_confidence tsne_x
        tsne_y proposed_cause proposed_cause_category confidence_score supporting_evidence
        cohort_confidence);
    assert_order(batch, &mrch_row.cells());
    mrch_row
}

fn melog_row(batch: &RecordBatch, row: usize) -> MelogRow {
    let event = row!(MelogRow, batch, row:
        event_id store_id window_start event_status created_at version report_count sku_count
        cohort_id cohort_name cohort_reason run_id written_at;
        continues_event_id end_reason window_end finalized_at severity_score impact_estimate
        attributed_sales_total baseline_sales_total proposed_cause proposed_cause_category
        confidence_score cohort_confidence);
    assert_order(batch, &event.cells());
    event
}

/// The columns are in the page's order, and there are no others.
fn assert_order(batch: &RecordBatch, cells: &crate::model::Cells) {
    let schema = batch.schema();
    let found: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let expected: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, expected);
}

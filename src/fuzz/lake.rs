//! A small lake in memory, with one file of which fuzzing decides what it holds.
#![allow(clippy::expect_used, reason = "fuzzing that cannot begin has failed, and may say why")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};
use cohort_core::{Id, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use serde_json::json;

use crate::committed::Selection;
use crate::manifest::{Overrides, Places};
use crate::objects::{Memory, Objects as _, Uri};
use crate::orchestrator::pipes;
use crate::registry::{self, Form, Options};
use crate::run::{Error, Shell, load_manifest};
use crate::workers::Workers;

/// The manifest of the lake.
pub(super) const MANIFEST: &str = r#"{
  "version": 1,
  "run_id": "r",
  "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
  "gap": "PT30M",
  "max_event_duration": "P7D",
  "max_lookback": "P30D",
  "max_reject_ratio": 1,
  "keep_superseded": true,
  "inputs": {
    "minority_reports_detected_log": {"uri": "reports/", "columns": {"sku": "sku"}},
    "baseline_sales_model_prediction_log": {"uri": "sales/"},
    "all_campaign_data": {"uri": "campaigns/"},
    "user_minority_events_edits_log": {"uri": "edits/"}
  },
  "outputs": {
    "minority_reports_cohorted_log": "out/lines/",
    "minority_event_log": "out/events/",
    "lineage": "out/lineage/",
    "rejects": "out/rejects/"
  }
}"#;

/// 2025-01-01T10:00:00Z in seconds.
const MORNING: i64 = 1_735_725_600;
const ROWS: i64 = 36;
/// The logs' files.
const FILES: [(Log, &str); 4] = [
    (Log::Reports, "reports/part.parquet"),
    (Log::Sales, "sales/part.parquet"),
    (Log::Campaigns, "campaigns/part.parquet"),
    (Log::Edits, "edits/part.parquet"),
];

/// A log of which fuzzing decides what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// `minority_reports_detected_log`.
    Reports,
    /// `baseline_sales_model_prediction_log`.
    Sales,
    /// `all_campaign_data`.
    Campaigns,
    /// `user_minority_events_edits_log`.
    Edits,
}

static PLAIN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    FILES.iter().map(|(log, _)| file(&batch(*log), WriterProperties::builder())).collect()
});
static WORKERS: LazyLock<Workers> = LazyLock::new(|| Workers::start(1));

/// Waits for a task that never leaves this thread for long.
pub(super) fn block_on<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime without threads").block_on(task)
}

/// A place in the lake.
pub(super) fn uri(path: &str) -> Uri {
    let root = Uri::from_argument(Path::new("/"), "/lake/").expect("this is a URI");
    root.join(path)
}

/// Runs the job on the lake, with these bytes as the file of a log.
pub(super) fn run(log: Log, input: &[u8]) -> Result<(), Error> {
    block_on(run_on(&Arc::new(Memory::new()), Some((log, input))))
}

/// The lineage of a run on the lake as it is.
pub(super) fn lineage() -> Vec<u8> {
    let objects = Arc::new(Memory::new());
    block_on(async {
        run_on(&objects, None).await.expect("the lake is sound");
        let (bytes, _) =
            objects.read(&uri("out/lineage/run=r/lineage.json")).await.expect("it ran");
        bytes.to_vec()
    })
}

/// The registry of a run on the lake, with these bytes as the file of edits. Returns its bytes as
/// JSON lines.
pub(super) fn registry(edits: &[u8]) -> Result<usize, registry::Error> {
    let objects = Arc::new(Memory::new());
    block_on(async {
        run_on(&objects, Some((Log::Edits, edits))).await.expect("the lake is sound");
        let places = Places::read(MANIFEST, &uri("run_manifest.json")).expect("it ran");
        let (selection, options) = (Selection::default(), Options::default());
        let shell = Shell { objects: objects.clone(), workers: WORKERS.clone() };
        let found = registry::registry(&shell, &places, &selection, options).await?;
        let mut lines = Vec::new();
        registry::print(&found, Form::Jsonl, |_| true, &mut lines)?;
        Ok(lines.len())
    })
}

async fn run_on(objects: &Arc<Memory>, changed: Option<(Log, &[u8])>) -> Result<(), Error> {
    for ((log, path), plain) in FILES.iter().zip(&*PLAIN) {
        let content = changed.filter(|(of, _)| of == log).map_or(plain.as_slice(), |(_, b)| b);
        objects.create(&uri(path), content.to_vec().into()).await?;
    }
    let manifest_uri = uri("run_manifest.json");
    objects.create(&manifest_uri, MANIFEST.into()).await?;
    let manifest = load_manifest(&**objects, &manifest_uri, &Overrides::default()).await?;
    let shell = Shell { objects: objects.clone(), workers: WORKERS.clone() };
    shell.run(&manifest).await.map(drop)
}

/// Files of a log in many forms.
pub(super) fn files(log: Log) -> Vec<Vec<u8>> {
    let batch = batch(log);
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ];
    let versions = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let forms = codecs.into_iter().flat_map(|codec| versions.map(|version| (codec, version)));
    let mut files: Vec<_> = forms
        .flat_map(|(codec, version)| {
            let of =
                || WriterProperties::builder().set_compression(codec).set_writer_version(version);
            let small = of().set_data_page_row_count_limit(5).set_write_batch_size(5);
            let groups = of().set_max_row_group_row_count(Some(10)).set_dictionary_enabled(false);
            [file(&batch, small), file(&batch, groups)]
        })
        .collect();
    for encoding in [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY] {
        let texts = ["store_id", "sku", "anomaly_id", "campaign_id", "name", "event_id", "field"];
        let plain = WriterProperties::builder().set_dictionary_enabled(false);
        let of = |builder: WriterPropertiesBuilder, name: &&str| {
            builder.set_column_encoding((*name).into(), encoding)
        };
        files.push(file(&batch, texts.iter().fold(plain, of)));
    }
    let plain = WriterProperties::builder().set_dictionary_enabled(false);
    let delta = ["tick_at", "detected_at", "starts_at", "ingested_at", "edited_at"];
    let of = |builder: WriterPropertiesBuilder, name: &&str| {
        builder.set_column_encoding((*name).into(), Encoding::DELTA_BINARY_PACKED)
    };
    files.push(file(&batch, delta.iter().fold(plain, of)));
    files
}

fn file(batch: &RecordBatch, properties: WriterPropertiesBuilder) -> Vec<u8> {
    let written = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()));
    let written = written.and_then(|mut writer| {
        writer.write(batch)?;
        writer.into_inner()
    });
    written.expect("a sound batch can be written")
}

fn texts(of: impl Fn(i64) -> Option<String>) -> ArrayRef {
    Arc::new((0..ROWS).map(of).collect::<StringArray>())
}

fn instants(seconds: impl Fn(i64) -> Option<i64>) -> ArrayRef {
    let numbers: ArrayRef = Arc::new((0..ROWS).map(seconds).collect::<Int64Array>());
    let zoned = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let seconds = cast(&numbers, &zoned(TimeUnit::Second)).expect("numbers are seconds");
    cast(&seconds, &zoned(TimeUnit::Microsecond)).expect("no year is far away")
}

fn doubles(of: impl Fn(i64) -> Option<f64>) -> ArrayRef {
    Arc::new((0..ROWS).map(of).collect::<Float64Array>())
}

fn amounts(of: impl Fn(i64) -> Option<f64>) -> ArrayRef {
    cast(&doubles(of), &DataType::Decimal128(18, 4)).expect("amounts are small")
}

fn batch(log: Log) -> RecordBatch {
    let some = |i: i64, of: i64| (i % of != 0).then_some(i);
    let tick = |i: i64| MORNING + 300 * (i / 6);
    let store = texts(|i| some(i, 17).map(|i| (i % 3).to_string()));
    let sku = texts(|i| some(i, 4).map(|i| format!("sku-{}", i % 6 / 3)));
    let ingested_at = instants(|i| some(i, 5).map(tick));
    let columns: Vec<(&str, ArrayRef)> = match log {
        Log::Sales => vec![
            ("store_id", store),
            ("sku", sku),
            ("tick_at", instants(|i| some(i, 19).map(tick))),
            ("baseline_sales", amounts(|i| Some(i as f64))),
            ("actual_sales", amounts(|i| some(i, 3).map(|i| i as f64 / 4.0))),
            ("ingested_at", ingested_at),
        ],
        Log::Campaigns => vec![
            ("campaign_id", texts(|i| Some(i.to_string()))),
            ("name", texts(|i| Some(format!("campaign {i}")))),
            ("starts_at", instants(|i| Some(MORNING - 60 * i))),
            ("ends_at", instants(|i| Some(MORNING + 600 * i))),
            ("store_id", store),
            ("confidence", doubles(|i| some(i, 3).map(|i| 1.0 / i as f64))),
        ],
        Log::Edits => {
            let opened_at = Timestamp::from_us(MORNING * 1_000_000).expect("a year of ours");
            let edits = [
                ("verdict", Some("confirmed".to_owned())),
                ("note", Some("a promotion".to_owned())),
                ("suppressed_until", Some("2025-02-01T00:00:00Z".to_owned())),
                ("merged_into", Some(Id::of("2", opened_at).as_str().to_owned())),
                ("merged_into", None),
                ("revert", Some("edit-1".to_owned())),
            ];
            let edit = |i: i64| &edits[usize::try_from(i).unwrap_or(0) % edits.len()];
            vec![
                ("edit_id", texts(|i| Some(format!("edit-{i}")))),
                (
                    "event_id",
                    texts(|i| some(i, 17).map(|_| Id::of("1", opened_at).as_str().to_owned())),
                ),
                ("field", texts(|i| Some(edit(i).0.to_owned()))),
                ("new_value", texts(|i| edit(i).1.clone())),
                ("edited_by", texts(|i| some(i, 13).map(|i| format!("person {}", i % 2)))),
                ("edited_at", instants(|i| some(i, 19).map(tick))),
                ("reason", texts(|i| some(i, 2).map(|i| i.to_string()))),
            ]
        }
        Log::Reports => vec![
            ("store_id", store),
            ("sku", sku),
            ("detected_at", instants(|i| some(i, 19).map(tick))),
            ("first_detected_from", instants(|i| some(i, 3).map(|i| tick(i) - 600))),
            ("anomaly_id", texts(|i| Some(format!("anomaly-{i}")))),
            ("severity", doubles(|i| some(i, 3).map(|i| i as f64 / 8.0))),
            ("sales_total", amounts(|i| Some(i as f64 / 4.0))),
            ("ingested_at", ingested_at),
            (
                "feature_vector",
                Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>((0..ROWS).map(|i| {
                    (i % 4 != 0).then(|| (0..i % 3).map(|k| Some(k as f64)).collect::<Vec<_>>())
                }))),
            ),
            ("cluster_name", texts(|i| Some(format!("cluster {}", i % 2)))),
        ],
    };
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("all columns have as many rows")
}

/// Dagster's contexts, as they are and packed into a variable.
pub(super) fn pipes() -> Vec<Vec<u8>> {
    let inline = json!({"data": {
        "asset_keys": ["events"],
        "extras": {"checks": ["rejects_under_limit"], "reject_ratio_max": 0.5, "top_events": 3},
    }});
    let path = json!({"path": "/nowhere/context.json"});
    let bucket = json!({"bucket": "b", "key": "k"});
    let texts = [inline, path, bucket].map(|params| params.to_string().into_bytes());
    let packed = texts.each_ref().map(|text| pipes::encode(text).into_bytes());
    [texts, packed].concat()
}

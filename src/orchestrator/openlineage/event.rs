//! One OpenLineage run event as JSON (spec 2-0-2), made from the run's facts.

use serde_json::{Map, Value, json};

use super::columns;
use super::identity::{Identity, Parent};
use crate::objects::{Scheme, Uri};
use crate::orchestrator::facts::{AnnouncedDataset, Announcement, Facts, Failure, ReadFacts};
use cohort_core::Timestamp;
use cohort_core::contract::{Log, MRDL};

const SPEC: &str = "https://openlineage.io/spec";

/// Names the job in every event and facet. The specification asks for a URI.
pub(super) const PRODUCER: &str = concat!("urn:job:cohort:", env!("CARGO_PKG_VERSION"));

/// A step in the life of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State<'a> {
    /// It begins.
    Start,
    /// It ended well.
    Complete(&'a Facts),
    /// It failed.
    Fail(&'a Failure),
    /// It was asked to stop.
    Abort(&'a Failure),
}

/// Makes the event. Without an announcement, the run failed before its manifest was known.
pub(super) fn event(
    identity: &Identity,
    announced: Option<&Announcement>,
    state: State<'_>,
    at: Timestamp,
) -> Value {
    let (kind, facts) = match state {
        State::Start => ("START", None),
        State::Complete(facts) => ("COMPLETE", Some(facts)),
        State::Fail(_) => ("FAIL", None),
        State::Abort(_) => ("ABORT", None),
    };
    let inputs: Vec<Value> = announced.map_or(Vec::new(), |announced| {
        let datasets = announced.inputs.each();
        datasets.map(|(log, dataset)| input(log, dataset, announced, facts)).collect()
    });
    let outputs: Vec<Value> = announced.map_or(Vec::new(), |announced| {
        let datasets = announced.outputs.each();
        datasets.map(|(log, dataset)| output(log, dataset, announced, facts)).collect()
    });
    json!({
        "eventType": kind,
        "eventTime": at.to_string(),
        "producer": PRODUCER,
        "schemaURL": format!("{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
        "run": {
            "runId": identity.run.to_string(),
            "facets": run_facets(identity, announced, state),
        },
        "job": {
            "namespace": identity.namespace,
            "name": identity.job,
            "facets": {"jobType": facet("2-0-4/JobTypeJobFacet", json!({
                "processingType": "BATCH",
                "integration": "COHORT",
                "jobType": "JOB",
            }))},
        },
        "inputs": inputs,
        "outputs": outputs,
    })
}

fn run_facets(identity: &Identity, announced: Option<&Announcement>, state: State<'_>) -> Value {
    let mut facets = Map::new();
    let mut add = |name: &str, value: Value| facets.insert(name.to_owned(), value);
    add(
        "processing_engine",
        facet(
            "1-1-1/ProcessingEngineRunFacet",
            json!({"name": "cohort", "version": env!("CARGO_PKG_VERSION")}),
        ),
    );
    if let Some(announced) = announced {
        add(
            "nominalTime",
            facet(
                "1-0-1/NominalTimeRunFacet",
                json!({
                    "nominalStartTime": announced.interval.start.to_string(),
                    "nominalEndTime": announced.interval.end.to_string(),
                }),
            ),
        );
    }
    if let Some(parent) = &identity.parent {
        let mut body = json!({"run": run_of(parent), "job": job_of(parent)});
        if let Some(root) = &identity.root {
            body["root"] = json!({"run": run_of(root), "job": job_of(root)});
        }
        add("parent", facet("1-2-0/ParentRunFacet", body));
    }
    if let State::Fail(failure) | State::Abort(failure) = state {
        let body = json!({"message": failure.message, "programmingLanguage": "RUST"});
        add("errorMessage", facet("1-0-1/ErrorMessageRunFacet", body));
    }
    Value::Object(facets)
}

fn run_of(parent: &Parent) -> Value {
    json!({"runId": parent.run})
}

fn job_of(parent: &Parent) -> Value {
    json!({"namespace": parent.namespace, "name": parent.job})
}

fn input(
    log: &Log,
    dataset: &AnnouncedDataset,
    announced: &Announcement,
    facts: Option<&Facts>,
) -> Value {
    let facets = json!({"schema": schema(log, dataset)});
    let mut input_facets = Map::new();
    if let Some(read) = facts.and_then(|facts| facts.inputs.get(log)) {
        let body = json!({"rowCount": read.rows, "size": read.bytes, "fileCount": read.files});
        let statistics = facet("1-0-0/InputStatisticsInputDatasetFacet", body);
        input_facets.insert("inputStatistics".to_owned(), statistics);
        input_facets.insert("dataQualityMetrics".to_owned(), quality_metrics(dataset, read));
        if *log == MRDL {
            let assertions = quality_assertions(dataset, read, announced.max_reject_ratio);
            input_facets.insert("dataQualityAssertions".to_owned(), assertions);
        }
    }
    let (namespace, name) = dataset_name(&dataset.uri);
    json!({"namespace": namespace, "name": name, "facets": facets, "inputFacets": input_facets})
}

fn output(
    log: &Log,
    dataset: &AnnouncedDataset,
    announced: &Announcement,
    facts: Option<&Facts>,
) -> Value {
    let mut facets = Map::new();
    facets.insert("schema".to_owned(), schema(log, dataset));
    facets.insert("columnLineage".to_owned(), column_lineage(log, announced));
    let mut output_facets = Map::new();
    if let Some(facts) = facts {
        let body = json!({"datasetVersion": facts.content_sha256});
        let version = facet("1-0-1/DatasetVersionDatasetFacet", body);
        facets.insert("version".to_owned(), version);
        if let Some(written) = facts.outputs.get(log) {
            let body = json!({
                "rowCount": written.rows,
                "size": written.bytes,
                "fileCount": written.files,
            });
            let statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", body);
            output_facets.insert("outputStatistics".to_owned(), statistics);
        }
    }
    let (namespace, name) = dataset_name(&dataset.uri);
    json!({"namespace": namespace, "name": name, "facets": facets, "outputFacets": output_facets})
}

/// The columns under the names that the user's own table has.
fn schema(log: &Log, dataset: &AnnouncedDataset) -> Value {
    let fields: Vec<Value> = log
        .columns
        .iter()
        .zip(1..)
        .map(|(column, position)| {
            json!({
                "name": users_name(dataset, column.name),
                "type": column.kind.to_string(),
                "description": column.meaning,
                "ordinal_position": position,
            })
        })
        .collect();
    facet("1-2-0/SchemaDatasetFacet", json!({"fields": fields}))
}

fn column_lineage(log: &Log, announced: &Announcement) -> Value {
    let field = |log: &Log, column: &str, kind: &str, subtype: &str| {
        let dataset = announced.inputs.get(log)?;
        let (namespace, name) = dataset_name(&dataset.uri);
        Some(json!({
            "namespace": namespace,
            "name": name,
            "field": users_name(dataset, column),
            "transformations": [{"type": kind, "subtype": subtype}],
        }))
    };
    let mut fields = Map::new();
    for column in log.columns {
        let sources: Vec<Value> = columns::sources(log, column.name)
            .iter()
            .filter_map(|(input, name, way)| field(input, name, way.names().0, way.names().1))
            .collect();
        if !sources.is_empty() {
            fields.insert(column.name.to_owned(), json!({"inputFields": sources}));
        }
    }
    let whole: Vec<Value> = columns::GROUPING
        .iter()
        .filter_map(|(input, name, subtype)| field(input, name, "INDIRECT", subtype))
        .collect();
    facet("1-2-0/ColumnLineageDatasetFacet", json!({"fields": fields, "dataset": whole}))
}

fn quality_metrics(dataset: &AnnouncedDataset, read: &ReadFacts) -> Value {
    let mut metrics = Map::new();
    for (reason, column) in REJECTED_NULLS {
        if let Some(nulls) = read.rejected.get(reason) {
            let name = users_name(dataset, column);
            metrics.insert(name.to_owned(), json!({"nullCount": nulls}));
        }
    }
    let body = json!({
        "rowCount": read.rows,
        "bytes": read.bytes,
        "fileCount": read.files,
        "columnMetrics": metrics,
    });
    facet("1-0-3/DataQualityMetricsInputDatasetFacet", body)
}

/// The reject reasons that mean a null, each with its column.
const REJECTED_NULLS: [(&str, &str); 3] = [
    ("missing_store_id", "store_id"),
    ("missing_detected_at", "detected_at"),
    ("missing_tick_at", "tick_at"),
];

fn quality_assertions(
    dataset: &AnnouncedDataset,
    read: &ReadFacts,
    max_reject_ratio: f64,
) -> Value {
    let rules = [
        ("missing_store_id", "not_null", "store_id"),
        ("missing_detected_at", "not_null", "detected_at"),
        ("onset_after_detection", "range", "first_detected_from"),
        ("onset_too_old", "range", "first_detected_from"),
    ];
    let mut assertions: Vec<Value> = rules
        .iter()
        .map(|(reason, assertion, column)| {
            let rejected = read.rejected.get(*reason).copied().unwrap_or(0);
            json!({
                "assertion": assertion,
                "name": reason,
                "column": users_name(dataset, column),
                "success": rejected == 0,
                "severity": "warn",
                "expected": "0",
                "actual": rejected.to_string(),
            })
        })
        .collect();
    // A run that got this far stayed under its limit, or it would have failed before its first
    // write.
    assertions.push(json!({
        "assertion": "row_count",
        "name": "rejects_under_limit",
        "success": true,
        "severity": "error",
        "expected": format!("at most {max_reject_ratio} of the interval's rows rejected"),
        "actual": read.rejected.values().sum::<u64>().to_string(),
    }));
    facet("1-1-0/DataQualityAssertionsDatasetFacet", json!({"assertions": assertions}))
}

fn users_name<'a>(dataset: &'a AnnouncedDataset, column: &'a str) -> &'a str {
    dataset.columns.get(column).map_or(column, String::as_str)
}

/// A dataset's namespace and name by OpenLineage's naming rules, as Airflow's own events have them.
fn dataset_name(uri: &Uri) -> (String, String) {
    match uri.scheme() {
        Scheme::S3 { bucket } => {
            (format!("s3://{bucket}"), uri.path().trim_matches('/').to_owned())
        }
        Scheme::File => ("file".to_owned(), uri.path().trim_end_matches('/').to_owned()),
        Scheme::Memory => ("memory".to_owned(), uri.path().trim_matches('/').to_owned()),
    }
}

/// A facet: its body, who made it, and its schema (`<version>/<name>`).
fn facet(schema: &str, mut body: Value) -> Value {
    let name = schema.rsplit('/').next().unwrap_or_default();
    body["_producer"] = json!(PRODUCER);
    body["_schemaURL"] = json!(format!("{SPEC}/facets/{schema}.json#/$defs/{name}"));
    body
}

//! Events against the published schemas, which are in `tests/openlineage/`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::event::{State, event};
use super::{Identity, OpenLineage, Parent, Uuid};
use crate::kind::Kind;
use crate::orchestrator::facts::Failure;
use crate::orchestrator::tests::{announced, facts};
use cohort_core::Timestamp;

const PARENT: &str = "prod-airflow/cohorting.run/01941f29-7c00-7aaa-8bbb-0123456789ab";
const ROOT: &str = "prod-airflow/cohorting/01941f29-7c00-7aaa-8bbb-0123456789ac";

fn at() -> Timestamp {
    "2025-01-02T00:00:05Z".parse().unwrap()
}

fn identity() -> Identity {
    Identity {
        namespace: "prod-airflow".to_owned(),
        job: "cohort".to_owned(),
        run: Uuid::of_run("r", None, at()),
        parent: Some(Parent::parse(PARENT).unwrap()),
        root: Some(Parent::parse(ROOT).unwrap()),
    }
}

fn failure() -> Failure {
    let message = "s3://lake/x: expected a column store_id, found none".to_owned();
    Failure { run_id: Some("r".to_owned()), kind: Kind::Data, message }
}

fn events() -> Vec<Value> {
    let (facts, failure) = (facts(), failure());
    [State::Start, State::Complete(&facts), State::Fail(&failure), State::Abort(&failure)]
        .into_iter()
        .flat_map(|state| [Some(announced()), None].map(|announced| (state, announced)))
        .map(|(state, announced)| event(&identity(), announced.as_ref(), state, at()))
        .collect()
}

/// Every published schema by its `$id`.
fn schemas(folder: &Path) -> HashMap<String, Value> {
    [folder.to_owned(), folder.join("facets")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            (schema["$id"].as_str().unwrap().to_owned(), schema)
        })
        .collect()
}

struct Published(HashMap<String, Value>);

impl jsonschema::Retrieve for Published {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let id = uri.as_str().split('#').next().unwrap_or_default();
        self.0.get(id).cloned().ok_or_else(|| format!("{id}: not published").into())
    }
}

fn faults(schemas: &HashMap<String, Value>, schema_url: &str, instance: &Value) -> Vec<String> {
    let validator = jsonschema::options()
        .with_retriever(Published(schemas.clone()))
        .should_validate_formats(true)
        .build(&json!({"$ref": schema_url}))
        .unwrap();
    validator.iter_errors(instance).map(|error| format!("{schema_url}: {error}")).collect()
}

/// The event against its schema, and every facet in it against the schema that it names.
fn all_faults(schemas: &HashMap<String, Value>, event: &Value) -> Vec<String> {
    let mut found = faults(schemas, event["schemaURL"].as_str().unwrap(), event);
    let mut stack = vec![event];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(url) = fields.get("_schemaURL").and_then(Value::as_str) {
                    found.extend(faults(schemas, url, value));
                }
                stack.extend(fields.values());
            }
            Value::Array(items) => stack.extend(items),
            _ => {}
        }
    }
    found
}

#[test]
fn events_hold_against_the_published_schemas() {
    let schemas = schemas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openlineage"));
    for event in events() {
        assert_eq!(all_faults(&schemas, &event), Vec::<String>::new(), "{event:#}");
    }
    // The test itself can fail.
    let mut wrong = event(&identity(), Some(&announced()), State::Complete(&facts()), at());
    wrong["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] = json!("x");
    wrong["run"]["runId"] = json!("no uuid");
    assert!(all_faults(&schemas, &wrong).len() >= 2);
}

#[test]
fn the_parent_and_the_root_are_those_of_the_task() {
    let event = event(&identity(), Some(&announced()), State::Start, at());
    let parent = &event["run"]["facets"]["parent"];
    assert_eq!(parent["run"]["runId"], "01941f29-7c00-7aaa-8bbb-0123456789ab");
    assert_eq!(parent["job"], json!({"namespace": "prod-airflow", "name": "cohorting.run"}));
    assert_eq!(parent["root"]["job"]["name"], "cohorting");
}

#[test]
fn columns_have_the_users_own_names() {
    let event = event(&identity(), Some(&announced()), State::Complete(&facts()), at());
    let fields = &event["inputs"][0]["facets"]["schema"]["fields"];
    assert_eq!(fields[0]["name"], "store_code");
    let lineage = &event["outputs"][0]["facets"]["columnLineage"]["fields"];
    assert_eq!(lineage["store_id"]["inputFields"][0]["field"], "store_code");
    assert_eq!(lineage["store_id"]["inputFields"][0]["namespace"], "s3://lake");
    // The run announced no campaigns, so nothing comes from them.
    assert_eq!(lineage["proposed_cause"]["inputFields"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_run_has_one_start_and_one_end_even_if_it_never_had_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    for (announces, kinds) in [(true, ["START", "COMPLETE"]), (false, ["START", "FAIL"])] {
        let file = folder.path().join(kinds[1]);
        let env = BTreeMap::from([("OPENLINEAGE_FILE", file.to_str().unwrap().to_owned())]);
        let (emitter, complaints) = OpenLineage::from_env(&|name| env.get(name).cloned());
        assert_eq!(complaints, Vec::<String>::new());
        let mut emitter = emitter.unwrap();
        let (facts, failure) = (facts(), failure());
        let end = if announces {
            emitter.started(&announced(), at());
            State::Complete(&facts)
        } else {
            State::Fail(&failure)
        };
        emitter.ended(end, at()).await.unwrap();
        let text = fs::read_to_string(file).unwrap();
        let events: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<_> =
            events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
        assert_eq!(found, kinds);
        assert_eq!(events[0]["run"]["runId"], events[1]["run"]["runId"]);
    }
}

#[test]
fn nothing_is_sent_unless_asked_for_and_disabled_wins() {
    let emitter = |pairs: &[(&str, &str)]| {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (emitter, complaints) = OpenLineage::from_env(&|name| env.get(name).cloned());
        (emitter.is_some(), complaints.len())
    };
    assert_eq!(emitter(&[]), (false, 0));
    assert_eq!(emitter(&[("OPENLINEAGE_FILE", "/x")]), (true, 0));
    assert_eq!(
        emitter(&[("OPENLINEAGE_FILE", "/x"), ("OPENLINEAGE_DISABLED", "True")]),
        (false, 0)
    );
    assert_eq!(emitter(&[("OPENLINEAGE_FILE", "/x"), ("OPENLINEAGE_PARENT_ID", "?")]), (true, 1));
}

#[tokio::test]
async fn events_are_posted_with_the_key_and_a_failing_endpoint_is_tried_twice() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/lineage", server.local_addr().unwrap());
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for status in ["503 Busy", "201 Created"] {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with("{\"a\":1}") {
                let mut buffer = [0; 1024];
                let read = stream.read(&mut buffer).await.unwrap();
                request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            requests.push(request);
        }
        requests
    });
    let transport = super::Transport::http(url, Some("secret".to_owned()));
    transport.send("{\"a\":1}").await.unwrap();
    let requests = requests.await.unwrap();
    assert!(requests[1].starts_with("POST /api/v1/lineage HTTP/1.1"), "{}", requests[1]);
    assert!(requests[1].to_lowercase().contains("authorization: bearer secret"));
}

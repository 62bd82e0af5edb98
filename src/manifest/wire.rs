//! The manifest as it is written: JSON walked key by key, so that every fault names its path
//! (SPEC 10).
//!
//! This is the parser's side of `schemas/run_manifest.v1.json`: known keys, required keys and
//! types, and nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Fault;
use cohort_core::contract::{Inputs, Log, Outputs};

use crate::nearest::nearest;

/// What the manifest says, before any value is judged.
#[derive(Debug)]
pub(super) struct Wire {
    pub run_id: Option<String>,
    pub interval: Option<(String, String)>,
    pub gap: Option<String>,
    pub max_event_duration: Option<String>,
    pub max_lookback: Option<String>,
    pub max_reject_ratio: Option<f64>,
    pub demo_run_config: Option<String>,
    pub commit: Option<String>,
    pub keep_superseded: Option<bool>,
    pub inputs: Inputs<WireInput>,
    pub outputs: WireOutputs,
}

/// One input as written.
#[derive(Debug)]
pub(super) struct WireInput {
    pub uri: String,
    pub partitioning: Option<String>,
    pub columns: Vec<(String, String)>,
}

/// The outputs as written.
#[derive(Debug)]
pub(super) struct WireOutputs {
    pub logs: Outputs<String>,
    pub lineage: String,
}

const KEYS: [&str; 12] = [
    "version",
    "run_id",
    "interval",
    "gap",
    "max_event_duration",
    "max_lookback",
    "max_reject_ratio",
    "demo_run_config",
    "commit",
    "keep_superseded",
    "inputs",
    "outputs",
];

/// The key of the lineage among the outputs.
pub(super) const LINEAGE: &str = "lineage";

/// The keys of the outputs that must be there, in the order of the schema: the lineage comes last.
fn needed_outputs() -> impl Iterator<Item = &'static str> {
    Outputs::REQUIRED.iter().map(|log| log.name).chain([LINEAGE])
}

/// The keys of all outputs, in the order of the schema.
pub(super) fn output_keys() -> impl Iterator<Item = &'static str> {
    let all = Outputs::LOGS.each().map(|(log, _)| log.name);
    needed_outputs().chain(all.skip(Outputs::REQUIRED.len()).collect::<Vec<_>>())
}

impl Wire {
    /// Reads the whole text, up to the first fault in the order of the schema.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let value = super::strict::value(text)?;
        let root = Node { at: String::new(), value: &value };
        let fields = root.object(&KEYS, &["version", "inputs", "outputs"])?;
        let version = root.child(fields, "version");
        if version.as_ref().is_none_or(|node| node.value.as_f64() != Some(1.0)) {
            let found = version.map_or(String::new(), |node| describe(node.value));
            return Err(Fault::Version { found });
        }
        let text = |key| root.child(fields, key).map(|node| node.text()).transpose();
        Ok(Self {
            run_id: text("run_id")?,
            interval: root.child(fields, "interval").map(|node| interval(&node)).transpose()?,
            gap: text("gap")?,
            max_event_duration: text("max_event_duration")?,
            max_lookback: text("max_lookback")?,
            max_reject_ratio: root
                .child(fields, "max_reject_ratio")
                .map(|node| node.number())
                .transpose()?,
            demo_run_config: text("demo_run_config")?,
            commit: text("commit")?,
            keep_superseded: root
                .child(fields, "keep_superseded")
                .map(|node| node.boolean())
                .transpose()?,
            inputs: inputs(&root.needed(fields, "inputs")?)?,
            outputs: outputs(&root.needed(fields, "outputs")?)?,
        })
    }
}

fn interval(node: &Node<'_>) -> Result<(String, String), Fault> {
    let fields = node.object(&["start", "end"], &["start", "end"])?;
    let text = |key| node.child(fields, key).map_or(Ok(String::new()), |node| node.text());
    Ok((text("start")?, text("end")?))
}

fn inputs(node: &Node<'_>) -> Result<Inputs<WireInput>, Fault> {
    let names: Vec<_> = Inputs::LOGS.each().map(|(log, _)| log.name).collect();
    let required: Vec<_> = Inputs::REQUIRED.iter().map(|log| log.name).collect();
    let fields = node.object(&names, &required)?;
    let written = Inputs::LOGS
        .try_map(|log, _| node.child(fields, log.name).map(|node| input(log, &node)).transpose())?;
    written.complete().map_err(|log| node.missing(log.name))
}

fn input(log: &'static Log, node: &Node<'_>) -> Result<WireInput, Fault> {
    let fields = node.object(&["uri", "partitioning", "columns"], &["uri"])?;
    let columns = match node.child(fields, "columns") {
        None => Vec::new(),
        Some(node) => columns(log, &node)?,
    };
    Ok(WireInput {
        uri: node.needed(fields, "uri")?.name()?,
        partitioning: node.child(fields, "partitioning").map(|node| node.name()).transpose()?,
        columns,
    })
}

fn columns(log: &'static Log, node: &Node<'_>) -> Result<Vec<(String, String)>, Fault> {
    let names: Vec<&str> = log.columns.iter().map(|column| column.name).collect();
    let fields = node.object(&names, &[])?;
    let mapped = names.iter().filter_map(|name| node.child(fields, name).map(|node| (*name, node)));
    mapped.map(|(name, node)| Ok((name.to_owned(), node.name()?))).collect()
}

fn outputs(node: &Node<'_>) -> Result<WireOutputs, Fault> {
    let known: Vec<_> = output_keys().collect();
    let needed: Vec<_> = needed_outputs().collect();
    let fields = node.object(&known, &needed)?;
    // Faults are found in the order of the schema, in which the lineage is between the logs.
    let present = known.into_iter().filter_map(|key| node.child(fields, key).map(|n| (key, n)));
    let mut places: BTreeMap<&str, String> =
        present.map(|(key, node)| Ok((key, node.name()?))).collect::<Result<_, Fault>>()?;
    let lineage = places.remove(LINEAGE).ok_or_else(|| node.missing(LINEAGE))?;
    let written = Outputs::LOGS.map(|log, _| places.remove(log.name));
    let logs = written.complete().map_err(|log| node.missing(log.name))?;
    Ok(WireOutputs { logs, lineage })
}

/// A value and its path from the top.
struct Node<'a> {
    at: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    fn object(&self, known: &[&str], required: &[&str]) -> Result<&'a Map<String, Value>, Fault> {
        let Value::Object(fields) = self.value else {
            return Err(self.mistyped("an object"));
        };
        if let Some(key) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            let nearest = nearest(key, known.iter().copied()).unwrap_or_default().to_owned();
            return Err(Fault::UnknownKey { at: self.place(), key: key.clone(), nearest });
        }
        match required.iter().find(|key| !fields.contains_key(**key)) {
            Some(key) => Err(self.missing(key)),
            None => Ok(fields),
        }
    }

    fn child(&self, fields: &'a Map<String, Value>, key: &str) -> Option<Node<'a>> {
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        fields.get(key).map(|value| Node { at, value })
    }

    fn needed(&self, fields: &'a Map<String, Value>, key: &str) -> Result<Node<'a>, Fault> {
        self.child(fields, key).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> Fault {
        Fault::Missing { at: self.place(), key: key.to_owned() }
    }

    fn text(&self) -> Result<String, Fault> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.mistyped("a string"))
    }

    /// A text that names something and so may not be empty.
    fn name(&self) -> Result<String, Fault> {
        match self.value.as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(self.mistyped("a string that is not empty")),
        }
    }

    fn number(&self) -> Result<f64, Fault> {
        self.value.as_f64().ok_or_else(|| self.mistyped("a number"))
    }

    fn boolean(&self) -> Result<bool, Fault> {
        self.value.as_bool().ok_or_else(|| self.mistyped("true or false"))
    }

    fn mistyped(&self, expected: &'static str) -> Fault {
        Fault::Type { at: self.place(), expected, found: describe(self.value) }
    }

    fn place(&self) -> String {
        if self.at.is_empty() { "the top level".to_owned() } else { self.at.clone() }
    }
}

/// A value in an error message: its kind, and the value itself if it is short.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(text) => {
            format!("the string {:?}", text.chars().take(60).collect::<String>())
        }
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

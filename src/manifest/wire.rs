//! The manifest as it is written: JSON walked key by key, so that every fault names its path (SPEC 10).
//!
//! This is the parser's side of `schemas/run_manifest.v1.json`: known keys, required keys and types, nothing else.

use serde_json::{Map, Value};

use super::Fault;
use cohort_core::contract::{self, Inputs};

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
    pub inputs: Vec<WireInput>,
    pub outputs: Vec<(&'static str, String)>,
}

/// One input as written.
#[derive(Debug)]
pub(super) struct WireInput {
    pub log: &'static contract::Log,
    pub uri: String,
    pub partitioning: Option<String>,
    pub columns: Vec<(String, String)>,
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

/// The outputs that a manifest names, in the contract's order.
pub(super) const OUTPUTS: [&str; 4] =
    ["minority_reports_cohorted_log", "minority_event_log", "lineage", "rejects"];

impl Wire {
    /// Reads the whole text; the first fault in the order of the schema ends it.
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
            inputs: root.child(fields, "inputs").map_or(Ok(Vec::new()), |node| inputs(&node))?,
            outputs: root.child(fields, "outputs").map_or(Ok(Vec::new()), |node| outputs(&node))?,
        })
    }
}

fn interval(node: &Node<'_>) -> Result<(String, String), Fault> {
    let fields = node.object(&["start", "end"], &["start", "end"])?;
    let text = |key| node.child(fields, key).map_or(Ok(String::new()), |node| node.text());
    Ok((text("start")?, text("end")?))
}

fn inputs(node: &Node<'_>) -> Result<Vec<WireInput>, Fault> {
    let logs: Vec<&'static contract::Log> = Inputs::LOGS.each().map(|(log, _)| log).collect();
    let names: Vec<_> = logs.iter().map(|log| log.name).collect();
    let fields = node.object(&names, &[contract::MRDL.name])?;
    let present =
        logs.into_iter().filter_map(|log| node.child(fields, log.name).map(|node| (log, node)));
    present.map(|(log, node)| input(log, &node)).collect()
}

fn input(log: &'static contract::Log, node: &Node<'_>) -> Result<WireInput, Fault> {
    let fields = node.object(&["uri", "partitioning", "columns"], &["uri"])?;
    let columns = match node.child(fields, "columns") {
        None => Vec::new(),
        Some(node) => columns(log, &node)?,
    };
    Ok(WireInput {
        log,
        uri: node.child(fields, "uri").map_or(Ok(String::new()), |node| node.name())?,
        partitioning: node.child(fields, "partitioning").map(|node| node.name()).transpose()?,
        columns,
    })
}

fn columns(log: &'static contract::Log, node: &Node<'_>) -> Result<Vec<(String, String)>, Fault> {
    let names: Vec<&str> = log.columns.iter().map(|column| column.name).collect();
    let fields = node.object(&names, &[])?;
    let mapped = names.iter().filter_map(|name| node.child(fields, name).map(|node| (*name, node)));
    mapped.map(|(name, node)| Ok((name.to_owned(), node.name()?))).collect()
}

fn outputs(node: &Node<'_>) -> Result<Vec<(&'static str, String)>, Fault> {
    let fields = node.object(&OUTPUTS, &OUTPUTS[..3])?;
    let present = OUTPUTS.iter().filter_map(|name| node.child(fields, name).map(|n| (*name, n)));
    present.map(|(name, node)| Ok((name, node.name()?))).collect()
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
            Some(key) => Err(Fault::Missing { at: self.place(), key: (*key).to_owned() }),
            None => Ok(fields),
        }
    }

    fn child(&self, fields: &'a Map<String, Value>, key: &str) -> Option<Node<'a>> {
        let at = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        fields.get(key).map(|value| Node { at, value })
    }

    fn text(&self) -> Result<String, Fault> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.mistyped("a string"))
    }

    /// A text that names something, and so is not empty.
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

/// A value in an error message: its kind, and the value itself where it is short.
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

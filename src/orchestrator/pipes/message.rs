//! The messages of the Pipes protocol 0.1, and how they are made to fit into short lines.

use serde_json::{Map, Value, json};

use crate::escape;
use crate::orchestrator::facts::Failure;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    method: &'static str,
    params: Value,
}

impl Message {
    /// The first message.
    pub(super) fn opened() -> Self {
        Self { method: "opened", params: json!({"extras": {}}) }
    }

    /// The last message of a run that ended well.
    pub(super) fn closed() -> Self {
        Self { method: "closed", params: json!({}) }
    }

    /// The last message of a run that failed.
    pub(super) fn closed_with(failure: &Failure) -> Self {
        let exception = json!({
            "message": format!("{} (exit {})", failure.message, failure.kind.exit_code()),
            "name": failure.kind_name(),
            "stack": [],
            "cause": null,
            "context": null,
        });
        Self { method: "closed", params: json!({"exception": exception}) }
    }

    /// A line in the run's log.
    pub(super) fn log(text: &str) -> Self {
        Self { method: "log", params: json!({"message": text, "level": "INFO"}) }
    }

    /// A materialization.
    pub(super) fn materialization(asset_key: &str, metadata: Metadata, data_version: &str) -> Self {
        let params = json!({
            "asset_key": asset_key,
            "metadata": metadata.0,
            "data_version": data_version,
        });
        Self { method: "report_asset_materialization", params }
    }

    /// The result of a check that the step has declared.
    pub(super) fn check(
        asset_key: &str,
        name: &str,
        passed: bool,
        severity: &str,
        metadata: Metadata,
    ) -> Self {
        let params = json!({
            "asset_key": asset_key,
            "check_name": name,
            "passed": passed,
            "severity": severity,
            "metadata": metadata.0,
        });
        Self { method: "report_asset_check", params }
    }

    /// Anything else, for the Python code around the run.
    pub(super) fn custom(payload: Value) -> Self {
        Self { method: "report_custom_message", params: json!({"payload": payload}) }
    }

    /// The message as lines of at most `max` bytes each. A log entry is split over several lines.
    /// In metadata, a note takes the place of the largest values.
    pub(super) fn lines(self, max: Option<usize>) -> Vec<String> {
        let line = self.line();
        match max {
            Some(max) if line.len() > max => self.fit(max),
            _ => vec![line],
        }
    }

    fn line(&self) -> String {
        let message = json!({
            "__dagster_pipes_version": "0.1",
            "method": self.method,
            "params": self.params,
        });
        escape::json(&message.to_string())
    }

    fn fit(mut self, max: usize) -> Vec<String> {
        if self.method == "log" {
            return self.split_log(max);
        }
        let place = match self.method {
            "closed" => "exception",
            "report_custom_message" => "payload",
            _ => "metadata",
        };
        while self.line().len() > max {
            let Some(values) = self.params.get_mut(place).and_then(Value::as_object_mut) else {
                break;
            };
            if !shorten_largest(values, place == "metadata") {
                break;
            }
        }
        vec![self.line()]
    }

    fn split_log(self, max: usize) -> Vec<String> {
        let text = self.params["message"].as_str().unwrap_or_default();
        // JSON writes a character as at most two escapes of six bytes each, or as four bytes of
        // UTF-8 at most.
        let chars_max = (max.saturating_sub(LOG_FRAME_BYTES) / 12).max(1);
        let chars: Vec<char> = text.chars().collect();
        chars
            .chunks(chars_max)
            .map(|piece| {
                let mut params = self.params.clone();
                params["message"] = Value::String(piece.iter().collect());
                Self { method: self.method, params }.line()
            })
            .collect()
    }
}

/// `{"__dagster_pipes_version":"0.1","method":"log","params":{"level":"WARNING","message":""}}`
/// with room to spare.
const LOG_FRAME_BYTES: usize = 128;

/// Puts a note in the place of the largest value. False if no value is longer than a note.
fn shorten_largest(values: &mut Map<String, Value>, typed: bool) -> bool {
    let largest = values
        .iter_mut()
        .map(|(_, value)| (value.to_string().len(), value))
        .max_by_key(|(bytes, _)| *bytes);
    match largest {
        Some((bytes, value)) if bytes > NOTE_BYTES_MAX => {
            let note = format!(
                "left out: {bytes} bytes do not fit a log line; see the log and the lineage"
            );
            *value = if typed { typed_value("text", json!(note)) } else { json!(note) };
            true
        }
        _ => false,
    }
}

const NOTE_BYTES_MAX: usize = 160;

/// Metadata of a materialization or check, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata(Map<String, Value>);

impl Metadata {
    /// Adds a value of one of the protocol's types.
    #[must_use]
    pub(super) fn with(mut self, name: &str, kind: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), typed_value(kind, value.into()));
        self
    }
}

fn typed_value(kind: &str, value: Value) -> Value {
    json!({"raw_value": value, "type": kind})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn parsed(lines: &[String]) -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_long_log_entry_arrives_whole_in_pieces() {
        let text = "é\"\n\u{1}x".repeat(9_000);
        let lines = Message::log(&text).lines(Some(15_360));
        assert!(lines.iter().all(|line| line.len() <= 15_360));
        let joined: String = parsed(&lines)
            .iter()
            .map(|line| line["params"]["message"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn the_largest_metadata_gives_way_to_a_note_and_the_rest_stays() {
        let metadata = Metadata::default()
            .with("rows", "int", 7)
            .with("table", "md", "x".repeat(20_000))
            .with("other", "md", "y".repeat(9_000));
        let lines = Message::materialization("a", metadata, "v").lines(Some(15_360));
        assert_eq!(lines.len(), 1);
        let message = &parsed(&lines)[0]["params"];
        assert_eq!(message["metadata"]["rows"], json!({"raw_value": 7, "type": "int"}));
        assert_eq!(message["metadata"]["other"]["raw_value"].as_str().unwrap().len(), 9_000);
        let note = message["metadata"]["table"]["raw_value"].as_str().unwrap();
        assert!(note.starts_with("left out: 20"), "{note}");
        assert_eq!(message["metadata"]["table"]["type"], "text");
    }

    #[test]
    fn without_a_limit_a_message_is_one_line_of_any_length() {
        let metadata = Metadata::default().with("table", "md", "x\n".repeat(100_000));
        let lines = Message::materialization("a", metadata, "v").lines(None);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].len() > 200_000 && !lines[0].contains('\n'));
    }

    #[test]
    fn a_failure_is_an_exception_as_dagster_reads_it() {
        let failure = Failure { run_id: None, kind: Kind::Temporary, message: "z".repeat(30_000) };
        let lines = Message::closed_with(&failure).lines(Some(15_360));
        let exception = &parsed(&lines)[0]["params"]["exception"];
        assert_eq!(exception["name"], "temporary");
        assert_eq!(exception["stack"], json!([]));
        assert!(exception["message"].as_str().unwrap().starts_with("left out"));
    }
}

//! What Dagster hands to the job: two environment variables of base64 over zlib over JSON, and the
//! context behind them.

use std::io::{self, Read as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::objects::{Objects, Uri};
use crate::orchestrator::open;

/// Names the context: inline, in a file, or in a bucket.
pub(crate) const CONTEXT: &str = "DAGSTER_PIPES_CONTEXT";
/// Names the channel that messages go to.
pub(crate) const MESSAGES: &str = "DAGSTER_PIPES_MESSAGES";

/// The part of the context that this job uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Context {
    /// The assets that this run materializes, as Dagster's user strings.
    pub asset_keys: Vec<String>,
    /// The asset checks that the step declares and expects of the job (`extras.checks`).
    pub checks: Vec<String>,
    /// The limit of the check `rejects_under_limit` (`extras.reject_ratio_max`), if it is stricter
    /// than the run's.
    pub reject_ratio_max: Option<f64>,
    /// Rows of the table of events (`extras.top_events`).
    pub top_events_max: Option<usize>,
}

/// Why the context could not be read. The run goes on without Pipes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// The variable's text is not what Dagster writes.
    #[error("{variable}: expected base64 over zlib over JSON as Dagster Pipes writes it: {reason}")]
    Encoding {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The parameters name no place that this job knows.
    #[error("{variable}: expected {expected}, found the keys {found}")]
    Place {
        /// The environment variable.
        variable: &'static str,
        /// The known forms.
        expected: &'static str,
        /// The keys found.
        found: String,
    },
    /// The file or object that holds the context could not be read.
    #[error("{place}: could not read the Dagster Pipes context: {reason}")]
    Unreadable {
        /// The file or object.
        place: String,
        /// Why.
        reason: String,
    },
}

/// Undoes Dagster's encoding of a variable.
///
/// # Errors
/// [`ContextError::Encoding`].
pub(super) fn decode(variable: &'static str, text: &str) -> Result<Value, ContextError> {
    let wrong = |reason: String| ContextError::Encoding { variable, reason };
    let packed = STANDARD.decode(text.trim()).map_err(|error| wrong(error.to_string()))?;
    let mut json = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice())
        .take(BYTES_MAX as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|error| wrong(error.to_string()))?;
    value(&json).map_err(wrong)
}

/// Reads JSON of bounded length.
fn value(json: &[u8]) -> Result<Value, String> {
    if json.len() > BYTES_MAX {
        return Err(format!("more than {BYTES_MAX} bytes"));
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// A variable that holds a text as Dagster packs it.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn encode(text: &[u8]) -> String {
    use std::io::Write as _;

    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = packed.write_all(text).and_then(|()| packed.finish());
    STANDARD.encode(packed.unwrap_or_default())
}

/// Reads a context that must be in the variable itself, or fails.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn read(variable: &str) -> Result<Option<Context>, ContextError> {
    let params = decode(CONTEXT, variable)?;
    Ok(params.get("data").map(Context::of))
}

/// The longest text that is read, more than any real context has. A value in memory is up to 20
/// times as large as its text.
const BYTES_MAX: usize = 4 << 20;

impl Context {
    /// Follows the decoded parameters to the context.
    ///
    /// # Errors
    /// [`ContextError`].
    pub(crate) async fn load(params: &Value, objects: &dyn Objects) -> Result<Self, ContextError> {
        let text = |key: &str| params.get(key).and_then(Value::as_str);
        let unreadable = |place: String, reason: String| ContextError::Unreadable { place, reason };
        let bytes = match (params.get("data"), text("path"), text("bucket"), text("key")) {
            (Some(data), ..) => return Ok(Self::of(data)),
            (None, Some(path), ..) => file(path.into())
                .await
                .map_err(|error| unreadable(path.to_owned(), error.to_string()))?,
            (None, None, Some(bucket), Some(key)) => {
                let uri = bucket_uri(bucket, key)
                    .ok_or_else(|| unreadable(bucket.to_owned(), "no such bucket".to_owned()))?;
                let (bytes, _) = objects
                    .read(&uri)
                    .await
                    .map_err(|error| unreadable(uri.to_string(), error.to_string()))?;
                bytes.to_vec()
            }
            _ => {
                return Err(ContextError::Place {
                    variable: CONTEXT,
                    expected: "data, path, or bucket and key",
                    found: keys(params),
                });
            }
        };
        let data = value(&bytes).map_err(|reason| unreadable("context".to_owned(), reason))?;
        Ok(Self::of(&data))
    }

    fn of(data: &Value) -> Self {
        let extras = data.get("extras").unwrap_or(&Value::Null);
        Self {
            asset_keys: strings(data.get("asset_keys")),
            checks: strings(extras.get("checks")),
            reject_ratio_max: extras.get("reject_ratio_max").and_then(Value::as_f64),
            top_events_max: extras
                .get("top_events")
                .and_then(Value::as_u64)
                .and_then(|count| usize::try_from(count).ok()),
        }
    }
}

/// The content of a file that Dagster names. A disk may let its readers wait.
async fn file(path: PathBuf) -> io::Result<Vec<u8>> {
    let read = tokio::task::spawn_blocking(move || open::read(&path, BYTES_MAX));
    read.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}

/// An object that Dagster names by bucket and key.
pub(super) fn bucket_uri(bucket: &str, key: &str) -> Option<Uri> {
    let base = Uri::resolve(&root()?, &format!("s3://{bucket}/")).ok()?;
    Some(base.join(key))
}

fn root() -> Option<Uri> {
    Uri::from_argument(std::path::Path::new("/"), "/").ok()
}

/// The keys of an object, for messages: values may be secret.
pub(super) fn keys(params: &Value) -> String {
    let keys: Vec<&str> = params
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default();
    format!("[{}]", keys.join(", "))
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    // base64(zlib({"data": {"asset_keys": ["a", "b"]}})) as Python's zlib and base64 write it.
    const PACKED: &str = "eJyrVkpJLElUslKoVkosLk4tic9OrSwGcqOVEpV0FJSSlGJrawHYnQtR";

    #[test]
    fn what_python_packs_is_unpacked() {
        let value = decode(CONTEXT, PACKED).unwrap();
        assert_eq!(strings(value["data"].get("asset_keys")), ["a", "b"]);
    }

    #[test]
    fn a_damaged_variable_is_an_error_not_a_panic() {
        for text in ["", "%%%", "aGVsbG8=", &PACKED[..40]] {
            assert!(decode(CONTEXT, text).is_err(), "{text}");
        }
    }

    #[test]
    fn missing_and_null_fields_mean_nothing_was_asked_for() {
        let context = Context::of(&serde_json::json!({"asset_keys": null, "extras": {}}));
        assert_eq!(context.asset_keys, Vec::<String>::new());
        assert_eq!(context.top_events_max, None);
    }
}

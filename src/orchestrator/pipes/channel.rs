//! Where Pipes messages go: a file, a standard stream, or numbered objects in a bucket. One JSON
//! object per line.
//!
//! A stream may be a container's log. Docker cuts log lines at 16 KiB, and Dagster's stock reader
//! silently drops the pieces. So lines on a stream are kept below a limit (`fit` in `message`). A
//! reader that joins the pieces says so with `line_bytes_max`. Files and buckets carry lines of any
//! length.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::context::{ContextError, MESSAGES, bucket_uri, keys};
use crate::objects::{Objects, Put, Uri};
use crate::orchestrator::open;
use crate::orchestrator::place::Place;
use crate::streams;

/// Less than the 16 KiB at which Docker cuts, with room for the newline and a prefix that a log
/// driver may add.
const STREAM_LINE_BYTES_MAX: usize = 15 * 1024;

/// Every message has it.
const MARK: &str = "\"__dagster_pipes_version\"";

/// A channel for lines.
#[derive(Debug)]
pub(crate) struct Channel {
    sink: Sink,
    line_bytes_max: Option<usize>,
}

#[derive(Debug)]
enum Sink {
    /// Once it is open it stays so: the reader of a pipe takes a closed one for its end.
    File(PathBuf, Option<File>),
    Stdout,
    Stderr,
    Bucket(Bucket),
}

/// Dagster's bucket readers fetch `<prefix>/1.json`, then `2.json`, and so on; each holds lines.
#[derive(Debug)]
struct Bucket {
    objects: Arc<dyn Objects>,
    prefix: Uri,
    next: u32,
    pending: String,
}

impl Channel {
    /// The channel that the decoded parameters name.
    ///
    /// # Errors
    /// [`ContextError::Place`] for a form that this job does not know.
    pub(crate) fn open(params: &Value, objects: &Arc<dyn Objects>) -> Result<Self, ContextError> {
        let text = |key: &str| params.get(key).and_then(Value::as_str);
        let unknown = || ContextError::Place {
            variable: MESSAGES,
            expected: "path, stdio (stdout or stderr), or bucket and key_prefix",
            found: keys(params),
        };
        let asked_max = params.get("line_bytes_max").and_then(Value::as_u64);
        let stream_max = asked_max.map_or(Some(STREAM_LINE_BYTES_MAX), |max| max.try_into().ok());
        let (sink, line_bytes_max) = match (text("path"), text("stdio")) {
            (Some(path), _) => (Sink::File(PathBuf::from(path), None), None),
            (None, Some("stdout")) => (Sink::Stdout, stream_max),
            (None, Some("stderr")) => (Sink::Stderr, stream_max),
            (None, Some(_)) => return Err(unknown()),
            (None, None) => {
                let (Some(bucket), Some(key)) = (text("bucket"), text("key_prefix")) else {
                    return Err(unknown());
                };
                let prefix = bucket_uri(bucket, key).ok_or_else(unknown)?.as_prefix();
                let objects = Arc::clone(objects);
                (Sink::Bucket(Bucket { objects, prefix, next: 1, pending: String::new() }), None)
            }
        };
        Ok(Self { sink, line_bytes_max })
    }

    /// The longest line that arrives whole; `None` if every line does.
    pub(crate) const fn line_bytes_max(&self) -> Option<usize> {
        self.line_bytes_max
    }

    /// Where lines go, if that is a file or a prefix.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        match &self.sink {
            Sink::File(path, _) => Some(Place::File(path)),
            Sink::Bucket(bucket) => Some(Place::Prefix(&bucket.prefix)),
            Sink::Stdout | Sink::Stderr => None,
        }
    }

    /// Whether a flush has to wait for a network.
    pub(crate) const fn waits(&self) -> bool {
        matches!(self.sink, Sink::Bucket(_))
    }

    /// Sends one line, or keeps it for the next [`Channel::flush`].
    ///
    /// # Errors
    /// If the file or stream cannot be written.
    pub(crate) fn send(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        match &mut self.sink {
            // One write per line, so that a reader that follows the file sees whole lines.
            Sink::File(path, opened) => {
                let file = match opened {
                    Some(file) => file,
                    None => opened.insert(open::to_append(path, MARK)?),
                };
                open::write(file, line.as_bytes())
            }
            Sink::Stdout => streams::to_stdout(line.as_bytes()),
            Sink::Stderr => streams::to_stderr(line.as_bytes()),
            Sink::Bucket(bucket) => {
                bucket.pending.push_str(&line);
                Ok(())
            }
        }
    }

    /// Makes everything sent so far visible to the reader.
    ///
    /// # Errors
    /// If the bucket cannot be written.
    pub(crate) async fn flush(&mut self) -> Result<(), String> {
        match &mut self.sink {
            Sink::Bucket(bucket) => bucket.flush().await,
            Sink::File(..) | Sink::Stdout | Sink::Stderr => Ok(()),
        }
    }
}

impl Bucket {
    async fn flush(&mut self) -> Result<(), String> {
        while !self.pending.is_empty() {
            let uri = self.prefix.join(&format!("{}.json", self.next));
            let lines = Bytes::copy_from_slice(self.pending.trim_end().as_bytes());
            let put = self.objects.create(&uri, lines).await.map_err(|error| error.to_string())?;
            self.next += 1;
            match put {
                Put::Done(_) => self.pending.clear(),
                // The prefix is this attempt's own, so an object there is a chunk that an earlier
                // process of the attempt sent.
                Put::Conflict => {}
            }
        }
        Ok(())
    }
}

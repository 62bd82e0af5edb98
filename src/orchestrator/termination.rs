//! How a run ends in a container: the request to stop, and the short text that Kubernetes shows for
//! a failure.

use std::future::pending;
use std::io;
use std::path::Path;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use super::facts::Failure;
use super::open;
use crate::escape;
use crate::stop::{hangup_stops, stop_noted};

/// Where Kubernetes reads a container's last words.
pub(crate) const TERMINATION_LOG: &str = "/dev/termination-log";

/// Kubernetes keeps this many bytes of it.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Waits until the process is asked to stop, by SIGTERM, SIGINT, SIGHUP or SIGXCPU (`ulimit -t`).
///
/// As process 1 of a container, the job has no default handlers. Without this, it would ignore a
/// stop request until the container is killed. The caller then drops the run, reports, and exits
/// with [`crate::kind::Kind::Temporary`]. This is safe at any point of a run: the commit protocol
/// leaves the last committed state readable (SPEC 11).
///
/// # Errors
/// If the handlers cannot be installed.
pub(crate) async fn stop_requested() -> io::Result<&'static str> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut cpu = signal(SignalKind::from_raw(Signal::XCPU.as_raw()))?;
    let mut hangup = if hangup_stops() { Some(signal(SignalKind::hangup())?) } else { None };
    let hung_up = async {
        match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => pending().await,
        }
    };
    // One may have come before this was called.
    if let Some(signal) = stop_noted() {
        return Ok(signal);
    }
    tokio::select! {
        _ = cpu.recv() => Ok("SIGXCPU"),
        _ = term.recv() => Ok("SIGTERM"),
        _ = int.recv() => Ok("SIGINT"),
        _ = hung_up => Ok("SIGHUP"),
    }
}

/// Writes the failure as short JSON to the termination log, if there is one.
///
/// # Errors
/// If the file exists but cannot be written.
pub(crate) fn write(path: &Path, failure: &Failure) -> io::Result<()> {
    match open::to_write(path, false) {
        Ok(file) => open::rewrite(&file, message(failure).as_bytes()),
        // Outside Kubernetes there is no such file, and this job must not make one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The failure as JSON that is still JSON after Kubernetes has cut it.
fn message(failure: &Failure) -> String {
    let mut short = failure.clone();
    loop {
        let json = escape::json(&short.to_json().to_string());
        if json.len() <= MESSAGE_BYTES_MAX {
            return json;
        }
        let half = short.message.chars().count() / 2;
        short.message = short.message.chars().take(half).chain(['…']).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn failure(message: &str) -> Failure {
        Failure { run_id: Some("r".to_owned()), kind: Kind::Data, message: message.to_owned() }
    }

    #[test]
    fn the_termination_log_holds_the_exit_code_and_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), &failure("s3://b/k: expected a column store_id, found none")).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["exit_code"], 65);
        assert_eq!(json["error"], "s3://b/k: expected a column store_id, found none");
        assert_eq!(json["retry"], false);
    }

    #[test]
    fn a_long_line_is_cut_to_what_kubernetes_keeps_and_stays_json() {
        let text = message(&failure(&"\"é".repeat(20_000)));
        assert!(text.len() <= MESSAGE_BYTES_MAX);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn no_termination_log_is_no_error_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("termination-log");
        write(&path, &failure("x")).unwrap();
        assert!(!path.exists());
    }
}

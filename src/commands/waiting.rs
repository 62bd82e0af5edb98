//! Those who wait for a run's result in a file: which files they named, and why one of them can be
//! none.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::apart;
use crate::ending;
use crate::error::Error;
use crate::escape;
use crate::kind::Kind;
use crate::manifest::{Manifest, Places};
use crate::orchestrator::{EndFiles, NotWritten, termination, xcom};
use crate::shortage::{self, Shortage};

const RESULT_FILE: &str = "--result-file";

/// From now on, those who wait for a run's result hear of whatever ends the process: also of a
/// command line that is wrong. So this comes before it is parsed.
pub fn tell_those_who_wait(arguments: impl Iterator<Item = OsString>) {
    if let Some(asked_for) = asked_for(arguments) {
        ending::tell_files(end_files(asked_for));
    }
}

/// The result files among the arguments, sound or not; `None` if they ask for no run.
fn asked_for(arguments: impl Iterator<Item = OsString>) -> Option<Vec<PathBuf>> {
    let mut arguments = arguments.skip(1).take_while(|argument| argument != "--").peekable();
    let (mut command, mut files, mut dry) = (None, Vec::new(), false);
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_encoded_bytes();
        if argument == RESULT_FILE {
            // The parser takes no value that begins like an option.
            let value = |next: &OsString| !next.as_encoded_bytes().starts_with(b"-");
            files.extend(arguments.next_if(value).map(PathBuf::from));
        } else if let Some(value) = value_of(&argument) {
            files.push(value);
        } else if argument == "--log-format" || argument == "--color" {
            arguments.next();
        } else if !bytes.starts_with(b"-") {
            command.get_or_insert(argument);
        } else {
            dry |= argument == "--dry-run";
        }
    }
    let runs = command.is_some_and(|command| command == "run" || command == "rerun");
    // A dry run writes nothing, if it is one.
    (runs && !(dry && files.is_empty())).then_some(files)
}

/// The value of `--result-file=value`.
fn value_of(argument: &OsStr) -> Option<PathBuf> {
    let text = argument.as_encoded_bytes().strip_prefix(RESULT_FILE.as_bytes())?;
    let value = text.strip_prefix(b"=")?;
    Some(PathBuf::from(OsStr::from_bytes(value)))
}

/// The files that tell how this run ends.
pub(super) fn files(asked_for: Option<&PathBuf>) -> EndFiles {
    // If they were found before, they are the same.
    ending::tell_files(end_files(asked_for.into_iter().cloned().collect()))
}

fn end_files(asked_for: Vec<PathBuf>) -> EndFiles {
    let (xcom, log) = (Path::new(xcom::XCOM_FOLDER), Path::new(termination::TERMINATION_LOG));
    EndFiles::new(asked_for, xcom, log)
}

/// Tells the files of a run that never began why.
pub(super) fn refused(asked_for: Option<&PathBuf>, error: &Error) {
    told(&files(asked_for), error);
}

pub(super) fn told(files: &EndFiles, error: &Error) {
    files.failed(error.kind(), &escape::line(&error.to_string()));
}

/// Fails if the result would lie among logs, where the next run would read it. Nothing is then
/// written there.
pub(super) fn is_apart(
    asked_for: Option<&PathBuf>,
    files: &EndFiles,
    manifest: &Manifest,
) -> Result<(), Error> {
    let Some(path) = asked_for else { return Ok(()) };
    let Some(name) = apart::file_taken_by(path, &Places::of(manifest)) else {
        files.vouch();
        return Ok(());
    };
    files.withdraw();
    Err(Error::ResultFile {
        place: path.display().to_string(),
        reason: format!("expected a place of its own, found that of {name}; name another file"),
        kind: Kind::Usage,
    })
}

/// Why a file cannot be the result file, before anything is run.
pub(super) fn no_result_file(why: NotWritten) -> Error {
    let (place, reason, kind) = match why {
        NotWritten::Failed { path, source } => {
            let kind = match source.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Kind::Denied,
                _ if Shortage::of(&source).is_some() => Kind::Temporary,
                _ => Kind::Usage,
            };
            let reason = shortage::reason(&source);
            let reason = format!(
                "expected a file that can be written ({reason}); mend that, or name another"
            );
            (path, reason, kind)
        }
        NotWritten::Foreign { path, found } => {
            let reason = format!(
                "expected the result of an earlier run, or nothing, found {found}, which stays; \
                 name another file, or move that one away"
            );
            (path, reason, Kind::Usage)
        }
        NotWritten::Stream { path } => {
            let reason = "expected a file of its own, found the one that stdout or stderr goes \
                          to; name another"
                .to_owned();
            (path, reason, Kind::Usage)
        }
    };
    Error::ResultFile { place: place.display().to_string(), reason, kind }
}

/// Why the result of a run that is committed was not written.
pub(super) fn not_written(why: NotWritten) -> Error {
    let (path, found) = match why {
        NotWritten::Failed { path, source } => {
            return Error::Result { place: path.display().to_string(), source };
        }
        NotWritten::Foreign { path, found } => (path, found),
        NotWritten::Stream { path } => (path, "stdout or stderr"),
    };
    Error::ResultFile {
        place: path.display().to_string(),
        reason: format!(
            "expected it as this run left it, found {found}, which stays; the run is committed; \
             name a file that nothing else writes, and run again"
        ),
        kind: Kind::Temporary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_found_whatever_else_is_on_the_command_line() {
        for (arguments, expected) in [
            (&["run", "--result-file", "a", "--bogus"][..], Some(&["a"][..])),
            (&["rerun", "--threads", "0", "--result-file=a"], Some(&["a"])),
            (&["--log-format", "json", "-vv", "run", "--result-file", "a"], Some(&["a"])),
            (&["run", "--result-file", "a", "--result-file=b"], Some(&["a", "b"])),
            (&["run", "--dry-run", "--result-file", "a"], Some(&["a"])),
            (&["run", "--result-file", "--bogus"], Some(&[])),
            (&["run", "--result-file"], Some(&[])),
            (&["run", "--", "--result-file", "a"], Some(&[])),
            (&["run", "--dry-run"], None),
            (&["sample", "run", "--result-file", "a"], None),
            (&["help", "run"], None),
            (&[], None),
        ] {
            let typed = ["cohort"].iter().chain(arguments).map(OsString::from);
            let expected = expected.map(|files| files.iter().map(PathBuf::from).collect());
            assert_eq!(asked_for(typed), expected, "{arguments:?}");
        }
    }
}

//! What the subcommands share: arguments that are URIs, the runtime and stdout.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::error::Error;
use crate::escape;
use crate::manifest::{self, Places};
use crate::objects::{Objects as _, Storage, Uri};
use crate::registry;
use crate::shortage::Shortage;
use crate::stop::stop_noted;
use crate::streams;
use crate::workers::Workers;

/// Where a manifest says that inputs and outputs lie.
pub(super) async fn places(storage: &Storage, manifest: &str) -> Result<Places, Error> {
    let uri = argument(manifest)?;
    let (bytes, _) = storage.read(&uri).await?;
    Ok(Places::read(manifest::utf8(&bytes, &uri)?, &uri)?)
}

/// A path or URI as typed.
pub(super) fn argument(text: &str) -> Result<Uri, Error> {
    let folder = std::env::current_dir().map_err(|source| Error::Folder { source })?;
    let is_relative = !text.starts_with('/') && !text.contains("://");
    if is_relative && folder.to_str().is_none() {
        return Err(Error::FolderName { folder });
    }
    Uri::from_argument(&folder, text).map_err(|error| Error::Usage(error.to_string()))
}

/// The runtime on which tasks wait for storage. What computes runs on
/// [`Workers`].
///
/// It waits on this thread. One more is enough for the disk, whose calls block, and is kept.
pub(super) fn runtime() -> Result<Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().thread_keep_alive(KEPT).build().map_err(refused)
}

/// Why there is nothing to wait with.
pub(super) fn refused(source: io::Error) -> Error {
    Shortage::of(&source).map_or(Error::Refused { source }, Error::Short)
}

/// The runtime, and as many threads that compute as the machine has processors.
///
/// If the system has few threads to give, the disk takes the first: its calls cannot do without
/// it, and what computes can.
pub(super) fn runtime_and_workers() -> Result<(Runtime, Workers), Error> {
    let runtime = runtime()?;
    // It starts with the first call that blocks, and is kept.
    let started = runtime.block_on(runtime.spawn_blocking(|| ()));
    started.map_err(|_| Error::Short(Shortage::Threads))?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok((runtime, Workers::start(processors)))
}

/// Longer than any run.
const KEPT: Duration = Duration::from_secs(1 << 24);

/// Whether the caller closed stdout before the process began.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Says that the caller closed stdout before the process began. The standard library then opens
/// another file in its place, so that writing seems to succeed.
pub fn stdout_is_closed() {
    CLOSED.store(true, Ordering::Relaxed);
}

/// Stdout, which fails if the caller has closed it.
pub(super) struct Stdout;

/// Where commands print. Nothing else of the job writes there but a channel of an orchestrator.
pub(super) fn stdout() -> Stdout {
    Stdout
}

impl io::Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        is_open()?;
        streams::to_stdout(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        is_open()
    }
}

fn is_open() -> io::Result<()> {
    if CLOSED.load(Ordering::Relaxed) { Err(Errno::BADF.into()) } else { Ok(()) }
}

/// Prints on stdout. Whoever runs a command wants what it prints, so it is a failure if it cannot
/// be written.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(not_printed)
}

/// Prints a value as indented JSON, piece by piece: it may be far larger than what it is made of.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let mut out = io::BufWriter::new(stdout());
    let written = escape::write_json_indented(value, &mut out);
    written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).map_err(not_printed)
}

/// Prints of a registry what `write` writes, piece by piece.
pub(super) fn print_registry(
    write: impl FnOnce(&mut io::BufWriter<Stdout>) -> Result<(), registry::Error>,
) -> Result<(), Error> {
    let mut out = io::BufWriter::new(stdout());
    write(&mut out).and_then(|()| Ok(out.flush()?)).map_err(|error| match error {
        registry::Error::Print(source) => not_printed(source),
        error => error.into(),
    })
}

/// What becomes of help that was printed. A reader who has gone away has read enough.
///
/// # Errors
/// If stdout is closed, or does not take it.
pub fn help_printed(printed: io::Result<()>) -> Result<(), Error> {
    match is_open().and(printed) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(not_printed(error)),
        _ => Ok(()),
    }
}

pub(super) fn not_printed(source: io::Error) -> Error {
    Error::Result { place: "stdout".to_owned(), source }
}

/// Why a command that has not begun need not begin: a signal asked the process to stop.
#[must_use]
pub fn stopped() -> Option<Error> {
    stop_noted().map(|signal| Error::Stopped { signal })
}

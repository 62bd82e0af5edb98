//! What the subcommands share: arguments that are URIs, the runtime and stdout.

use std::io::{self, Write as _};

use crate::error::Error;
use crate::manifest::{self, Places};
use crate::objects::{Objects as _, Storage, Uri};
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
    Uri::from_argument(&folder, text).map_err(|error| Error::Usage(error.to_string()))
}

/// The runtime on which tasks wait for storage. What computes runs on
/// [`Workers`](crate::workers::Workers).
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| Error::Threads { source })
}

/// As many threads as the machine has processors.
pub(super) fn workers() -> Result<Workers, Error> {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Workers::start(count).map_err(|source| Error::Threads { source })
}

/// Prints on stdout. A reader who has gone away is not a failure.
pub(super) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Result { place: "stdout".to_owned(), source })
        }
        _ => Ok(()),
    }
}

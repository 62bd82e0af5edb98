//! `cohort page`: what committed runs found, as a page to look at.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;

use super::apart;
use super::files::SelectionArgs;
use super::terminal::{argument, places, print, runtime_and_workers};
use super::whole;
use crate::committed::CommittedRuns;
use crate::error::Error;
use crate::led::led;
use crate::objects::{self, Objects as _, Outcome, Put, Scheme, Storage, Uri};
use crate::page::{self, VerifyFindings};
use crate::registry::{self, Options};
use crate::run::Shell;

/// How often a page on S3 is written again because another one came in between.
const ATTEMPTS_MAX: usize = 8;

/// `cohort page`.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// The run manifest, whose outputs hold the runs and whose inputs name the edits log.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// Which runs.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Where to write the page: a file, or s3://bucket/key.html. What is there is replaced.
    #[arg(long, value_name = "FILE|URI")]
    pub out: String,
    /// What `cohort verify --as json` printed of the same runs: the page then shows what is stale.
    #[arg(long, value_name = "FILE|URI")]
    pub verify: Option<String>,
}

pub(super) const EXAMPLES: &str = "  \
cohort page --manifest run_manifest.json --out events.html

  cohort page --manifest s3://lake/conf/cohorting.json --from 2025-01-01 --to 2025-02-01 \\
      --out s3://lake/pages/january.html

  cohort page --manifest run_manifest.json --verify verify.json --out events.html";

/// Writes the page and prints where it is.
pub(super) fn execute(args: &PageArgs) -> Result<(), Error> {
    let selection = args.selection.parse()?;
    let out = argument(&args.out)?;
    if out.path().is_empty() || out.path().ends_with('/') {
        return Err(Error::Usage(format!(
            "--out: expected a file or an object, such as events.html, found the folder {:?}",
            args.out
        )));
    }
    let report = args.verify.as_deref().map(argument).transpose()?;
    let manifest = argument(&args.manifest)?;
    for (what, uri) in [("--manifest", Some(&manifest)), ("--verify", report.as_ref())] {
        if uri.is_some_and(|uri| apart::is_same(uri, &out)) {
            return Err(taken(&out, what));
        }
    }
    let (runtime, workers) = runtime_and_workers()?;
    runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        let shell = Shell { objects: storage.clone(), workers };
        let places = places(&storage, &args.manifest).await?;
        if let Some(name) = apart::taken_by(&out, &places) {
            return Err(taken(&out, name));
        }
        let report = match &report {
            Some(uri) => Some(report_at(&storage, uri).await?),
            None => None,
        };
        let runs = CommittedRuns::find(&*storage, &places.lineage, &selection).await?;
        let options = Options::default();
        let registry = registry::registry(&shell, &places, &selection, options).await?;
        let page =
            page::page(&*storage, &places.lineage, &runs, &registry, report.as_ref()).await?;
        match out.scheme() {
            Scheme::File => write_file(&out, page.as_bytes()),
            _ => put(&storage, &out, Bytes::from(page)).await,
        }
    })?;
    print(&format!("{out}\n"))
}

fn taken(out: &Uri, by: &str) -> Error {
    Error::Usage(format!("--out {out}: expected a place of its own, found that of {by}"))
}

async fn report_at(storage: &Storage, uri: &Uri) -> Result<VerifyFindings, Error> {
    let (bytes, _) = storage.read(uri).await?;
    VerifyFindings::parse(&bytes).map_err(|reason| {
        Error::Usage(format!(
            "--verify {uri}: expected what `cohort verify --as json` prints, found {reason}"
        ))
    })
}

/// Writes a file whole: who reads it meanwhile sees the old page or the new.
fn write_file(uri: &Uri, page: &[u8]) -> Result<(), Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::Objects(objects::Error::Denied {
                uri: uri.clone(),
                action: "write",
                reason: source.to_string(),
            })
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            Error::Usage(format!("--out {uri}: expected a folder above it, found a file"))
        }
        _ => Error::Result { place: uri.to_string(), source },
    };
    // A link stays, and what it leads to is replaced.
    let path = &led(Path::new(uri.path()));
    let before = fs::symlink_metadata(path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return Err(Error::Usage(format!(
            "--out {uri}: expected a file, found a folder or a device"
        )));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    whole::put(path, page, before.map(|before| before.permissions())).map_err(failed)
}

/// Writes an object over whatever is there.
async fn put(storage: &Storage, uri: &Uri, page: Bytes) -> Result<(), Error> {
    for _ in 0..ATTEMPTS_MAX {
        let put = match storage.read(uri).await {
            Ok((_, seen)) => storage.replace(uri, page.clone(), &seen).await?,
            Err(objects::Error::NotFound { .. }) => storage.create(uri, page.clone()).await?,
            Err(error) => return Err(error.into()),
        };
        if let Put::Done(_) = put {
            return Ok(());
        }
    }
    Err(Error::Objects(objects::Error::Unavailable {
        uri: uri.clone(),
        action: "write",
        outcome: Outcome::NotDone,
        reason: format!("others wrote it {ATTEMPTS_MAX} times meanwhile"),
    }))
}

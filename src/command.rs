//! What each subcommand does: from what the user typed to a result on stdout. The shell around [`crate::run`].

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use crate::cli::{Cli, Command, RunArgs, SampleArgs, SchemaArgs, ShowArgs};
use crate::contract::nearest;
use crate::error::Error;
use crate::manifest::{CommitMode, Manifest};
use crate::objects::{Objects as _, Storage, Traffic, Uri};
use crate::run::{self, Outcome, Shell, load_manifest};
use crate::sample::Sample;
use crate::summary::{Execution, Rows, Summary};
use crate::workers::Workers;
use crate::{logging, process, schemas, show};

/// Does what the command line asks.
///
/// # Errors
/// [`Error`], whose kind is the exit code.
pub fn execute(cli: &Cli) -> Result<(), Error> {
    logging::start(cli.logging)?;
    match &cli.command {
        Command::Run(args) => run_command(args),
        Command::Schema(args) => schema(args),
        Command::Sample(args) => sample(args),
        Command::Show(args) => show(args),
    }
}

fn run_command(args: &RunArgs) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "the summary says how long the run took")]
    let begun = Instant::now();
    let threads = args.threads.map_or_else(processors, |threads| usize::from(threads.get()));
    let manifest = argument(&args.run.manifest)?;
    let summary = runtime()?.block_on(async {
        let storage = Arc::new(Storage::new());
        let manifest = load_manifest(&*storage, &manifest, &args.run.overrides()).await?;
        if manifest.commit == CommitMode::Unconditional {
            storage.accept_unconditional();
        }
        let workers = Workers::start(threads).map_err(run::Error::from)?;
        let shell = Shell { objects: storage.clone(), workers };
        let outcome = shell.run(&manifest).await?;
        Ok::<_, Error>(summary(&manifest, &outcome, &storage.traffic(), threads, begun))
    })?;
    let line = summary.to_json() + "\n";
    if let Some(path) = &args.result_file {
        std::fs::write(path, &line)
            .map_err(|source| Error::Result { place: path.display().to_string(), source })?;
    }
    print(&line)
}

/// The summary of a run, with what it cost.
fn summary(
    manifest: &Manifest,
    outcome: &Outcome,
    traffic: &Traffic,
    threads: usize,
    begun: Instant,
) -> Summary {
    let ms =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Summary {
        run_id: manifest.run_id.clone(),
        status: outcome.status,
        interval: manifest.interval,
        lineage: outcome.lineage_uri.clone(),
        rows: Rows::of(&outcome.lineage.outputs),
        counts: outcome.lineage.counts,
        execution: Execution {
            wall_ms: ms(begun.elapsed()),
            cpu_ms: ms(process::cpu_time()),
            threads: threads as u64,
            requests: traffic.requests,
            retries: traffic.retries,
            bytes_written: outcome.bytes_written,
        },
        peak_memory_bytes: process::peak_memory_bytes(),
    }
}

/// A path or URI as typed.
fn argument(text: &str) -> Result<Uri, Error> {
    let folder = std::env::current_dir()
        .map_err(|source| Error::Result { place: "the working folder".to_owned(), source })?;
    Uri::from_argument(&folder, text).map_err(|error| Error::Usage(error.to_string()))
}

/// The runtime on which tasks wait for storage; what computes runs on [`Workers`].
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|source| Error::Threads { threads: 1, source })
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

fn schema(args: &SchemaArgs) -> Result<(), Error> {
    let Some(name) = &args.name else {
        let names: Vec<&str> = schemas::ALL.iter().map(|schema| schema.name).collect();
        return print(&(names.join("\n") + "\n"));
    };
    match schemas::find(name) {
        Some(schema) => print(schema.text),
        None => {
            let names = schemas::ALL.iter().map(|schema| schema.name);
            let nearest = nearest(name, names).unwrap_or_default();
            Err(Error::Usage(format!(
                "expected the name of a schema, found {name:?}; did you mean {nearest:?}?"
            )))
        }
    }
}

fn sample(args: &SampleArgs) -> Result<(), Error> {
    let sample = Sample { stores: args.stores, skus: args.skus, days: args.days, seed: args.seed };
    let written = sample.write(&args.folder)?;
    print(&format!("{}\n", written.manifest.display()))
}

fn show(args: &ShowArgs) -> Result<(), Error> {
    let lineage = argument(&args.lineage)?;
    let options = show::Options { top: args.top as usize, store: args.store.clone() };
    let text = runtime()?.block_on(show::show(&Storage::new(), &lineage, &options))?;
    print(&text)
}

/// Prints on stdout; a reader who has gone away is no failure.
fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Result { place: "stdout".to_owned(), source })
        }
        _ => Ok(()),
    }
}

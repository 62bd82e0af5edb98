//! What each subcommand does: from what the user typed to a result on stdout. The shell around [`crate::run`].

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::{Cli, Command, RunArgs, SampleArgs, SchemaArgs, ShowArgs};
use crate::contract::nearest;
use crate::error::Error;
use crate::manifest::{CommitMode, Manifest, Overrides};
use crate::objects::{Objects as _, Scheme, Storage, Traffic, Uri};
use crate::orchestrator::facts::{Facts, Plan};
use crate::orchestrator::{Reporters, Surroundings, termination, xcom};
use crate::process::one_line;
use crate::run::{Outcome, Shell, load_manifest};
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

/// Runs the job, or stops it when asked to, and tells whoever called.
fn run_command(args: &RunArgs) -> Result<(), Error> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        let mut reporters = reporters(args, storage.clone()).await;
        // A run that is dropped where it stands leaves what was committed before (SPEC 11).
        let outcome = tokio::select! {
            outcome = carry(args, storage, &mut reporters) => outcome,
            signal = termination::stop_requested() => Err(stopped(signal)),
        };
        match &outcome {
            Ok(_) => {}
            Err(Error::Stopped { signal }) => reporters.aborted(signal).await,
            Err(error) => reporters.failed(error.kind(), &one_line(&error.to_string())).await,
        }
        outcome
    });
    // Requests that are still under way must not hold up the end.
    runtime.shutdown_background();
    // Last of all: the final line of both streams together is the summary, or the reason of the failure.
    print(&(outcome? + "\n"))
}

fn stopped(signal: io::Result<&'static str>) -> Error {
    match signal {
        Ok(signal) => Error::Stopped { signal },
        Err(error) => Error::Bug(format!("no handler for signals: {error}")),
    }
}

/// One run from its manifest to the summary, which is what it returns.
async fn carry(
    args: &RunArgs,
    storage: Arc<Storage>,
    reporters: &mut Reporters,
) -> Result<String, Error> {
    #[expect(clippy::disallowed_methods, reason = "the summary says how long the run took")]
    let begun = Instant::now();
    let threads = args.threads.map_or_else(processors, |threads| usize::from(threads.get()));
    let manifest = argument(&args.run.manifest)?;
    let overrides = Overrides { expect_same: args.expect_same, ..args.run.overrides() };
    let manifest = load_manifest(&*storage, &manifest, &overrides).await?;
    reporters.started(Plan::of(&manifest)).await;
    if manifest.commit == CommitMode::Unconditional {
        storage.accept_unconditional();
    }
    let workers = Workers::start(threads).map_err(|source| Error::Threads { threads, source })?;
    let threads = workers.count();
    let shell = Shell { objects: storage.clone(), workers };
    let outcome = shell.run(&manifest).await?;
    let summary = summary(&manifest, &outcome, &storage.traffic(), threads, begun);
    let facts = Facts::of(&outcome.lineage, &summary, outcome.highlights);
    let written = reporters.finished(&facts).await;
    written
        .map_err(|(path, source)| Error::Result { place: path.display().to_string(), source })?;
    Ok(facts.summary)
}

/// The channels that the environment and the command line ask for.
async fn reporters(args: &RunArgs, objects: Arc<Storage>) -> Reporters {
    Reporters::open(Surroundings {
        env: &|name| std::env::var(name).ok(),
        objects,
        clock: process::now,
        result_file: args.result_file.clone(),
        xcom_folder: Path::new(xcom::XCOM_FOLDER),
        termination_log: Path::new(termination::TERMINATION_LOG),
    })
    .await
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
    let place = argument(&args.place)?.as_prefix();
    let written = if place.scheme() == &Scheme::File {
        sample.write(Path::new(args.place.strip_prefix("file://").unwrap_or(&args.place)))?
    } else {
        let runtime = runtime()?;
        sample.put(Arc::new(Storage::new()), place, runtime.handle().clone())?
    };
    print(&format!("{}\n", written.manifest))
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

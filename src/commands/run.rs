//! `cohort run`: the job itself, and what it tells its caller.

use std::io;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tokio::sync::Mutex;

use super::apart;
use super::terminal::{argument, print, refused, runtime};
use super::waiting;
use crate::ending;
use crate::error::Error;
use crate::escape;
use crate::logging::{LogFormat, Logging};
use crate::manifest::{CommitMode, Manifest, Overrides, Places};
use crate::objects::{Objects as _, Storage, Traffic};
use crate::orchestrator::facts::{Announcement, Facts};
use crate::orchestrator::{EndFiles, Place, Reporters, Surroundings, termination};
use crate::process;
use crate::progress;
use crate::run::{RunOutcome, Shell, load_manifest};
use crate::screen::Look;
use crate::show;
use crate::summary::{Execution, Summary};
use crate::workers::Workers;

/// What the command line overrides in a manifest.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    /// The interval's first instant, over the manifest's, in RFC 3339.
    #[arg(long, value_name = "INSTANT")]
    pub interval_start: Option<String>,
    /// The first instant after the interval, over the manifest's, in RFC 3339.
    #[arg(long, value_name = "INSTANT")]
    pub interval_end: Option<String>,
    /// The longest quiet time within one event, over the manifest's, in ISO 8601.
    #[arg(long, value_name = "DURATION")]
    pub gap: Option<String>,
    /// The time between two boundaries at which a long chain of ticks is cut, over the manifest's,
    /// in ISO 8601; greater than the gap.
    #[arg(long, value_name = "DURATION")]
    pub max_event_duration: Option<String>,
    /// How old an onset may be at its detection, over the manifest's, in ISO 8601.
    #[arg(long, value_name = "DURATION")]
    pub max_lookback: Option<String>,
}

/// How a run is carried out. Its rows are the same for any choice.
#[derive(Debug, Args)]
pub struct ExecutionArgs {
    /// Threads that compute; the result is the same for any number [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU16>,
    /// Refuse to replace other content that was committed under this run_id.
    #[arg(long)]
    pub expect_same: bool,
    /// Write the summary to this file as well. What is there must be an earlier result, or nothing.
    #[arg(long, value_name = "PATH")]
    pub result_file: Option<PathBuf>,
    /// Print what a run would read and write, and write nothing: no part, no lineage, no message to
    /// an orchestrator.
    #[arg(long, conflicts_with = "result_file")]
    pub dry_run: bool,
    /// The form of a dry run [default: text].
    #[arg(long = "as", value_enum, value_name = "FORM", requires = "dry_run")]
    pub dry_run_as: Option<DryRunForm>,
    /// Draw no progress, also on a terminal.
    #[arg(long)]
    pub no_progress: bool,
}

/// A form of a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRunForm {
    /// For people.
    Text,
    /// One JSON object on one line.
    Json,
}

impl OverrideArgs {
    /// The same as the manifest takes it.
    pub fn overrides(&self, run_id: Option<String>, execution: &ExecutionArgs) -> Overrides {
        Overrides {
            run_id,
            start: self.interval_start.clone(),
            end: self.interval_end.clone(),
            gap: self.gap.clone(),
            max_event_duration: self.max_event_duration.clone(),
            max_lookback: self.max_lookback.clone(),
            expect_same: execution.expect_same,
        }
    }
}

/// `cohort run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The run manifest: a path, file:///..., or s3://bucket/key.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The run's name, over the manifest's: 1 to 250 characters of A-Za-z0-9._:+@=~-.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// Options that override other values of the manifest.
    #[command(flatten)]
    pub over: OverrideArgs,
    /// How to run.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

pub(super) const EXAMPLES: &str = "  \
cohort run --manifest run_manifest.json

  cohort run --manifest s3://lake/conf/cohorting.json \\
      --run-id scheduled__2025-01-01T00:00:00+00:00 \\
      --interval-start 2025-01-01T00:00:00Z --interval-end 2025-01-02T00:00:00Z

  cohort run --manifest run_manifest.json --dry-run

  cohort run --manifest run_manifest.json --threads 4 -v 2>run.log | jq .rows";

/// Runs the job that the manifest describes.
pub(super) fn execute(args: &RunArgs, logging: Logging) -> Result<(), Error> {
    carry_out(&args.execution, logging, async |storage: &Storage| {
        let manifest = argument(&args.manifest)?;
        let overrides = args.over.overrides(args.run_id.clone(), &args.execution);
        Ok(load_manifest(storage, &manifest, &overrides).await?)
    })
}

/// Runs the job that `load` finds, or stops it when asked to, and tells the caller.
pub(super) fn carry_out(
    args: &ExecutionArgs,
    logging: Logging,
    load: impl AsyncFnOnce(&Storage) -> Result<Manifest, Error>,
) -> Result<(), Error> {
    // JSON logs must not be interrupted by progress bars.
    progress::show(!args.no_progress && logging.format() == LogFormat::Text);
    if args.dry_run {
        let runtime = runtime()?;
        let page = runtime.block_on(async {
            tokio::select! {
                page = dry_run(args, load) => page,
                signal = termination::stop_requested() => Err(stopped(signal)),
            }
        });
        runtime.shutdown_background();
        progress::clear();
        return print(&page?);
    }
    let files = waiting::files(args.result_file.as_ref());
    let load = async |storage: &Storage| {
        let manifest = load(storage).await?;
        waiting::is_apart(args.result_file.as_ref(), &files, &manifest)?;
        Ok(manifest)
    };
    let ready = files.clear().map_err(waiting::no_result_file).and_then(|()| runtime());
    let runtime = ready.inspect_err(|error| waiting::told(&files, error))?;
    let outcome = runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        // A channel that hangs when it is opened is as bad as one that hangs later.
        let reporters = tokio::select! {
            reporters = reporters(files.clone(), storage.clone()) => reporters,
            signal = termination::stop_requested() => {
                let error = stopped(signal);
                waiting::told(&files, &error);
                return Err(error);
            }
        };
        let reporters = Arc::new(Mutex::new(reporters));
        ending::tell(&reporters);
        // A run that is dropped half-way leaves what was committed before (SPEC 11).
        let outcome = tokio::select! {
            outcome = run(args, load, storage, &reporters) => outcome,
            signal = termination::stop_requested() => Err(stopped(signal)),
        };
        let mut reporters = reporters.lock().await;
        match &outcome {
            Ok(_) => {}
            Err(Error::Stopped { signal }) => reporters.aborted(signal).await,
            Err(error) => reporters.failed(error.kind(), &escape::line(&error.to_string())).await,
        }
        outcome
    });
    // Requests that are still under way must not hold up the end.
    runtime.shutdown_background();
    progress::clear();
    // This comes last, so that the final line of both streams together is the summary or the reason
    // of the failure.
    print(&(outcome? + "\n"))
}

/// What a run would do, as it was asked for.
async fn dry_run(
    args: &ExecutionArgs,
    load: impl AsyncFnOnce(&Storage) -> Result<Manifest, Error>,
) -> Result<String, Error> {
    let storage = Arc::new(Storage::new());
    let manifest = load(&storage).await?;
    let workers = Workers::start(threads(args));
    let found = Shell { objects: storage, workers }.dry_run(&manifest).await?;
    Ok(match args.dry_run_as {
        // Maps have text keys and every field can be serialized, so there can be no error.
        Some(DryRunForm::Json) => {
            escape::json(&serde_json::to_string(&found).unwrap_or_default()) + "\n"
        }
        Some(DryRunForm::Text) | None => show::dry_run(&found, Look::of_stdout()),
    })
}

fn stopped(signal: io::Result<&'static str>) -> Error {
    signal.map_or_else(refused, |signal| Error::Stopped { signal })
}

/// Carries out one run, from its manifest to the summary that it returns.
async fn run(
    args: &ExecutionArgs,
    load: impl AsyncFnOnce(&Storage) -> Result<Manifest, Error>,
    storage: Arc<Storage>,
    reporters: &Mutex<Reporters>,
) -> Result<String, Error> {
    #[expect(clippy::disallowed_methods, reason = "the summary says how long the run took")]
    let begun = Instant::now();
    let manifest = load(&storage).await?;
    {
        let places = Places::of(&manifest);
        let mut reporters = reporters.lock().await;
        reporters.keep_out(|place| match place {
            Place::File(path) => apart::file_taken_by(path, &places),
            Place::Prefix(uri) => apart::taken_by(uri, &places),
        });
        reporters.started(Announcement::of(&manifest)).await;
    }
    if manifest.commit == CommitMode::Unconditional {
        storage.accept_unconditional();
    }
    let workers = Workers::start(threads(args));
    let threads = workers.count();
    let shell = Shell { objects: storage.clone(), workers };
    let outcome = shell.run(&manifest).await?;
    let summary = summary(&manifest, &outcome, &storage.traffic(), threads, begun);
    let facts = Facts::of(&outcome.lineage, &summary, outcome.highlights);
    reporters.lock().await.finished(&facts).await.map_err(waiting::not_written)?;
    Ok(facts.summary)
}

/// The channels that the environment and the command line ask for.
async fn reporters(files: EndFiles, objects: Arc<Storage>) -> Reporters {
    Reporters::open(Surroundings {
        env: &|name| std::env::var(name).ok(),
        objects,
        clock: process::now,
        files,
    })
    .await
}

/// The summary of a run, with what it cost.
fn summary(
    manifest: &Manifest,
    outcome: &RunOutcome,
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
        rows: outcome.lineage.outputs.as_ref().map(|_, output| output.rows),
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

/// How many threads compute: as typed, or one per processor.
fn threads(args: &ExecutionArgs) -> usize {
    args.threads.map_or_else(processors, |threads| usize::from(threads.get()))
}

/// One thread for each processor.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

//! What each subcommand does: from what the user typed to a result on stdout. The shell around [`crate::run`].

use std::io::{self, Write as _};

use crate::cli::{Cli, Command, RunArgs, SampleArgs, SchemaArgs, ShowArgs};
use crate::contract::nearest;
use crate::error::Error;
use crate::run::{RunOptions, run};
use crate::{logging, schemas};

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
    let threads = args.threads.map_or_else(processors, |threads| usize::from(threads.get()));
    let options = RunOptions {
        manifest: args.run.manifest.clone(),
        overrides: args.run.overrides(),
        threads,
    };
    let summary = runtime(threads)?.block_on(run(options))?;
    let line = summary.to_json() + "\n";
    if let Some(path) = &args.result_file {
        std::fs::write(path, &line)
            .map_err(|source| Error::Result { place: path.display().to_string(), source })?;
    }
    print(&line)
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|source| Error::Threads { threads, source })
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

// SEAM: DEMO. Sample { stores, skus, days, seed }.write(&args.folder), then print the manifest's path.
fn sample(args: &SampleArgs) -> Result<(), Error> {
    Err(Error::Bug(format!("no sample is built yet, for {}", args.folder.display())))
}

// SEAM: DEMO. Read the run's committed lineage and print its events as a table.
fn show(args: &ShowArgs) -> Result<(), Error> {
    Err(Error::Bug(format!("nothing is shown yet, of {}", args.run.manifest)))
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

//! `cohort verify`: whether committed runs are still valid.

use std::num::NonZeroU16;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::files::SelectionArgs;
use super::run::processors;
use super::terminal::{argument, places, print, print_json, runtime};
use crate::error::Error;
use crate::kind::Verdict;
use crate::objects::Storage;
use crate::run::Shell;
use crate::verify::{Question, page, verify};
use crate::workers::Workers;

/// `cohort verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run manifest, whose outputs hold the runs.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// Which runs.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Compare only the tags of files: no data is read, and nothing is computed.
    #[arg(long)]
    pub quick: bool,
    /// How to print what was found.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: Form,
    /// Threads that compute [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU16>,
}

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For a person at a terminal.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

pub(super) const EXAMPLES: &str = "  \
cohort verify --manifest run_manifest.json

  cohort verify --manifest s3://lake/conf/cohorting.json --from 2025-01-01 --to 2025-02-01 --quick

  cohort verify --manifest run_manifest.json --as json | jq -r .reruns[].run_id";

/// Prints what was found.
pub(super) fn execute(args: &VerifyArgs) -> Result<Verdict, Error> {
    let selection = args.selection.parse()?;
    let manifest = argument(&args.manifest)?;
    let runtime = runtime()?;
    let report = runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        let places = places(&storage, &args.manifest).await?;
        let shell = shell(storage, args.threads);
        let quick = args.quick;
        let question =
            Question { manifest: &manifest, places: &places, selection: &selection, quick };
        verify(&shell, &question).await
    })?;
    match args.form {
        Form::Text => print(&page(&report)),
        Form::Json => print_json(&report),
    }?;
    Ok(if report.sound { Verdict::Done } else { Verdict::Findings })
}

/// Where a command reads and computes.
pub(super) fn shell(objects: Arc<Storage>, threads: Option<NonZeroU16>) -> Shell {
    let threads = threads.map_or_else(processors, |threads| usize::from(threads.get()));
    Shell { objects, workers: Workers::start(threads) }
}

//! `cohort registry`: the events of committed runs, with people's edits applied.

use std::io;
use std::sync::Arc;

use clap::Args;
use cohort_core::registry::RegistryRow;

use super::files::{SelectionArgs, instant};
use super::terminal::{argument, places, print_registry, runtime_and_workers};
use crate::error::Error;
use crate::objects::Storage;
use crate::registry::{self, Form, Options};
use crate::run::Shell;

/// `cohort registry`.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// The run manifest, whose outputs hold the runs and whose inputs name the edits log.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// Which runs.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Show the registry as it was for data and edits up to this instant, or to this date's
    /// midnight.
    #[arg(long, value_name = "T")]
    pub as_of: Option<String>,
    /// Show only the events that have not ended.
    #[arg(long)]
    pub open: bool,
    /// Show only the events of one store.
    #[arg(long, value_name = "S")]
    pub store: Option<String>,
    /// Show the edits that do not apply, with the reasons, instead of the events.
    #[arg(long, conflicts_with_all = ["open", "store"])]
    pub unapplied: bool,
    /// How to show it.
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = Form::Table)]
    pub form: Form,
}

pub(super) const EXAMPLES: &str = "  \
cohort registry --manifest run_manifest.json --open

  cohort registry --manifest s3://lake/conf/cohorting.json --from 2025-01-01 --as jsonl

  cohort registry --manifest run_manifest.json --as-of 2025-01-01T12:00:00Z --store 327";

/// Prints the registry.
pub(super) fn execute(args: &RegistryArgs) -> Result<(), Error> {
    let selection = args.selection.parse()?;
    let as_of = instant(args.as_of.as_deref());
    let as_of = as_of.map_err(|reason| Error::Usage(format!("--as-of: {reason}")))?;
    if args.unapplied && args.form == Form::Parquet {
        return Err(Error::Usage(
            "--unapplied: expected --as table or jsonl, found parquet".into(),
        ));
    }
    argument(&args.manifest)?;
    let (runtime, workers) = runtime_and_workers()?;
    let found = runtime.block_on(async {
        let storage = Arc::new(Storage::new());
        let shell = Shell { objects: storage.clone(), workers };
        let places = places(&storage, &args.manifest).await?;
        let options = Options { as_of, ..Options::default() };
        Ok::<_, Error>(registry::registry(&shell, &places, &selection, options).await?)
    })?;
    let shown = |row: &RegistryRow<'_>| {
        (!args.open || row.is_open())
            && args.store.as_ref().is_none_or(|store| store == row.machine.store_id)
    };
    let printed = print_registry(|out| match args.unapplied {
        true => registry::unapplied(&found, args.form, out),
        false => registry::print(&found, args.form, shown, out),
    });
    match printed {
        // A reader who has gone away is not a failure.
        Err(Error::Result { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

//! `cohort history`: what a run said before it was run again.

use std::sync::Arc;

use clap::Args;

use super::terminal::{argument, places, print, print_json, runtime};
use super::verify::{Form, shell};
use crate::error::Error;
use crate::history::{history, page};
use crate::layout::RunId;
use crate::objects::Storage;

/// `cohort history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The run manifest, whose outputs hold the run.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The name of the run.
    #[arg(long, value_name = "ID")]
    pub run_id: String,
    /// How to print it.
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t)]
    pub form: Form,
}

pub(super) const EXAMPLES: &str = "  \
cohort history --manifest run_manifest.json --run-id daily__2025-01-01

  cohort history --manifest s3://lake/conf/cohorting.json --run-id daily__2025-01-01 --as json";

/// Prints every version of a run, and what the next one says differently.
pub(super) fn execute(args: &HistoryArgs) -> Result<(), Error> {
    let run_id: RunId =
        args.run_id.parse().map_err(|error| Error::Usage(format!("--run-id: {error}")))?;
    argument(&args.manifest)?;
    let history = runtime()?.block_on(async {
        let storage = Arc::new(Storage::new());
        let lineage = places(&storage, &args.manifest).await?.lineage;
        history(&shell(storage, None), &lineage, &run_id).await
    })?;
    match args.form {
        Form::Text => print(&page(&history)),
        Form::Json => print_json(&history),
    }
}

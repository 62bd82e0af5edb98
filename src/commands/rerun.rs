//! `cohort rerun`: runs again what a committed lineage records.

use clap::Args;

use super::run::{ExecutionArgs, OverrideArgs, carry_out};
use super::terminal::{argument, places};
use crate::committed::Committed;
use crate::error::Error;
use crate::layout::{RunId, lineage_key};
use crate::logging::Logging;
use crate::manifest::Manifest;
use crate::objects::{Storage, Uri};

/// `cohort rerun`.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// The committed lineage: a path or a URI, as the summary of `cohort run` names it.
    #[arg(long, value_name = "URI", required_unless_present = "manifest")]
    pub lineage: Option<String>,
    /// A manifest whose outputs hold the run; it serves only to find the lineage.
    #[arg(long, value_name = "URI", requires = "run_id", conflicts_with = "lineage")]
    pub manifest: Option<String>,
    /// The name of the run, with --manifest.
    #[arg(long, value_name = "ID", requires = "manifest", conflicts_with = "lineage")]
    pub run_id: Option<String>,
    /// Options that override values of the recorded manifest.
    #[command(flatten)]
    pub over: OverrideArgs,
    /// How to run.
    #[command(flatten)]
    pub execution: ExecutionArgs,
}

pub(super) const EXAMPLES: &str = "  \
cohort rerun --lineage s3://lake/lineage/cohorting/run=daily__2025-01-01/lineage.json

  cohort rerun --manifest s3://lake/conf/cohorting.json --run-id daily__2025-01-01";

/// Runs what the lineage records, interval and all, over today's inputs.
pub(super) fn execute(args: &RerunArgs, logging: Logging) -> Result<(), Error> {
    carry_out(&args.execution, logging, async |storage: &Storage| {
        let uri = lineage(args, storage).await?;
        let recorded = Committed::read(storage, &uri).await?.lineage.manifest;
        // A run writes to where it is recorded to have written. If that is not where the manifest
        // says, the lake was moved or copied.
        let written = lineage_key(&recorded.outputs.lineage.0, &recorded.run_id);
        if args.manifest.is_some() && written != uri {
            return Err(Error::Moved { lineage: uri, written });
        }
        let overrides = args.over.overrides(None, &args.execution);
        Ok(Manifest::recorded(&recorded, &uri, &overrides)?)
    })
}

/// Where the lineage is.
async fn lineage(args: &RerunArgs, storage: &Storage) -> Result<Uri, Error> {
    let (Some(manifest), Some(run_id)) = (&args.manifest, &args.run_id) else {
        return argument(args.lineage.as_deref().unwrap_or_default());
    };
    let run_id: RunId =
        run_id.parse().map_err(|error| Error::Usage(format!("--run-id: {error}")))?;
    Ok(lineage_key(&places(storage, manifest).await?.lineage, &run_id))
}

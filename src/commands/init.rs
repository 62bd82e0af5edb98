//! `cohort init`: a first manifest for a lake.

use clap::Args;

use super::terminal::{argument, print, runtime};
use crate::error::Error;
use crate::init::{self, Request};
use crate::objects::{Objects as _, Put, Storage};
use crate::screen::Look;

/// `cohort init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The prefix that holds the logs, a folder each: a path, file:///..., or s3://bucket/prefix/.
    #[arg(long, value_name = "URI")]
    pub lake: String,
    /// Where to write the manifest. What is there already is never replaced.
    #[arg(long, value_name = "URI", default_value = "run_manifest.jsonc")]
    pub out: String,
    /// Where runs will write [default: cohorting/ in the lake].
    #[arg(long, value_name = "URI")]
    pub outputs: Option<String>,
}

pub(super) const EXAMPLES: &str = "  \
cohort init --lake s3://lake/logs/

  cohort init --lake /data/lake --out /data/lake/run_manifest.jsonc --outputs /data/events";

/// Looks at the lake, writes the manifest, and says what was found.
pub(super) fn execute(args: &InitArgs) -> Result<(), Error> {
    let lake = argument(&args.lake)?.as_prefix();
    let manifest = argument(&args.out)?;
    let outputs = args.outputs.as_deref().map(argument).transpose()?;
    let outputs = outputs.unwrap_or_else(|| lake.join("cohorting/")).as_prefix();
    let request = Request { lake, manifest, outputs };
    let proposal = runtime()?.block_on(async {
        let storage = Storage::new();
        let proposal = init::propose(&storage, &request).await?;
        match storage.create(&request.manifest, proposal.manifest.clone().into()).await? {
            Put::Done(_) => Ok(proposal),
            Put::Conflict => Err(Error::Usage(format!(
                "--out: expected a place where nothing is, found {}; move it away, or give another \
                 place",
                request.manifest
            ))),
        }
    })?;
    let page = proposal.page(Look::of_stdout());
    print(&format!(
        "{page}\n Wrote {}\n Next: cohort run --manifest {} --dry-run\n",
        request.manifest, args.out
    ))
}

//! `cohort show`: what a committed run found.

use clap::Args;

use super::terminal::{argument, print, runtime};
use crate::error::Error;
use crate::objects::Storage;
use crate::screen::Look;
use crate::show;

/// `cohort show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The committed lineage: a path or a URI, as the summary of `cohort run` names it.
    #[arg(long, value_name = "URI")]
    pub lineage: String,
    /// Events to show, those with the greatest impact first.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub top: u32,
    /// Show only one store: its events, and every version of its lines.
    #[arg(long, value_name = "ID")]
    pub store: Option<String>,
}

pub(super) const EXAMPLES: &str = "  \
cohort show --lineage /tmp/chain/out/lineage/run=demo/lineage.json

  cohort show --lineage s3://lake/lineage/cohorting/run=daily/lineage.json --top 50";

/// Prints the page of one run.
pub(super) fn execute(args: &ShowArgs) -> Result<(), Error> {
    let lineage = argument(&args.lineage)?;
    let look = Look::of_stdout();
    let options = show::Options { top: args.top as usize, store: args.store.clone(), look };
    let text = runtime()?.block_on(show::show(&Storage::new(), &lineage, &options))?;
    print(&text)
}

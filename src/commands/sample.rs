//! `cohort sample`: a chain of shops to try the job on.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::terminal::{argument, print, runtime};
use crate::error::Error;
use crate::objects::{Scheme, Storage};
use crate::sample::Sample;

/// `cohort sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Where to write it: a new or empty folder, or s3://bucket/prefix/.
    #[arg(value_name = "PLACE")]
    pub place: String,
    /// Shops.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub stores: u32,
    /// Products that every shop sells.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub skus: u32,
    /// Days, the last being 2025-01-01.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub days: u32,
    /// Samples of equal size and seed are equal byte for byte.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

pub(super) const EXAMPLES: &str = "  \
cohort sample /tmp/chain

  cohort sample s3://lake/chain/ --stores 2000 --skus 50 --days 7 --seed 42";

/// Writes the sample and prints where its manifest is.
pub(super) fn execute(args: &SampleArgs) -> Result<(), Error> {
    let sample = Sample { stores: args.stores, skus: args.skus, days: args.days, seed: args.seed };
    let place = argument(&args.place)?.as_prefix();
    let written = if place.scheme() == &Scheme::File {
        sample.write(Path::new(args.place.strip_prefix("file://").unwrap_or(&args.place)))?
    } else {
        let runtime = runtime()?;
        let handle = runtime.handle().clone();
        // The runtime waits for requests on this thread, so the sample is made on another.
        let put = move || sample.put(Arc::new(Storage::new()), place, handle);
        let put = runtime.block_on(runtime.spawn_blocking(put));
        put.map_err(|stopped| Error::Bug(format!("the sample stopped ({stopped})")))??
    };
    print(&format!("{}\n", written.manifest))
}

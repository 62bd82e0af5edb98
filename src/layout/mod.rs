//! Keys: the only place that builds or parses a path (SPEC 2 *Partitioned datasets*, SPEC 10
//! `run_id`, SPEC 11).
//!
//! Everything that a run writes lies under `<dataset uri>run_id=<run_id>/`. The name of a part
//! holds the first digits of its digest. So the same name means the same bytes, and two contents
//! never share a name.

mod part;
mod partitioning;
mod run;

use crate::objects::Uri;

pub use part::PartName;
pub use partitioning::{Partitioning, PartitioningError};
pub use run::{RunId, RunIdError};

/// `<dataset uri>run_id=<run_id>/`: everything that a run may write or delete of one output.
#[must_use]
pub fn run_prefix(dataset: &Uri, run: &RunId) -> Uri {
    dataset.clone().as_prefix().join(&format!("{}/", run.path_segment()))
}

/// `<lineage uri>run_id=<run_id>/lineage.json`: the commit point.
#[must_use]
pub fn lineage_key(lineage: &Uri, run: &RunId) -> Uri {
    run_prefix(lineage, run).join("lineage.json")
}

/// Whether a file or folder of that name is data. Names that begin with `_` or `.` are the
/// bookkeeping of other programs, unless they hold a `=`: then they are partitions. So are names
/// that end in `_$folder$`, which old tools put beside a folder.
pub fn is_data(name: &str) -> bool {
    let hidden = name.starts_with(['_', '.']) && !name.contains('=');
    !name.is_empty() && !hidden && !name.ends_with("_$folder$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_under_the_run() {
        let base = Uri::from_argument(std::path::Path::new("/"), "s3://lake/out").unwrap();
        let run: RunId = "a:b".parse().unwrap();
        assert_eq!(run_prefix(&base, &run).to_string(), "s3://lake/out/run_id=a%3Ab/");
        assert_eq!(lineage_key(&base, &run).to_string(), "s3://lake/out/run_id=a%3Ab/lineage.json");
    }
}

//! Keys: the only place that builds or parses a path (SPEC 2 *Partitioned datasets*, SPEC 10
//! `run_id`, SPEC 11).
//!
//! Everything that a run writes lies under `<dataset uri>run=<run_id>/`. The name of a part
//! holds the first digits of its digest. So the same name means the same bytes, and two contents
//! never share a name.

mod part;
mod partitioning;
mod run;

use crate::objects::Uri;

pub(crate) use part::PartName;
pub(crate) use partitioning::Partitioning;
pub(crate) use partitioning::proposed::{Proposed, is_partition};
pub use run::RunId;

/// `<dataset uri>run=<run_id>/`: everything that a run may write or delete of one output.
#[must_use]
pub(crate) fn run_prefix(dataset: &Uri, run: &RunId) -> Uri {
    dataset.clone().as_prefix().join(&format!("{}/", run.path_segment()))
}

/// The name of a lineage in its run's folder.
const LINEAGE: &str = "lineage.json";

/// `<lineage uri>run=<run_id>/lineage.json`: the commit point.
#[must_use]
pub(crate) fn lineage_key(lineage: &Uri, run: &RunId) -> Uri {
    run_prefix(lineage, run).join(LINEAGE)
}

/// `superseded/` in a run's lineage folder: what reruns have replaced.
pub(crate) const SUPERSEDED: &str = "superseded/";

/// `superseded/<first 16 hex of content_sha256>/` below the lineage's run folder: where a lineage
/// that was replaced, and its parts, stay.
#[must_use]
pub(crate) fn superseded(lineage_folder: &Uri, content_sha256: &str) -> Uri {
    let digits: String = content_sha256.chars().take(16).collect();
    lineage_folder.join(&format!("{SUPERSEDED}{digits}/"))
}

/// `superseded/` below the lineage's run folder.
#[must_use]
pub(crate) fn superseded_root(lineage_folder: &Uri) -> Uri {
    lineage_folder.join(SUPERSEDED)
}

/// Whether a name in `superseded/` is that of a [`superseded`] folder.
pub(crate) fn is_superseded(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a name in a [`superseded`] folder is that of the copy of a lineage.
pub(crate) fn is_superseded_lineage(name: &str) -> bool {
    name == LINEAGE || name.starts_with("lineage-") && name.ends_with(".json")
}

/// The URIs that the copy of a lineage may take in its [`superseded`] folder. Two lineages may
/// list the same parts, for example if an input file was replaced by an equal one. The second then
/// takes a name with the first 16 hex of its own digest.
pub(crate) fn superseded_lineages(folder: &Uri, sha256: &str) -> [Uri; 2] {
    let digits: String = sha256.chars().take(16).collect();
    [folder.join(LINEAGE), folder.join(&format!("lineage-{digits}.json"))]
}

/// Whether a file or folder of that name is data. Names that begin with `_` or `.` are the
/// bookkeeping of other programs, unless they hold a `=`: then they are partitions. So are names
/// that end in `_$folder$`, which old tools put beside a folder.
pub(crate) fn is_data(name: &str) -> bool {
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
        assert_eq!(run_prefix(&base, &run).to_string(), "s3://lake/out/run=a%3Ab/");
        let kept = superseded(&run_prefix(&base, &run), &"ab".repeat(32));
        let expected = "s3://lake/out/run=a%3Ab/superseded/abababababababab/";
        assert_eq!(kept.to_string(), expected);
        let [first, second] = superseded_lineages(&kept, &"cd".repeat(32));
        assert_eq!(first.to_string(), format!("{expected}lineage.json"));
        assert_eq!(second.to_string(), format!("{expected}lineage-cdcdcdcdcdcdcdcd.json"));
        assert_eq!(lineage_key(&base, &run).to_string(), "s3://lake/out/run=a%3Ab/lineage.json");
    }
}

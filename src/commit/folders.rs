//! The folders of one run, and whether the storage can hold them.

use super::error::Error;
use crate::layout::{RunId, lineage_key, run_prefix};
use crate::objects::{Scheme, Uri};

/// The longest name of a folder on local disk, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// The longest key of S3, in bytes.
const KEY_BYTES_MAX: usize = 1024;
/// The longest path that a run writes below its folder: a superseded part.
const BELOW_BYTES_MAX: usize = 80;

/// Objects of a run that are written, copied or deleted at once.
pub(super) const AT_ONCE: usize = 8;

/// The folders of one run: nothing outside them is ever written or deleted.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// `run=<run_id>/` below each output dataset.
    pub outputs: Vec<Uri>,
    /// `run=<run_id>/` below the lineage's URI.
    pub lineage: Uri,
    /// `lineage.json` in it.
    pub lineage_key: Uri,
}

impl Folders {
    /// The folders of a run below these datasets and this lineage.
    ///
    /// # Errors
    /// [`Error::RunId`] if the storage cannot hold a folder of that name.
    pub(crate) fn of<'a>(
        run_id: &RunId,
        datasets: impl IntoIterator<Item = &'a Uri>,
        lineage: &Uri,
    ) -> Result<Self, Error> {
        let folders = Self {
            outputs: datasets.into_iter().map(|uri| run_prefix(uri, run_id)).collect(),
            lineage: run_prefix(lineage, run_id),
            lineage_key: lineage_key(lineage, run_id),
        };
        for folder in folders.all() {
            let (found, most) = match folder.scheme() {
                Scheme::File => (run_id.path_segment().len(), NAME_BYTES_MAX),
                Scheme::S3 { .. } => (folder.path().len() + BELOW_BYTES_MAX, KEY_BYTES_MAX),
                Scheme::Memory => (0, 0),
            };
            if found > most {
                return Err(Error::RunId { folder: folder.clone(), found, most });
            }
        }
        Ok(folders)
    }

    /// All folders: those of the outputs, then that of the lineage.
    pub(super) fn all(&self) -> impl Iterator<Item = &Uri> {
        self.outputs.iter().chain([&self.lineage])
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::kind::Kind;

    #[test]
    fn a_run_id_whose_folder_no_storage_can_hold_is_refused() {
        let of = |root: &str, run_id: &str| {
            let root = Uri::from_argument(Path::new("/"), root).unwrap();
            Folders::of(&run_id.parse().unwrap(), [&root], &root)
        };
        // `run=` and three bytes for each character that is encoded.
        let (fits, longer) = (":".repeat(83), ":".repeat(84));
        assert!(of("/lake/out/", &fits).is_ok());
        let error = of("/lake/out/", &longer).unwrap_err();
        assert_eq!(error.kind(), Kind::Manifest);
        assert!(error.to_string().contains("at most 255 bytes, found 256"), "{error}");
        assert!(of("s3://lake/out/", &longer).is_ok());
        let deep = format!("s3://lake/{}/", "x".repeat(700));
        assert_eq!(of(&deep, &longer).unwrap_err().kind(), Kind::Manifest);
        assert!(of(&deep, "daily").is_ok());
    }
}

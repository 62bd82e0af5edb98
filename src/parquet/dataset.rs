//! Which files of a dataset a time range needs.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Error;
use super::columns;
use super::file::File;
use super::folders::Folders;
use crate::layout;
use crate::manifest::Dataset;
use crate::objects::{Object, Objects, Uri};
use cohort_core::batch::LogColumns;
use cohort_core::contract::Log;
use cohort_core::{Interval, Timestamp};

/// Footers that are read at once.
const OPEN_AT_ONCE: usize = 16;

/// A file, and which of its columns are the contract's.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file.
    pub file: File,
    /// Its columns.
    pub columns: LogColumns,
}

impl Source {
    /// Reads by the page index, and again without it if the pages are not what it says. No row is
    /// then skipped by it either. A warning names the file.
    ///
    /// # Errors
    /// As `read` without the page index.
    pub(crate) async fn read<T>(
        &self,
        read: impl AsyncFnMut(&Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (found, by_index) = self.read_quietly(read).await?;
        if !by_index {
            self.file.tell_of_index();
        }
        Ok(found)
    }

    /// As [`Self::read`], without a word. Also says whether what was read first was kept.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn read_quietly<T>(
        &self,
        mut read: impl AsyncFnMut(&Self) -> Result<T, Error>,
    ) -> Result<(T, bool), Error> {
        let by_index = read(self).await;
        let plain = match &by_index {
            Err(Error::Corrupt { .. }) => self.file.without_index(),
            _ => None,
        };
        match plain {
            Some(file) => Ok((read(&Self { file, columns: self.columns.clone() }).await?, false)),
            None => Ok((by_index?, true)),
        }
    }
}

/// Opens the files that may hold rows of `[from, to)`, in the order of their URIs. Those are the
/// files of the partitions that overlap it, or all files if the dataset has no partitions.
///
/// # Errors
/// [`Error::MissingDataset`] if nothing at all lies under the dataset's URI, and whatever is wrong
/// with a file.
pub(crate) async fn open(
    objects: &dyn Objects,
    log: &'static Log,
    dataset: &Dataset,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Source>, Error> {
    let listed = list(objects, log, dataset, from, to).await?;
    open_listed(objects, log, dataset, listed, true).await
}

/// Opens all files of a log whose rows have no tick, whatever its partitions. They are read whole,
/// so a page index is of no use.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_all(
    objects: &dyn Objects,
    log: &'static Log,
    dataset: &Dataset,
) -> Result<Vec<Source>, Error> {
    let whole = Dataset { partitioning: None, ..dataset.clone() };
    let listed = list(objects, log, &whole, Timestamp::MIN, Timestamp::MAX).await?;
    open_listed(objects, log, &whole, listed, false).await
}

async fn open_listed(
    objects: &dyn Objects,
    log: &'static Log,
    dataset: &Dataset,
    listed: Vec<(Object, Option<Interval>)>,
    indexed: bool,
) -> Result<Vec<Source>, Error> {
    let sources = stream::iter(listed)
        .map(|(object, partition)| async move {
            let file = File::open(objects, object, partition, indexed).await?;
            let columns = columns::of(log, dataset, &file)?;
            Ok::<_, Error>(Source { file, columns })
        })
        .buffered(OPEN_AT_ONCE)
        .try_collect::<Vec<_>>();
    sources.await
}

/// A folder whose files are opened whole: a partition, or the whole dataset if there are none.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// The prefix of its files, with a slash at its end.
    pub prefix: Uri,
    /// The time that it covers, if it is a partition.
    partition: Option<Interval>,
}

impl Folder {
    /// Whether what was listed under it is data. What the pattern names is, whatever its name.
    pub(crate) fn holds(&self, object: &Object) -> bool {
        object.uri.below(&self.prefix).is_some_and(is_data)
    }
}

/// The folders that may hold rows of `[from, to)`: the partitions that overlap it, or the whole
/// dataset if it has none.
pub(crate) fn folders(dataset: &Dataset, from: Timestamp, to: Timestamp) -> Vec<Folder> {
    let root = &dataset.uri;
    let Some(partitioning) = &dataset.partitioning else {
        return vec![Folder { prefix: root.clone(), partition: None }];
    };
    let partitions = partitioning.partitions(from, to);
    let folder = |(interval, prefix): (Interval, String)| Folder {
        prefix: root.join(&prefix).as_prefix(),
        partition: Some(interval),
    };
    partitions.map(folder).collect()
}

async fn list(
    objects: &dyn Objects,
    log: &'static Log,
    dataset: &Dataset,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<(Object, Option<Interval>)>, Error> {
    let root = &dataset.uri;
    let listed = folders(dataset, from, to).into_iter().map(|folder| async move {
        let listed = objects.list(&folder.prefix).await?;
        Ok::<_, Error>((folder, listed))
    });
    let listed: Vec<_> = stream::iter(listed).buffered(OPEN_AT_ONCE).try_collect().await?;
    let is_missing = listed.iter().all(|(_, objects)| objects.is_empty());
    if let Some(partitioning) = &dataset.partitioning {
        let folders = Folders { objects, log, root, partitioning };
        let partitions = listed.iter().filter_map(|(folder, _)| folder.partition);
        folders
            .check_needed(&partitions.map(|partition| partition.start).collect::<Vec<_>>())
            .await?;
        if is_missing {
            folders.check_levels().await?;
        }
    } else if is_missing {
        return Err(Error::MissingDataset { uri: root.clone(), log: log.name });
    }
    let found = listed.into_iter().flat_map(|(folder, objects)| {
        let data: Vec<_> = objects.into_iter().filter(|object| folder.holds(object)).collect();
        data.into_iter().map(move |object| (object, folder.partition))
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|(a, _), (b, _)| a.uri.cmp(&b.uri));
    Ok(found)
}

/// Whether no part of a path hides the file. Writers hide what is not data.
fn is_data(path: &str) -> bool {
    path.split('/').all(layout::is_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_that_begin_with_an_underscore_or_a_dot_are_no_data() {
        assert!(is_data("date=2025-01-01/part-0.parquet"));
        assert!(is_data("_date=2025-01-01/part-0.parquet"), "a partition hides nothing");
        for path in [
            "_SUCCESS",
            ".x.crc",
            "_temporary/0/part-0.parquet",
            "date=2025-01-01/.part-0",
            "hour=12_$folder$",
            "hour=12/",
            "",
        ] {
            assert!(!is_data(path), "{path}");
        }
    }
}

//! A committed run read back: its lineage, and the rows of the parts that the lineage lists.
//!
//! All code that shows or checks what was committed starts here. It reads a lineage, the commit
//! point (SPEC 11), and never lists a folder, so it sees one complete, consistent run.

mod batches;
mod beside;
mod rows;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use cohort_core::contract::Outputs;
use cohort_core::{Interval, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use self::rows::{EVENT_COLUMNS, MELOG_COLUMNS, MRCH_COLUMNS, each_row};
use crate::kind::Kind;
use crate::layout::{RunId, lineage_key, run_prefix};
use crate::lineage::{self, Lineage, Output, OutputFile, hex};
use crate::objects::{self, Entry, Objects, Uri};

pub(crate) use self::batches::Wanted;
pub(crate) use self::beside::{run_folders, warn_of_others};
pub(crate) use self::rows::{EventRow, StoredMelogRow, StoredMrchRow};

/// Lineages that are read at once.
const READ_AT_ONCE: usize = 16;

/// Why a committed run cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed, or the lineage or a part of it is not there.
    #[error(transparent)]
    Objects(#[from] objects::Error),
    /// What is at the URI is not a lineage.
    #[error(transparent)]
    Lineage(#[from] lineage::Error),
    /// A part is not what the job writes.
    #[error("{uri}: expected a part as this release writes it, found {reason}; run the job again")]
    Part {
        /// The part.
        uri: Uri,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What the caller must do about it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Objects(error) => error.kind(),
            Self::Lineage(error) => error.kind(),
            Self::Part { .. } => Kind::Data,
        }
    }
}

/// A committed run.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// Its lineage.
    pub lineage: Lineage,
}

/// Which committed runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Runs whose interval ends after this instant.
    pub from: Option<Timestamp>,
    /// Runs whose interval begins before this instant.
    pub to: Option<Timestamp>,
    /// Only the run of this name.
    pub run_id: Option<RunId>,
}

/// Committed runs, in the order of (interval start, interval end, `run_id` bytes).
#[derive(Clone, Debug, Default)]
pub(crate) struct CommittedRuns {
    /// The runs.
    pub runs: Vec<Committed>,
}

impl CommittedRuns {
    /// Finds the committed runs below a lineage prefix. Only a lineage makes a run: folders of
    /// parts are never looked at.
    ///
    /// # Errors
    /// [`Error::Objects`], also if a run is asked for by name and is not there; [`Error::Lineage`].
    pub(crate) async fn find(
        objects: &dyn Objects,
        lineage: &Uri,
        selection: &Selection,
    ) -> Result<Self, Error> {
        let (runs, unreadable) = Self::find_readable(objects, lineage, selection).await?;
        match unreadable.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(runs),
        }
    }

    /// Whether a run is committed.
    ///
    /// # Errors
    /// [`Error::Objects`].
    pub(crate) async fn has(
        objects: &dyn Objects,
        lineage: &Uri,
        run_id: &RunId,
    ) -> Result<bool, Error> {
        match objects.read(&lineage_key(lineage, run_id)).await {
            // What is no file is judged where the lineages are read.
            Ok(_) | Err(objects::Error::Stranger { .. }) => Ok(true),
            Err(objects::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The same without the lineages that cannot be read, and what is wrong with those, in the
    /// order of their URIs. Nobody knows their intervals, so they are of any selection.
    ///
    /// # Errors
    /// [`Error::Objects`], as [`CommittedRuns::find`].
    pub(crate) async fn find_readable(
        objects: &dyn Objects,
        lineage: &Uri,
        selection: &Selection,
    ) -> Result<(Self, Vec<lineage::Error>), Error> {
        let by_name = selection.run_id.is_some();
        let names: Vec<RunId> = match &selection.run_id {
            Some(run_id) => vec![run_id.clone()],
            None => run_folders(objects, lineage).await?,
        };
        let read = stream::iter(names).map(|run_id| async move {
            match Committed::read_in_place(objects, &lineage_key(lineage, &run_id)).await {
                Ok(run) => Ok(Some(Ok(run))),
                Err(Error::Lineage(error)) => Ok(Some(Err(error))),
                // A folder without a lineage is no run.
                Err(Error::Objects(objects::Error::NotFound { .. })) if !by_name => Ok(None),
                Err(error) => Err(error),
            }
        });
        let read: Vec<_> = read.buffered(READ_AT_ONCE).try_collect().await?;
        let (mut runs, mut unreadable): (Vec<Committed>, _) = (Vec::new(), Vec::new());
        for one in read.into_iter().flatten() {
            match one {
                Ok(run) => runs.push(run),
                Err(error) => unreadable.push(error),
            }
        }
        runs.retain(|run| by_name || selection.wants(run.lineage.interval));
        runs.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok((Self { runs }, unreadable))
    }
}

impl Selection {
    fn wants(&self, interval: Interval) -> bool {
        self.from.is_none_or(|from| from < interval.end)
            && self.to.is_none_or(|to| interval.start < to)
    }
}

impl Committed {
    fn order(&self) -> (Timestamp, Timestamp, &RunId) {
        (self.lineage.interval.start, self.lineage.interval.end, &self.lineage.run_id)
    }

    /// The URIs of the parts of a log, after checking that each is what the lineage lists.
    ///
    /// # Errors
    /// [`Error::Part`] for a part that is missing or damaged, and [`Error::Objects`].
    pub(crate) async fn parts(&self, objects: &dyn Objects, log: &str) -> Result<Vec<Uri>, Error> {
        let outputs = self.lineage.outputs.each();
        let Some(output) =
            outputs.into_iter().find_map(|(l, output)| (l.name == log).then_some(output))
        else {
            return Ok(Vec::new());
        };
        let folder = run_prefix(&output.uri, &self.lineage.run_id);
        // Nothing in a run's folder is reached through a link.
        let entries = objects.entries(&folder).await?.into_iter();
        let there: BTreeMap<Uri, Entry> =
            entries.map(|entry| (entry.object.uri.clone(), entry)).collect();
        for part in &output.files {
            let wrong = |reason: String| Error::Part { uri: part.uri.clone(), reason };
            let entry = there.get(&part.uri).ok_or_else(|| wrong("nothing".to_owned()))?;
            if let Some(found) = entry.stranger {
                return Err(objects::Error::Stranger { uri: part.uri.clone(), found }.into());
            }
            let found = hex(&objects.digest(&entry.object).await?);
            if found != part.sha256 {
                return Err(wrong(format!(
                    "content whose SHA-256 is {found} instead of {}",
                    part.sha256
                )));
            }
        }
        Ok(output.files.iter().map(|part| part.uri.clone()).collect())
    }

    /// Reads the lineage of a committed run.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Lineage`].
    pub(crate) async fn read(objects: &dyn Objects, uri: &Uri) -> Result<Self, Error> {
        match objects.read(uri).await {
            Ok((bytes, _)) => Ok(Self { lineage: Lineage::parse(&bytes, uri)? }),
            Err(objects::Error::Stranger { uri, found }) => {
                Err(lineage::Error { uri, reason: found.to_owned() }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the lineage of a committed run from the folder of its name.
    ///
    /// # Errors
    /// As [`Committed::read`]; [`Error::Lineage`] if it is that of a run of another name.
    async fn read_in_place(objects: &dyn Objects, uri: &Uri) -> Result<Self, Error> {
        let run = Self::read(objects, uri).await?;
        let segment = run.lineage.run_id.path_segment();
        if uri.path().rsplit('/').nth(1) == Some(segment.as_str()) {
            return Ok(run);
        }
        let reason = format!("that of another run, {}", run.lineage.run_id);
        Err(lineage::Error { uri: uri.clone(), reason }.into())
    }

    /// The content of every part, after checking that it is what the lineage lists.
    ///
    /// # Errors
    /// As [`Committed::events`].
    pub(crate) async fn contents(
        &self,
        objects: &dyn Objects,
    ) -> Result<Outputs<Vec<Bytes>>, Error> {
        let mut contents = self.lineage.outputs.as_ref().map(|_, _| Vec::new());
        for (log, output) in self.lineage.outputs.each() {
            for part in &output.files {
                let content = read_part(objects, part).await?;
                if let Some(of_log) = contents.get_mut(log) {
                    of_log.push(content);
                }
            }
        }
        Ok(contents)
    }

    /// The newest row of each event that the run wrote, by the event's id.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Part`].
    pub(crate) async fn events(&self, objects: &dyn Objects) -> Result<Vec<StoredMelogRow>, Error> {
        events(objects, &self.lineage.outputs.melog).await
    }

    /// An event among those that the run wrote a row of in MELOG.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Part`].
    pub(crate) async fn event(
        &self,
        objects: &dyn Objects,
        id: &str,
    ) -> Result<Option<EventRow>, Error> {
        let mut newest: Option<EventRow> = None;
        for part in &self.lineage.outputs.melog.files {
            let bytes = read_part(objects, part).await?;
            each_row(bytes, EVENT_COLUMNS, |row| {
                if row.text("event_id")? == id {
                    let found = row.event()?;
                    let is_newer = newest.as_ref().is_none_or(|seen| !seen.ended);
                    newest = if is_newer { Some(found) } else { newest.take() };
                }
                Ok(())
            })
            .map_err(|reason| Error::Part { uri: part.uri.clone(), reason })?;
        }
        Ok(newest)
    }

    /// A store's rows of MRCH, in the log's order.
    ///
    /// # Errors
    /// [`Error::Objects`], [`Error::Part`].
    pub(crate) async fn lines(
        &self,
        objects: &dyn Objects,
        store: &str,
    ) -> Result<Vec<StoredMrchRow>, Error> {
        lines(objects, &self.lineage.outputs.mrch, store).await
    }
}

async fn events(objects: &dyn Objects, log: &Output) -> Result<Vec<StoredMelogRow>, Error> {
    let mut newest: BTreeMap<String, StoredMelogRow> = BTreeMap::new();
    for part in &log.files {
        let bytes = read_part(objects, part).await?;
        each_row(bytes, MELOG_COLUMNS, |row| {
            let event = row.melog()?;
            let id = row.text("event_id")?;
            if newest.get(&id).is_none_or(|seen| seen.version < event.version) {
                newest.insert(id, event);
            }
            Ok(())
        })
        .map_err(|reason| Error::Part { uri: part.uri.clone(), reason })?;
    }
    Ok(newest.into_values().collect())
}

/// Reads a part, and refuses it if its content has another digest.
async fn read_part(objects: &dyn Objects, part: &OutputFile) -> Result<Bytes, Error> {
    let bytes = content(objects, part).await?;
    check(part, &bytes)?;
    Ok(bytes)
}

/// What lies where a part should be, before any check.
///
/// # Errors
/// [`Error::Part`] if it is not there, and [`Error::Objects`].
pub(crate) async fn content(objects: &dyn Objects, part: &OutputFile) -> Result<Bytes, Error> {
    match objects.read(&part.uri).await {
        Ok((bytes, _)) => Ok(bytes),
        Err(objects::Error::NotFound { .. }) => {
            Err(Error::Part { uri: part.uri.clone(), reason: "nothing".to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

fn check(part: &OutputFile, bytes: &Bytes) -> Result<(), Error> {
    let found = hex(&Sha256::digest(bytes));
    if found == part.sha256 {
        return Ok(());
    }
    let reason = format!("content whose SHA-256 is {found} instead of {}", part.sha256);
    Err(Error::Part { uri: part.uri.clone(), reason })
}

/// The columns of these names of a part, after checking that its content is what the lineage lists.
/// If only some rows are wanted, other rows may come with them.
///
/// # Errors
/// [`Error::Part`].
pub(crate) fn batches(
    part: &OutputFile,
    bytes: Bytes,
    columns: &[&str],
    wanted: Option<Wanted>,
) -> Result<Vec<RecordBatch>, Error> {
    check(part, &bytes)?;
    let read = batches::batches(bytes, columns, wanted);
    read.map_err(|error| Error::Part { uri: part.uri.clone(), reason: error.to_string() })
}

async fn lines(
    objects: &dyn Objects,
    log: &Output,
    store: &str,
) -> Result<Vec<StoredMrchRow>, Error> {
    let mut rows = Vec::new();
    for part in &log.files {
        let bytes = read_part(objects, part).await?;
        each_row(bytes, MRCH_COLUMNS, |row| {
            if row.text("store_id")? == store {
                rows.push(row.mrch()?);
            }
            Ok(())
        })
        .map_err(|reason| Error::Part { uri: part.uri.clone(), reason })?;
    }
    Ok(rows)
}

//! Which folder holds which log, judged by the columns of its files.

use std::collections::BTreeMap;

use arrow::datatypes::{Schema, SchemaRef};
use cohort_core::contract::{Inputs, Log, Outputs};
use cohort_core::{Duration, Interval, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::folders::Folder;
use super::names::{self, Found};
use crate::layout::{Partitioning, Proposed};
use crate::manifest::Dataset;
use crate::objects::{self, Objects, Uri};
use crate::parquet;
use crate::parquet::columns;
use crate::parquet::dataset::Source;
use crate::parquet::file::File;
use crate::parquet::prune::tick_range;

/// Files of a folder that are looked into.
const FILES_OPENED: usize = 8;

/// A folder, and what its files say.
#[derive(Debug)]
pub(super) struct Opened {
    /// The folder.
    pub folder: Folder,
    /// Those of its files that were looked into, in the order of their URIs.
    pub files: Vec<File>,
    /// What is wrong with one of them.
    pub fault: Option<String>,
}

/// A log: where it is and how it is read.
#[derive(Debug)]
pub(super) struct LogFound {
    /// The log.
    pub log: &'static Log,
    /// Its folder.
    pub folder: Folder,
    /// The columns of its last file.
    pub schema: SchemaRef,
    /// Those that are the log's.
    pub columns: Vec<Found>,
    /// How its files are spread over time, if they are.
    pub partitions: Option<Proposed>,
    /// The first and the last tick, as far as the statistics of its files tell.
    pub ticks: Option<(Timestamp, Timestamp)>,
    /// What should be known before it is used.
    pub remarks: Vec<String>,
}

impl Opened {
    /// Looks into some of the folder's files.
    ///
    /// # Errors
    /// The storage's. What is wrong with a file is kept.
    pub(super) async fn open(
        objects: &dyn Objects,
        folder: Folder,
    ) -> Result<Self, objects::Error> {
        let opening = folder.some_files(FILES_OPENED).into_iter().cloned();
        let opened = stream::iter(opening.collect::<Vec<_>>())
            .map(|object| File::open(objects, object, None, false))
            .buffered(FILES_OPENED)
            .map(|file| match file {
                Err(parquet::Error::Objects(error)) => Err(error),
                other => Ok(other),
            });
        let opened: Vec<_> = opened.try_collect().await?;
        let (mut files, mut fault) = (Vec::new(), None);
        for file in opened {
            match file {
                Ok(file) => files.push(file),
                Err(error) => fault = fault.or(Some(error.to_string())),
            }
        }
        Ok(Self { folder, files, fault })
    }

    /// The columns of the last file.
    pub(super) fn schema(&self) -> Option<&SchemaRef> {
        self.files.last().map(File::schema)
    }

    /// Whether the files are what this job writes.
    pub(super) fn is_output(&self) -> bool {
        self.schema().is_some_and(|schema| {
            Outputs::LOGS.each().any(|(log, _)| {
                log.columns.iter().all(|column| schema.field_with_name(column.name).is_ok())
            })
        })
    }
}

/// For each folder that holds a log, by its number, the log. No log is in two folders.
pub(super) fn assign(opened: &[Opened]) -> BTreeMap<usize, &'static Log> {
    let mut pairs = Vec::new();
    for (at, one) in opened.iter().enumerate() {
        let Some(schema) = one.schema().filter(|_| !one.is_output()) else { continue };
        let fitting: Vec<_> = Inputs::LOGS
            .each()
            .filter_map(|(log, _)| Some((log, fit(log, schema, &one.folder)?)))
            .collect();
        // A file that is exactly one log's is not taken for another whose names are only near.
        let exact = fitting.iter().any(|(_, fit)| fit.exact);
        pairs.extend(
            fitting
                .into_iter()
                .filter(|(_, fit)| fit.exact || !exact)
                .map(|(log, fit)| (fit.score, at, log)),
        );
    }
    // A stable sort: of equals the first folder, and the first log in the contract's order.
    pairs.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    let mut logs: BTreeMap<usize, &'static Log> = BTreeMap::new();
    for (_, at, log) in pairs {
        if !logs.contains_key(&at) && logs.values().all(|taken| taken.name != log.name) {
            logs.insert(at, log);
        }
    }
    logs
}

/// The log that each folder fits best, by the folder's number, whichever folder was taken for it.
pub(super) fn also_fit(opened: &[Opened]) -> BTreeMap<usize, &'static str> {
    let best = |one: &Opened| {
        let schema = one.schema()?;
        let logs = Inputs::LOGS.each();
        let fitting =
            logs.filter_map(|(log, _)| Some((fit(log, schema, &one.folder)?.score, log.name)));
        fitting.max_by_key(|(score, _)| *score).map(|(_, name)| name)
    };
    opened.iter().enumerate().filter_map(|(at, one)| Some((at, best(one)?))).collect()
}

/// How well a folder fits a log whose required columns it all has.
struct Fit {
    /// Whether they have the contract's names.
    exact: bool,
    score: usize,
}

fn fit(log: &'static Log, schema: &Schema, folder: &Folder) -> Option<Fit> {
    let found = names::columns(log, schema);
    let required: Vec<_> = found.iter().filter(|found| found.column.required).collect();
    let needed = log.columns.iter().filter(|column| column.required).count();
    if required.len() < needed {
        return None;
    }
    let exact = required.iter().all(|found| found.same);
    let columns = found.iter().map(|found| match (found.column.required, found.same) {
        (true, true) => 8,
        (true, false) => 4,
        (false, true) => 2,
        (false, false) => 1,
    });
    let path = folder.path.to_lowercase();
    let named = if path.split('/').any(|part| part == log.name) {
        40
    } else if names::keywords(log).iter().any(|word| path.contains(word)) {
        10
    } else {
        0
    };
    Some(Fit { exact, score: columns.sum::<usize>() + named })
}

impl LogFound {
    /// The log in this folder.
    pub(super) fn of(log: &'static Log, opened: Opened, root: &Uri) -> Self {
        let Opened { folder, files, fault } = opened;
        let schema =
            files.last().map_or_else(|| Schema::empty().into(), |file| file.schema().clone());
        let columns = names::columns(log, &schema);
        let mapped = columns.iter().filter(|found| !found.same);
        let dataset = Dataset {
            uri: root.clone(),
            partitioning: None,
            columns: mapped.map(|one| (one.column.name.to_owned(), one.name.clone())).collect(),
        };
        let mut remarks: Vec<String> = fault.into_iter().collect();
        let mut sources = Vec::new();
        for file in files {
            match columns::of(log, &dataset, &file) {
                Ok(found) => sources.push(Source { file, columns: found }),
                Err(error) => remarks.push(error.to_string()),
            }
        }
        let tick = tick_of(log);
        let ranges: Vec<_> = sources
            .iter()
            .filter_map(|source| Some((source, tick_range(source, tick?)?)))
            .collect();
        let ticks = ranges.iter().map(|(_, range)| *range);
        let ticks = ticks.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let partitions: Vec<&str> = folder.partitions.iter().map(String::as_str).collect();
        // Logs without a tick are read whole.
        let proposed = tick.and_then(|_| Partitioning::proposed(&partitions));
        let proposed = proposed.filter(|proposed| {
            let fits = follows_ticks(&proposed.pattern, &ranges, root);
            if !fits {
                remarks.push(format!(
                    "the folders fit the pattern {}, but hold ticks of other times: without a \
                     pattern, all files are considered",
                    proposed.pattern
                ));
            }
            fits
        });
        if let Some(unfit) = proposed.as_ref().and_then(|proposed| proposed.unfit.first()) {
            remarks.push(format!("the folder {unfit} does not fit the pattern, and is not read"));
        }
        Self { log, folder, schema, columns, partitions: proposed, ticks, remarks }
    }
}

impl LogFound {
    /// The day for which the first run is proposed: the last one that has self. `None` if neither
    /// folders nor statistics tell.
    pub(super) fn last_day(&self) -> Option<Interval> {
        const DAY_US: i64 = 86_400_000_000;
        let partitions = self.partitions.as_ref().and_then(|found| {
            let all = self.folder.partitions.iter();
            let all = all.filter_map(|folder| found.pattern.partition_of(&format!("{folder}/")));
            all.max_by_key(|partition| partition.start)
        });
        let fine = partitions.filter(|one| one.end.as_us() - one.start.as_us() <= DAY_US);
        let at = fine.map(|one| one.start).or(self.ticks.map(|(_, last)| last))?;
        let start = Timestamp::from_us(at.as_us().div_euclid(DAY_US) * DAY_US).ok()?;
        let end = start.saturating_add(Duration::from_us(DAY_US));
        (start < end).then_some(Interval { start, end })
    }
}

/// The column by which a log's partitions are judged, if it has one.
fn tick_of(log: &Log) -> Option<&'static str> {
    ["detected_at", "tick_at"].into_iter().find(|name| log.column(name).is_some())
}

/// Whether most files hold ticks of their partition, as far as their statistics tell.
fn follows_ticks(
    pattern: &Partitioning,
    ranges: &[(&Source, (Timestamp, Timestamp))],
    root: &Uri,
) -> bool {
    let overlaps = |partition: Interval, (first, last): (Timestamp, Timestamp)| {
        first < partition.end && partition.start <= last
    };
    let known: Vec<bool> = ranges
        .iter()
        .filter_map(|(source, ticks)| {
            let path = source.file.object.uri.below(root)?;
            Some(overlaps(pattern.partition_of(path)?, *ticks))
        })
        .collect();
    let right = known.iter().filter(|right| **right).count();
    right * 2 >= known.len()
}

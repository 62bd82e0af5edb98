//! Which rows two versions of a run say differently, event by event.
//!
//! Rows are the same if they have the same key (SPEC 5) and agree in every column but `run_id`.
//! Versions come as the parts of each log, in memory; nothing here reads or writes storage.

mod cells;
mod rows;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cohort_core::contract::{MELOG, MRCH, Outputs, REJECTS};
use serde::Serialize;
use serde_json::Value;

use self::rows::{Key, LogRows, Place};

pub(crate) use self::text::lines;

/// The rows of an event that are listed one by one. The others are counted.
const ROWS_LISTED_MAX: usize = 50;

/// The parts of each log, in order.
pub(crate) type Parts = Outputs<Vec<Bytes>>;

/// What a newer version of a run says differently from an older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Changes {
    /// The events that have other rows, by (store, opening).
    pub events: Vec<EventChange>,
    /// How many rows of `rejects` differ.
    pub rejects: RowCounts,
}

/// An event some of whose rows differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EventChange {
    /// Its id.
    pub event_id: String,
    /// Its store.
    pub store_id: String,
    /// Its readable key: store and opening.
    pub cohort_id: String,
    /// Rows of both logs.
    #[serde(flatten)]
    pub counts: RowCounts,
    /// The rows one by one, those of MELOG first; at most [`ROWS_LISTED_MAX`].
    pub rows: Vec<RowChange>,
}

/// How many rows differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RowCounts {
    /// Rows that only the newer version has.
    pub rows_added: u64,
    /// Rows that only the older version has.
    pub rows_removed: u64,
    /// Rows that both have, with other values.
    pub rows_changed: u64,
}

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RowChange {
    /// Its log.
    pub log: &'static str,
    /// What happened to it.
    pub change: Change,
    /// Its report, in MRCH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_id: Option<String>,
    /// Its SKU, in MRCH; none in a store-level line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Its version.
    pub version: i64,
    /// When it is for.
    pub written_at: Value,
    /// The columns whose values differ, if both versions have the row.
    pub columns: Vec<ColumnChange>,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// Only the newer version has it.
    Added,
    /// Only the older version has it.
    Removed,
    /// Both have it, with other values.
    Changed,
}

/// A column of a row whose values differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ColumnChange {
    /// Its name.
    pub column: &'static str,
    /// What the older version says.
    pub old: Value,
    /// What the newer version says.
    pub new: Value,
}

impl Changes {
    /// Between two versions of one run.
    ///
    /// # Errors
    /// What is wrong with a part.
    pub(crate) fn between(old: &Parts, new: &Parts) -> Result<Self, String> {
        let mut events: BTreeMap<(String, String), EventChange> = BTreeMap::new();
        for (log, old, new) in [(&MELOG, &old.melog, &new.melog), (&MRCH, &old.mrch, &new.mrch)] {
            of_log(&LogRows::read(log, old)?, &LogRows::read(log, new)?, &mut events);
        }
        let rejects =
            |parts: &Parts| LogRows::read(&REJECTS, parts.rejects.as_deref().unwrap_or_default());
        Ok(Self {
            events: events.into_values().collect(),
            rejects: counts(&rejects(old)?, &rejects(new)?),
        })
    }

    /// Whether no row differs.
    pub(crate) fn is_none(&self) -> bool {
        self.events.is_empty() && self.rejects == RowCounts::default()
    }
}

impl RowCounts {
    const fn count(&mut self, change: Change) {
        match change {
            Change::Added => self.rows_added += 1,
            Change::Removed => self.rows_removed += 1,
            Change::Changed => self.rows_changed += 1,
        }
    }
}

/// The rows of a log that differ, each under its event. The key of `events` is (`store_id`,
/// `cohort_id`), whose order is that of store and opening.
fn of_log(old: &LogRows, new: &LogRows, events: &mut BTreeMap<(String, String), EventChange>) {
    for (id, differences) in differences(old, new) {
        for Difference { was, is, at, change } in differences {
            let rows = if change == Change::Removed { old } else { new };
            let [store_id, cohort_id] = ["store_id", "cohort_id"].map(|name| rows.text(name, at));
            let event = events.entry((store_id, cohort_id)).or_insert_with_key(|key| EventChange {
                event_id: id.to_owned(),
                store_id: key.0.clone(),
                cohort_id: key.1.clone(),
                counts: RowCounts::default(),
                rows: Vec::new(),
            });
            event.counts.count(change);
            if event.rows.len() < ROWS_LISTED_MAX {
                let columns = was.zip(is).map(|(was, is)| changed(old, was, new, is));
                event.rows.push(row_change(rows, at, change, columns.unwrap_or_default()));
            }
        }
    }
}

/// A row that differs.
struct Difference {
    /// Its place in the older version.
    was: Option<Place>,
    /// Its place in the newer version.
    is: Option<Place>,
    /// The newer of these places.
    at: Place,
    change: Change,
}

/// The rows that differ, group by group in the order of their keys.
fn differences<'a>(
    old: &'a LogRows,
    new: &'a LogRows,
) -> impl Iterator<Item = (&'a str, Vec<Difference>)> + 'a {
    let groups: BTreeSet<&str> = old.groups().chain(new.groups()).collect();
    groups.into_iter().filter_map(move |group| {
        let (before, after) = (old.of(group), new.of(group));
        let same = |(&was, &is): (&Place, &Place)| old.row(was) == new.row(is);
        // Hardly ever does anything differ: keys are only made if something does.
        if before.len() == after.len() && before.iter().zip(after).all(same) {
            return None;
        }
        let (before, after) = (old.by_key(before), new.by_key(after));
        let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
        let differences = keys.into_iter().filter_map(|key| {
            let (was, is) = (before.get(key).copied(), after.get(key).copied());
            let (at, change) = match (was, is) {
                (Some(was), Some(is)) if old.row(was) == new.row(is) => return None,
                (Some(_), Some(is)) => (is, Change::Changed),
                (Some(was), None) => (was, Change::Removed),
                (None, is) => (is?, Change::Added),
            };
            Some(Difference { was, is, at, change })
        });
        Some((group, differences.collect()))
    })
}

fn changed(old: &LogRows, was: Place, new: &LogRows, is: Place) -> Vec<ColumnChange> {
    let columns = old.log.columns.iter().filter(|column| column.name != rows::RUN_ID);
    let values = columns.map(|column| ColumnChange {
        column: column.name,
        old: old.value(column.name, was),
        new: new.value(column.name, is),
    });
    values.filter(|values| values.old != values.new).collect()
}

fn row_change(rows: &LogRows, at: Place, change: Change, columns: Vec<ColumnChange>) -> RowChange {
    let text = |name: &str| rows.log.column(name).and_then(|_| rows.maybe_text(name, at));
    RowChange {
        log: rows.log.name,
        change,
        report_id: text("report_id"),
        sku: text("sku"),
        version: rows.value("version", at).as_i64().unwrap_or_default(),
        written_at: rows.value("written_at", at),
        columns,
    }
}

/// How many rows of two logs differ, whatever their event.
fn counts(old: &LogRows, new: &LogRows) -> RowCounts {
    let mut counts = RowCounts::default();
    let all = differences(old, new).flat_map(|(_, differences)| differences);
    all.for_each(|difference| counts.count(difference.change));
    counts
}

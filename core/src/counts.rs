//! What a run counts of the rows that it writes (SPEC 12, `counts`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Event, EventRows, Interval, Timestamp};

/// What a run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Stores with a row written.
    pub stores: u64,
    /// Events whose `opened_at` lies in the interval.
    pub events_opened: u64,
    /// Events whose `closed_at` lies in the interval.
    pub events_closed: u64,
    /// Events open at the interval's end.
    pub events_active: u64,
    /// Distinct (store, onset) with a row written.
    pub reports: u64,
    /// Distinct (event, onset, SKU) with a row written.
    pub lines: u64,
    /// Ticks of lines in the interval with no baseline row.
    pub ticks_without_baseline: u64,
    /// Ticks of lines in the interval with no classifier row.
    pub ticks_without_score: u64,
}

impl Counts {
    /// Counts an event and the rows that it gives for the interval. `reports` holds the onsets of
    /// the store that have been counted. Stores are counted by the caller, which knows them.
    pub(crate) fn add_event(
        &mut self,
        event: &Event,
        rows: &EventRows<'_>,
        interval: Interval,
        reports: &mut BTreeSet<Timestamp>,
    ) {
        self.events_active += u64::from(event.closed_at >= interval.end);
        let mut lines = BTreeSet::new();
        for row in &rows.mrch {
            lines.insert((row.line.onset, row.line.sku.as_deref()));
            self.reports += u64::from(reports.insert(row.line.onset));
            if !row.status.is_closed() {
                self.ticks_without_baseline += u64::from(!rows.state(row).baselined);
                self.ticks_without_score += u64::from(!rows.state(row).scored);
            }
        }
        self.lines += lines.len() as u64;
        let closed = rows.melog.iter().filter(|row| row.status.is_ended()).count() as u64;
        self.events_closed += closed;
        self.events_opened += rows.melog.len() as u64 - closed;
    }

    /// Adds what was counted of other stores.
    pub fn add(&mut self, more: &Self) {
        self.stores += more.stores;
        self.events_opened += more.events_opened;
        self.events_closed += more.events_closed;
        self.events_active += more.events_active;
        self.reports += more.reports;
        self.lines += more.lines;
        self.ticks_without_baseline += more.ticks_without_baseline;
        self.ticks_without_score += more.ticks_without_score;
    }
}

//! SPEC 12: what the lineage counts besides rejected rows.

use std::collections::{BTreeMap, BTreeSet};

use super::Params;
use super::events::Event;
use super::metrics::Store;
use super::reading::does_not_fit;
use super::rows::{Input, MelogRow, MrchRow, Report};

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// In the reports log.
    pub onsets_ignored: u64,
    /// By (dataset, column).
    pub values_out_of_range: BTreeMap<(&'static str, &'static str), u64>,
    /// The lineage's `counts`, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// How far back reports are read.
    pub lookback_start: i64,
}

/// The names in `counts`.
pub(crate) const COUNTS: [&str; 8] = [
    "stores",
    "events_opened",
    "events_closed",
    "events_active",
    "reports",
    "lines",
    "ticks_without_baseline",
    "ticks_without_score",
];

impl Facts {
    /// Counts a row that takes part, as it was given.
    pub(crate) fn count_report(&mut self, given: &Report, params: &Params) {
        if !params.contains(given.tick()) {
            return;
        }
        self.onsets_ignored += u64::from(given.ignores_onset(params.max_lookback));
        if does_not_fit(given.sales_total) {
            *self.values_out_of_range.entry(("reports", "sales_total")).or_default() += 1;
        }
    }

    /// Counts the baseline rows, as they were given, that lie inside a window of the store's lines.
    pub(crate) fn count_sales(
        &mut self,
        given: &Input,
        store_id: &str,
        events: &[Event],
        params: &Params,
    ) {
        for sale in given.sales.iter().filter(|sale| sale.store_id.as_deref() == Some(store_id)) {
            let Some(at) = sale.tick_at.filter(|at| params.contains(*at)) else {
                continue;
            };
            let mut lines = events.iter().flat_map(|event| &event.lines);
            let inside = lines.any(|line| {
                // What comes after the interval is not known yet.
                let ticks =
                    line.rows.iter().map(|row| row.tick()).filter(|tick| *tick < params.end);
                let last_tick = ticks.max();
                line.sku == sale.sku.as_deref()
                    && line.window_start <= at
                    && last_tick.is_some_and(|last_tick| at <= last_tick)
            });
            let columns =
                [("baseline_sales", sale.baseline_sales), ("actual_sales", sale.actual_sales)];
            for (column, _) in columns.iter().filter(|(_, amount)| inside && does_not_fit(*amount))
            {
                *self.values_out_of_range.entry(("sales", *column)).or_default() += 1;
            }
        }
    }

    /// Counts the events open at the interval's end, and the ticks without a prediction.
    pub(crate) fn count_event(&mut self, store: &Store, event: &Event, params: &Params) {
        let open = event.opened_at() < params.end && params.end <= event.closed_at(params.gap);
        self.add("events_active", usize::from(open));
        for line in &event.lines {
            for row in line.rows.iter().filter(|row| params.contains(row.tick())) {
                let (sale, score) =
                    (store.has_sale(line.sku, row.tick()), store.has_score(line.sku, row.tick()));
                self.add("ticks_without_baseline", usize::from(!sale));
                self.add("ticks_without_score", usize::from(!score));
            }
        }
    }

    /// Counts what has a row written by this run. A report is (store, onset), whatever its event.
    pub(crate) fn count_rows(&mut self, mrch: &[MrchRow], melog: &[MelogRow]) {
        let stores: BTreeSet<&str> = mrch.iter().map(|row| row.store_id.as_str()).collect();
        let reports: BTreeSet<&str> = mrch.iter().map(|row| row.report_id.as_str()).collect();
        let lines: BTreeSet<(&str, &str, Option<&str>)> = mrch
            .iter()
            .map(|row| (row.report_group_id.as_str(), row.report_id.as_str(), row.sku.as_deref()))
            .collect();
        self.add("stores", stores.len());
        self.add("reports", reports.len());
        self.add("lines", lines.len());
        self.add("events_opened", melog.iter().filter(|row| row.version == 1).count());
        self.add("events_closed", melog.iter().filter(|row| row.version == 2).count());
        // A lineage has all of them, even if they are zero.
        COUNTS.iter().for_each(|name| self.add(name, 0));
    }

    fn add(&mut self, name: &'static str, more: usize) {
        *self.counts.entry(name).or_default() += more as u64;
    }
}

impl Params {
    /// Whether an instant lies in the interval.
    pub(crate) fn contains(&self, at: i64) -> bool {
        self.start <= at && at < self.end
    }
}

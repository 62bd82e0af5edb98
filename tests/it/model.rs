//! The naive model: SPEC 2 to 7 written straight from the page, slow and obvious.
//!
//! It shares no code with the core, not even the calendar. Every figure of every row is computed
//! from all the input rows anew, so that there is no state in which a mistake could hide.

mod causes;
mod events;
mod identity;
mod metrics;
mod render;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

pub use identity::{clock_text, id};
pub use render::{Cells, difference, text};
pub use rows::{Candidate, EventRow, Input, Report, Sale, Score, Snapshot};

/// Ten-thousandths of the currency.
pub type Amount = i128;

/// The least amount beyond `decimal(18,4)`.
pub const AMOUNT_END: Amount = 1_000_000_000_000_000_000;

/// What a run is told: all times in microseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    pub gap: i64,
    pub max_lookback: i64,
    pub start: i64,
    pub end: i64,
    pub run_id: String,
}

/// What a run writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    pub snapshots: Vec<Snapshot>,
    pub events: Vec<EventRow>,
    /// Rejected rows with a tick in the interval, by (dataset, reason).
    pub rejects: BTreeMap<(&'static str, &'static str), u64>,
    /// Rejected rows that have no tick, by (dataset, reason): the page does not place them in time.
    pub rejects_without_tick: BTreeMap<(&'static str, &'static str), u64>,
}

/// Why a run writes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// SPEC 5: the store's chain of ticks reaches back more than `max_lookback` before the interval.
    ChainPastLookback { store_id: String },
    /// SPEC 2: an amount or a sum of the store lies outside `decimal(18,4)`.
    Overflow { store_id: String },
}

/// SPEC 2 to 7.
pub fn run(input: &Input, params: &Params) -> Result<Output, Refusal> {
    let input = input.without_nan();
    let mut output = Output::default();
    // SPEC 1: an interval's inputs are complete for ticks before its end; no later row is seen.
    let mut reports = Vec::new();
    for report in &input.reports {
        match report.reject_reason(params.max_lookback) {
            Some(reason) => output.reject("reports", reason, report.detected_at, params),
            None if report.tick() < params.end => reports.push(report),
            None => {}
        }
    }
    for score in &input.scores {
        if let Some(reason) = rows::prediction_reject_reason(&score.store_id, score.tick_at) {
            output.reject("scores", reason, score.tick_at, params);
        }
    }
    for sale in &input.sales {
        if let Some(reason) = rows::prediction_reject_reason(&sale.store_id, sale.tick_at) {
            output.reject("sales", reason, sale.tick_at, params);
        }
    }
    let reports = events::without_duplicates(reports);
    // A BTreeSet of strings is in the order of their bytes.
    let stores: BTreeSet<&str> = reports.iter().map(|report| report.store()).collect();
    for store_id in stores {
        let own: Vec<&Report> =
            reports.iter().copied().filter(|report| report.store() == store_id).collect();
        let store = metrics::Store::new(store_id, &input, params);
        for event in events::events(&own, params.gap) {
            if event.closed_at(params.gap) < params.start {
                continue;
            }
            if event.opened_at() < params.start.saturating_sub(params.max_lookback) {
                return Err(Refusal::ChainPastLookback { store_id: store_id.to_owned() });
            }
            output.snapshots.extend(metrics::snapshots(&store, &event)?);
            output.events.extend(metrics::event_rows(&store, &event)?);
        }
    }
    output.sort();
    Ok(output)
}

impl Output {
    /// The orders of SPEC 6; `str` and `Option` compare by bytes and null first.
    pub fn sort(&mut self) {
        self.snapshots.sort_by(|a, b| {
            (&a.store_id, a.written_at, a.window_start, &a.sku).cmp(&(
                &b.store_id,
                b.written_at,
                b.window_start,
                &b.sku,
            ))
        });
        self.events.sort_by(|a, b| (&a.store_id, a.written_at).cmp(&(&b.store_id, b.written_at)));
    }

    fn reject(
        &mut self,
        dataset: &'static str,
        reason: &'static str,
        tick: Option<i64>,
        params: &Params,
    ) {
        match tick {
            None => *self.rejects_without_tick.entry((dataset, reason)).or_default() += 1,
            Some(tick) if params.start <= tick && tick < params.end => {
                *self.rejects.entry((dataset, reason)).or_default() += 1;
            }
            Some(_) => {}
        }
    }
}

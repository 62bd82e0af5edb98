//! The naive model: SPEC 2 to 7 written straight from the page, slow and obvious.
//!
//! It shares no code with the core, not even the calendar. It computes every figure of every row
//! anew from all the input rows, so there is no state in which a mistake could hide.

mod calendar;
mod causes;
mod edits;
mod events;
mod facts;
mod identity;
mod metrics;
mod reading;
mod registry;
mod render;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use calendar::{clock_text, duration, instant};
pub(crate) use edits::EditRow;
pub(crate) use facts::{COUNTS, Facts};
pub(crate) use identity::id;
pub(crate) use reading::{FIRST_INSTANT, LAST_INSTANT, in_range};
pub(crate) use registry::{Expected, ExpectedRegistry, registry};
pub(crate) use render::{Cells, difference, text};
pub(crate) use rows::{Candidate, Input, MelogRow, MrchRow, Report, Sale, Score};

/// Ten-thousandths of the currency.
pub(crate) type Amount = i128;

/// The least amount beyond `decimal(18,4)`.
pub(crate) const AMOUNT_END: Amount = 1_000_000_000_000_000_000;

/// A run's settings. All times are in microseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Params {
    pub gap: i64,
    pub max_event_duration: i64,
    pub max_lookback: i64,
    pub start: i64,
    pub end: i64,
    pub run_id: String,
}

/// What a run writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    pub mrch: Vec<MrchRow>,
    pub melog: Vec<MelogRow>,
    /// Rejected rows with a tick in the interval, by (dataset, reason).
    pub rejects: BTreeMap<(&'static str, &'static str), u64>,
    /// Rejected rows without a tick that could be in an interval, by (dataset, reason). The page
    /// does not place them in time.
    pub rejects_without_tick: BTreeMap<(&'static str, &'static str), u64>,
    /// What else the lineage says.
    pub facts: Facts,
}

/// Why a run writes nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// SPEC 2: a sum of the store's event lies outside `decimal(18,4)`.
    Overflow { store_id: String, opened_at: i64 },
}

/// SPEC 2 to 7.
pub(crate) fn run(input: &Input, params: &Params) -> Result<Output, Refusal> {
    let read = input.as_read(params.max_lookback);
    let mut output = Output::default();
    output.reject_predictions(input, params);
    // SPEC 1: an interval's inputs are complete for ticks before its end; no later row is seen.
    let mut reports = Vec::new();
    for (given, report) in input.reports.iter().zip(&read.reports) {
        match given.reject_reason(params.max_lookback) {
            Some(reason) => output.reject("reports", reason, given.detected_at, params),
            None if report.tick() < params.end => {
                output.facts.count_report(given, params);
                reports.push(report);
            }
            None => {}
        }
    }
    let reports = events::without_duplicates(reports);
    // A BTreeSet of strings is in the order of their bytes.
    let stores: BTreeSet<&str> = reports.iter().map(|report| report.store()).collect();
    output.facts.lookback_start = params.start - params.gap;
    for store_id in stores {
        let own: Vec<&Report> =
            reports.iter().copied().filter(|report| report.store() == store_id).collect();
        let store = metrics::Store::new(store_id, &read, params);
        if let Some(seen_from) = events::seen_from(&own, params) {
            output.facts.lookback_start = output.facts.lookback_start.min(seen_from);
        }
        let events = events::events(&own, params);
        output.facts.count_sales(input, store_id, &events, params);
        // SPEC 6: `str` and `Option` compare by bytes and null first.
        let mut mrch = Vec::new();
        for event in &events {
            output.facts.count_event(&store, event, params);
            for (onset, row) in metrics::mrch(&store, event)? {
                let place = (row.written_at, event.opened_at(), onset, row.sku.clone());
                mrch.push((place, row));
            }
            output.melog.extend(metrics::melog(&store, event)?);
        }
        mrch.sort_by(|a, b| a.0.cmp(&b.0));
        output.mrch.extend(mrch.into_iter().map(|(_, row)| row));
    }
    output.facts.lookback_start = output.facts.lookback_start.max(FIRST_INSTANT);
    output.melog.sort_by(|a, b| {
        (&a.store_id, a.written_at, a.created_at).cmp(&(&b.store_id, b.written_at, b.created_at))
    });
    output.facts.count_rows(&output.mrch, &output.melog);
    Ok(output)
}

/// SPEC 5: the rows of an input that a run needs to see, and nothing that it does not.
pub(crate) fn within_look_back(input: &Input, params: &Params) -> Input {
    let mut seen = input.clone();
    let read = input.as_read(params.max_lookback);
    let taking_part: Vec<(usize, &Report)> = read
        .reports
        .iter()
        .enumerate()
        .filter(|(index, _)| input.reports[*index].reject_reason(params.max_lookback).is_none())
        .filter(|(_, report)| report.tick() < params.end)
        .collect();
    seen.reports.clear();
    for (index, report) in &taking_part {
        let own: Vec<&Report> = taking_part
            .iter()
            .map(|(_, other)| *other)
            .filter(|other| other.store() == report.store())
            .collect();
        if events::seen_from(&own, params).is_some_and(|from| from <= report.tick()) {
            seen.reports.push(input.reports[*index].clone());
        }
    }
    seen
}

impl Output {
    /// Puts the rows of several runs in the order of one. Rows of one store and instant are one
    /// run's, and in order already.
    pub(crate) fn sort(&mut self) {
        self.mrch.sort_by(|a, b| (&a.store_id, a.written_at).cmp(&(&b.store_id, b.written_at)));
        self.melog.sort_by(|a, b| (&a.store_id, a.written_at).cmp(&(&b.store_id, b.written_at)));
    }

    fn reject_predictions(&mut self, input: &Input, params: &Params) {
        for score in &input.scores {
            let (texts, tick) = ([&score.store_id, &score.sku], score.tick_at);
            if let Some(reason) = reading::reject_reason(&texts, tick, "missing_tick_at") {
                self.reject("scores", reason, tick, params);
            }
        }
        for sale in &input.sales {
            let (texts, tick) = ([&sale.store_id, &sale.sku], sale.tick_at);
            if let Some(reason) = reading::reject_reason(&texts, tick, "missing_tick_at") {
                self.reject("sales", reason, tick, params);
            }
        }
    }

    fn reject(
        &mut self,
        dataset: &'static str,
        reason: &'static str,
        tick: Option<i64>,
        params: &Params,
    ) {
        match tick.filter(|tick| in_range(*tick)) {
            None => *self.rejects_without_tick.entry((dataset, reason)).or_default() += 1,
            Some(tick) if params.start <= tick && tick < params.end => {
                *self.rejects.entry((dataset, reason)).or_default() += 1;
            }
            Some(_) => {}
        }
    }
}

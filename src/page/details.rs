//! What the page's scripts read of one event, as JSON: 250 events at a time, which are unpacked
//! when one of them is opened.
//!
//! Ticks are differences from the tick before, in whole numbers, which pack well.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use cohort_core::Money;
use serde::Serialize;

use super::event::{PageConflict, PageEdit, PageEvent};
use super::lines::{EventLines, PageLine};
use super::ticks::{EventTick, event_ticks};
use super::values::{Amount, Seconds, bounded};

/// Events in one piece of details; `assets/drawer.js` has the same number.
pub(super) const CHUNK_EVENTS: usize = 250;
/// Ticks that an event's curves have at most. Longer ones are drawn by every so many ticks.
const TICKS_MAX: usize = 600;
/// Lines of an event that are listed, those with the greatest impact.
const LINES_MAX: usize = 40;

/// One event's details.
#[derive(Debug, Serialize)]
pub(super) struct Details {
    id: String,
    name: String,
    reason: Option<String>,
    evidence: Option<String>,
    confidence: Option<f64>,
    closed: Option<Seconds>,
    end_reason: Option<String>,
    continues_event: Option<i64>,
    continues_id: Option<String>,
    run: String,
    note: Option<String>,
    assignee: Option<String>,
    close_reason: Option<String>,
    suppressed_until: Option<Seconds>,
    merged: Vec<i64>,
    machine: BTreeMap<String, Option<String>>,
    trail: Vec<PageEdit>,
    conflicts: Vec<PageConflict>,
    lines: Vec<LineDetails>,
    lines_left: usize,
    ticks: Ticks,
}

#[derive(Debug, Serialize)]
struct LineDetails {
    sku: Option<String>,
    start: Seconds,
    ticks: usize,
    severity: Option<f64>,
    impact: Option<Amount>,
    cluster: Option<String>,
}

/// An event's curves: differences from tick to tick.
#[derive(Debug, Serialize)]
struct Ticks {
    at: Vec<Seconds>,
    /// In `unit`ths.
    sales: Vec<Option<i64>>,
    baseline: Vec<Option<i64>>,
    /// In thousandths.
    severity: Vec<Option<i64>>,
    unit: i64,
    /// Every so many ticks are here.
    every: usize,
    exact: bool,
}

impl Details {
    /// The details of an event; `places` has the place of each event by its id.
    pub(super) fn of(event: &PageEvent, lines: &EventLines, places: &HashMap<&str, i64>) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(bounded);
        let place = |id: &String| places.get(id.as_str()).copied();
        Self {
            id: event.id.clone(),
            name: text(&event.name).unwrap_or_else(|| format!("Store {}", bounded(&event.store))),
            reason: text(&event.reason),
            evidence: lines.evidence.as_deref().map(bounded),
            confidence: event.confidence,
            closed: event.finalized.map(Seconds::from),
            end_reason: event.end_reason.clone(),
            continues_event: event.continues.as_ref().and_then(place),
            continues_id: event.continues.clone(),
            run: event.run.clone(),
            note: text(&event.note),
            assignee: text(&event.assignee),
            close_reason: text(&event.close_reason),
            suppressed_until: event.suppressed_until.map(Seconds::from),
            merged: event.merged.iter().filter_map(place).collect(),
            machine: event.machine.clone(),
            trail: event.trail.clone(),
            conflicts: event.conflicts.clone(),
            lines: listed(&lines.lines),
            lines_left: lines.lines.len().saturating_sub(LINES_MAX),
            ticks: Ticks::of(event, &event_ticks(&lines.lines)),
        }
    }
}

fn listed(lines: &[PageLine]) -> Vec<LineDetails> {
    let impact = |line: &PageLine| {
        let newest = line.ticks.last()?;
        let units = newest.sales?.units().checked_sub(newest.baseline?.units())?;
        Money::from_units(units.into()).ok()
    };
    let mut listed: Vec<_> = lines.iter().map(|line| (impact(line), line)).collect();
    listed.sort_by_key(|(impact, _)| Reverse(impact.map(|impact| impact.units().unsigned_abs())));
    let details = listed.into_iter().take(LINES_MAX).map(|(impact, line)| LineDetails {
        sku: line.sku.as_deref().map(bounded),
        start: Seconds(line.start_us),
        ticks: line.ticks.len(),
        severity: line.ticks.last().and_then(|tick| tick.severity),
        impact: impact.map(Amount),
        cluster: line.cluster.as_deref().map(bounded),
    });
    details.collect()
}

impl Ticks {
    fn of(event: &PageEvent, all: &[EventTick]) -> Self {
        let every = all.len().div_ceil(TICKS_MAX).max(1);
        let last = all.len().saturating_sub(1);
        let kept = all.iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last);
        let ticks: Vec<EventTick> = kept.map(|(_, tick)| *tick).collect();
        let amounts = || ticks.iter().flat_map(|tick| [tick.sales, tick.baseline]).flatten();
        let units = [10_000, 100].into_iter().find(|unit| amounts().all(|units| units % unit == 0));
        let divisor = units.unwrap_or(1);
        let units = |of: Option<i64>| of.map(|units| units / divisor);
        let thousandths = |of: Option<f64>| of.map(|of| (of * 1_000.0).round() as i64);
        let said = |of: Option<Money>| of.map(Money::units);
        let newest = all.last();
        let mut before = 0;
        let mut at = Vec::with_capacity(ticks.len());
        for tick in &ticks {
            at.push(Seconds(tick.at_us - before));
            before = tick.at_us;
        }
        Self {
            at,
            sales: differences(ticks.iter().map(|tick| units(tick.sales))),
            baseline: differences(ticks.iter().map(|tick| units(tick.baseline))),
            severity: differences(ticks.iter().map(|tick| thousandths(tick.severity))),
            unit: 10_000 / divisor,
            every,
            exact: newest.is_none_or(|newest| {
                newest.sales == said(event.own_sales) && newest.baseline == said(event.own_baseline)
            }),
        }
    }
}

/// Each value less the one before; a null stays one, and is passed over.
fn differences(values: impl Iterator<Item = Option<i64>>) -> Vec<Option<i64>> {
    let mut before = 0_i64;
    let mut difference = |value: i64| {
        let difference = value.saturating_sub(before);
        before = value;
        difference
    };
    values.map(|value| value.map(&mut difference)).collect()
}

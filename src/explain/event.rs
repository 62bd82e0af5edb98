//! An event taken apart: the kernel's rows of it, tick by tick, beside the input rows that they
//! come from.

use std::collections::BTreeMap;

use cohort_core::{
    Duration, EndReason, Event, EventRows, Evidence, Id, Interval, LargeSum, Life, Line,
    Predictions as _, Report, Timestamp, event_rows,
};

use super::causes::{candidates, causes, line_cause};
use super::report::{Explained, Figures, LineExplained, RowExplained, RowPlace, Tick};
use crate::run::{self, OneEvent, PlacedReport};

/// Explains the event. `known_until` is the instant before which its inputs are known.
///
/// # Errors
/// [`run::Error::Sum`].
pub(super) fn explained(
    one: &OneEvent,
    life: Life,
    known_until: Timestamp,
) -> Result<Explained, run::Error> {
    let event = &one.event;
    let continues = event.continues.map(|opened_at| Id::of(&one.store_id, opened_at));
    let lines = lines(one)?;
    Ok(Explained {
        gap: life.gap,
        max_event_duration: life.duration_max,
        opened_at: event.opened_at,
        opened_because: opened_because(one, life),
        continues_event_id: continues.map(|id| id.as_str().to_owned()),
        last_tick: event.last_tick,
        closed_at: event.closed_at,
        end_reason: event.end_reason.as_str(),
        closed_because: closed_because(event, life, known_until),
        ticks: ticks(one)?,
        causes: causes(&lines),
        lines,
    })
}

fn opened_because(one: &OneEvent, life: Life) -> String {
    let gap = life.gap;
    match (one.event.continues, one.tick_before) {
        (Some(before), _) => format!(
            "its chain had gone on for a whole {} when it was cut, so it continues the event that \
             opened at {before}",
            life.duration_max
        ),
        (None, Some(before)) => {
            format!("the store's tick before is {before}, more than {gap} earlier")
        }
        (None, None) => format!("the store has no tick in the {gap} before"),
    }
}

fn closed_because(event: &Event, life: Life, known_until: Timestamp) -> String {
    let reason = match event.end_reason {
        EndReason::Quiet => format!("the store has no tick in the {} after its last", life.gap),
        EndReason::MaxDuration => format!(
            "its chain has gone on for a whole {} at that boundary, and is cut there",
            life.duration_max
        ),
    };
    if event.closed_at < known_until {
        return reason;
    }
    format!("it is open at {known_until}, where the run ends; if nothing follows, {reason}")
}

/// The kernel's rows of an event over an interval.
fn rows<'a>(
    one: &'a OneEvent,
    event: &'a Event,
    interval: Interval,
) -> Result<EventRows<'a>, run::Error> {
    let evidence = Evidence {
        store_id: &one.store_id,
        predictions: one.predictions.of_store(&one.store_id),
        candidates: &one.candidates,
    };
    let mut rows = EventRows::default();
    event_rows(event, evidence, interval, &mut rows).map_err(|_| {
        let (store_id, opened_at) = (one.store_id.to_string(), one.event.opened_at);
        LargeSum { store_id, opened_at }
    })?;
    Ok(rows)
}

/// What the event is after each of its ticks: what its closing row would say if that tick were its
/// last.
fn ticks(one: &OneEvent) -> Result<Vec<Tick>, run::Error> {
    let event = &one.event;
    let mut ticks = Vec::with_capacity(event.ticks.len());
    let mut previous: Option<Timestamp> = None;
    for &at in &event.ticks {
        let so_far = until(event, at);
        let rows = rows(one, &so_far, Interval { start: at, end: Timestamp::MAX })?;
        let Some(row) = rows.melog.last() else { continue };
        let cohort = &rows.cohorts[row.cohort];
        let of_line = |line: &&Line| line.last_tick() == at;
        ticks.push(Tick {
            at,
            since_previous: previous.map(|tick| Duration::from_us(at.as_us() - tick.as_us())),
            rows: so_far.lines.iter().filter(of_line).count(),
            report_count: cohort.size,
            sku_count: row.sku_count,
            figures: Figures {
                severity_score: row.severity,
                attributed_sales_total: row.amounts.attributed,
                baseline_sales_total: row.amounts.baseline,
                impact_estimate: row.amounts.impact,
            },
            proposed_cause: cohort.cause.as_ref().map(|cause| cause.cause.to_owned()),
        });
        previous = Some(at);
    }
    Ok(ticks)
}

/// The event as it would be if it had ended with this tick.
fn until(event: &Event, last_tick: Timestamp) -> Event {
    let lines = event.lines.iter().filter(|line| line.first_tick() <= last_tick).map(|line| {
        let rows = line.rows.iter().filter(|row| row.detected_at <= last_tick);
        Line { rows: rows.cloned().collect(), sku: line.sku.clone(), ..*line }
    });
    Event {
        last_tick,
        closed_at: last_tick,
        ticks: event.ticks.iter().copied().filter(|&tick| tick <= last_tick).collect(),
        lines: lines.collect(),
        ..*event
    }
}

fn lines(one: &OneEvent) -> Result<Vec<LineExplained>, run::Error> {
    let event = &one.event;
    let whole = Interval { start: Timestamp::MIN, end: event.closed_at };
    let rows = rows(one, event, whole)?;
    let mut figures: BTreeMap<(Timestamp, Option<&str>, Timestamp), Figures> = BTreeMap::new();
    for row in &rows.mrch {
        let state = rows.state(row);
        let so_far = Figures {
            severity_score: state.severity,
            attributed_sales_total: row.amounts.attributed,
            baseline_sales_total: row.amounts.baseline,
            impact_estimate: row.amounts.impact,
        };
        figures.insert((row.line.onset, row.line.sku.as_deref(), state.tick), so_far);
    }
    let inputs = InputRows::new(&one.rows);
    let lines = event.lines.iter().map(|line| {
        let rows = line.rows.iter().filter_map(|row| {
            let key = (line.onset, line.sku.as_deref(), row.detected_at);
            let so_far = *figures.get(&key)?;
            Some(row_explained(one, line, row, &inputs, so_far))
        });
        let given = line.rows.iter().any(|row| row.first_detected_from == Some(line.onset));
        let candidates = candidates(one, line);
        LineExplained {
            report_id: Id::of(&one.store_id, line.onset).as_str().to_owned(),
            sku: line.sku.as_deref().map(str::to_owned),
            onset: line.onset,
            onset_derived: !given,
            window_start: line.window_start,
            rows: rows.collect(),
            cause: line_cause(line, &candidates),
            candidates,
        }
    });
    Ok(lines.collect())
}

fn row_explained(
    one: &OneEvent,
    line: &Line,
    row: &Report,
    inputs: &InputRows<'_>,
    so_far: Figures,
) -> RowExplained {
    let predictions = one.predictions.of_store(&one.store_id);
    let series = predictions.series(line.sku.as_deref());
    let at = row.detected_at;
    let sale = series.sales_within(at..=at).first();
    let (same, rivals): (Vec<&PlacedReport>, _) =
        inputs.of(line, at).into_iter().partition(|placed| placed.report == *row);
    let places = |placed: Vec<&PlacedReport>| {
        let places = placed.into_iter();
        places.map(|placed| RowPlace { file: placed.file.clone(), row: placed.row }).collect()
    };
    RowExplained {
        at,
        places: places(same),
        duplicates: places(rivals),
        anomaly_score: series.score_at(at).and_then(|score| score.score),
        severity: row.severity,
        actual_sales: sale.and_then(|sale| sale.actual),
        sales_total: row.sales_total,
        baseline_sales: sale.and_then(|sale| sale.baseline),
        so_far,
    }
}

/// The input rows of an event, by their line and tick.
struct InputRows<'a> {
    by_line: BTreeMap<(Option<&'a str>, Timestamp, Timestamp), Vec<&'a PlacedReport>>,
}

impl<'a> InputRows<'a> {
    fn new(rows: &'a [PlacedReport]) -> Self {
        // The onset of a row that has none is the first tick of its SKU's rows that have none.
        let mut derived: BTreeMap<Option<&str>, Timestamp> = BTreeMap::new();
        for PlacedReport { report, .. } in rows {
            if report.first_detected_from.is_none() {
                let first = derived.entry(report.sku.as_deref()).or_insert(report.detected_at);
                *first = report.detected_at.min(*first);
            }
        }
        let mut by_line: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for placed in rows {
            let (report, sku) = (&placed.report, placed.report.sku.as_deref());
            let onset = report.first_detected_from.or_else(|| derived.get(&sku).copied());
            let onset = onset.unwrap_or(report.detected_at);
            by_line.entry((sku, onset, report.detected_at)).or_default().push(placed);
        }
        Self { by_line }
    }

    /// Those of a line at one of its ticks: the row that counts, and its duplicates.
    fn of(&self, line: &Line, at: Timestamp) -> Vec<&'a PlacedReport> {
        let rows = self.by_line.get(&(line.sku.as_deref(), line.onset, at));
        rows.cloned().unwrap_or_default()
    }
}

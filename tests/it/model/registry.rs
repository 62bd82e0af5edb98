//! SPEC 8, written straight from the page: every value is found anew from all inputs and all edits.

use std::collections::{BTreeMap, BTreeSet};

use super::edits::{EditRow, TEXTS, changed, holds, in_order, judge, merges, value};
use super::events::{Event, Line};
use super::metrics::{Store, melog_row, union_totals};
use super::{Amount, Input, MelogRow, Params, Report, events};

/// What the registry must say of one event.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The machine's row.
    pub machine: MelogRow,
    /// Columns of it that the logs do not determine.
    pub open_columns: BTreeSet<&'static str>,
    /// Attributed and baseline sales with all that is merged into it; `None` is undetermined.
    pub totals: [Option<Option<Amount>>; 2],
    pub merged_from: BTreeSet<String>,
    /// By field: what people set.
    pub person: BTreeMap<String, Option<String>>,
    /// `edit_id`, the value before, and whether it holds, in order.
    pub trail: Vec<(String, Option<String>, bool)>,
    /// The `edit_id`s that did not apply, in order.
    pub unapplied: Vec<Option<String>>,
}

/// The whole registry: rows in order, and the edits of unknown events.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedRegistry {
    pub rows: Vec<Expected>,
    pub strays: Vec<Option<String>>,
}

/// One event of a store with its row, found from the inputs.
struct Found<'a> {
    store: &'a Store<'a>,
    event: Event<'a>,
    row: MelogRow,
    open_columns: BTreeSet<&'static str>,
}

/// The registry of these runs, which all saw the same input. `as_of` is the last instant that
/// counts.
pub(crate) fn registry(
    input: &Input,
    runs: &[Params],
    edits: &[EditRow],
    as_of: Option<i64>,
) -> ExpectedRegistry {
    let as_of = as_of.unwrap_or(i64::MAX);
    let end = runs.iter().map(|run| run.end).max().unwrap_or(0);
    let Some(any) = runs.first() else {
        return ExpectedRegistry { rows: Vec::new(), strays: Vec::new() };
    };
    // The model's rows ask whether the run writes them; here the rows of all instants are wanted.
    let params = Params { start: i64::MIN, end, ..any.clone() };
    let read = input.as_read(params.max_lookback);
    let accepted = input.reports.iter().zip(&read.reports).filter(|(given, report)| {
        given.reject_reason(params.max_lookback).is_none() && report.tick() < end
    });
    let reports = events::without_duplicates(accepted.map(|(_, report)| report).collect());
    let names: BTreeSet<&str> = reports.iter().map(|report| report.store()).collect();
    let stores: Vec<Store<'_>> =
        names.iter().map(|name| Store::new(name, &read, &params)).collect();
    let covers = |at: i64| at <= as_of && runs.iter().any(|run| run.contains(at));
    let mut found: Vec<Found<'_>> = Vec::new();
    for store in &stores {
        let own: Vec<&Report> =
            reports.iter().copied().filter(|report| report.store() == store.store_id).collect();
        for event in events::events(&own, &params) {
            found.extend(row_of(store, event, &params, runs, &covers));
        }
    }
    let edits = in_order(edits.iter().filter(|edit| edit.edited_at.is_none_or(|at| at <= as_of)));
    let ids: BTreeSet<String> = found.iter().map(|one| one.row.event_id.clone()).collect();
    let verdicts = judge(&edits, &ids);
    let rows = found.iter().map(|one| expected(one, &found, &edits, &verdicts)).collect();
    let strays = edits
        .iter()
        .zip(&verdicts)
        .filter(|((edit, _), _)| edit.event_id.as_ref().is_none_or(|id| !ids.contains(id)));
    ExpectedRegistry { rows, strays: strays.map(|((edit, _), _)| edit.edit_id.clone()).collect() }
}

fn row_of<'a>(
    store: &'a Store<'a>,
    event: Event<'a>,
    params: &Params,
    runs: &[Params],
    covers: &dyn Fn(i64) -> bool,
) -> Option<Found<'a>> {
    let writer = |at: i64| {
        let of = runs.iter().filter(|run| run.contains(at));
        of.map(|run| run.run_id.clone()).min().expect("a run covers the row")
    };
    let closed_at = event.closed_at(params.gap);
    let mut open_columns = BTreeSet::new();
    let (at, closed) = if covers(closed_at) {
        (closed_at, true)
    } else if covers(event.opened_at()) {
        let last = event.ticks.iter().copied().filter(|tick| covers(*tick)).max();
        (last.expect("the first tick is covered"), false)
    } else {
        return None;
    };
    // What comes later was not known then.
    let seen = Event {
        ticks: event.ticks.iter().copied().filter(|tick| *tick <= at).collect(),
        lines: so_far(&event, at).into_iter().map(|line| cut_off(line, at)).collect(),
        ..event
    };
    let mut row = melog_row(store, &seen, at, closed).expect("sums fit");
    row.run_id = writer(at);
    if !closed {
        // A line may have had its ticks where no run of the set looked.
        let mut ends: Vec<i64> = runs.iter().map(|run| run.end).collect();
        ends.push(event.opened_at());
        let hole = ends.iter().any(|end| {
            (event.opened_at()..=at).contains(end) && !runs.iter().any(|run| run.contains(*end))
        });
        if hole {
            open_columns.extend(["window_start", "sku_count", "severity_score"]);
            open_columns.extend(["impact_estimate", "attributed_sales_total"]);
            open_columns.insert("baseline_sales_total");
        }
        if row.proposed_cause.is_none() && hole {
            open_columns.insert("cohort_name");
        }
    }
    Some(Found { store, event: seen, row, open_columns })
}

fn so_far<'e, 'a>(event: &'e Event<'a>, at: i64) -> Vec<&'e Line<'a>> {
    event.lines.iter().filter(|line| line.first_tick() <= at).collect()
}

fn expected(
    one: &Found<'_>,
    all: &[Found<'_>],
    edits: &[(EditRow, bool)],
    applies: &[bool],
) -> Expected {
    let id = &one.row.event_id;
    let merges = merges(edits, applies);
    let parts: Vec<&Found<'_>> =
        all.iter().filter(|other| merges.get(&other.row.event_id) == Some(id)).collect();
    let own = |edit: &EditRow| edit.event_id.as_ref() == Some(id);
    let mut trail = Vec::new();
    let mut unapplied = Vec::new();
    for (at, (edit, _)) in edits.iter().enumerate().filter(|(_, (edit, _))| own(edit)) {
        if !applies[at] {
            unapplied.push(edit.edit_id.clone());
            continue;
        }
        let field = changed(edit, &edits[..at]).expect("an applied edit changes a field");
        let before = value(id, field, &edits[..at], applies);
        let before = before.unwrap_or_else(|| machine_says(one, field));
        let edit_id = edit.edit_id.clone().expect("it applied");
        trail.push((edit_id, before, holds(at, edits, applies)));
    }
    let fields = TEXTS.iter().chain(&["verdict", "review_status", "suppressed_until"]);
    let person = fields
        .into_iter()
        .filter_map(|field| Some(((*field).to_owned(), value(id, field, edits, applies)?)));
    Expected {
        machine: one.row.clone(),
        open_columns: one.open_columns.clone(),
        totals: [0, 1].map(|which| together(one, &parts, which)),
        merged_from: parts.iter().map(|part| part.row.event_id.clone()).collect(),
        person: person.collect(),
        trail,
        unapplied,
    }
}

fn machine_says(one: &Found<'_>, field: &str) -> Option<String> {
    if one.open_columns.contains(field) {
        return None;
    }
    match field {
        "cohort_name" => Some(one.row.cohort_name.clone()),
        "cohort_reason" => Some(one.row.cohort_reason.clone()),
        "proposed_cause" => one.row.proposed_cause.clone(),
        "proposed_cause_category" => one.row.proposed_cause_category.clone(),
        _ => None,
    }
}

/// The total of an event and of those merged into it: each (store, sku, instant) counts once.
fn together(one: &Found<'_>, parts: &[&Found<'_>], which: usize) -> Option<Option<Amount>> {
    let column = ["attributed_sales_total", "baseline_sales_total"][which];
    let all: Vec<&Found<'_>> = parts.iter().copied().chain([one]).collect();
    if all.iter().any(|part| part.open_columns.contains(column)) {
        return None;
    }
    let mut sum = None;
    let stores: BTreeSet<&str> = all.iter().map(|part| part.store.store_id).collect();
    for store in stores {
        let of_store: Vec<_> = all.iter().filter(|part| part.store.store_id == store).collect();
        let mut lines: Vec<&Line<'_>> =
            of_store.iter().flat_map(|part| &part.event.lines).collect();
        lines.sort_by_key(|line| (line.onset, line.sku));
        if let Some(more) = union_totals(of_store[0].store, &lines, i64::MAX)[which] {
            sum = Some(sum.unwrap_or(0) + more);
        }
    }
    Some(sum)
}

/// A line as it was at an instant.
fn cut_off<'a>(line: &Line<'a>, at: i64) -> Line<'a> {
    let rows = line.rows.iter().copied().filter(|row| row.tick() <= at).collect();
    Line { onset: line.onset, sku: line.sku, window_start: line.window_start, rows }
}

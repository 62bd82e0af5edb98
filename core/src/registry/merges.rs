//! The totals of an event that others were merged into (SPEC 8, *Merges*).

use super::event_row::EventRow;
use super::lines::Window;
use super::today::Undetermined;
use super::totals::{Span, meet};
use crate::{Money, Overflow, Timestamp};

/// Totals over the union of the windows of several events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub impact: Option<Money>,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
    pub undetermined: Vec<Undetermined>,
}

/// One of the events that are merged.
#[derive(Debug)]
pub(super) struct Part<'r> {
    /// Its own row, with nulls where the logs do not determine a value.
    pub row: EventRow<'r>,
    /// The columns whose null is no value but an unknown one.
    pub unknown: Vec<&'static str>,
    /// Its lines' windows and totals; `None` if the logs do not determine them.
    pub windows: Option<Vec<Window>>,
}

const ATTRIBUTED: &str = "attributed_sales_total";
const BASELINE: &str = "baseline_sales_total";

/// The events' totals together. Each event's own are over the union of its windows already.
///
/// # Errors
/// [`Overflow`] if a sum does not fit.
pub(super) fn merged(parts: &[Part<'_>]) -> Result<Merged, Overflow> {
    let mut together = Merged::default();
    let attributed =
        column(parts, ATTRIBUTED, |row| row.attributed_sales_total, |line| line.attributed);
    let baseline = column(parts, BASELINE, |row| row.baseline_sales_total, |line| line.baseline);
    for (name, found) in [(ATTRIBUTED, &attributed), (BASELINE, &baseline)] {
        if let Err(because) = found {
            for column in ["impact_estimate", name] {
                let known = together.undetermined.iter().any(|other| other.column == column);
                if !known {
                    let because = (*because).to_owned();
                    together.undetermined.push(Undetermined { column, because });
                }
            }
        }
    }
    let (attributed, baseline) = (attributed.ok().flatten(), baseline.ok().flatten());
    let money = |units: Option<i128>| units.map(Money::from_units).transpose();
    together.attributed = money(attributed)?;
    together.baseline = money(baseline)?;
    together.impact = money(attributed.zip(baseline).map(|(a, b)| a - b))?;
    Ok(together)
}

fn column(
    parts: &[Part<'_>],
    name: &'static str,
    own: impl Fn(&EventRow<'_>) -> Option<Money>,
    of_line: impl Fn(&Window) -> Option<Money>,
) -> Result<Option<i128>, &'static str> {
    if parts.iter().any(|part| part.unknown.contains(&name)) {
        return Err("the totals of one of the merged events are not known");
    }
    let windows = parts.iter().map(|part| part.windows.as_ref());
    let windows: Option<Vec<_>> = windows.collect();
    let windows = windows.ok_or("the windows of one of the merged events are not known")?;
    if parts_meet(parts, &windows, of_line) {
        return Err(
            "windows of one SKU in two of the merged events meet, and the logs do not show what \
             each instant sold",
        );
    }
    let amounts: Vec<_> = parts.iter().filter_map(|part| own(&part.row)).collect();
    let sum = amounts.iter().map(|amount| i128::from(amount.units())).sum();
    Ok((!amounts.is_empty()).then_some(sum))
}

/// Whether windows of one store and SKU, but of different events, meet.
fn parts_meet(
    parts: &[Part<'_>],
    windows: &[&Vec<Window>],
    of_line: impl Fn(&Window) -> Option<Money>,
) -> bool {
    let mut by_store: Vec<(&str, usize)> =
        parts.iter().enumerate().map(|(at, part)| (part.row.store_id, at)).collect();
    by_store.sort_unstable();
    by_store.chunk_by(|a, b| a.0 == b.0).any(|of_store| {
        let mut spans: Vec<Span<'_>> = Vec::new();
        for &(_, at) in of_store {
            spans.extend(united(windows[at], &of_line));
        }
        meet(&mut spans)
    })
}

/// An event's windows, those of one SKU that meet as one.
fn united<'w>(windows: &'w [Window], of_line: impl Fn(&Window) -> Option<Money>) -> Vec<Span<'w>> {
    let mut spans: Vec<Span<'w>> = windows
        .iter()
        .map(|window| Span {
            sku: window.sku.as_deref(),
            from: window.from,
            to: window.to,
            amount: of_line(window),
        })
        .collect();
    spans.sort_by_key(|span| (span.sku, span.from, span.to));
    let mut united: Vec<Span<'w>> = Vec::with_capacity(spans.len());
    for span in spans {
        match united.last_mut() {
            Some(last) if last.sku == span.sku && span.from <= last.to => {
                last.to = Timestamp::max(last.to, span.to);
                last.amount = last.amount.or(span.amount);
            }
            _ => united.push(span),
        }
    }
    united
}

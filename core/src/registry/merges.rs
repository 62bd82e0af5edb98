//! The totals of an event that others were merged into (SPEC 8, *Merges*).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::event_row::EventRow;
use super::exact::{self, Answer, Sku};
use super::today::Undetermined;
use super::totals::{Span, Sum, Totals, Window, amount, both, meeting, union};
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
pub(super) struct Part<'r> {
    /// Its own row, with nulls where a value is not known.
    pub row: EventRow<'r>,
    /// The columns whose null is no value but an unknown one.
    pub unknown: Vec<&'static str>,
    /// Its lines' windows and totals; `None` if the logs do not determine them.
    pub windows: Option<Vec<Window>>,
    /// What the inputs say of it.
    pub answer: Answer<'r>,
}

/// A column of totals.
struct Column {
    name: &'static str,
    own: fn(&EventRow<'_>) -> Option<Money>,
    of_line: fn(&Window) -> Option<Money>,
    exact: fn(&crate::totals::Totals) -> Option<i128>,
}

const COLUMNS: [Column; 2] = [
    Column {
        name: "attributed_sales_total",
        own: |row| row.attributed_sales_total,
        of_line: |window| window.attributed,
        exact: |totals| totals.attributed.units(),
    },
    Column {
        name: "baseline_sales_total",
        own: |row| row.baseline_sales_total,
        of_line: |window| window.baseline,
        exact: |totals| totals.baseline.units(),
    },
];

/// The events' totals together. Each event's own are over the union of its windows already.
///
/// # Errors
/// [`Overflow`] if a sum does not fit.
pub(super) fn merged(parts: &[Part<'_>]) -> Result<Merged, Overflow> {
    let [attributed, baseline] = COLUMNS.map(|column| together(parts, &column));
    let totals = Totals { attributed, baseline };
    let named = [("impact_estimate", totals.impact())];
    let named =
        named.into_iter().chain(COLUMNS.map(|of| of.name).into_iter().zip([attributed, baseline]));
    let unknown = named.filter_map(|(column, sum)| {
        let because = sum.err()?.to_owned();
        Some(Undetermined { column, because })
    });
    Ok(Merged {
        impact: amount(totals.impact())?,
        attributed: amount(attributed)?,
        baseline: amount(baseline)?,
        undetermined: unknown.collect(),
    })
}

/// For each part, the SKUs to look up in the inputs: those whose windows overlap those of another
/// part, or of which other windows of the same store overlap.
pub(super) fn needs(parts: &[Part<'_>]) -> Vec<BTreeSet<Sku>> {
    let mut needs = vec![BTreeSet::new(); parts.len()];
    for of_store in by_store(parts) {
        let meets = |column: &&Column| parts_meet(parts, &of_store, column);
        for column in COLUMNS.iter().filter(meets) {
            let mut spans: Vec<_> =
                of_store.iter().flat_map(|&at| parts[at].spans(column)).collect();
            for sku in meeting(&mut spans) {
                let has = |at: &usize| parts[*at].windows().iter().any(|w| w.sku.as_deref() == sku);
                for at in of_store.iter().copied().filter(has) {
                    needs[at].insert(sku.map(Arc::from));
                }
            }
        }
    }
    needs
}

fn together(parts: &[Part<'_>], column: &Column) -> Sum {
    if parts.iter().any(|part| part.unknown.contains(&column.name)) {
        return Err("the totals of one of the merged events are not known");
    }
    if parts.iter().any(|part| part.windows.is_none()) {
        return Err("the windows of one of the merged events are not known");
    }
    let mut sum = None;
    for of_store in by_store(parts) {
        if parts_meet(parts, &of_store, column) {
            let lines: Vec<_> = of_store.iter().map(|&at| parts[at].lines()).collect();
            let mut spans: Vec<_> =
                of_store.iter().flat_map(|&at| parts[at].spans(column)).collect();
            let exact = |sku| exact::of_sku(&lines, sku).map(|totals| (column.exact)(&totals));
            sum = both(sum, union(&mut spans, exact)?);
        } else {
            let own = of_store.iter().filter_map(|&at| (column.own)(&parts[at].row));
            sum = own.fold(sum, |sum, amount| both(sum, Some(amount.units().into())));
        }
    }
    Ok(sum)
}

/// The places of the parts, store by store.
fn by_store(parts: &[Part<'_>]) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..parts.len()).collect();
    places.sort_by_key(|&at| parts[at].row.store_id);
    let of_one = |a: &usize, b: &usize| parts[*a].row.store_id == parts[*b].row.store_id;
    places.chunk_by(of_one).map(<[usize]>::to_vec).collect()
}

/// Whether windows of one SKU, but of different events of one store, meet.
fn parts_meet(parts: &[Part<'_>], of_store: &[usize], column: &Column) -> bool {
    let mut spans: Vec<_> =
        of_store.iter().flat_map(|&at| united(parts[at].spans(column))).collect();
    !meeting(&mut spans).is_empty()
}

/// An event's windows, those of one SKU that meet as one.
fn united(mut spans: Vec<Span<'_>>) -> Vec<Span<'_>> {
    spans.sort_by_key(|span| (span.sku, span.from, span.to));
    let mut united: Vec<Span<'_>> = Vec::with_capacity(spans.len());
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

impl Part<'_> {
    fn windows(&self) -> &[Window] {
        self.windows.as_deref().unwrap_or_default()
    }

    fn lines(&self) -> exact::Part<'_> {
        exact::Part { store_id: self.row.store_id, windows: self.windows(), answer: self.answer }
    }

    fn spans(&self, column: &Column) -> Vec<Span<'_>> {
        self.windows().iter().map(|window| window.span((column.of_line)(window))).collect()
    }
}

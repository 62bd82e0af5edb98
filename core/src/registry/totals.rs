//! Totals over the union of several windows, each (SKU, instant) counted once, from the totals of
//! the windows (SPEC 8).
//!
//! The logs hold the total of each window and not what was sold at each instant. If no two windows
//! of one SKU meet, the sum of their totals is the total of their union. If two do, and something
//! counts in one of them, the logs do not say what counts twice: the total must be asked for.

use std::sync::Arc;

use crate::{Money, Overflow, Timestamp};

/// A line's window and its totals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub report: Arc<str>,
    pub sku: Option<Arc<str>>,
    pub from: Timestamp,
    pub to: Timestamp,
    pub attributed: Option<Money>,
    pub baseline: Option<Money>,
}

/// The total of one window of one SKU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub sku: Option<&'a str>,
    /// Its first instant.
    pub from: Timestamp,
    /// Its last instant.
    pub to: Timestamp,
    pub amount: Option<Money>,
}

impl Window {
    /// The window with one of its totals.
    pub(super) fn span(&self, amount: Option<Money>) -> Span<'_> {
        Span { sku: self.sku.as_deref(), from: self.from, to: self.to, amount }
    }
}

/// A total in ten-thousandths, null if nothing counts in it; or why it is not known.
pub(super) type Sum = Result<Option<i128>, &'static str>;

/// What was sold and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub attributed: Sum,
    pub baseline: Sum,
}

impl Totals {
    /// `attributed - baseline`; null if either is.
    pub(super) fn impact(&self) -> Sum {
        Ok(self.attributed?.zip(self.baseline?).map(|(attributed, baseline)| attributed - baseline))
    }
}

/// The amount of a total; null if it is not known.
///
/// # Errors
/// [`Overflow`] if it does not fit.
pub(super) fn amount(sum: Sum) -> Result<Option<Money>, Overflow> {
    sum.ok().flatten().map(Money::from_units).transpose()
}

/// The SKUs of which two windows meet in these spans, which it sorts, if something counts in them.
pub(super) fn meeting<'a>(spans: &mut [Span<'a>]) -> Vec<Option<&'a str>> {
    by_sku(spans).filter(|of_sku| meet(of_sku)).map(|of_sku| of_sku[0].sku).collect()
}

/// The total over the union of the spans, which it sorts. `exact` gives that of a SKU whose windows
/// meet.
pub(super) fn union<'a>(spans: &mut [Span<'a>], exact: impl Fn(Option<&'a str>) -> Sum) -> Sum {
    let mut sum: Option<i128> = None;
    for of_sku in by_sku(spans) {
        if meet(of_sku) {
            sum = both(sum, exact(of_sku[0].sku)?);
        } else {
            let amounts = of_sku.iter().map(|span| span.amount.map(|a| i128::from(a.units())));
            sum = amounts.fold(sum, both);
        }
    }
    Ok(sum)
}

/// The sum of what counts.
pub(super) fn both(a: Option<i128>, b: Option<i128>) -> Option<i128> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

fn by_sku<'s, 'a>(spans: &'s mut [Span<'a>]) -> impl Iterator<Item = &'s [Span<'a>]> {
    spans.sort_by_key(|span| (span.sku, span.from, span.to));
    spans.chunk_by(|a, b| a.sku == b.sku)
}

/// Whether two windows of one SKU meet, and something counts in one of them.
fn meet(of_sku: &[Span<'_>]) -> bool {
    if of_sku.iter().all(|span| span.amount.is_none()) {
        return false;
    }
    let mut until: Option<Timestamp> = None;
    of_sku.iter().any(|span| {
        let met = until.is_some_and(|until| span.from <= until);
        until = until.max(Some(span.to));
        met
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(sku: &str, from: i64, to: i64, units: Option<i64>) -> Span<'_> {
        let at = |us| Timestamp::from_us(us).unwrap();
        let amount = units.map(|units| Money::from_units(units.into()).unwrap());
        Span { sku: Some(sku), from: at(from), to: at(to), amount }
    }

    const UNKNOWN: Sum = Err("they meet");

    fn of(spans: &[Span<'_>]) -> Sum {
        union(&mut spans.to_vec(), |_| UNKNOWN)
    }

    #[test]
    fn windows_that_do_not_meet_add_up() {
        let known = Ok(Some(7));
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 6, 9, Some(4))]), known);
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("b", 0, 5, Some(4))]), known);
        assert_eq!(of(&[span("a", 0, 5, Some(7)), span("a", 6, 9, None)]), known);
        assert_eq!(of(&[span("a", 0, 5, None)]), Ok(None));
    }

    #[test]
    fn the_total_of_windows_that_meet_is_asked_for_unless_nothing_counts_in_them() {
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 5, 9, Some(4))]), UNKNOWN);
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 5, 9, None)]), UNKNOWN);
        assert_eq!(of(&[span("a", 0, 5, None), span("a", 5, 9, None)]), Ok(None));
        let around = [span("a", 0, 9, Some(1)), span("a", 1, 2, Some(1)), span("a", 4, 5, Some(1))];
        assert_eq!(of(&around), UNKNOWN);
    }

    #[test]
    fn only_the_skus_whose_windows_meet_are_asked_for() {
        let spans = &mut [
            span("a", 0, 5, Some(3)),
            span("b", 5, 9, Some(4)),
            span("a", 5, 6, Some(3)),
            span("c", 0, 1, None),
        ];
        assert_eq!(meeting(spans), [Some("a")]);
        let exact = |sku| if sku == Some("a") { Ok(Some(5)) } else { UNKNOWN };
        assert_eq!(union(spans, exact), Ok(Some(9)));
    }

    #[test]
    fn windows_that_come_in_another_order_than_that_of_time_add_up() {
        let spans = &mut [span("a", 6, 9, Some(3)), span("a", 0, 5, Some(4))];
        assert!(meeting(spans).is_empty());
        assert_eq!(union(spans, |_| UNKNOWN), Ok(Some(7)));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        let most = 999_999_999_999_999_999;
        let spans = [span("a", 0, 5, Some(most)), span("b", 0, 5, Some(most))];
        assert_eq!(amount(of(&spans)), Err(Overflow));
        assert_eq!(amount(UNKNOWN), Ok(None));
    }
}

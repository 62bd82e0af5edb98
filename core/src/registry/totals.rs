//! Totals over the union of several windows, each (SKU, instant) counted once, from the totals of
//! the windows (SPEC 8).
//!
//! The logs hold the total of each window and not what was sold at each instant. If no two windows
//! of one SKU meet, the sum of their totals is the total of their union. If two do, and something
//! was sold in one of them, the logs do not say what: the total is unknown.

use crate::{Money, Overflow, Timestamp};

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

/// A total, if the logs determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    Known(Option<Money>),
    Unknown,
}

/// What was sold and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub attributed: Sum,
    pub baseline: Sum,
}

impl Sum {
    /// The amount; null if it is unknown.
    pub(super) const fn amount(self) -> Option<Money> {
        match self {
            Self::Known(amount) => amount,
            Self::Unknown => None,
        }
    }

    pub(super) const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl Totals {
    /// `attributed - baseline`; null if either is.
    pub(super) fn impact(&self) -> Result<Option<Money>, Overflow> {
        let both = self.attributed.amount().zip(self.baseline.amount());
        let units = both.map(|(a, b)| i128::from(a.units()) - i128::from(b.units()));
        units.map(Money::from_units).transpose()
    }
}

/// Whether two windows of one SKU meet in these spans, which it sorts, and something counts in
/// them.
pub(super) fn meet(spans: &mut [Span<'_>]) -> bool {
    spans.sort_by_key(|span| (span.sku, span.from, span.to));
    spans.chunk_by(|a, b| a.sku == b.sku).any(|of_sku| {
        if of_sku.iter().all(|span| span.amount.is_none()) {
            return false;
        }
        let mut until: Option<Timestamp> = None;
        of_sku.iter().any(|span| {
            let met = until.is_some_and(|until| span.from <= until);
            until = until.max(Some(span.to));
            met
        })
    })
}

/// The total over the union of the spans, which it sorts.
///
/// # Errors
/// [`Overflow`] if it does not fit.
pub(super) fn union(spans: &mut [Span<'_>]) -> Result<Sum, Overflow> {
    if meet(spans) {
        return Ok(Sum::Unknown);
    }
    let amounts: Vec<_> = spans.iter().filter_map(|span| span.amount).collect();
    if amounts.is_empty() {
        return Ok(Sum::Known(None));
    }
    let units = amounts.iter().map(|amount| i128::from(amount.units())).sum();
    Money::from_units(units).map(|sum| Sum::Known(Some(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(sku: &str, from: i64, to: i64, units: Option<i64>) -> Span<'_> {
        let at = |us| Timestamp::from_us(us).unwrap();
        let amount = units.map(|units| Money::from_units(units.into()).unwrap());
        Span { sku: Some(sku), from: at(from), to: at(to), amount }
    }

    fn of(spans: &[Span<'_>]) -> Sum {
        union(&mut spans.to_vec()).unwrap()
    }

    #[test]
    fn windows_that_do_not_meet_add_up() {
        let known = Sum::Known(Money::from_units(7).ok());
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 6, 9, Some(4))]), known);
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("b", 0, 5, Some(4))]), known);
        assert_eq!(of(&[span("a", 0, 5, Some(7)), span("a", 6, 9, None)]), known);
        assert_eq!(of(&[span("a", 0, 5, None)]), Sum::Known(None));
    }

    #[test]
    fn windows_of_one_sku_that_meet_leave_the_total_unknown_unless_nothing_counts_in_them() {
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 5, 9, Some(4))]), Sum::Unknown);
        assert_eq!(of(&[span("a", 0, 5, Some(3)), span("a", 5, 9, None)]), Sum::Unknown);
        assert_eq!(of(&[span("a", 0, 5, None), span("a", 5, 9, None)]), Sum::Known(None));
        let around = [span("a", 0, 9, Some(1)), span("a", 1, 2, Some(1)), span("a", 4, 5, Some(1))];
        assert_eq!(of(&around), Sum::Unknown);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        let most = 999_999_999_999_999_999;
        let both = &mut [span("a", 0, 5, Some(most)), span("b", 0, 5, Some(most))];
        assert_eq!(union(both), Err(Overflow));
    }
}

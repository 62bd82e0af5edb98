//! The total order of doubles (SPEC 13, *Doubles*): null first, then by value, with -0 before 0.
//!
//! Every "greatest" of the contract uses it, so that no result depends on the order of rows.

use std::cmp::Ordering;

/// Compares two doubles that are never NaN.
pub(crate) fn compare(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// The greater of two doubles.
pub(crate) fn greater(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    if compare(a, b) == Ordering::Less { b } else { a }
}

/// Compares two lists element by element; a list that is a prefix of another comes first.
pub(crate) fn compare_lists(a: Option<&[Option<f64>]>, b: Option<&[Option<f64>]>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    a.iter()
        .zip(b)
        .map(|(&a, &b)| compare(a, b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_zero_is_smaller_than_zero_and_greater_than_null() {
        assert_eq!(compare(Some(-0.0), Some(0.0)), Ordering::Less);
        assert_eq!(compare(None, Some(f64::NEG_INFINITY)), Ordering::Less);
        assert_eq!(greater(Some(0.5), None), Some(0.5));
    }
}

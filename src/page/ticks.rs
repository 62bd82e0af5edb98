//! An event's totals tick by tick, from its lines.
//!
//! MRCH has the sums of each line so far, and an event's totals count each (SKU, instant) of the
//! union of its lines' windows once (SPEC 6). Where two lines of one SKU overlap, the sum of the
//! later one up to the end of the earlier one is taken off. It is known if the later one has a tick
//! there. If not, the totals are close and not exact, and the event's details say so.

use std::collections::BTreeMap;

use cohort_core::Money;

use super::lines::{LineTick, PageLine};

/// What an event's lines said together at one of its ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EventTick {
    pub at_us: i64,
    pub severity: Option<f64>,
    /// Sums so far, in ten-thousandths.
    pub sales: Option<i64>,
    pub baseline: Option<i64>,
}

/// The lines of one SKU at one instant, each in the order of their starts: where it began, its
/// newest tick, and what it said up to an instant.
fn union(lines: &[&PageLine], at_us: i64, amount: fn(&LineTick) -> Option<Money>) -> Option<i64> {
    let mut covered_us = i64::MIN;
    let mut sum: Option<i64> = None;
    for line in lines {
        let Some(newest) = before(line, at_us).filter(|newest| newest.at_us > covered_us) else {
            continue;
        };
        let mut part = amount(newest).map(Money::units);
        if line.start_us <= covered_us {
            let counted = before(line, covered_us).and_then(amount).map_or(0, Money::units);
            part = part.map(|part| part.saturating_sub(counted));
        }
        if let Some(part) = part {
            sum = Some(sum.unwrap_or(0).saturating_add(part));
        }
        covered_us = newest.at_us;
    }
    sum
}

/// A line's newest tick that is not after an instant.
fn before(line: &PageLine, at_us: i64) -> Option<&LineTick> {
    let count = line.ticks.partition_point(|tick| tick.at_us <= at_us);
    line.ticks[..count].last()
}

/// The totals at each tick of an event whose lines these are, sorted by their starts.
pub(super) fn event_ticks(lines: &[PageLine]) -> Vec<EventTick> {
    let mut instants: Vec<i64> =
        lines.iter().flat_map(|line| line.ticks.iter().map(|tick| tick.at_us)).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut of_sku: BTreeMap<Option<&str>, Vec<&PageLine>> = BTreeMap::new();
    for line in lines {
        of_sku.entry(line.sku.as_deref()).or_default().push(line);
    }
    let total = |at_us, amount: fn(&LineTick) -> Option<Money>| {
        let parts = of_sku.values().filter_map(|lines| union(lines, at_us, amount));
        parts.reduce(i64::saturating_add)
    };
    let severity = |at_us| {
        let newest = lines.iter().filter_map(|line| before(line, at_us)?.severity);
        newest.reduce(f64::max)
    };
    instants
        .into_iter()
        .map(|at_us| EventTick {
            at_us,
            severity: severity(at_us),
            sales: total(at_us, |tick| tick.sales),
            baseline: total(at_us, |tick| tick.baseline),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, start_us: i64, sums: &[(i64, i64)]) -> PageLine {
        let ticks = sums.iter().zip(1..).map(|(&(at_us, sales), version)| LineTick {
            version,
            at_us,
            severity: Some(sales as f64),
            sales: Money::from_units(sales.into()).ok(),
            baseline: None,
        });
        PageLine { sku: Some(sku.into()), start_us, ticks: ticks.collect(), ..PageLine::default() }
    }

    fn sales(lines: &[PageLine]) -> Vec<(i64, Option<i64>)> {
        event_ticks(lines).iter().map(|tick| (tick.at_us, tick.sales)).collect()
    }

    #[test]
    fn lines_of_different_skus_add_up() {
        let lines = [line("a", 0, &[(5, 10), (10, 30)]), line("b", 5, &[(10, 7)])];
        assert_eq!(sales(&lines), [(5, Some(10)), (10, Some(37))]);
        assert_eq!(event_ticks(&lines)[1].severity, Some(30.0));
        assert_eq!(event_ticks(&lines)[1].baseline, None);
    }

    #[test]
    fn what_two_lines_of_one_sku_share_counts_once() {
        // The second window lies in the first until the first line ends at 10.
        let lines = [line("a", 0, &[(5, 10), (10, 30)]), line("a", 6, &[(10, 15), (15, 40)])];
        assert_eq!(sales(&lines), [(5, Some(10)), (10, Some(30)), (15, Some(55))]);
    }

    #[test]
    fn windows_of_one_sku_that_do_not_touch_add_up() {
        let lines = [line("a", 0, &[(5, 10)]), line("a", 6, &[(10, 4)])];
        assert_eq!(sales(&lines), [(5, Some(10)), (10, Some(14))]);
    }
}

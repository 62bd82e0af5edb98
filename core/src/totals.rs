//! An event's totals over the union of its lines' windows, each (SKU, instant) counted once
//! (SPEC 6, MELOG).

use super::lines::Total;
use super::{Line, Predictions, Sale, Timestamp};

/// Attributed and baseline sales of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Actual sales.
    pub attributed: Total,
    /// Baseline sales.
    pub baseline: Total,
}

/// The totals at `w` of the lines that have a tick at or before it. The lines may come in any
/// order.
pub(crate) fn totals<'a>(
    lines: impl Iterator<Item = &'a Line>,
    predictions: &impl Predictions,
    w: Timestamp,
) -> Totals {
    let mut live: Vec<&Line> = lines.filter(|line| line.first_tick() <= w).collect();
    live.sort_by_key(|line| (line.sku.as_deref(), line.onset));
    let mut totals = Totals::default();
    for of_one_sku in live.chunk_by(|a, b| a.sku == b.sku) {
        add_sku(of_one_sku, predictions, w, &mut totals);
    }
    totals
}

/// Adds what one SKU's lines contribute; they are sorted by onset and not empty.
fn add_sku(lines: &[&Line], predictions: &impl Predictions, w: Timestamp, totals: &mut Totals) {
    let series = predictions.series(lines[0].sku.as_deref());
    // The lines' own sales by instant; the sort is stable, so of several at one instant the least
    // onset is first.
    let rows = lines.iter().flat_map(|line| &line.rows).filter(|row| row.detected_at <= w);
    let mut own = Vec::with_capacity(lines.iter().map(|line| line.rows.len()).sum());
    own.extend(rows.filter_map(|row| row.sales_total.map(|sales| (row.detected_at, sales))));
    own.sort_by_key(|&(at, _)| at);
    own.dedup_by_key(|&mut (at, _)| at);
    let mut own = own.into_iter().peekable();
    for sale in windows(lines, w).flat_map(|(from, to)| series.sales_within(from..=to)) {
        while let Some((_, sales)) = own.next_if(|&(at, _)| at < sale.at) {
            totals.attributed.add(Some(sales));
        }
        let fallback = own.next_if(|&(at, _)| at == sale.at).map(|(_, sales)| sales);
        let Sale { baseline, actual, .. } = *sale;
        totals.attributed.add(actual.or(fallback));
        totals.baseline.add(baseline);
    }
    own.for_each(|(_, sales)| totals.attributed.add(Some(sales)));
}

/// The union of the lines' windows `[window_start, min(w, last tick so far)]` as disjoint windows
/// in order. The lines may be those of several events, whose windows do not begin in the order of
/// onsets.
fn windows(lines: &[&Line], w: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let each = lines.iter().map(|line| (line.window_start, line.last_tick().min(w)));
    let mut each: Vec<_> = each.collect();
    each.sort_unstable();
    let mut union: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in each {
        match union.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => union.push((from, to)),
        }
    }
    union.into_iter()
}

#[cfg(test)]
mod tests {
    use super::super::events::{events, tests::life};
    use super::super::reports::tests::row;
    use super::super::{Money, Report, Series};
    use super::*;

    struct OneSku(Vec<Sale>);

    impl Predictions for OneSku {
        fn series(&self, sku: Option<&str>) -> Series<'_> {
            if sku == Some("k") {
                Series { sales: &self.0, scores: &[] }
            } else {
                Series::default()
            }
        }
    }

    fn us(us: i64) -> Timestamp {
        Timestamp::from_us(us).unwrap()
    }

    fn money(units: i64) -> Option<Money> {
        Money::from_units(units.into()).ok()
    }

    fn own(tick: i64, onset: i64, units: i64) -> Report {
        Report { sales_total: money(units), ..row(tick, Some("k"), Some(onset)) }
    }

    fn of(rows: Vec<Report>, sales: Vec<Sale>, w: i64) -> (Option<i128>, Option<i128>) {
        let (events, _) = events(rows, life(), None);
        let totals = totals(events[0].lines.iter(), &OneSku(sales), us(w));
        (totals.attributed.units(), totals.baseline.units())
    }

    fn sale(at: i64, baseline: i64, actual: Option<i64>) -> Sale {
        Sale { at: us(at), baseline: money(baseline), actual: actual.and_then(money) }
    }

    #[test]
    fn overlapping_windows_count_an_instant_once() {
        let rows = vec![own(10, 0, 1), own(20, 0, 1), own(20, 15, 1)];
        let sales = vec![
            sale(0, 1, Some(1)),
            sale(16, 10, Some(10)),
            sale(20, 100, Some(100)),
            sale(21, 9, Some(9)),
        ];
        assert_eq!(of(rows, sales, 20), (Some(112), Some(111)));
    }

    #[test]
    fn of_two_lines_sales_at_one_instant_the_least_onset_counts() {
        assert_eq!(of(vec![own(20, 15, 5), own(20, 0, 7)], vec![], 20), (Some(7), None));
        let silent = Report { sales_total: None, ..own(20, 0, 0) };
        assert_eq!(
            of(vec![own(20, 15, 5), silent], vec![sale(20, 3, None)], 20),
            (Some(5), Some(3))
        );
    }

    #[test]
    fn windows_that_do_not_touch_leave_the_instants_between_them_out() {
        let rows = vec![own(10, 10, 1), own(30, 30, 1)];
        assert_eq!(
            of(rows, vec![sale(10, 1, None), sale(20, 50, Some(50)), sale(30, 1, None)], 30),
            (Some(2), Some(2))
        );
    }

    #[test]
    fn windows_of_several_events_need_not_begin_in_the_order_of_onsets() {
        let (first, _) = events(vec![own(10, 5, 1)], life(), None);
        let (mut second, _) = events(vec![own(90, 3, 2)], life(), None);
        second[0].lines[0].window_start = us(60);
        let lines = first[0].lines.iter().chain(&second[0].lines);
        let sales = OneSku(vec![sale(7, 4, None), sale(30, 8, None), sale(70, 16, None)]);
        let totals = totals(lines, &sales, us(99));
        assert_eq!((totals.attributed.units(), totals.baseline.units()), (Some(3), Some(20)));
    }

    #[test]
    fn lines_and_instants_after_w_do_not_count() {
        let rows = vec![own(10, 5, 1), own(20, 5, 2), own(20, 20, 4)];
        assert_eq!(of(rows, vec![sale(7, 16, None), sale(15, 8, None)], 10), (Some(1), Some(16)));
    }
}

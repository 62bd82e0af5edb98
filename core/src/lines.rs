//! What is known of a line at each of its ticks: severity, sales, baseline and the carried columns
//! (SPEC 6).

use super::doubles::greater;
use super::{Carried, Line, Money, Series, Timestamp};

/// A sum of amounts. `None` if there was nothing to add, which differs from a sum of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total(Option<i128>);

impl Total {
    /// Adds an amount, if there is one.
    pub(crate) fn add(&mut self, amount: Option<Money>) {
        if let Some(amount) = amount {
            // Fewer than 2^63 amounts of fewer than 2^63 units each cannot overflow 128 bits.
            *self.0.get_or_insert(0) += i128::from(amount.units());
        }
    }

    /// The sum in ten-thousandths.
    pub const fn units(self) -> Option<i128> {
        self.0
    }
}

/// The seven columns that MRCH carries over from MRDL: each the last that was not null so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latest<'a> {
    pub feature_vector: Option<&'a [Option<f64>]>,
    pub cluster_id: Option<&'a str>,
    pub cluster_name: Option<&'a str>,
    pub similarity_score: Option<f64>,
    pub cluster_match_confidence: Option<f64>,
    pub tsne_x: Option<f64>,
    pub tsne_y: Option<f64>,
}

/// What is known of a line after one of its ticks.
#[derive(Clone, Copy, Debug)]
pub struct LineState<'a> {
    /// The tick: the line's last so far.
    pub tick: Timestamp,
    /// The greatest score so far.
    pub severity: Option<f64>,
    /// Actual sales over the window so far.
    pub attributed: Total,
    /// Baseline sales over the window so far.
    pub baseline: Total,
    /// The carried columns so far.
    pub latest: Latest<'a>,
    /// The last row so far that names a cause.
    pub attribution: Option<&'a Carried>,
    /// Whether the classifier's log has a row for this very tick.
    pub scored: bool,
    /// Whether the baseline log had a baseline for this very tick.
    pub baselined: bool,
}

/// Appends the states of a line, one for each of its ticks, from the predictions for its SKU.
///
/// The sums run over every instant of `[window_start, tick]`. A sales row counts even if the line
/// has no row at its instant. The line's own `sales_total` counts only if the sales log has no
/// actual sales there.
pub(crate) fn push_states<'a>(line: &'a Line, series: Series<'_>, states: &mut Vec<LineState<'a>>) {
    let mut sales = series.sales_within(line.window_start..=line.last_tick()).iter().peekable();
    let mut severity = None;
    let (mut attributed, mut baseline) = (Total::default(), Total::default());
    let mut latest = Latest::default();
    let mut attribution = None;
    for row in &line.rows {
        let tick = row.detected_at;
        let mut own = None;
        while let Some(sale) = sales.next_if(|sale| sale.at <= tick) {
            baseline.add(sale.baseline);
            if sale.at == tick {
                own = Some(sale);
            } else {
                attributed.add(sale.actual);
            }
        }
        attributed.add(own.and_then(|sale| sale.actual).or(row.sales_total));
        let score = series.score_at(tick);
        severity = greater(severity, score.and_then(|row| row.score).or(row.severity));
        if let Some(carried) = row.carried.as_deref() {
            latest = latest.then(carried);
            attribution =
                if carried.proposed_cause.is_some() { Some(carried) } else { attribution };
        }
        let (scored, baselined) = (score.is_some(), own.is_some());
        states.push(LineState {
            tick,
            severity,
            attributed,
            baseline,
            latest,
            attribution,
            scored,
            baselined,
        });
    }
}

impl<'a> Latest<'a> {
    fn then(self, row: &'a Carried) -> Self {
        Self {
            feature_vector: row.feature_vector.as_deref().or(self.feature_vector),
            cluster_id: row.cluster_id.as_deref().or(self.cluster_id),
            cluster_name: row.cluster_name.as_deref().or(self.cluster_name),
            similarity_score: row.similarity_score.or(self.similarity_score),
            cluster_match_confidence: row
                .cluster_match_confidence
                .or(self.cluster_match_confidence),
            tsne_x: row.tsne_x.or(self.tsne_x),
            tsne_y: row.tsne_y.or(self.tsne_y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::{events, tests::life};
    use super::super::reports::tests::row;
    use super::super::{Report, Sale, Score};
    use super::*;

    fn states<'a>(line: &'a Line, series: Series<'_>) -> Vec<LineState<'a>> {
        let mut states = Vec::new();
        push_states(line, series, &mut states);
        states
    }

    fn money(units: i64) -> Option<Money> {
        Money::from_units(units.into()).ok()
    }

    fn line(rows: Vec<Report>) -> Line {
        events(rows, life(), None).0.remove(0).lines.remove(0)
    }

    fn sale(at: i64, baseline: Option<i64>, actual: Option<i64>) -> Sale {
        Sale {
            at: Timestamp::from_us(at).unwrap(),
            baseline: baseline.and_then(money),
            actual: actual.and_then(money),
        }
    }

    #[test]
    fn a_prediction_inside_the_window_counts_where_the_line_has_no_row() {
        let line = line(vec![row(10, None, Some(5)), row(20, None, Some(5))]);
        let sales = [
            sale(4, Some(1), Some(1)),
            sale(5, Some(10), Some(10)),
            sale(15, Some(100), None),
            sale(20, Some(1000), Some(1000)),
            sale(21, Some(1), Some(1)),
        ];
        let states = states(&line, Series { sales: &sales, scores: &[] });
        assert_eq!(
            states.iter().map(|s| (s.attributed.units(), s.baseline.units())).collect::<Vec<_>>(),
            [(Some(10), Some(10)), (Some(1010), Some(1110))]
        );
        assert_eq!(states.iter().map(|s| s.baselined).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn the_lines_own_sales_stand_in_where_actual_sales_are_missing_or_null() {
        let own = |tick, units| Report { sales_total: money(units), ..row(tick, None, None) };
        let line = line(vec![own(0, 7), own(1, 70), own(2, 700)]);
        let sales = [sale(1, Some(1), None), sale(2, None, Some(5))];
        let states = states(&line, Series { sales: &sales, scores: &[] });
        assert_eq!(
            states.iter().map(|s| s.attributed.units()).collect::<Vec<_>>(),
            [Some(7), Some(77), Some(82)]
        );
    }

    #[test]
    fn nothing_contributed_is_null_and_zero_is_not() {
        let line = line(vec![row(0, None, None)]);
        assert_eq!(states(&line, Series::default())[0].attributed.units(), None);
        let sales = [sale(0, None, Some(0))];
        assert_eq!(
            states(&line, Series { sales: &sales, scores: &[] })[0].attributed.units(),
            Some(0)
        );
    }

    #[test]
    fn severity_is_the_greatest_score_or_the_rows_own_where_there_is_none() {
        let own = |tick, severity| Report { severity: Some(severity), ..row(tick, None, None) };
        let line = line(vec![own(0, 0.9), own(1, 0.5), own(2, 0.1)]);
        let score = |at, score| Score { at: Timestamp::from_us(at).unwrap(), score };
        let scores = [score(0, Some(0.3)), score(1, None), score(2, Some(0.4))];
        let states = states(&line, Series { sales: &[], scores: &scores });
        assert_eq!(
            states.iter().map(|s| s.severity).collect::<Vec<_>>(),
            [Some(0.3), Some(0.5), Some(0.5)]
        );
    }

    #[test]
    fn each_carried_column_keeps_its_own_last_value() {
        let with = |tick, carried: Carried| Report {
            carried: Some(Box::new(carried)),
            ..row(tick, None, None)
        };
        let line = line(vec![
            with(
                0,
                Carried { cluster_id: Some("c1".into()), tsne_x: Some(1.0), ..Carried::default() },
            ),
            with(1, Carried { cluster_id: Some("c2".into()), ..Carried::default() }),
            row(2, None, None),
        ]);
        let last = states(&line, Series::default())[2].latest;
        assert_eq!((last.cluster_id, last.tsne_x), (Some("c2"), Some(1.0)));
    }
}

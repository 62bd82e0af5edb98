//! One day of the sample: what sells, tick by tick and shop by shop, and what the detector and the
//! two models write.

use super::Error;
use super::chain::{ShopChain, Tick, midnight};
use super::place::Place;
use super::plan::{EXAMPLE_TICKS, Line, SamplePlan};
use super::predictions::{Prediction, Predictions};
use super::random::Random;
use super::reports::Reports;

/// A line's tick, for which the detector reports a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ReportedTick {
    tick: Tick,
    shop: usize,
    product: Option<usize>,
    line: usize,
}

/// The worked example's scores and sales (SPEC 9), the latter in ten-thousandths.
const EXAMPLE: [(f64, i64); 3] = [(0.61, 27_000_000), (0.72, 29_000_000), (0.66, 26_000_000)];

/// Writes one day's partitions. Returns the numbers of report rows and of prediction rows.
pub(super) fn write(
    place: &Place,
    chain: &ShopChain,
    plan: &SamplePlan,
    day: i64,
) -> Result<(u64, u64), Error> {
    let reported = reported_ticks(plan, day);
    let mut reports = Reports::new(chain, day);
    let mut predictions = Predictions::create(place, chain, day);
    let mut at = 0;
    for tick in midnight(day)..midnight(day + 1) {
        for shop in (0..chain.shops.len()).filter(|&shop| chain.shops[shop].open_at(tick)) {
            let from = at;
            while reported.get(at).is_some_and(|row| (row.tick, row.shop) == (tick, shop)) {
                at += 1;
            }
            let trade = Trade { chain, plan, reported: &reported[from..at], shop, tick };
            trade.write(&mut reports, &mut predictions)?;
        }
    }
    Ok((reports.write(place)?, predictions.close()?))
}

/// The ticks reported that day, in the order in which the models write their rows.
fn reported_ticks(plan: &SamplePlan, day: i64) -> Vec<ReportedTick> {
    let (first, end) = (midnight(day), midnight(day + 1));
    let mut reported: Vec<ReportedTick> = plan
        .lines
        .iter()
        .enumerate()
        .flat_map(|(number, line)| {
            let ticks = line.ticks.start.max(first)..line.ticks.end.min(end);
            ticks.map(move |tick| ReportedTick {
                tick,
                shop: line.shop,
                product: line.product,
                line: number,
            })
        })
        .collect();
    reported.sort_unstable();
    reported
}

/// One shop at one tick.
struct Trade<'a> {
    chain: &'a ShopChain,
    plan: &'a SamplePlan,
    reported: &'a [ReportedTick],
    shop: usize,
    tick: Tick,
}

impl Trade<'_> {
    fn write(&self, reports: &mut Reports<'_>, out: &mut Predictions<'_>) -> Result<(), Error> {
        // On its day, the worked example's shop has no gaps and no faults.
        let spared = self.shop == 0 && self.tick >= 0;
        let mut whole = (0, 0);
        for product in 0..self.chain.products.len() {
            let (baseline, actual) = self.sales(product);
            whole = (whole.0 + baseline, whole.1 + actual);
            self.row(Some(product), baseline, actual, spared, reports, out)?;
        }
        self.row(None, whole.0, whole.1, spared, reports, out)
    }

    /// The prediction row of one product or of the whole shop, and the report rows of its
    /// anomalies.
    fn row(
        &self,
        product: Option<usize>,
        baseline: i64,
        actual: i64,
        spared: bool,
        reports: &mut Reports<'_>,
        out: &mut Predictions<'_>,
    ) -> Result<(), Error> {
        let mut score = None;
        for row in self.reported.iter().filter(|row| row.product == product) {
            let line = &self.plan.lines[row.line];
            let seen = self.severity(line);
            score = Some(score.map_or(seen, |most: f64| most.max(seen)));
            reports.push(row.line, line, self.tick, seen, baseline, actual, spared);
        }
        let (shop, tick) = (self.shop, self.tick);
        out.push(&Prediction { shop, product, tick, baseline, actual, score }, spared)
    }

    /// A product's expected and actual sales.
    fn sales(&self, product: usize) -> (i64, i64) {
        let baseline = self.chain.baseline(self.shop, product, self.tick);
        if let Some((_, sales)) = self.example(Some(product)) {
            return (baseline, sales);
        }
        let hit = self.reported.iter().filter(|row| row.product.is_none_or(|hit| hit == product));
        let factor = hit.map(|row| self.plan.lines[row.line].factor).product();
        (baseline, self.chain.actual((self.shop, product, self.tick), baseline, factor))
    }

    /// How severe the line is at this tick.
    fn severity(&self, line: &Line) -> f64 {
        if let Some((score, _)) = self.example(line.product) {
            return score;
        }
        let path =
            [7, line.shop as u64, line.product.map_or(0, |at| at as u64 + 1), self.tick as u64];
        line.peak * Random::stream(self.chain.seed, &path).between(0.75, 1.0)
    }

    fn example(&self, product: Option<usize>) -> Option<(f64, i64)> {
        let here = (self.shop, product) == (0, Some(0)) && EXAMPLE_TICKS.contains(&self.tick);
        here.then(|| EXAMPLE[(self.tick - EXAMPLE_TICKS.start) as usize])
    }
}

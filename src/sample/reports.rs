//! `minority_reports_detected_log` of one day: what the detector, clustering and attribution make
//! of the anomalies.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, ListBuilder};

use super::Error;
use super::chain::{DAY_TICKS, ShopChain, Tick, instant_us};
use super::files::{Writer, amounts, doubles, texts, times};
use super::kinds::{Explanation, KINDS};
use super::place::Place;
use super::plan::Line;
use super::random::{Random, four_decimals};

/// What one row says, faults included.
#[derive(Clone, Debug)]
struct Report {
    anomaly_id: String,
    shop: Option<usize>,
    product: Option<usize>,
    detected_us: Option<i64>,
    onset_us: Option<i64>,
    severity: Option<f64>,
    sales: Option<i64>,
    ingested_us: i64,
    kind: usize,
    features: [f64; 4],
    /// The place on the clustering's map, and how sure it is of the cluster.
    place: [f64; 2],
    similarity: f64,
    /// Confidence of the attribution, if there is one yet.
    attributed: Option<f64>,
}

/// The rows of one day.
pub(super) struct Reports<'a> {
    chain: &'a ShopChain,
    day: i64,
    random: Random,
    rows: Vec<Report>,
}

impl<'a> Reports<'a> {
    pub(super) fn new(chain: &'a ShopChain, day: i64) -> Self {
        let random = Random::stream(chain.seed, &[6, day as u64]);
        Self { chain, day, random, rows: Vec::new() }
    }

    /// Adds what the detector writes for a line at a tick: one row, sometimes none, sometimes the
    /// same row twice.
    #[expect(clippy::too_many_arguments, reason = "one call site, each argument a plain number")]
    pub(super) fn push(
        &mut self,
        number: usize,
        line: &Line,
        tick: Tick,
        severity: f64,
        baseline: i64,
        actual: i64,
        spared: bool,
    ) {
        let random = &mut self.random;
        // The detector misses a tick now and then, never the first.
        if !spared && tick > line.ticks.start && random.chance(0.04) {
            return;
        }
        let age = tick - line.ticks.start;
        let ratio = if baseline == 0 { 0.0 } else { actual as f64 / baseline as f64 };
        let (x, y) = (line.kind as f64 % 3.0 * 20.0 - 20.0, line.kind as f64 / 3.0 * 20.0 - 25.0);
        let report = Report {
            anomaly_id: format!("a{number:06}-{age:03}"),
            shop: Some(line.shop),
            product: line.product,
            detected_us: Some(instant_us(tick)),
            onset_us: line.tracked.then(|| instant_us(line.onset)),
            severity: (spared || !random.chance(0.1)).then(|| four_decimals(severity)),
            sales: Some(actual),
            ingested_us: instant_us(tick) + 1_000_000 * (60 + random.below(60)) as i64,
            kind: line.kind,
            features: [
                ratio,
                age as f64 / 12.0,
                tick.rem_euclid(DAY_TICKS) as f64 / DAY_TICKS as f64,
                severity,
            ]
            .map(four_decimals),
            place: [x + random.between(-6.0, 6.0), y + random.between(-6.0, 6.0)]
                .map(four_decimals),
            similarity: four_decimals(random.between(0.7, 0.99)),
            attributed: line
                .attributed_from
                .filter(|&from| from <= tick)
                .map(|from| four_decimals((0.6 + 0.03 * (tick - from) as f64).min(0.95))),
        };
        if !spared && random.chance(0.02) {
            // The detector's retry: the same row, written later with a revised severity.
            let severity = report.severity.map(|x| four_decimals(x * 0.97));
            let ingested_us = report.ingested_us + 45_000_000;
            self.rows.push(Report { severity, ingested_us, ..report.clone() });
        }
        self.rows.push(report);
    }

    /// Writes the day's partition, a few faulty rows among them. Returns the number of rows.
    pub(super) fn write(mut self, place: &Place) -> Result<u64, Error> {
        self.spoil();
        let mut file = Writer::create(place, "minority_reports_detected_log", Some(self.day));
        let (chain, rows) = (self.chain, &self.rows);
        let cluster = |row: &Report| KINDS[row.kind].cluster;
        let attributed = |row: &Report| match KINDS[row.kind].explanation {
            Explanation::Attributed(cause, category, evidence) => {
                row.attributed.map(|_| (cause, category, evidence))
            }
            _ => None,
        };
        file.write(vec![
            ("anomaly_id", texts(rows.iter().map(|row| Some(&row.anomaly_id)))),
            ("store_id", texts(rows.iter().map(|row| row.shop.map(|at| &chain.shops[at].id)))),
            ("sku", texts(rows.iter().map(|row| row.product.map(|at| &chain.products[at].sku)))),
            ("detected_at", times(rows.iter().map(|row| row.detected_us))),
            ("first_detected_from", times(rows.iter().map(|row| row.onset_us))),
            ("severity", doubles(rows.iter().map(|row| row.severity))),
            ("sales_total", amounts(rows.iter().map(|row| row.sales))),
            ("ingested_at", times(rows.iter().map(|row| Some(row.ingested_us)))),
            ("feature_vector", lists(rows.iter().map(|row| row.features))),
            ("cluster_id", texts(rows.iter().map(|row| cluster(row).map(|known| known.0)))),
            ("cluster_name", texts(rows.iter().map(|row| cluster(row).map(|known| known.1)))),
            ("similarity_score", doubles(rows.iter().map(|row| Some(row.similarity)))),
            (
                "cluster_match_confidence",
                doubles(rows.iter().map(|row| cluster(row).map(|_| row.similarity))),
            ),
            ("tsne_x", doubles(rows.iter().map(|row| Some(row.place[0])))),
            ("tsne_y", doubles(rows.iter().map(|row| Some(row.place[1])))),
            ("proposed_cause", texts(rows.iter().map(|row| attributed(row).map(|it| it.0)))),
            (
                "proposed_cause_category",
                texts(rows.iter().map(|row| attributed(row).map(|it| it.1))),
            ),
            ("supporting_evidence", texts(rows.iter().map(|row| attributed(row).map(|it| it.2)))),
            ("confidence_score", doubles(rows.iter().map(|row| row.attributed))),
        ])?;
        file.close()?;
        Ok(self.rows.len() as u64)
    }

    /// Adds faulty copies of some rows, one in 250. Three in four must be rejected, for one reason
    /// of SPEC 2 after the other; of the fourth the onset is too old, and ignored.
    fn spoil(&mut self) {
        const FORTY_DAYS_US: i64 = 40 * 86_400_000_000;
        for number in 0..self.rows.len() / 250 {
            let at = self.random.below(self.rows.len());
            let row = self.rows[at].clone();
            let late = |by: i64| row.detected_us.map(|detected_us| detected_us + by);
            let row = match number % 4 {
                0 => Report { onset_us: late(300_000_000), ..row },
                1 => Report { shop: None, ..row },
                2 => Report { onset_us: late(-FORTY_DAYS_US), ..row },
                _ => Report { detected_us: None, ..row },
            };
            self.rows.insert(at, row);
        }
    }
}

fn lists(values: impl Iterator<Item = [f64; 4]>) -> ArrayRef {
    let mut list = ListBuilder::new(Float64Builder::new());
    for value in values {
        list.values().append_slice(&value);
        list.append(true);
    }
    Arc::new(list.finish())
}

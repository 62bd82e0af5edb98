//! The two models' prediction logs of one day, in the order in which models emit them: tick, shop,
//! product.
//!
//! They are streamed to the files in batches, so a day of any size needs little memory.

use super::Error;
use super::chain::{ShopChain, Tick, instant_us};
use super::files::{NamedColumns, Writer, amounts, doubles, texts, times};
use super::place::Place;
use super::random::{Random, four_decimals};

/// Rows held before they are written.
const BATCH_ROWS: usize = 65_536;

/// What the models say of one product, or of a whole shop, at one tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    pub(super) shop: usize,
    pub(super) product: Option<usize>,
    pub(super) tick: Tick,
    /// Expected and actual sales, in ten-thousandths.
    pub(super) baseline: i64,
    pub(super) actual: i64,
    /// The anomaly's severity, if there is one.
    pub(super) score: Option<f64>,
}

/// Both logs of one day.
pub(super) struct Predictions<'a> {
    random: Random,
    scores: PredictionFile<'a, f64>,
    sales: PredictionFile<'a, (i64, Option<i64>)>,
}

impl<'a> Predictions<'a> {
    pub(super) fn create(place: &'a Place, chain: &'a ShopChain, day: i64) -> Self {
        let log = "anomaly_classifier_model_prediction_log";
        let scores =
            PredictionFile::create(place, log, chain, day, |rows: &[PredictedRow<f64>]| {
                vec![("anomaly_score", doubles(rows.iter().map(|row| Some(row.value))))]
            });
        let log = "baseline_sales_model_prediction_log";
        let sales = PredictionFile::create(
            place,
            log,
            chain,
            day,
            |rows: &[PredictedRow<(i64, Option<i64>)>]| {
                vec![
                    ("baseline_sales", amounts(rows.iter().map(|row| Some(row.value.0)))),
                    ("actual_sales", amounts(rows.iter().map(|row| row.value.1))),
                ]
            },
        );
        Self { random: Random::stream(chain.seed, &[5, day as u64]), scores, sales }
    }

    /// Adds a prediction to both logs, with the gaps and faults that such logs have unless it is
    /// `spared` them.
    pub(super) fn push(&mut self, what: &Prediction, spared: bool) -> Result<(), Error> {
        let random = &mut self.random;
        let score = four_decimals(what.score.unwrap_or_else(|| random.between(0.0, 0.35)));
        let actual = (spared || !random.chance(0.1)).then_some(what.actual);
        if spared || !random.chance(0.01) {
            self.scores.push(what, score, spared, random)?;
        }
        if spared || !random.chance(0.01) {
            self.sales.push(what, (what.baseline, actual), spared, random)?;
        }
        Ok(())
    }

    /// Writes what is left. Returns the number of rows of both logs together.
    pub(super) fn close(self) -> Result<u64, Error> {
        Ok(self.scores.close()? + self.sales.close()?)
    }
}

struct PredictedRow<V> {
    shop: Option<usize>,
    product: Option<usize>,
    tick: Option<Tick>,
    ingested_us: i64,
    value: V,
}

struct PredictionFile<'a, V> {
    chain: &'a ShopChain,
    file: Writer<'a>,
    batch: Vec<PredictedRow<V>>,
    rows: u64,
    /// The columns that this log has besides the common ones.
    values: fn(&[PredictedRow<V>]) -> NamedColumns,
}

impl<'a, V: Copy> PredictionFile<'a, V> {
    fn create(
        place: &'a Place,
        dataset: &str,
        chain: &'a ShopChain,
        day: i64,
        values: fn(&[PredictedRow<V>]) -> NamedColumns,
    ) -> Self {
        let file = Writer::create(place, dataset, Some(day));
        Self { chain, file, batch: Vec::with_capacity(BATCH_ROWS), rows: 0, values }
    }

    fn push(
        &mut self,
        what: &Prediction,
        value: V,
        spared: bool,
        random: &mut Random,
    ) -> Result<(), Error> {
        let &Prediction { shop, product, tick, .. } = what;
        let ingested_us = instant_us(tick) + 1_000_000 * (20 + random.below(40)) as i64;
        let row = |value| PredictedRow {
            shop: Some(shop),
            product,
            tick: Some(tick),
            ingested_us,
            value,
        };
        self.add(row(value))?;
        match random.below(10_000) {
            _ if spared => {}
            // The model's job was retried, so the row is written again a little later with the same
            // value.
            0..10 => {
                self.add(PredictedRow { ingested_us: ingested_us + 90_000_000, ..row(value) })?
            }
            10 => self.add(PredictedRow { shop: None, ..row(value) })?,
            11 => self.add(PredictedRow { tick: None, ..row(value) })?,
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, row: PredictedRow<V>) -> Result<(), Error> {
        self.batch.push(row);
        if self.batch.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let (rows, chain) = (&self.batch, self.chain);
        let mut columns = vec![
            ("store_id", texts(rows.iter().map(|row| row.shop.map(|at| &chain.shops[at].id)))),
            ("sku", texts(rows.iter().map(|row| row.product.map(|at| &chain.products[at].sku)))),
            ("tick_at", times(rows.iter().map(|row| row.tick.map(instant_us)))),
        ];
        columns.extend((self.values)(rows));
        columns.push(("ingested_at", times(rows.iter().map(|row| Some(row.ingested_us)))));
        self.rows += rows.len() as u64;
        self.file.write(columns)?;
        self.batch.clear();
        Ok(())
    }

    fn close(mut self) -> Result<u64, Error> {
        // An empty file if nothing happened: a partition that exists and holds no rows.
        self.flush()?;
        self.file.close()?;
        Ok(self.rows)
    }
}

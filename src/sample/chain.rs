//! The retail chain of the sample: its shops, their hours, its products, and what sells when.

use super::Sample;
use super::random::Random;

/// Five minutes: the grid on which this chain's detectors and models emit rows.
pub(super) const STEP_US: i64 = 300_000_000;
/// Ticks in a day.
pub(super) const DAY_TICKS: i64 = 288;
/// The sample's last day begins here: 2025-01-01T00:00:00Z, the day of the worked example (SPEC 9).
pub(super) const LAST_DAY_US: i64 = 1_735_689_600_000_000;

/// Ticks counted from the midnight that begins the last day; earlier days are negative.
pub(super) type Tick = i64;

/// The instant of a tick, in microseconds since 1970.
pub(super) const fn instant_us(tick: Tick) -> i64 {
    LAST_DAY_US + tick * STEP_US
}

/// The first tick of a day, days counted from the last one as ticks are.
pub(super) const fn midnight(day: i64) -> Tick {
    day * DAY_TICKS
}

/// One shop.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    /// Its `store_id`.
    pub(super) id: String,
    /// The tick of the day at which it opens, and the first tick at which it is closed again.
    pub(super) hours: std::ops::Range<i64>,
    /// How much it sells, 1 being the chain's middle.
    size: f64,
}

impl Shop {
    /// Whether it is open at this tick.
    pub(super) fn open_at(&self, tick: Tick) -> bool {
        self.hours.contains(&tick.rem_euclid(DAY_TICKS))
    }
}

/// A group of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Category {
    /// What its SKUs begin with.
    prefix: &'static str,
    /// Whether it is kept in refrigerators.
    pub(super) chilled: bool,
    /// Whether it is delivered fresh in the morning.
    pub(super) fresh: bool,
}

const CATEGORIES: [Category; 7] = [
    Category { prefix: "BEV", chilled: false, fresh: false },
    Category { prefix: "DAI", chilled: true, fresh: false },
    Category { prefix: "BAK", chilled: false, fresh: true },
    Category { prefix: "SNK", chilled: false, fresh: false },
    Category { prefix: "FRZ", chilled: true, fresh: false },
    Category { prefix: "PRO", chilled: false, fresh: true },
    Category { prefix: "HOU", chilled: false, fresh: false },
];

/// One product.
#[derive(Clone, Debug)]
pub(super) struct Product {
    /// Its `sku`.
    pub(super) sku: String,
    /// Its group.
    pub(super) category: Category,
    /// Sales per tick in a middling shop at a middling hour.
    rate: f64,
}

/// Shops and products of one sample.
#[derive(Clone, Debug)]
pub(super) struct ShopChain {
    pub(super) seed: u64,
    pub(super) shops: Vec<Shop>,
    pub(super) products: Vec<Product>,
}

/// The worked example's shop; the first of every sample.
pub(super) const EXAMPLE_STORE: &str = "327";

/// Share of an hour's trade, from midnight on, 1 being the middle: a peak at noon and a higher one
/// after work.
const HOURLY: [f64; 25] = [
    0.25, 0.15, 0.12, 0.12, 0.15, 0.25, 0.45, 0.70, 0.85, 0.95, 1.05, 1.25, 1.45, 1.25, 1.00, 0.95,
    1.10, 1.50, 1.65, 1.30, 0.95, 0.70, 0.50, 0.35, 0.25,
];
/// Each weekday's share of trade, beginning with that of the last day, a Wednesday.
const WEEKDAY: [f64; 7] = [0.95, 0.98, 1.15, 1.30, 0.80, 0.90, 0.92];

impl ShopChain {
    /// The chain of a sample.
    pub(super) fn new(sample: &Sample) -> Self {
        let mut random = Random::stream(sample.seed, &[1]);
        let shops = (0..sample.stores).map(|number| shop(number, &mut random)).collect();
        let mut random = Random::stream(sample.seed, &[2]);
        let products = (0..sample.skus as usize)
            .map(|number| {
                let category = CATEGORIES[number % CATEGORIES.len()];
                let sku = format!("{}-{:04}", category.prefix, number + 1);
                // The first is the worked example's. A few of the others carry most of the trade.
                let drawn = 90.0 + 1500.0 * random.unit() * random.unit();
                let rate = if number == 0 { 1200.0 } else { drawn };
                Product { sku, category, rate }
            })
            .collect();
        Self { seed: sample.seed, shops, products }
    }

    /// What the model expects a product to sell in one tick, in ten-thousandths (whole hundredths).
    pub(super) fn baseline(&self, shop: usize, product: usize, tick: Tick) -> i64 {
        let of_day = tick.rem_euclid(DAY_TICKS);
        let (hour, part) = ((of_day / 12) as usize, (of_day % 12) as f64 / 12.0);
        let curve = HOURLY[hour] * (1.0 - part) + HOURLY[hour + 1] * part;
        let weekday = WEEKDAY[tick.div_euclid(DAY_TICKS).rem_euclid(7) as usize];
        let sales = self.shops[shop].size * self.products[product].rate * curve * weekday;
        (sales * 100.0).round() as i64 * 100
    }

    /// What it did sell, given the expectation and the factor of the shop's incidents.
    pub(super) fn actual(&self, at: (usize, usize, Tick), baseline: i64, factor: f64) -> i64 {
        let (shop, product, tick) = at;
        let path = [3, shop as u64, product as u64, tick as u64];
        let noise = Random::stream(self.seed, &path).between(0.88, 1.12);
        (baseline as f64 / 100.0 * factor * noise).round() as i64 * 100
    }
}

fn shop(number: u32, random: &mut Random) -> Shop {
    let id = match number {
        0 => EXAMPLE_STORE.to_owned(),
        // 101, 102 and so on, without the example's number.
        n => (100 + n + u32::from(100 + n >= 327)).to_string(),
    };
    // Every ninth shop never closes, so that some events span midnight.
    let hours = match number % 9 {
        4 => 0..DAY_TICKS,
        0 | 3 | 7 => 7 * 12..22 * 12,
        1 | 6 => 8 * 12..21 * 12,
        _ => 8 * 12..20 * 12,
    };
    Shop { id, hours, size: random.between(0.5, 1.6) }
}

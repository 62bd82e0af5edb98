//! Everything that will happen in the sample, decided before the first row is written.

use super::Sample;
use super::chain::{DAY_TICKS, ShopChain, Tick, midnight};
use super::kinds::{DEMAND_SPIKE, Explanation, KINDS, PRICE_STEP, Spread, UNKNOWN};
use super::random::Random;

/// One anomaly as the detector will track it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Index of the shop.
    pub(super) shop: usize,
    /// Index of the product; `None` for the whole shop.
    pub(super) product: Option<usize>,
    /// Its ticks.
    pub(super) ticks: std::ops::Range<Tick>,
    /// What the detector takes for its onset: its first tick, unless the detector is stuck.
    pub(super) onset: Tick,
    /// What sales are multiplied by meanwhile.
    pub(super) factor: f64,
    /// Index into [`KINDS`].
    pub(super) kind: usize,
    /// Whether the detector writes the onset on its rows.
    pub(super) tracked: bool,
    /// The tick from which its rows carry an attribution.
    pub(super) attributed_from: Option<Tick>,
    /// Its greatest severity.
    pub(super) peak: f64,
}

/// A row of `all_campaign_data` or of `contextual_data`.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) ticks: std::ops::Range<Tick>,
    pub(super) store_id: Option<String>,
    pub(super) sku: Option<String>,
    pub(super) category: Option<&'static str>,
    pub(super) confidence: Option<f64>,
}

/// The whole sample's anomalies and what explains them.
#[derive(Clone, Debug, Default)]
pub(super) struct SamplePlan {
    pub(super) lines: Vec<Line>,
    pub(super) campaigns: Vec<Span>,
    pub(super) contexts: Vec<Span>,
}

/// The shop in which one product's anomaly never pauses. It is one that never closes.
const NEVER_QUIET: usize = 4;
/// The shop whose detector has not moved one product's onset for two months and more.
const STUCK: usize = 5;
/// How many days before the sample's first one that onset is.
const STUCK_DAYS: i64 = 60;

/// The worked example (SPEC 9): the ticks of 11:55 to 12:05 on the last day, in the first shop, for
/// the first product.
pub(super) const EXAMPLE_TICKS: std::ops::Range<Tick> = 143..146;

const EXAMPLE: Line = Line {
    shop: 0,
    product: Some(0),
    ticks: EXAMPLE_TICKS,
    onset: EXAMPLE_TICKS.start,
    factor: 1.0,
    kind: DEMAND_SPIKE,
    tracked: true,
    attributed_from: None,
    peak: 0.72,
};

impl SamplePlan {
    /// What happens in the chain on each of the sample's days.
    pub(super) fn new(sample: &Sample, chain: &ShopChain) -> Self {
        let mut plan = Self::default();
        plan.calendar(chain);
        plan.lines.push(EXAMPLE);
        plan.never_quiet(sample, chain);
        plan.stuck(sample, chain);
        for day in 1 - i64::from(sample.days)..=0 {
            for shop in 0..chain.shops.len() {
                // On the last day, only the worked example happens in its shop.
                if (day, shop) == (0, 0) {
                    continue;
                }
                let mut random = Random::stream(sample.seed, &[4, day as u64, shop as u64]);
                for _ in 0..[0, 1, 1, 2, 2, 3][random.below(6)] {
                    plan.incident(chain, shop, day, &mut random);
                }
            }
        }
        plan
    }

    /// A detector that never pauses: one product of one shop, from the first day to the last.
    fn never_quiet(&mut self, sample: &Sample, chain: &ShopChain) {
        if chain.shops.len() <= NEVER_QUIET {
            return;
        }
        let ticks = midnight(1 - i64::from(sample.days))..midnight(1);
        self.lines.push(Line {
            shop: NEVER_QUIET,
            product: Some(0),
            onset: ticks.start,
            factor: 1.6,
            kind: PRICE_STEP,
            tracked: true,
            attributed_from: Some(ticks.start + 12),
            ticks,
            peak: 0.8,
        });
    }

    /// A detector that is stuck: it reports an hour and a half of every day under one old onset.
    fn stuck(&mut self, sample: &Sample, chain: &ShopChain) {
        let Some(shop) = chain.shops.get(STUCK) else {
            return;
        };
        let first = 1 - i64::from(sample.days);
        for day in first..=0 {
            let from = midnight(day) + shop.hours.start + 24;
            self.lines.push(Line {
                shop: STUCK,
                product: Some(chain.products.len() - 1),
                ticks: from..from + 18,
                onset: midnight(first - STUCK_DAYS),
                factor: 0.5,
                kind: UNKNOWN,
                tracked: true,
                attributed_from: None,
                peak: 0.7,
            });
        }
    }

    /// One incident in a shop: its lines, and the campaign or context that explains it if the
    /// reports do not.
    fn incident(&mut self, chain: &ShopChain, shop: usize, day: i64, random: &mut Random) {
        let kind = draw_kind(random);
        let what = &KINDS[kind];
        let hours = &chain.shops[shop].hours;
        let length = |random: &mut Random| (what.ticks.0 + random.below(what.ticks.1)) as i64;
        let opening = midnight(day) + hours.start;
        let onset = match what.explanation {
            Explanation::Attributed("Late delivery", ..) => opening,
            _ => opening + random.below((hours.end - hours.start - 4) as usize) as i64,
        };
        let products = draw_products(chain, what.spread, random);
        let mut until = onset;
        for &product in &products {
            // A failure spreads: later products join within a quarter of an hour.
            let from = if products.len() > 1 { onset + random.below(4) as i64 } else { onset };
            let closing = midnight(day) + hours.end;
            // A shop that never closes may carry an anomaly past midnight, but not past the
            // sample's end.
            let limit = if hours.end == DAY_TICKS { midnight(1) } else { closing };
            let ticks = from..(from + length(random)).min(limit);
            until = until.max(ticks.end);
            let delay = 2 + random.below(4) as i64;
            let attributed =
                matches!(what.explanation, Explanation::Attributed(..)) && random.chance(0.85);
            self.lines.push(Line {
                shop,
                product,
                attributed_from: attributed.then_some(from + delay),
                ticks,
                onset: from,
                factor: what.factor * random.between(0.85, 1.15),
                kind,
                tracked: random.chance(0.85),
                peak: random.between(0.55, 0.99),
            });
        }
        let span = || Span {
            id: String::new(),
            name: "",
            ticks: onset - 3..until + 6,
            store_id: Some(chain.shops[shop].id.clone()),
            sku: match products[..] {
                [Some(only)] => Some(chain.products[only].sku.clone()),
                _ => None,
            },
            category: None,
            confidence: None,
        };
        match what.explanation {
            Explanation::Campaign(name) => {
                let confidence = Some(0.9);
                self.campaign(Span { name, confidence, category: Some("Promotion"), ..span() });
            }
            Explanation::Context(name, category) => {
                let confidence = Some(0.75);
                self.context(Span { name, confidence, category: Some(category), ..span() });
            }
            Explanation::Attributed(..) | Explanation::Unknown => {}
        }
    }

    /// What is known beforehand: the chain's own campaigns and the holidays.
    fn calendar(&mut self, chain: &ShopChain) {
        let everywhere = |name, ticks: std::ops::Range<Tick>| Span {
            id: String::new(),
            name,
            ticks,
            store_id: None,
            sku: None,
            category: None,
            confidence: None,
        };
        let hours = |day, from: i64, to: i64| midnight(day) + from * 12..midnight(day) + to * 12;
        let first = chain.products.first().map(|product| product.sku.clone());
        self.campaign(Span { sku: first, ..everywhere("New Year sale", hours(0, 8, 20)) });
        self.campaign(Span {
            store_id: Some(chain.shops[0].id.clone()),
            category: Some("Loyalty"),
            confidence: Some(0.3),
            ..everywhere("Members' week", midnight(-9)..midnight(-2))
        });
        for (name, day) in
            [("Christmas Eve", -8), ("Christmas Day", -7), ("New Year's Eve", -1), ("New Year", 0)]
        {
            let ticks = midnight(day)..midnight(day + 1) - 1;
            let (category, confidence) = (Some("Holiday"), Some(0.1));
            self.context(Span { category, confidence, ..everywhere(name, ticks) });
        }
    }

    fn campaign(&mut self, span: Span) {
        let id = format!("campaign-{:05}", self.campaigns.len() + 1);
        self.campaigns.push(Span { id, ..span });
    }

    fn context(&mut self, span: Span) {
        let id = format!("context-{:05}", self.contexts.len() + 1);
        self.contexts.push(Span { id, ..span });
    }
}

fn draw_kind(random: &mut Random) -> usize {
    let mut left = random.below(KINDS.iter().map(|kind| kind.weight).sum());
    for (number, kind) in KINDS.iter().enumerate() {
        if left < kind.weight {
            return number;
        }
        left -= kind.weight;
    }
    0
}

/// The products that an incident hits, each once. A single `None` is the whole shop.
fn draw_products(chain: &ShopChain, spread: Spread, random: &mut Random) -> Vec<Option<usize>> {
    let all = chain.products.len();
    let (count, mut among): (usize, Vec<usize>) = match spread {
        Spread::Shop => return vec![None],
        Spread::One => (1, (0..all).collect()),
        Spread::Some(count, pick) => {
            (count, (0..all).filter(|&at| pick.takes(&chain.products[at])).collect())
        }
    };
    if among.is_empty() {
        among.push(random.below(all));
    }
    let mut drawn = Vec::new();
    while drawn.len() < count && !among.is_empty() {
        drawn.push(Some(among.swap_remove(random.below(among.len()))));
    }
    drawn
}

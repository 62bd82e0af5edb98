//! Random small histories: few stores, few SKUs, and ticks so close to the gap and to the
//! boundaries that every rule of SPEC 2 to 7 is met often. They shrink, since they are built from
//! proptest's own strategies.

mod chain;
mod report;
mod scene;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::model::{
    Candidate, FIRST_INSTANT, Input, LAST_INSTANT, Params, Report, Sale, Score, in_range,
};
use report::{amount, confidence, copied, double, ingested_at, instant, outside, sku, store, text};
pub(crate) use scene::{Instant, Moment, moment};
use scene::{Scene, jitter};

/// An input, and the scales from which it was made.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub input: Input,
    pub scene: Scene,
}

impl History {
    /// One run over all of it, closings included, as far as the calendar goes.
    pub(crate) fn whole(&self) -> Params {
        let Scene { base, gap, .. } = self.scene;
        let ticks = self.input.reports.iter().filter_map(|report| report.detected_at);
        let last = ticks.filter(|tick| in_range(*tick)).max().unwrap_or(base).max(base + 8 * gap);
        let start = (base - gap).clamp(FIRST_INSTANT, LAST_INSTANT - 1);
        self.params(start, (last + 3 * gap).clamp(start + 1, LAST_INSTANT))
    }

    /// A run over `[start, end)`.
    pub(crate) fn params(&self, start: i64, end: i64) -> Params {
        Params {
            gap: self.scene.gap,
            max_event_duration: self.scene.max_event_duration,
            max_lookback: self.scene.max_lookback,
            start,
            end,
            run_id: "run".to_owned(),
        }
    }

    /// Where an interval may be cut, within the whole.
    pub(crate) fn instant(&self, at: Instant) -> i64 {
        let Params { start, end, .. } = self.whole();
        self.scene.instant(at).clamp(start, end - 1)
    }

    /// Runs that together make the whole, in the order of time.
    pub(crate) fn parts(&self, cuts: &[Instant]) -> Vec<Params> {
        let whole = self.whole();
        let mut bounds: Vec<i64> = cuts.iter().map(|cut| self.instant(*cut)).collect();
        bounds.extend([whole.start, whole.end]);
        bounds.sort_unstable();
        bounds.dedup();
        bounds.windows(2).map(|bounds| self.params(bounds[0], bounds[1])).collect()
    }
}

/// A whole history.
pub(crate) fn history() -> impl Strategy<Value = History> {
    scene::scene().prop_flat_map(|scene| {
        let scattered = vec(report::report(&scene), 0..24);
        let chains = prop_oneof![
            1 => Just(Vec::new()),
            2 => vec(chain::chain(&scene), 1..3),
        ];
        let copies = vec((any::<Index>(), any::<Index>()), 0..4);
        let input = (scattered, chains, copies).prop_flat_map({
            let scene = scene.clone();
            move |(mut reports, chains, copies)| {
                reports.extend(chains.into_iter().flatten());
                if !reports.is_empty() {
                    for (key, payload) in copies {
                        let copy = copied(key.get(&reports), payload.get(&reports));
                        reports.push(copy);
                    }
                }
                around(&scene, reports)
            }
        });
        input.prop_map(move |input| History { input, scene: scene.clone() })
    })
}

/// Predictions and candidates, most of which concern the reports.
fn around(scene: &Scene, reports: Vec<Report>) -> impl Strategy<Value = Input> + use<> {
    let scores = (place(scene, &reports), ingested_at(), double()).prop_map(
        |((store_id, sku, tick_at), ingested_at, anomaly_score)| Score {
            store_id,
            tick_at,
            sku,
            ingested_at,
            anomaly_score,
        },
    );
    let sales = (place(scene, &reports), ingested_at(), amount(), amount()).prop_map(
        |((store_id, sku, tick_at), ingested_at, baseline_sales, actual_sales)| Sale {
            store_id,
            tick_at,
            sku,
            ingested_at,
            baseline_sales,
            actual_sales,
        },
    );
    (
        vec(scores, 0..24),
        vec(sales, 0..32),
        vec(candidate(scene, &reports), 0..4),
        vec(candidate(scene, &reports), 0..4),
    )
        .prop_map(move |(scores, sales, campaigns, context)| Input {
            reports: reports.clone(),
            scores,
            sales,
            campaigns,
            context,
        })
}

type Place = (Option<String>, Option<String>, Option<i64>);

/// A store, a SKU and an instant: at a report's tick, near it, or anywhere.
fn place(scene: &Scene, reports: &[Report]) -> BoxedStrategy<Place> {
    let anywhere = (store(scene), sku(), instant(scene));
    if reports.is_empty() {
        return anywhere.boxed();
    }
    let unit = scene.unit();
    let near = (select(reports.to_vec()), prop_oneof![Just(0), 0..6i64], jitter()).prop_map(
        move |(report, steps, jitter)| {
            let at = report.detected_at.map(|tick| tick - steps * unit + jitter);
            (report.store_id, report.sku, at)
        },
    );
    prop_oneof![4 => near, 1 => anywhere].boxed()
}

fn candidate(scene: &Scene, reports: &[Report]) -> impl Strategy<Value = Candidate> + use<> {
    let (base, unit) = (scene.base, scene.unit());
    let length = prop_oneof![8 => (0..8i64, jitter()), 1 => Just((0, 0)), 1 => Just((0, -1))];
    // What people write for "no end", and for "from the beginning".
    let forever = prop_oneof![
        8 => Just(None),
        1 => Just(Some(LAST_INSTANT)),
        1 => outside().prop_map(Some),
    ];
    (
        select(vec!["k1", "k2", "k10", "\"\\\n\u{e9}"]),
        select(vec!["Promo", "Weather", "Fair"]),
        (place(scene, reports), length, forever),
        (any::<bool>(), any::<bool>()),
        text(&["Own", "Other"]),
        confidence(),
    )
        .prop_map(move |(id, name, (place, length, forever), given, category, confidence)| {
            let starts_at = place.2.unwrap_or(base);
            let ends_at = starts_at + length.0 * unit + length.1;
            let (starts_at, ends_at) = match forever {
                None => (starts_at, ends_at),
                Some(at) if at < starts_at => (at, ends_at),
                Some(at) => (starts_at, at),
            };
            Candidate {
                id: id.to_owned(),
                name: name.to_owned(),
                starts_at,
                ends_at,
                store_id: place.0.filter(|_| given.0),
                sku: place.1.filter(|_| given.1),
                category,
                confidence,
            }
        })
}

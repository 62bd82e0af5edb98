//! Random small histories: few stores, few SKUs, and ticks so close to the gap that every rule of
//! SPEC 2 to 7 is met often. They shrink, since they are built from proptest's own strategies.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{Amount, Candidate, Input, Params, Report, Sale, Score};

const MINUTE: i64 = 60_000_000;

/// An input, and the scales at which it was made.
#[derive(Clone, Debug)]
pub struct History {
    pub input: Input,
    pub gap: i64,
    pub max_lookback: i64,
    /// Ticks lie within `[base, base + units * gap / 2]`, a microsecond more or less.
    pub base: i64,
}

/// How many steps of half a gap a history spans.
const UNITS: i64 = 14;

impl History {
    /// One run over all of it, closings included.
    pub fn whole(&self) -> Params {
        self.params(self.base - self.gap, self.base + UNITS * self.unit() + 3 * self.gap)
    }

    /// A run over `[start, end)`.
    pub fn params(&self, start: i64, end: i64) -> Params {
        Params {
            gap: self.gap,
            max_lookback: self.max_lookback,
            start,
            end,
            run_id: "run".to_owned(),
        }
    }

    /// Where an interval may be cut: a step from the base, a microsecond more or less.
    pub fn instant(&self, (step, jitter): (i64, i64)) -> i64 {
        self.base + step * self.unit() + jitter
    }

    fn unit(&self) -> i64 {
        self.gap / 2
    }
}

/// A step and a jitter for [`History::instant`].
pub fn moment() -> impl Strategy<Value = (i64, i64)> {
    (0..=UNITS, jitter())
}

fn jitter() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)]
}

/// The scales and names that one history draws from.
#[derive(Clone, Debug)]
struct Scene {
    gap: i64,
    max_lookback: i64,
    base: i64,
    stores: Vec<&'static str>,
}

fn scene() -> impl Strategy<Value = Scene> {
    let gap = select(vec![30 * MINUTE, 60 * MINUTE, 2, 10 * MINUTE + 2]);
    // Just before midnight of two days, and before 1970, where microseconds are negative.
    let base = select(vec![1_735_772_400_000_000, 1_735_689_599_999_999, -3_600_000_000]);
    let stores = select(vec![
        vec!["a", "b", "ab"],
        vec!["10", "9", "-1"],
        vec!["\u{ffee}", "\u{10000}", "z"],
        vec!["a:1", "\"%\", 1", " "],
    ]);
    // Short look-backs reject onsets; they also break chains, which the tests expect.
    let lookback = select(vec![4, 40, 40, 40]);
    (gap, base, stores, lookback).prop_map(|(gap, base, stores, lookback)| Scene {
        gap,
        max_lookback: lookback * gap / 2,
        base,
        stores,
    })
}

/// A whole history.
pub fn history() -> impl Strategy<Value = History> {
    scene().prop_flat_map(|scene| {
        let reports = vec(report(scene.clone()), 0..24);
        let copies = vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4);
        let input = (reports, copies).prop_flat_map({
            let scene = scene.clone();
            move |(mut reports, copies)| {
                if !reports.is_empty() {
                    for (key, payload) in copies {
                        let copy = copied(key.get(&reports), payload.get(&reports));
                        reports.push(copy);
                    }
                }
                around(&scene, reports)
            }
        });
        input.prop_map(move |input| History {
            input,
            gap: scene.gap,
            max_lookback: scene.max_lookback,
            base: scene.base,
        })
    })
}

/// The key of one row with the payload of another: a duplicate that differs.
fn copied(key: &Report, payload: &Report) -> Report {
    Report {
        store_id: key.store_id.clone(),
        sku: key.sku.clone(),
        detected_at: key.detected_at,
        first_detected_from: key.first_detected_from,
        ..payload.clone()
    }
}

fn report(scene: Scene) -> impl Strategy<Value = Report> {
    let (gap, max_lookback) = (scene.gap, scene.max_lookback);
    let key = (store(&scene), instant(&scene), sku(), onset());
    let payload = (
        ingested_at(),
        text(&["", "d1", "d2"]),
        double(),
        amount(),
        prop_oneof![3 => Just(None), 1 => vec(double(), 0..3).prop_map(Some)],
    );
    let cluster =
        (text(&["c1", "c2"]), text(&["Surge", "Dip", ""]), double(), double(), double(), double());
    let cause = (
        rare(text(&["Promo", "Weather", ""])),
        text(&["Marketing", "Context"]),
        text(&["{}", "seen"]),
        confidence(),
    );
    (key, payload, cluster, cause).prop_map(move |(key, payload, cluster, cause)| Report {
        store_id: key.0,
        detected_at: key.1,
        sku: key.2,
        first_detected_from: key.3.at(key.1, gap, max_lookback),
        ingested_at: payload.0,
        anomaly_id: payload.1,
        severity: payload.2,
        sales_total: payload.3,
        feature_vector: payload.4,
        cluster_id: cluster.0,
        cluster_name: cluster.1,
        similarity_score: cluster.2,
        cluster_match_confidence: cluster.3,
        tsne_x: cluster.4,
        tsne_y: cluster.5,
        proposed_cause: cause.0,
        proposed_cause_category: cause.1,
        supporting_evidence: cause.2,
        confidence_score: cause.3,
    })
}

/// Where an onset lies, seen from its tick.
#[derive(Clone, Debug)]
enum Onset {
    Absent,
    Back(i64, i64),
    After,
    AsOldAsAllowed,
    TooOld,
}

impl Onset {
    fn at(&self, tick: Option<i64>, gap: i64, max_lookback: i64) -> Option<i64> {
        let tick = tick?;
        match self {
            Self::Absent => None,
            Self::Back(steps, jitter) => {
                // Not after the tick and not too old: those two are cases of their own.
                Some((tick - steps * gap / 2 + jitter).clamp(tick - max_lookback, tick))
            }
            Self::After => Some(tick + 1),
            Self::AsOldAsAllowed => Some(tick - max_lookback),
            Self::TooOld => Some(tick - max_lookback - 1),
        }
    }
}

fn onset() -> impl Strategy<Value = Onset> {
    prop_oneof![
        10 => Just(Onset::Absent),
        20 => (0..6i64, jitter()).prop_map(|(steps, jitter)| Onset::Back(steps, jitter)),
        1 => Just(Onset::After),
        1 => Just(Onset::AsOldAsAllowed),
        1 => Just(Onset::TooOld),
    ]
}

fn store(scene: &Scene) -> impl Strategy<Value = Option<String>> + use<> {
    let name = select(scene.stores.clone()).prop_map(|name| Some(name.to_owned()));
    prop_oneof![40 => name, 1 => Just(None), 1 => Just(Some(String::new()))]
}

fn instant(scene: &Scene) -> impl Strategy<Value = Option<i64>> + use<> {
    let (base, unit) = (scene.base, scene.gap / 2);
    let some = moment().prop_map(move |(step, jitter)| Some(base + step * unit + jitter));
    prop_oneof![40 => some, 1 => Just(None)]
}

fn sku() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        4 => Just(Some("s1".to_owned())),
        2 => Just(Some("s2".to_owned())),
        1 => Just(Some(String::new())),
    ]
}

fn text(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(select(of).prop_map(str::to_owned))
}

fn rare<T: Clone + std::fmt::Debug + 'static>(
    some: impl Strategy<Value = Option<T>> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![3 => Just(None), 1 => some]
}

fn ingested_at() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![Just(None), Just(Some(0)), Just(Some(1)), Just(Some(1_735_772_400_000_001))]
}

fn double() -> impl Strategy<Value = Option<f64>> {
    let values = vec![0.61, 0.72, 0.1, 0.0, -0.0, -1.5, 1e300, f64::INFINITY, f64::NAN];
    prop::option::of(select(values))
}

/// Finite, since infinities of both signs have no sum that the page could name.
fn confidence() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(select(vec![0.5, 0.1, 0.2, 0.3, 1.0, 0.0, -0.0, -0.5, f64::NAN]))
}

fn amount() -> impl Strategy<Value = Option<Amount>> {
    let values: Vec<Amount> = vec![0, 1, -1, 10_000, 27_000_000, -12_345, 5_000, 10_i128.pow(16)];
    prop::option::of(select(values))
}

/// Predictions and candidates, most of them about the reports.
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
    let unit = scene.gap / 2;
    let near = (select(reports.to_vec()), prop_oneof![Just(0), 0..6i64], jitter()).prop_map(
        move |(report, steps, jitter)| {
            let at = report.detected_at.map(|tick| tick - steps * unit + jitter);
            (report.store_id, report.sku, at)
        },
    );
    prop_oneof![4 => near, 1 => anywhere].boxed()
}

fn candidate(scene: &Scene, reports: &[Report]) -> impl Strategy<Value = Candidate> + use<> {
    let (base, unit) = (scene.base, scene.gap / 2);
    let length = prop_oneof![8 => (0..8i64, jitter()), 1 => Just((0, 0)), 1 => Just((0, -1))];
    (
        select(vec!["k1", "k2", "k10", "\"\\\n\u{e9}"]),
        select(vec!["Promo", "Weather", "Fair"]),
        (place(scene, reports), length),
        (any::<bool>(), any::<bool>()),
        text(&["Own", "Other"]),
        confidence(),
    )
        .prop_map(move |(id, name, (place, length), given, category, confidence)| {
            let starts_at = place.2.unwrap_or(base);
            Candidate {
                id: id.to_owned(),
                name: name.to_owned(),
                starts_at,
                ends_at: starts_at + length.0 * unit + length.1,
                store_id: place.0.filter(|_| given.0),
                sku: place.1.filter(|_| given.1),
                category,
                confidence,
            }
        })
}

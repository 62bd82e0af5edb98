//! Rows of the reports log, and the values that rows of all logs take.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::scene::{Scene, jitter, moment};
use crate::model::{AMOUNT_END, Amount, FIRST_INSTANT, LAST_INSTANT, Report};

pub(super) fn report(scene: &Scene) -> impl Strategy<Value = Report> + use<> {
    let (gap, max_lookback) = (scene.gap, scene.max_lookback);
    let key = (store(scene), instant(scene), sku(), onset());
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

/// The key of one row with the payload of another: a duplicate that differs.
pub(super) fn copied(key: &Report, payload: &Report) -> Report {
    Report {
        store_id: key.store_id.clone(),
        sku: key.sku.clone(),
        detected_at: key.detected_at,
        first_detected_from: key.first_detected_from,
        ..payload.clone()
    }
}

/// Where an onset is, relative to its tick.
#[derive(Clone, Debug)]
pub(super) enum Onset {
    Absent,
    Back(i64, i64),
    After,
    AsOldAsAllowed,
    TooOld,
    OutOfRange(i64),
}

impl Onset {
    pub(super) fn at(&self, tick: Option<i64>, gap: i64, max_lookback: i64) -> Option<i64> {
        let tick = tick?;
        match self {
            Self::Absent => None,
            Self::Back(steps, jitter) => {
                // Neither after the tick nor too old: those are cases of their own.
                Some((tick - steps * gap / 2 + jitter).clamp(tick - max_lookback, tick))
            }
            Self::After => Some(tick + 1),
            Self::AsOldAsAllowed => Some(tick - max_lookback),
            Self::TooOld => Some(tick - max_lookback - 1),
            Self::OutOfRange(at) => Some(*at),
        }
    }
}

pub(super) fn onset() -> impl Strategy<Value = Onset> {
    prop_oneof![
        10 => Just(Onset::Absent),
        20 => (0..6i64, jitter()).prop_map(|(steps, jitter)| Onset::Back(steps, jitter)),
        1 => Just(Onset::After),
        1 => Just(Onset::AsOldAsAllowed),
        1 => Just(Onset::TooOld),
        1 => outside().prop_map(Onset::OutOfRange),
    ]
}

pub(super) fn store(scene: &Scene) -> impl Strategy<Value = Option<String>> + use<> {
    let name = select(scene.stores.clone()).prop_map(|name| Some(name.to_owned()));
    prop_oneof![40 => name, 1 => Just(None), 1 => Just(Some(String::new()))]
}

pub(super) fn instant(scene: &Scene) -> impl Strategy<Value = Option<i64>> + use<> {
    let scene = scene.clone();
    let some = moment().prop_map(move |moment| Some(scene.instant(moment)));
    prop_oneof![40 => some, 1 => Just(None), 1 => outside().prop_map(Some)]
}

/// Instants outside the years 0001 to 9999.
pub(super) fn outside() -> impl Strategy<Value = i64> {
    select(vec![FIRST_INSTANT - 1, LAST_INSTANT + 1, LAST_INSTANT + 31_536_000_000_000])
}

pub(super) fn sku() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        4 => Just(Some("s1".to_owned())),
        2 => Just(Some("s2".to_owned())),
        1 => Just(Some(String::new())),
    ]
}

pub(super) fn text(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(select(of).prop_map(str::to_owned))
}

fn rare<T: Clone + std::fmt::Debug + 'static>(
    some: impl Strategy<Value = Option<T>> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![3 => Just(None), 1 => some]
}

pub(super) fn ingested_at() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        8 => select(vec![None, Some(0), Some(1), Some(1_735_772_400_000_001)]),
        1 => outside().prop_map(Some),
    ]
}

pub(super) fn double() -> impl Strategy<Value = Option<f64>> {
    let values = vec![0.61, 0.72, 0.1, 0.0, -0.0, -1.5, 1e300, f64::INFINITY, f64::NAN];
    prop::option::of(select(values))
}

/// Finite, since the page defines no sum of infinities of both signs.
pub(super) fn confidence() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(select(vec![0.5, 0.1, 0.2, 0.3, 1.0, 0.0, -0.0, -0.5, f64::NAN]))
}

pub(super) fn amount() -> impl Strategy<Value = Option<Amount>> {
    // Large enough to round, small enough for the longest history's sum.
    let most = 10_i128.pow(14);
    let values: Vec<Amount> = vec![0, 1, -1, 10_000, 27_000_000, -12_345, 5_000, most];
    // The greatest, 1e300 in a column of doubles, is more than any decimal holds.
    let beyond = vec![AMOUNT_END, -100 * AMOUNT_END, Amount::MAX];
    prop_oneof![
        16 => prop::option::of(select(values)),
        1 => select(beyond).prop_map(Some),
    ]
}

//! Reports of one store and SKU that hardly pause: chains long enough to be cut.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::report::{self, Onset};
use super::scene::{Instant, Scene, moment};
use crate::model::Report;

/// The most ticks that a chain has.
const TICKS_MAX: i64 = 140;

/// How a chain continues.
#[derive(Clone, Debug)]
struct Course {
    from: Instant,
    /// The time between its ticks.
    step: i64,
    /// How long it is, in tenths of the longest event.
    tenths: i64,
    /// If set, how far its last tick is from making it exactly as long as the longest event.
    exact: Option<i64>,
    /// Ticks at the boundaries that it passes, or close to them.
    at_boundaries: Option<i64>,
    /// Ticks that the detector misses.
    missed: Vec<Index>,
    /// The onset, relative to the first tick or to each tick.
    onset: Onset,
    stuck: bool,
}

fn course(scene: &Scene) -> impl Strategy<Value = Course> + use<> {
    let gap = scene.gap;
    let off = || prop::option::of(-1..=1i64);
    (
        moment(),
        prop_oneof![3 => Just(gap), 1 => Just((gap - 1).max(1)), 2 => Just(gap / 2)],
        3..=27i64,
        (off(), off()),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<Index>(), 1..3)],
        report::onset(),
        any::<bool>(),
    )
        .prop_map(|(from, step, tenths, (exact, at_boundaries), missed, onset, stuck)| {
            Course { from, step, tenths, exact, at_boundaries, missed, onset, stuck }
        })
}

impl Course {
    fn ticks(&self, scene: &Scene) -> Vec<i64> {
        let duration = scene.max_event_duration;
        let first = scene.instant(self.from);
        let steps = (duration / 10 * self.tenths / self.step).clamp(1, TICKS_MAX);
        let mut ticks: Vec<i64> = (0..=steps).map(|number| first + number * self.step).collect();
        for missed in &self.missed {
            ticks.remove(missed.index(ticks.len()));
        }
        if let (Some(off), true) = (self.exact, duration < TICKS_MAX * self.step) {
            ticks.retain(|tick| *tick < first + duration);
            ticks.push(first + duration + off);
        }
        let last = first + steps * self.step;
        if let Some(off) = self.at_boundaries {
            let boundaries = first.div_euclid(duration) + 1..=last.div_euclid(duration);
            ticks.extend(boundaries.map(|number| number * duration + off));
        }
        ticks
    }

    fn report(&self, scene: &Scene, like: &Report, first: i64, tick: i64) -> Report {
        let of = if self.stuck { first } else { tick };
        Report {
            detected_at: Some(tick),
            first_detected_from: self.onset.at(Some(of), scene.gap, scene.max_lookback),
            ..like.clone()
        }
    }
}

/// The rows of a chain, which repeat what a few rows say, in turn.
pub(super) fn chain(scene: &Scene) -> impl Strategy<Value = Vec<Report>> + use<> {
    let scene = scene.clone();
    let names = select(scene.stores.clone());
    let sku = prop::option::of(Just("s1".to_owned()));
    let likes = vec(report::report(&scene), 1..4);
    (names, sku, likes, course(&scene)).prop_map(move |(name, sku, likes, course)| {
        let ticks = course.ticks(&scene);
        let Some(&first) = ticks.first() else {
            return Vec::new();
        };
        let like = |number: usize| Report {
            store_id: Some(name.to_owned()),
            sku: sku.clone(),
            ..likes[number % likes.len()].clone()
        };
        ticks
            .iter()
            .enumerate()
            .map(|(number, tick)| course.report(&scene, &like(number), first, *tick))
            .collect()
    })
}

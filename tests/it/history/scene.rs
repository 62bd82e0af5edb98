//! The scales and names that one history draws from, and the instants that matter at them.

use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{FIRST_INSTANT, LAST_INSTANT};

const MINUTE: i64 = 60_000_000;

/// How many steps of half a gap scattered rows span.
const UNITS: i64 = 14;

/// The scales and names.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub gap: i64,
    pub max_event_duration: i64,
    pub max_lookback: i64,
    /// A few steps around a boundary.
    pub base: i64,
    pub stores: Vec<&'static str>,
}

/// When something may happen: a moment and a jitter for [`Scene::instant`].
pub(crate) type Instant = (Moment, i64);

/// An instant by what it is near.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// This many steps of half a gap from the base.
    Step(i64),
    /// That boundary after the base.
    Boundary(i64),
}

impl Scene {
    /// Half a gap.
    pub(crate) fn unit(&self) -> i64 {
        self.gap / 2
    }

    pub(crate) fn instant(&self, (moment, jitter): Instant) -> i64 {
        let duration = self.max_event_duration;
        jitter
            + match moment {
                Moment::Step(steps) => self.base + steps * self.unit(),
                Moment::Boundary(number) => (self.base.div_euclid(duration) + number) * duration,
            }
    }
}

/// Now and then a microsecond more or less.
pub(super) fn jitter() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0), 1 => Just(-1), 1 => Just(1)]
}

/// Steps and boundaries, most of them where rows are.
pub(crate) fn moment() -> impl Strategy<Value = Instant> {
    let moment = prop_oneof![
        3 => (0..=UNITS).prop_map(Moment::Step),
        1 => (0..=3i64).prop_map(Moment::Boundary),
    ];
    (moment, jitter())
}

/// `max_event_duration`, from little more than a gap to more than any history lasts.
fn max_event_duration(gap: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => Just(gap + 1),
        3 => select(vec![2 * gap, 2 * gap + 1, 3 * gap, 7 * gap / 2, 5 * gap - 1, 50 * gap]),
        4 => 2 * gap..=12 * gap,
        4 => 12 * gap..=50 * gap,
        1 => Just(1000 * gap),
    ]
}

/// What a base is near: two midnights of one run, instants before 1970, the ends of time.
fn anchor() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => select(vec![1_735_772_400_000_000, 1_735_689_599_999_999, -3_600_000_000]),
        1 => select(vec![FIRST_INSTANT, LAST_INSTANT]),
    ]
}

pub(super) fn scene() -> impl Strategy<Value = Scene> {
    let gap = select(vec![30 * MINUTE, 60 * MINUTE, 2, 10 * MINUTE + 2]);
    let stores = select(vec![
        vec!["a", "b", "ab"],
        vec!["10", "9", "-1"],
        vec!["\u{ffee}", "\u{10000}", "z"],
        vec!["a:1", "\"%\", 1", " "],
    ]);
    // In half gaps. Short ones make onsets too old.
    let lookback = select(vec![0, 4, 8, 40, 40, 40]);
    (gap, anchor(), stores, lookback, -6..=3i64, jitter()).prop_flat_map(
        |(gap, anchor, stores, lookback, steps, jitter)| {
            max_event_duration(gap).prop_map(move |max_event_duration| {
                let boundary = anchor.div_euclid(max_event_duration) * max_event_duration;
                Scene {
                    gap,
                    max_event_duration,
                    max_lookback: lookback * gap / 2,
                    base: boundary + steps * gap / 2 + jitter,
                    stores: stores.clone(),
                }
            })
        },
    )
}

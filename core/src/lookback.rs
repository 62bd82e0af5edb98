//! How far back a store's rows must be read before its events are known from their first tick (SPEC 5).

use super::{Duration, Timestamp};

/// What is asked of every chain of ticks.
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    /// The first instant of the run's interval.
    pub start: Timestamp,
    /// The longest quiet stretch inside an event.
    pub gap: Duration,
    /// How far back before `start` a chain may reach.
    pub max_lookback: Duration,
}

/// What the rows read so far say about a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// The store has no event that can write a row in the interval.
    Quiet,
    /// The first event that matters begins here, after a proven quiet stretch longer than the gap.
    Proven(Timestamp),
    /// Rows back to this instant must be seen before it is known where the event begins.
    Unproven(Timestamp),
    /// The event began more than `max_lookback` before the interval.
    TooLong(Timestamp),
}

impl Lookback {
    /// Where reading begins: the earliest tick that can still have a closing row in the interval.
    pub const fn first_read(&self) -> Timestamp {
        self.start.saturating_sub(self.gap)
    }

    /// Judges a store by its ticks, which are complete from `covered` on and sorted.
    pub fn chain(&self, ticks: &[Timestamp], covered: Timestamp) -> Chain {
        let first = ticks.partition_point(|&tick| tick < self.first_read());
        if first == ticks.len() {
            return Chain::Quiet;
        }
        let joins = |i: usize| ticks[i] <= ticks[i - 1].saturating_add(self.gap);
        let begins = (1..=first).rev().find(|&i| !joins(i)).unwrap_or(0);
        let tick = ticks[begins];
        let needed = tick.saturating_sub(self.gap);
        if tick < self.start.saturating_sub(self.max_lookback) {
            Chain::TooLong(tick)
        } else if needed < covered {
            Chain::Unproven(needed)
        } else {
            Chain::Proven(tick)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ticks: &[i64], covered: i64) -> Chain {
        let us = |us: i64| Timestamp::from_us(us).unwrap();
        let lookback = Lookback {
            start: us(100),
            gap: Duration::from_us(10),
            max_lookback: Duration::from_us(50),
        };
        lookback.chain(&ticks.iter().map(|&tick| us(tick)).collect::<Vec<_>>(), us(covered))
    }

    #[test]
    fn a_chain_is_proven_once_a_gap_before_its_first_tick_has_been_read() {
        let us = |us: i64| Timestamp::from_us(us).unwrap();
        assert_eq!(chain(&[], 90), Chain::Quiet);
        assert_eq!(chain(&[89], 80), Chain::Quiet);
        assert_eq!(chain(&[90], 80), Chain::Proven(us(90)));
        assert_eq!(chain(&[90], 81), Chain::Unproven(us(80)));
        assert_eq!(chain(&[60, 70, 80, 90], 50), Chain::Proven(us(60)));
        assert_eq!(chain(&[60, 71, 80, 90], 61), Chain::Proven(us(71)));
        assert_eq!(chain(&[71, 80, 90], 62), Chain::Unproven(us(61)));
        assert_eq!(chain(&[60, 71, 82, 93], 80), Chain::Proven(us(93)));
    }

    #[test]
    fn a_chain_of_exactly_the_longest_lookback_is_allowed_and_one_microsecond_more_is_not() {
        let us = |us: i64| Timestamp::from_us(us).unwrap();
        assert_eq!(chain(&[50, 60, 70, 80, 90], 40), Chain::Proven(us(50)));
        assert_eq!(chain(&[49, 59, 69, 79, 89, 99], 40), Chain::TooLong(us(49)));
    }
}

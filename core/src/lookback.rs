//! How far back a store's rows must be read before its events are known (SPEC 5, *Look-back*).

use super::{Duration, Event, Life, Report, Timestamp, events};

/// What is asked about every store.
#[derive(Clone, Copy, Debug)]
pub struct Lookback {
    /// The first instant of the run's interval.
    pub start: Timestamp,
    /// What bounds the life of an event.
    pub life: Life,
}

/// What the rows read so far say about a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainSeen {
    /// The store has no event that can write a row in the interval.
    Quiet,
    /// The rows from here on are enough.
    Known(ChainBegin),
    /// Rows back to this instant must be seen first.
    Unknown(Timestamp),
}

/// What the events of a store are computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainBegin {
    /// The first instant whose rows are needed.
    pub from: Timestamp,
    /// The tick that decides all later cuts of the chain: its first, or one after which every
    /// boundary that matters has cut it.
    pub chain_begins: Timestamp,
}

impl Lookback {
    /// The instant at which reading begins. The earliest tick that can still have a closing row in
    /// the interval is not before it.
    #[must_use]
    pub const fn first_read(&self) -> Timestamp {
        self.start.saturating_sub(self.life.gap)
    }

    /// The instant before which no run has to look: `gap + 3*D + gap` before its start.
    #[must_use]
    pub const fn bound(&self) -> Timestamp {
        let periods = Duration::from_us(self.life.duration_max.as_us().saturating_mul(3));
        self.first_read().saturating_sub(periods).saturating_sub(self.life.gap)
    }

    /// Judges a store by its ticks, which are sorted and complete from `covered` on.
    ///
    /// ```
    /// use cohort_core::{ChainSeen, Life, Lookback};
    ///
    /// let life = Life { gap: "PT30M".parse()?, duration_max: "P7D".parse()? };
    /// let lookback = Lookback { start: "2025-01-02T00:00:00Z".parse()?, life };
    /// let ticks = ["2025-01-01T23:45:00Z".parse()?];
    /// // The event of this tick may have begun earlier: half an hour more must be read.
    /// let chain = lookback.chain(&ticks, lookback.first_read());
    /// assert_eq!(chain, ChainSeen::Unknown("2025-01-01T23:15:00Z".parse()?));
    /// # Ok::<(), cohort_core::TimeError>(())
    /// ```
    #[must_use]
    pub fn chain(&self, ticks: &[Timestamp], covered: Timestamp) -> ChainSeen {
        let gap = self.life.gap;
        let first = ticks.partition_point(|&tick| tick < self.first_read());
        let Some(&tick) = ticks.get(first) else { return ChainSeen::Quiet };
        let joins = |i: usize| ticks[i] <= ticks[i - 1].saturating_add(gap);
        // A chain that reaches back two periods before the last boundary is cut there and at the
        // boundary before: that tells where the event begins and which one it continues.
        let enough = self.life.boundary(tick, 2);
        let walk = (1..=first).rev();
        let begins = walk.take_while(|&i| ticks[i] > enough).find(|&i| !joins(i));
        let begins = begins.unwrap_or_else(|| {
            ticks.partition_point(|&t| t <= enough).saturating_sub(1).min(first)
        });
        let chain_begins = ticks[begins];
        if chain_begins <= enough {
            return ChainSeen::Known(ChainBegin { from: enough, chain_begins });
        }
        let needed = chain_begins.saturating_sub(gap);
        if needed < covered {
            ChainSeen::Unknown(needed)
        } else {
            ChainSeen::Known(ChainBegin { from: chain_begins, chain_begins })
        }
    }

    /// A store's events that can write a row in the interval or after it, and how many of its rows
    /// gave way to a duplicate.
    #[must_use]
    pub fn events(
        &self,
        rows: impl IntoIterator<Item = Report>,
        begin: ChainBegin,
    ) -> (Vec<Event>, usize) {
        let rows = rows.into_iter().filter(|row| row.detected_at >= begin.from);
        let (mut events, duplicates) = events(rows.collect(), self.life, Some(begin.chain_begins));
        // Of a long chain, the first events only tell where the chain was cut.
        events.retain(|event| event.closed_at >= self.start);
        (events, duplicates)
    }
}

impl ChainBegin {
    /// The first instant that had to be looked at.
    #[must_use]
    pub const fn looked_at(&self, gap: Duration) -> Timestamp {
        self.from.saturating_sub(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: i64) -> Timestamp {
        Timestamp::from_us(us).unwrap()
    }

    /// Starts at 100, with a gap of 10.
    fn chain(ticks: &[i64], covered: i64, duration_max: i64) -> ChainSeen {
        let duration_max = Duration::from_us(duration_max);
        let life = Life { gap: Duration::from_us(10), duration_max };
        let ticks: Vec<_> = ticks.iter().map(|&tick| us(tick)).collect();
        Lookback { start: us(100), life }.chain(&ticks, us(covered))
    }

    fn known(from: i64, chain_begins: i64) -> ChainSeen {
        ChainSeen::Known(ChainBegin { from: us(from), chain_begins: us(chain_begins) })
    }

    #[test]
    fn a_chain_is_known_once_a_gap_before_its_first_tick_has_been_read() {
        let chain = |ticks: &[i64], covered| chain(ticks, covered, 1_000);
        assert_eq!(chain(&[], 90), ChainSeen::Quiet);
        assert_eq!(chain(&[89], 80), ChainSeen::Quiet);
        assert_eq!(chain(&[90], 80), known(90, 90));
        assert_eq!(chain(&[90], 81), ChainSeen::Unknown(us(80)));
        assert_eq!(chain(&[60, 70, 80, 90], 50), known(60, 60));
        assert_eq!(chain(&[60, 71, 80, 90], 61), known(71, 71));
        assert_eq!(chain(&[71, 80, 90], 62), ChainSeen::Unknown(us(61)));
        assert_eq!(chain(&[60, 71, 82, 93], 80), known(93, 93));
    }

    #[test]
    fn a_chain_that_goes_on_for_ever_is_read_two_periods_before_the_last_boundary_and_a_gap() {
        // The last boundary at or before the tick 90 is 90; two periods of 30 before is 30.
        let ticks: Vec<i64> = (0..10).map(|i| i * 10).collect();
        assert_eq!(chain(&ticks[4..], 35, 30), ChainSeen::Unknown(us(30)));
        assert_eq!(chain(&ticks[3..], 30, 30), known(30, 30));
        assert_eq!(chain(&ticks, 0, 30), known(30, 30));
        // Without a tick at 30 itself, the one before decides, if the chain reaches it.
        assert_eq!(chain(&[25, 35, 45, 55, 65, 75, 85, 95], 20, 30), known(30, 25));
        assert_eq!(chain(&[24, 35, 45, 55, 65, 75, 85, 95], 20, 30), known(35, 35));
    }
}

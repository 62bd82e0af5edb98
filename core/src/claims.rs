//! The dominant cause of an event's lines, kept up to date tick by tick (SPEC 7).
//!
//! An event may have many lines, of which a tick touches a few. So the state of each cause is kept,
//! and only what a tick changed is computed again. The sums are those of one pass over all lines in
//! their order, to the last bit: each cause keeps its running sums, and they are computed anew from
//! the first line that changed.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use super::causes::{Attribution, Cause};

/// What the lines so far claim.
#[derive(Debug)]
pub(crate) struct Claims<'a> {
    /// By line: what it is attributed to, once it has had a tick.
    of_line: Vec<Option<Option<Attribution<'a>>>>,
    lines_so_far: u32,
    lines_with_cause: usize,
    by_cause: BTreeMap<&'a str, Claim<'a>>,
    /// The causes whose running sums are out of date.
    stale: BTreeSet<&'a str>,
    /// The other causes, the dominant one last.
    ranked: BTreeSet<Rank<'a>>,
    /// Causes whose sum is not a number: positive and negative infinities together.
    without_sum: usize,
}

/// The order in which causes dominate: sum, number of lines, least text.
type Rank<'a> = (SumOrder, usize, Reverse<&'a str>);

/// The lines of one cause.
#[derive(Debug, Default)]
struct Claim<'a> {
    /// In the order of the lines.
    members: Vec<Member<'a>>,
    /// From this member on, the running values are out of date.
    stale_from: usize,
    /// The rank that it has in [`Claims::ranked`].
    rank: Option<Rank<'a>>,
}

#[derive(Debug)]
struct Member<'a> {
    line: usize,
    attribution: Attribution<'a>,
    /// The sum of confidence up to this line.
    sum: f64,
    /// The place of the most confident member up to this line, the first among equals.
    best: usize,
}

/// A sum as a key: equal sums are equal, whatever the sign of a zero.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SumOrder(f64);

impl Eq for SumOrder {}

impl PartialOrd for SumOrder {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SumOrder {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A null confidence counts as 0.
fn confidence(attribution: &Attribution<'_>) -> f64 {
    attribution.confidence().unwrap_or(0.0)
}

impl<'a> Claims<'a> {
    /// `lines` lines, none with a tick yet.
    pub(crate) fn new(lines: usize) -> Self {
        Self {
            of_line: vec![None; lines],
            lines_so_far: 0,
            lines_with_cause: 0,
            by_cause: BTreeMap::new(),
            stale: BTreeSet::new(),
            ranked: BTreeSet::new(),
            without_sum: 0,
        }
    }

    /// Says what a line is attributed to from now on. Lines are numbered in their order.
    pub(crate) fn set(&mut self, line: usize, attribution: Option<Attribution<'a>>) {
        let before = self.of_line[line].replace(attribution);
        self.lines_so_far += u32::from(before.is_none());
        let before = before.flatten();
        if before == attribution {
            return;
        }
        let (old, new) = (before.map(|a| a.cause()), attribution.map(|a| a.cause()));
        if let Some(cause) = old.filter(|_| old != new) {
            self.change(cause, |claim| claim.remove(line));
            self.lines_with_cause -= 1;
        }
        if let Some(attribution) = attribution {
            self.lines_with_cause += usize::from(old != new);
            self.change(attribution.cause(), |claim| claim.put(line, attribution));
        }
    }

    fn change(&mut self, cause: &'a str, change: impl FnOnce(&mut Claim<'a>) -> usize) {
        let claim = self.by_cause.entry(cause).or_default();
        let changed = change(claim);
        claim.stale_from = claim.stale_from.min(changed);
        self.stale.insert(cause);
    }

    /// The dominant cause; `None` if no line has one.
    pub(crate) fn dominant(&mut self) -> Option<Cause<'a>> {
        self.refresh();
        let claim = if self.without_sum == 0 {
            let &(.., Reverse(cause)) = self.ranked.last()?;
            self.by_cause.get_key_value(cause)?
        } else {
            // Sums that are no numbers are equal to all others: only a pass in the order of the
            // texts decides, and it finds the least text first.
            let mut causes = self.by_cause.iter();
            let first = causes.next()?;
            causes.fold(first, |best, next| {
                let (a, b) = (next.1.sum(), best.1.sum());
                let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                let lines = next.1.members.len().cmp(&best.1.members.len());
                if order.then(lines).is_gt() { next } else { best }
            })
        };
        let (&cause, claim) = claim;
        let best = claim.members.last().map(|last| claim.members[last.best].attribution)?;
        Some(Cause {
            cause,
            category: best.category(),
            confidence: best.confidence(),
            evidence: best.evidence(),
            cohort_confidence: claim.sum() / f64::from(self.lines_so_far),
            shared: self.by_cause.len() == 1 && self.lines_with_cause >= 2,
        })
    }

    /// Brings the running sums and the ranks up to date.
    fn refresh(&mut self) {
        for cause in std::mem::take(&mut self.stale) {
            let Some(claim) = self.by_cause.get_mut(cause) else { continue };
            if let Some(rank) = claim.rank.take() {
                self.without_sum -= usize::from(rank.0.0.is_nan());
                self.ranked.remove(&rank);
            }
            if claim.members.is_empty() {
                self.by_cause.remove(cause);
                continue;
            }
            claim.refresh();
            // Adding zero makes a negative zero positive.
            let rank = (SumOrder(claim.sum() + 0.0), claim.members.len(), Reverse(cause));
            claim.rank = Some(rank);
            self.without_sum += usize::from(rank.0.0.is_nan());
            self.ranked.insert(rank);
        }
    }
}

impl<'a> Claim<'a> {
    fn sum(&self) -> f64 {
        self.members.last().map_or(0.0, |last| last.sum)
    }

    /// Puts a line in its place, and returns the place.
    fn put(&mut self, line: usize, attribution: Attribution<'a>) -> usize {
        let place = self.members.partition_point(|member| member.line < line);
        let member = Member { line, attribution, sum: 0.0, best: 0 };
        match self.members.get_mut(place) {
            Some(there) if there.line == line => *there = member,
            _ => self.members.insert(place, member),
        }
        place
    }

    /// Takes a line out, and returns the place where it was.
    fn remove(&mut self, line: usize) -> usize {
        let place = self.members.partition_point(|member| member.line < line);
        if self.members.get(place).is_some_and(|member| member.line == line) {
            self.members.remove(place);
        }
        place
    }

    fn refresh(&mut self) {
        for place in self.stale_from..self.members.len() {
            let own = confidence(&self.members[place].attribution);
            let before = place.checked_sub(1).map(|i| (self.members[i].sum, self.members[i].best));
            let (sum, best) = match before {
                None => (own, place),
                Some((sum, best)) => {
                    let greatest = confidence(&self.members[best].attribution);
                    (sum + own, if own > greatest { place } else { best })
                }
            };
            (self.members[place].sum, self.members[place].best) = (sum, best);
        }
        self.stale_from = self.members.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Carried;

    fn reported(cause: &str, confidence: Option<f64>) -> Carried {
        Carried {
            proposed_cause: Some(cause.into()),
            confidence_score: confidence,
            ..Carried::default()
        }
    }

    #[test]
    fn whatever_changes_in_between_the_answer_is_that_of_one_pass_over_all_lines() {
        let texts = ["a", "b", "c"];
        let confidences = [None, Some(0.1), Some(0.2), Some(0.7), Some(-0.0), Some(f64::INFINITY)];
        let rows: Vec<_> = texts
            .iter()
            .flat_map(|cause| confidences.iter().map(|&c| reported(cause, c)))
            .chain([reported("a", Some(f64::NEG_INFINITY))])
            .collect();
        let lines = 7;
        let mut changing = Claims::new(lines);
        let mut now: Vec<Option<Option<Attribution<'_>>>> = vec![None; lines];
        let mut state = 88_172_645_463_325_252_u64;
        for step in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let (line, row) = (state as usize % lines, (state >> 20) as usize % (rows.len() + 3));
            let attribution = rows.get(row).map(Attribution::Reported);
            now[line] = Some(attribution);
            changing.set(line, attribution);
            if step % 3 == 0 {
                let mut anew = Claims::new(lines);
                for (line, attribution) in now.iter().enumerate() {
                    attribution.iter().for_each(|attribution| anew.set(line, *attribution));
                }
                // NaN is not equal to itself: compare what is printed.
                let (found, expected) = (changing.dominant(), anew.dominant());
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "step {step}");
            }
        }
    }

    #[test]
    fn a_tick_computes_again_only_what_it_changed() {
        let row = reported("a", Some(0.5));
        let mut claims = Claims::new(1000);
        for line in 0..1000 {
            claims.set(line, Some(Attribution::Reported(&row)));
            assert!(claims.by_cause["a"].stale_from >= line, "all before is still right");
            claims.dominant();
        }
        claims.set(999, Some(Attribution::Reported(&row)));
        assert!(claims.stale.is_empty(), "nothing has changed");
    }
}

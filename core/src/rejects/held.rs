//! Rejected rows, held in little room.

use std::ops::Range;

use super::reason::Reason;

/// One rejected row of a row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The row in its row group, from 0.
    pub row: usize,
    /// Why.
    pub reason: Reason,
}

/// Rejected rows of a row group or a frame, in their order.
///
/// Most files have few of them, but a small file may inflate to a great many. So neighbours with
/// one reason are held as one, in a few bytes.
///
/// ```
/// use cohort_core::rejects::{Reason, Reject, Rejects, by_reason};
///
/// let mut rejects = Rejects::default();
/// rejects.add(7, Reason::MissingStore);
/// rejects.add(8, Reason::MissingStore);
/// assert_eq!(rejects.len(), 2);
/// assert_eq!(rejects.iter().last(), Some(Reject { row: 8, reason: Reason::MissingStore }));
/// assert_eq!(by_reason([&rejects]), [("missing_store_id".to_owned(), 2)].into());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejects {
    /// The reasons, in the order in which they came up, and how many rows each has.
    reasons: Vec<(Reason, u64)>,
    /// Of each run but the last: the rows between it and the one before, its rows, and the place
    /// of its reason, in groups of seven bits.
    packed: Vec<u8>,
    /// The row after the packed runs.
    packed_to: usize,
    last: Option<Run>,
}

/// Neighbours that were rejected for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: usize,
    rows: usize,
    /// The place of the reason.
    reason: usize,
}

impl Rejects {
    /// Adds a row that comes after those before.
    pub fn add(&mut self, row: usize, reason: Reason) {
        let known = self.reasons.iter().position(|&(known, _)| known == reason);
        let place = known.unwrap_or_else(|| {
            self.reasons.push((reason, 0));
            self.reasons.len() - 1
        });
        self.reasons[place].1 += 1;
        match &mut self.last {
            Some(last) if last.reason == place && last.first + last.rows == row => last.rows += 1,
            last => {
                if let Some(run) = last.replace(Run { first: row, rows: 1, reason: place }) {
                    for number in [run.first.wrapping_sub(self.packed_to), run.rows, run.reason] {
                        pack(number, &mut self.packed);
                    }
                    self.packed_to = run.first + run.rows;
                }
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.reasons.iter().map(|&(_, rows)| rows).sum()
    }

    /// The reasons, in the order in which they came up, each with its number of rows.
    pub(super) fn reasons(&self) -> &[(Reason, u64)] {
        &self.reasons
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Reject> {
        self.runs().flat_map(|(rows, reason)| rows.map(move |row| Reject { row, reason }))
    }

    /// The same, neighbours with one reason together.
    pub fn runs(&self) -> impl Iterator<Item = (Range<usize>, Reason)> {
        let (mut packed, mut first) = (self.packed.iter(), 0_usize);
        let packed = std::iter::from_fn(move || {
            first = first.wrapping_add(unpack(&mut packed)?);
            let run = Run { first, rows: unpack(&mut packed)?, reason: unpack(&mut packed)? };
            first += run.rows;
            Some(run)
        });
        let run = |run: Run| (run.first..run.first + run.rows, self.reasons[run.reason].0);
        packed.chain(self.last).map(run)
    }
}

fn pack(mut number: usize, to: &mut Vec<u8>) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn unpack(from: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *from.next()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_rows_come_back_in_order_and_neighbours_take_the_room_of_one() {
        let reasons = [Reason::MissingStore, Reason::InvalidText, Reason::MissingValue("name")];
        let rows = [0, 1, 2, 200, 201, 300, 100_000, 100_001, usize::MAX - 9];
        let all: Vec<_> =
            (0..).zip(rows).map(|(i, row)| Reject { row, reason: reasons[i / 2 % 3] }).collect();
        let mut rejects = Rejects::default();
        all.iter().for_each(|reject| rejects.add(reject.row, reject.reason));
        assert_eq!(rejects.iter().collect::<Vec<_>>(), all);
        assert_eq!(rejects.len(), 9);
        assert_eq!(rejects.reasons(), [(reasons[0], 4), (reasons[1], 3), (reasons[2], 2)]);
        let mut many = Rejects::default();
        (0..1_000_000).for_each(|row| many.add(row + row / 500_000, Reason::MissingStore));
        assert_eq!((many.len(), many.iter().count()), (1_000_000, 1_000_000));
        assert!(many.packed.len() < 10, "{many:?}");
    }
}

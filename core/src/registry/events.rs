//! The events that rows of MELOG tell of, each once, and what the runs disagree about (SPEC 8, *The
//! machine's row*).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::coverage::Coverage;
use super::event_row::{DISPUTABLE, EventRow, Said};
use super::packed::{Packed, Symbols};
use crate::{Id, Interval, Timestamp};

/// Two or more runs that say different things about one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The version of the rows that differ.
    pub version: i32,
    /// The columns in which they differ.
    pub columns: Vec<&'static str>,
    /// What each of the runs says in these columns, in the order of their names. Of runs that say
    /// the same, the first is named.
    pub runs: Vec<(String, Vec<Said>)>,
}

/// The rows of MELOG of a set of runs.
#[derive(Debug, Default)]
pub struct Events {
    pub(super) coverage: Coverage,
    pub(super) as_of: Option<Timestamp>,
    pub(super) symbols: Symbols,
    /// Each event's row with the greatest version.
    pub(super) newest: Vec<Packed>,
    /// By the first bytes of an event's id, or the next number that is free: its place.
    index: HashMap<u64, u32>,
    /// Rows of other versions, as long as another run could contradict them.
    older: BTreeMap<u32, Vec<Packed>>,
    /// By event and version: the rows that differ, one of each kind.
    variants: BTreeMap<(u32, i32), Vec<Packed>>,
}

impl Conflict {
    /// What is left of it if only some columns count.
    pub(super) fn only(mut self, counts: impl Fn(&str) -> bool) -> Option<Self> {
        let counting: Vec<bool> = self.columns.iter().map(|column| counts(column)).collect();
        let mut each = counting.iter().copied().cycle();
        let mut kept = || each.next().unwrap_or(false);
        self.columns.retain(|_| kept());
        self.runs.iter_mut().for_each(|(_, said)| said.retain(|_| kept()));
        (!self.columns.is_empty()).then_some(self)
    }
}

impl Events {
    /// No events yet, of these runs; as they were at an instant if one is given. If no run is given
    /// it is not known what the runs cover: then rows of any two may contradict each other, and
    /// nothing is known to be missing.
    #[must_use]
    pub fn new(runs: &[(Arc<str>, Interval)], as_of: Option<Timestamp>) -> Self {
        Self { coverage: Coverage::new(runs), as_of, ..Self::default() }
    }

    /// Takes in a row of MELOG. Rows may come in any order.
    pub fn add(&mut self, row: &EventRow<'_>) {
        if row.written_at > self.as_of.or(Some(Timestamp::MAX)) {
            return;
        }
        let alone = row.written_at.is_some_and(|at| self.coverage.alone(at));
        let packed = Packed::new(row, &mut self.symbols);
        let (place, key) = self.find(&packed.id);
        let Some(place) = place else {
            let place = u32::try_from(self.newest.len()).unwrap_or(u32::MAX);
            self.index.insert(key, place);
            self.newest.push(packed);
            return;
        };
        let there = &mut self.newest[place as usize];
        if there.version < packed.version {
            let before = std::mem::replace(there, packed);
            let written_at = before.written_at();
            if !written_at.is_some_and(|at| self.coverage.alone(at)) {
                self.older.entry(place).or_default().push(before);
            }
        } else if there.version == packed.version {
            Self::compare(&mut self.variants, &self.symbols, place, there, packed);
        } else if !alone {
            let older = self.older.entry(place).or_default();
            match older.iter_mut().find(|other| other.version == packed.version) {
                Some(there) => {
                    Self::compare(&mut self.variants, &self.symbols, place, there, packed);
                }
                None => older.push(packed),
            }
        }
    }

    /// Two rows of one version of an event.
    fn compare(
        variants: &mut BTreeMap<(u32, i32), Vec<Packed>>,
        symbols: &Symbols,
        place: u32,
        there: &mut Packed,
        row: Packed,
    ) {
        let first = |a: &Packed, b: &Packed| symbols.text(a.run) < symbols.text(b.run);
        let known = match variants.entry((place, row.version)) {
            Entry::Vacant(_) if there.agrees(&row) => {
                if first(&row, there) {
                    there.run = row.run;
                }
                return;
            }
            Entry::Vacant(entry) => entry.insert(vec![there.clone()]),
            Entry::Occupied(entry) => entry.into_mut(),
        };
        match known.iter_mut().find(|variant| variant.agrees(&row)) {
            Some(same) if first(&row, same) => same.run = row.run,
            Some(_) => {}
            None => known.push(row),
        }
        // Which variant stands for the event must not depend on the order of the rows.
        if let Some(least) = known.iter().min_by_key(|variant| symbols.text(variant.run)) {
            *there = least.clone();
        }
    }

    /// The place of an event, and the key that it has or would have.
    fn find(&self, id: &Id) -> (Option<u32>, u64) {
        let mut key = u64::from_str_radix(id.as_str().get(..16).unwrap_or("0"), 16).unwrap_or(0);
        loop {
            match self.index.get(&key) {
                Some(&place) if self.newest[place as usize].id == *id => return (Some(place), key),
                Some(_) => key = key.wrapping_add(1),
                None => return (None, key),
            }
        }
    }

    /// The place of an event.
    pub(super) fn place(&self, id: &Id) -> Option<u32> {
        self.find(id).0
    }

    /// What the runs disagree about, by event.
    pub(super) fn conflicts(&self) -> BTreeMap<u32, Vec<Conflict>> {
        let mut conflicts: BTreeMap<u32, Vec<Conflict>> = BTreeMap::new();
        for ((place, version), variants) in &self.variants {
            let rows: Vec<_> = variants.iter().map(|row| row.row(&self.symbols)).collect();
            conflicts.entry(*place).or_default().push(conflict(*version, rows));
        }
        conflicts
    }
}

/// The conflict between these rows, one of each kind.
pub(super) fn conflict(version: i32, mut rows: Vec<EventRow<'_>>) -> Conflict {
    rows.sort_by_key(|row| row.run_id);
    let differ = |column: &&&str| {
        let mut said = rows.iter().map(|row| row.said(column));
        let first = said.next();
        said.any(|other| Some(other) != first)
    };
    let columns: Vec<&'static str> = DISPUTABLE.iter().filter(differ).copied().collect();
    let said = |row: &EventRow<'_>| columns.iter().map(|column| row.said(column)).collect();
    let runs = rows.iter().map(|row| (row.run_id.to_owned(), said(row))).collect();
    Conflict { version, columns, runs }
}

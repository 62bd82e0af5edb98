//! The registry itself: events, the edits applied to them, and what their lines add (SPEC 8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::edits::{Edit, Judged, Unapplied, judge};
use super::events::{Conflict, Events};
use super::exact::{Needed, Recollection, Sku};
use super::field::Field;
use super::lines::{LineRow, Lines};
use super::merges::{Merged, Part, merged, needs};
use super::packed::Packed;
use super::rows::{RegistryRow, person, trail};
use super::today::{Undetermined, brought};
use crate::{Id, Timestamp};

/// An event of the registry has a sum outside `decimal(18,4)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "store {store_id:?}, event {event_id}: expected sums inside decimal(18,4), found one outside; \
     unmerge its events, or check its sales"
)]
pub struct SumOutside {
    /// Its store.
    pub store_id: String,
    /// Its id.
    pub event_id: String,
}

/// Where the rows of MRCH of an event are that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'r> {
    /// The event.
    pub event_id: Id,
    /// Its store.
    pub store_id: &'r str,
    /// The least `written_at` of these rows.
    pub from: Timestamp,
    /// The greatest; `None` if the event is open.
    pub to: Option<Timestamp>,
}

/// The column of an open event's row that its lines do not give.
const CONTINUES: &str = "continues_event_id";

/// One row per event, with the edits applied.
#[derive(Debug, Default)]
pub struct Registry {
    events: Events,
    judged: Judged,
    lines: BTreeMap<u32, Lines>,
    conflicts: BTreeMap<u32, Vec<Conflict>>,
    undetermined: BTreeMap<u32, Vec<Undetermined>>,
    /// Of which events the inputs show what the logs leave open, and of which SKUs the sales are
    /// needed.
    needs: BTreeMap<u32, BTreeSet<Sku>>,
    /// The totals of events that others are merged into.
    merged: BTreeMap<u32, Merged>,
    /// Whether labels are wanted, and so the SKUs of events with a verdict.
    wants_labels: bool,
    /// The SKUs of events with a verdict.
    skus: BTreeMap<u32, BTreeSet<Option<Arc<str>>>>,
}

/// What a person decided about an event, for whoever trains detectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Label<'r> {
    /// The event.
    pub event_id: Id,
    /// Its store.
    pub store_id: &'r str,
    /// Its SKUs; `None` is a store-level line.
    pub skus: Vec<Option<&'r str>>,
    /// Its first onset.
    pub window_start: Option<Timestamp>,
    /// Its last tick; `None` while it is open.
    pub window_end: Option<Timestamp>,
    /// The verdict.
    pub verdict: &'r str,
}

impl Registry {
    /// Lays the edits over the events, each in its turn. Edits later than the instant that
    /// [`Events::new`] was given do not exist yet.
    #[must_use]
    pub fn new(events: Events, mut edits: Vec<Edit>) -> Self {
        if let Some(as_of) = events.as_of {
            edits.retain(|edit| edit.edited_at.is_none_or(|at| at <= as_of));
        }
        let judged = judge(edits, &|id| events.place(id));
        let conflicts = events.conflicts();
        Self { events, judged, conflicts, ..Self::default() }
    }

    /// The same, with [`Registry::labels`].
    #[must_use]
    pub fn with_labels(self) -> Self {
        Self { wants_labels: true, ..self }
    }

    /// The events whose rows of MRCH matter: those that are open, and those that are merged.
    pub fn wanted(&self) -> impl Iterator<Item = Wanted<'_>> {
        let wanted = (0..).zip(&self.events.newest).filter(|(place, _)| self.wants_place(*place));
        wanted.map(|(_, row)| {
            let store_id = self.events.symbols.text(row.store);
            let closed_at = row.written_at().filter(|_| row.is_ended());
            Wanted {
                event_id: row.id,
                store_id,
                from: closed_at.unwrap_or(row.created_at),
                to: closed_at,
            }
        })
    }

    /// Whether the rows of MRCH of an event matter.
    #[must_use]
    pub fn wants(&self, event: &Id) -> bool {
        self.events.place(event).is_some_and(|place| self.wants_place(place))
    }

    fn wants_place(&self, place: u32) -> bool {
        !self.events.newest[place as usize].is_ended()
            || self.judged.merged_into.contains_key(&place)
            || self.judged.merged_from.contains_key(&place)
            || self.verdict(place).is_some()
    }

    /// An event's verdict, if labels are wanted.
    fn verdict(&self, place: u32) -> Option<&str> {
        let edits = self.judged.of_event.get(&place).filter(|_| self.wants_labels)?;
        person(Some(edits)).get(&Field::Verdict).copied().flatten()
    }

    /// Takes in a row of MRCH; a row that does not matter is ignored. Rows may come in any order.
    pub fn add(&mut self, row: &LineRow<'_>) {
        let later = self.events.as_of.is_some_and(|as_of| row.written_at > as_of);
        if let Some(place) = self.events.place(&row.event_id)
            && self.wants_place(place)
            && !later
        {
            self.lines.entry(place).or_default().add(row, &self.events.coverage);
        }
    }

    /// Brings open events up to today, and adds up the totals of what is merged.
    ///
    /// # Errors
    /// [`SumOutside`] for a sum that does not fit.
    pub fn complete(&mut self) -> Result<(), SumOutside> {
        let lines = std::mem::take(&mut self.lines);
        for (&place, of_event) in &lines {
            if !self.events.newest[place as usize].is_ended() {
                self.bring_up(place, of_event, &Recollection::new())?;
            }
        }
        self.merge_all(&lines, &Recollection::new())?;
        for (&place, of_event) in &lines {
            if self.verdict(place).is_some() {
                self.skus.insert(place, of_event.skus());
            }
        }
        if !self.needs.is_empty() {
            self.lines = lines;
        }
        Ok(())
    }

    /// The events of which the inputs show what the logs leave open; known after
    /// [`Registry::complete`].
    pub fn needed(&self) -> impl Iterator<Item = Needed<'_>> {
        self.needs.iter().filter_map(|(&place, skus)| {
            let row = &self.events.newest[place as usize];
            Some(Needed {
                event_id: row.id,
                store_id: self.events.symbols.text(row.store),
                from: row.created_at,
                to: self.lines.get(&place)?.last_tick(row.is_ended())?,
                continues: row.continues(),
                run_id: self.events.symbols.text(row.run),
                skus,
            })
        })
    }

    /// Fills in what the inputs say of the events that were [`needed`](Self::needed).
    ///
    /// # Errors
    /// [`SumOutside`] for a sum that does not fit.
    pub fn recall(&mut self, inputs: &Recollection<'_>) -> Result<(), SumOutside> {
        let lines = std::mem::take(&mut self.lines);
        for place in std::mem::take(&mut self.needs).into_keys() {
            let is_ended = self.events.newest[place as usize].is_ended();
            if let Some(of_event) = lines.get(&place).filter(|_| !is_ended) {
                self.bring_up(place, of_event, inputs)?;
            }
        }
        self.merge_all(&lines, inputs)?;
        self.needs.clear();
        Ok(())
    }

    /// The verdicts of people, in the order of the rows.
    #[must_use]
    pub fn labels(&self) -> Vec<Label<'_>> {
        let label = |place| {
            let machine = self.machine(place);
            let skus = self.skus.get(&place).into_iter().flatten();
            Some(Label {
                event_id: machine.event_id,
                store_id: machine.store_id,
                skus: skus.map(Option::as_deref).collect(),
                window_start: machine.window_start,
                window_end: machine.window_end,
                verdict: self.verdict(place)?,
            })
        };
        self.places().into_iter().filter_map(label).collect()
    }

    fn outside(&self, place: u32) -> SumOutside {
        let row = &self.events.newest[place as usize];
        SumOutside {
            store_id: self.events.symbols.text(row.store).to_owned(),
            event_id: row.id.as_str().to_owned(),
        }
    }

    fn bring_up(
        &mut self,
        place: u32,
        lines: &Lines,
        inputs: &Recollection<'_>,
    ) -> Result<(), SumOutside> {
        let events = &mut self.events;
        let opening = &events.newest[place as usize];
        let answer = inputs.get(&opening.id);
        let found = brought(opening, lines, &events.coverage, &mut events.symbols, answer);
        let Some(found) = found.map_err(|_| self.outside(place))? else { return Ok(()) };
        self.events.newest[place as usize] = found.row;
        // The lines say all that the opening rows said, but for what the event continues.
        let of_opening = self.conflicts.remove(&place).unwrap_or_default().into_iter();
        let of_opening = of_opening.filter_map(|one| one.only(|column| column == CONTINUES));
        let conflicts: Vec<Conflict> = of_opening.chain(found.conflict).collect();
        if !conflicts.is_empty() {
            self.conflicts.insert(place, conflicts);
        }
        self.undetermined.remove(&place);
        if !found.undetermined.is_empty() {
            self.undetermined.insert(place, found.undetermined);
        }
        if let Some(skus) = found.needs {
            self.needs.insert(place, skus);
        }
        Ok(())
    }

    fn merge_all(
        &mut self,
        lines: &BTreeMap<u32, Lines>,
        inputs: &Recollection<'_>,
    ) -> Result<(), SumOutside> {
        for (&target, others) in &self.judged.merged_from {
            let places: Vec<u32> = others.iter().copied().chain([target]).collect();
            let part = |place: &u32| self.part(*place, lines.get(place), inputs);
            let parts: Vec<Part<'_>> = places.iter().map(part).collect();
            let totals = merged(&parts).map_err(|_| self.outside(target))?;
            let needs = needs(&parts);
            drop(parts);
            for (place, skus) in places.into_iter().zip(needs) {
                if !skus.is_empty() {
                    self.needs.entry(place).or_default().extend(skus);
                }
            }
            self.merged.insert(target, totals);
        }
        Ok(())
    }

    fn part<'r>(
        &'r self,
        place: u32,
        lines: Option<&Lines>,
        inputs: &'r Recollection<'_>,
    ) -> Part<'r> {
        let is_ended = self.events.newest[place as usize].is_ended();
        let disputed = self.conflicts.get(&place).into_iter().flatten();
        let disputed = disputed.flat_map(|conflict| &conflict.columns);
        let undetermined = self.undetermined.get(&place).into_iter().flatten();
        let unknown = disputed.copied().chain(undetermined.map(|unknown| unknown.column));
        Part {
            row: self.machine(place),
            unknown: unknown.collect(),
            windows: lines.and_then(|lines| lines.windows(is_ended, &self.events.coverage)),
            answer: inputs.get(&self.events.newest[place as usize].id),
        }
    }

    /// The machine's row, with nulls where runs disagree and where the logs do not determine a
    /// value.
    fn machine(&self, place: u32) -> super::event_row::EventRow<'_> {
        let mut row = self.events.newest[place as usize].row(&self.events.symbols);
        let disputed = self.conflicts.get(&place).into_iter().flatten();
        for column in disputed.flat_map(|conflict| &conflict.columns) {
            row.clear(column);
        }
        for unknown in self.undetermined.get(&place).into_iter().flatten() {
            row.clear(unknown.column);
        }
        row
    }

    /// Events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.newest.len()
    }

    /// Whether it has no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.newest.is_empty()
    }

    /// All edits that did not apply, in order: those of events, and those that name no event of
    /// the set.
    #[must_use]
    pub fn unapplied(&self) -> Vec<&Unapplied> {
        let of_events = self.judged.of_event.values().flat_map(|edits| &edits.unapplied);
        let mut all: Vec<_> = of_events.chain(&self.judged.strays).collect();
        all.sort_by(|a, b| {
            let order = |u: &Unapplied| (u.edit.edited_at, u.edit.edit_id.clone());
            order(a).cmp(&order(b)).then_with(|| a.edit.cmp(&b.edit))
        });
        all
    }

    /// The row of one event.
    #[must_use]
    pub fn row(&self, event: &Id) -> Option<RegistryRow<'_>> {
        self.events.place(event).map(|place| self.row_at(place))
    }

    /// All rows, sorted by (`store_id` bytes, `created_at`).
    pub fn rows(&self) -> impl Iterator<Item = RegistryRow<'_>> {
        self.places().into_iter().map(|place| self.row_at(place))
    }

    fn places(&self) -> Vec<u32> {
        let Events { newest, symbols, .. } = &self.events;
        let stores = symbols.ranks(newest.iter().map(|row| row.store));
        let order = |row: &Packed| (stores[row.store.place()], row.created_at);
        let mut places: Vec<_> = newest.iter().map(order).zip(0..).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, place)| place).collect()
    }

    fn row_at(&self, place: u32) -> RegistryRow<'_> {
        let machine = self.machine(place);
        let id = |place: &u32| self.events.newest[*place as usize].id;
        let merged = self.merged.get(&place);
        let totals = match merged {
            Some(merged) => [merged.impact, merged.attributed, merged.baseline],
            None => [
                machine.impact_estimate,
                machine.attributed_sales_total,
                machine.baseline_sales_total,
            ],
        };
        let edits = self.judged.of_event.get(&place);
        let from = self.judged.merged_from.get(&place).into_iter().flatten();
        let mut merged_from: Vec<Id> = from.map(id).collect();
        merged_from.sort_unstable();
        let undetermined = self.undetermined.get(&place).into_iter().flatten();
        let by_merge = merged.into_iter().flat_map(|merged| &merged.undetermined);
        RegistryRow {
            impact_estimate: totals[0],
            attributed_sales_total: totals[1],
            baseline_sales_total: totals[2],
            merged_into: self.judged.merged_into.get(&place).map(id),
            merged_from,
            person: person(edits),
            trail: trail(edits, &machine),
            unapplied: edits.map_or(&[], |edits| &edits.unapplied),
            conflicts: self.conflicts.get(&place).map_or(&[], |conflicts| conflicts),
            undetermined: undetermined.chain(by_merge).collect(),
            machine,
        }
    }
}

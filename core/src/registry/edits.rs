//! The edits log applied to the events: each edit is judged once, in its turn (SPEC 8, *Edits*,
//! *Reverts*, *Merges*).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::field::{Field, REVERT, unknown};
use crate::{Id, Timestamp};

/// A row of the edits log, whatever is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    // The order of the fields is that in which rows of one `edit_id` are ordered.
    /// `edit_id`.
    pub edit_id: Option<Arc<str>>,
    /// `edited_at`.
    pub edited_at: Option<Timestamp>,
    /// `event_id`.
    pub event_id: Option<Arc<str>>,
    /// `field`.
    pub field: Option<Arc<str>>,
    /// `new_value`; null clears.
    pub new_value: Option<Arc<str>>,
    /// `edited_by`.
    pub edited_by: Option<Arc<str>>,
    /// `reason`.
    pub reason: Option<Arc<str>>,
    /// What kept the row from being read as it is, such as text that is not UTF-8.
    pub fault: Option<&'static str>,
}

/// An edit that cannot apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapplied {
    /// The edit.
    pub edit: Edit,
    /// Why it does not apply.
    pub because: String,
}

/// An edit that applied.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    pub edit: Edit,
    /// The field whose value it set or, if it is a revert, gave back.
    pub field: Field,
    /// If it is a revert: the place of the edit that it takes back.
    reverts: Option<usize>,
    /// The value that the field had before.
    pub before: Value,
    /// How many reverts of it hold.
    reverted_by: u32,
}

/// What a field shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// What the machine says.
    Machine,
    /// What a person set; `None` is cleared.
    Person(Option<Arc<str>>),
}

/// The edits of one event.
#[derive(Clone, Debug, Default)]
pub(super) struct EventEdits {
    /// Those that applied, in order.
    pub applied: Vec<Applied>,
    /// Those that did not, in order.
    pub unapplied: Vec<Unapplied>,
}

/// All edits, judged.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// By event.
    pub of_event: BTreeMap<u32, EventEdits>,
    /// Those that name no event of the set, in order.
    pub strays: Vec<Unapplied>,
    /// Into which event an event is merged.
    pub merged_into: BTreeMap<u32, u32>,
    /// Which events are merged into one.
    pub merged_from: BTreeMap<u32, BTreeSet<u32>>,
}

impl Applied {
    /// Whether it sets its field's value, and is no revert.
    pub(super) const fn sets(&self) -> bool {
        self.reverts.is_none()
    }

    /// Whether no revert takes it back.
    pub(super) const fn holds(&self) -> bool {
        self.reverted_by == 0
    }
}

impl EventEdits {
    /// What a field shows.
    pub(super) fn value(&self, field: Field) -> Value {
        let last = self
            .applied
            .iter()
            .rev()
            .find(|applied| applied.field == field && applied.sets() && applied.holds());
        last.map_or(Value::Machine, |applied| Value::Person(applied.edit.new_value.clone()))
    }

    /// One more (`holds`) or one less revert of an edit holds. A revert that begins or ceases to
    /// hold passes that on to the edit that it takes back.
    fn revert(&mut self, mut at: usize, mut holds: bool) {
        loop {
            let applied = &mut self.applied[at];
            let held = applied.holds();
            applied.reverted_by =
                if holds { applied.reverted_by + 1 } else { applied.reverted_by - 1 };
            match applied.reverts {
                Some(next) if applied.holds() != held => (at, holds) = (next, !held),
                _ => return,
            }
        }
    }
}

/// Judges all edits; `event` finds the place of an event of the set.
pub(super) fn judge(edits: Vec<Edit>, event: &dyn Fn(&Id) -> Option<u32>) -> Judged {
    let mut judged = Judged::default();
    let mut places: HashMap<Arc<str>, (u32, usize)> = HashMap::new();
    for (edit, twin) in in_order(edits) {
        let id = edit.event_id.as_deref().and_then(Id::parse);
        let place = id.as_ref().and_then(event);
        let judgement = match (twin, place) {
            (Some(because), _) => Err(because),
            (None, place) => judged.apply(&edit, place, &places, event),
        };
        match (judgement, place) {
            (Ok(applied), Some(place)) => {
                let of_event = judged.of_event.entry(place).or_default();
                if let Some(id) = &edit.edit_id {
                    places.insert(id.clone(), (place, of_event.applied.len()));
                }
                of_event.applied.push(applied);
            }
            (Err(because), Some(place)) => {
                let of_event = judged.of_event.entry(place).or_default();
                of_event.unapplied.push(Unapplied { edit, because });
            }
            (judgement, None) => {
                let because = judgement.err().unwrap_or_default();
                judged.strays.push(Unapplied { edit, because });
            }
        }
    }
    judged
}

/// The edits in the order in which they are judged, each once; those that only share their
/// `edit_id` with an earlier one with the reason why they do not apply.
fn in_order(mut edits: Vec<Edit>) -> Vec<(Edit, Option<String>)> {
    edits.sort();
    edits.dedup();
    let mut rows: Vec<(Edit, Option<String>)> = Vec::with_capacity(edits.len());
    for edit in edits {
        let before = rows.last().map(|(before, _)| &before.edit_id);
        let twin = edit.edit_id.is_some() && before == Some(&edit.edit_id);
        rows.push((edit, twin.then(|| "another edit has the same edit_id".to_owned())));
    }
    rows.sort_by(|(a, _), (b, _)| {
        (a.edited_at, &a.edit_id).cmp(&(b.edited_at, &b.edit_id)).then_with(|| a.cmp(b))
    });
    rows
}

impl Judged {
    fn apply(
        &mut self,
        edit: &Edit,
        place: Option<u32>,
        places: &HashMap<Arc<str>, (u32, usize)>,
        event: &dyn Fn(&Id) -> Option<u32>,
    ) -> Result<Applied, String> {
        required(edit)?;
        if let Some(fault) = edit.fault {
            return Err(fault.to_owned());
        }
        let place = place.ok_or("no event of these runs has this event_id")?;
        let name = edit.field.as_deref().unwrap_or_default();
        if name == REVERT {
            return self.take_back(edit, place, places, event);
        }
        let field = Field::of_text(name).ok_or_else(|| unknown(name))?;
        if let Some(value) = &edit.new_value {
            field.check(value)?;
        }
        let before = self.value(place, field);
        if field == Field::MergedInto {
            let into = match &edit.new_value {
                None => None,
                Some(value) => {
                    let into = Id::parse(value).as_ref().and_then(event);
                    Some(into.ok_or("no event of these runs has the event_id in new_value")?)
                }
            };
            self.merge(place, into)?;
        }
        Ok(Applied { edit: edit.clone(), field, reverts: None, before, reverted_by: 0 })
    }

    fn take_back(
        &mut self,
        edit: &Edit,
        place: u32,
        places: &HashMap<Arc<str>, (u32, usize)>,
        event: &dyn Fn(&Id) -> Option<u32>,
    ) -> Result<Applied, String> {
        let named = edit.new_value.as_deref().ok_or("expected an edit_id, found null")?;
        let there = places.get(named).filter(|(of, _)| *of == place);
        let &(_, at) = there
            .ok_or("no edit of this event that came before and applied has the edit_id given")?;
        let Some(of_event) = self.of_event.get_mut(&place) else {
            return Err("the event has no edit".to_owned());
        };
        if !of_event.applied[at].holds() {
            return Err("the edit is reverted already".to_owned());
        }
        let field = of_event.applied[at].field;
        let before = of_event.value(field);
        of_event.revert(at, true);
        if field == Field::MergedInto {
            let into = match of_event.value(field) {
                Value::Person(Some(id)) => Id::parse(&id).as_ref().and_then(event),
                _ => None,
            };
            if let Err(because) = self.merge(place, into) {
                if let Some(of_event) = self.of_event.get_mut(&place) {
                    of_event.revert(at, false);
                }
                return Err(because);
            }
        }
        Ok(Applied { edit: edit.clone(), field, reverts: Some(at), before, reverted_by: 0 })
    }

    /// Merges an event into another, or into none.
    fn merge(&mut self, place: u32, into: Option<u32>) -> Result<(), String> {
        let before = self.merged_into.get(&place).copied();
        if before == into {
            return Ok(());
        }
        if let Some(into) = into {
            if into == place {
                return Err("an event cannot be merged into itself".to_owned());
            }
            if self.merged_into.contains_key(&into) {
                return Err("that event is itself merged into another".to_owned());
            }
            if self.merged_from.contains_key(&place) {
                return Err("other events are merged into this one".to_owned());
            }
        }
        if let Some(before) = before {
            self.merged_into.remove(&place);
            if let Some(others) = self.merged_from.get_mut(&before) {
                others.remove(&place);
                if others.is_empty() {
                    self.merged_from.remove(&before);
                }
            }
        }
        if let Some(into) = into {
            self.merged_into.insert(place, into);
            self.merged_from.entry(into).or_default().insert(place);
        }
        Ok(())
    }

    fn value(&self, place: u32, field: Field) -> Value {
        self.of_event.get(&place).map_or(Value::Machine, |edits| edits.value(field))
    }
}

/// Fails for a required column that is null.
fn required(edit: &Edit) -> Result<(), String> {
    let columns = [
        ("edit_id", edit.edit_id.is_some()),
        ("event_id", edit.event_id.is_some()),
        ("field", edit.field.is_some()),
        ("edited_by", edit.edited_by.is_some()),
        ("edited_at", edit.edited_at.is_some()),
    ];
    match columns.iter().find(|(_, there)| !there) {
        Some((column, _)) => Err(format!("{column} is null")),
        None => Ok(()),
    }
}

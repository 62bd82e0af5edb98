//! Edits, reverts and merges of three events.

use super::*;

/// Events 0 to 2.
fn id(event: u32) -> Id {
    Id::of("store", Timestamp::from_us(event.into()).unwrap())
}

fn edit(id_and_second: u8, event: u32, field: &str, value: &str) -> Edit {
    let text = |text: &str| Some(Arc::from(text));
    Edit {
        edit_id: text(&format!("e{id_and_second}")),
        edited_at: Timestamp::from_us(id_and_second.into()).ok(),
        event_id: text(id(event).as_str()),
        field: text(field),
        new_value: text(value),
        edited_by: text("ann"),
        ..Edit::default()
    }
}

fn of(mut edits: Vec<Edit>) -> Judged {
    edits.reverse();
    judge(edits, &|wanted| (0..3).find(|event| id(*event) == *wanted))
}

/// The note of event 0.
fn note(edits: Vec<Edit>) -> Option<String> {
    match of(edits).of_event[&0].value(Field::Note) {
        Value::Person(text) => text.map(|text| text.to_string()),
        Value::Machine => None,
    }
}

#[test]
fn a_revert_gives_back_what_held_before_and_can_be_reverted_itself() {
    let edits = [
        edit(1, 0, "note", "a"),
        edit(2, 0, "note", "b"),
        edit(3, 0, "revert", "e2"),
        edit(4, 0, "revert", "e3"),
        edit(5, 0, "revert", "e4"),
        edit(6, 0, "revert", "e1"),
    ];
    let after: Vec<_> = (1..=6).map(|count| note(edits[..count].to_vec())).collect();
    let after: Vec<_> = after.iter().map(Option::as_deref).collect();
    assert_eq!(after, [Some("a"), Some("b"), Some("a"), Some("b"), Some("a"), None]);
}

#[test]
fn an_edit_that_two_reverts_take_back_holds_once_neither_does() {
    let edits = vec![
        edit(1, 0, "note", "a"),
        edit(2, 0, "revert", "e1"),
        edit(3, 0, "revert", "e2"),
        edit(4, 0, "revert", "e1"),
        // Now the first revert holds again, beside the second.
        edit(5, 0, "revert", "e3"),
        edit(6, 0, "revert", "e4"),
    ];
    assert_eq!(note(edits.clone()), None);
    assert_eq!(note([edits, vec![edit(7, 0, "revert", "e2")]].concat()).as_deref(), Some("a"));
}

#[test]
fn a_revert_of_nothing_that_holds_is_unapplied() {
    for (value, because) in [
        ("e1", "reverted already"),
        ("e3", "came before and applied"),
        ("e9", "came before and applied"),
        ("e4", "came before and applied"),
    ] {
        let edits = vec![
            edit(1, 0, "note", "a"),
            edit(2, 0, "revert", "e1"),
            edit(3, 0, "verdict", "wrong"),
            edit(4, 1, "note", "of another event"),
            edit(5, 0, "revert", value),
        ];
        let judged = of(edits);
        let unapplied = &judged.of_event[&0].unapplied;
        assert!(unapplied[1].because.contains(because), "{value}: {unapplied:?}");
    }
}

#[test]
fn merges_stay_one_level_deep_whatever_is_reverted() {
    let into = |number, from, to| edit(number, from, "merged_into", id(to).as_str());
    let judged = of(vec![
        into(1, 0, 1),
        into(2, 1, 2),
        into(3, 2, 0),
        into(4, 2, 2),
        edit(5, 0, "revert", "e1"),
        into(6, 1, 2),
        // Would merge 0 into 1, which is merged into 2 by now.
        edit(7, 0, "revert", "e5"),
    ]);
    let unapplied: Vec<_> = judged
        .of_event
        .values()
        .flat_map(|edits| &edits.unapplied)
        .filter_map(|unapplied| unapplied.edit.edit_id.as_deref())
        .collect();
    assert_eq!(unapplied, ["e7", "e2", "e3", "e4"]);
    assert_eq!(judged.merged_into, BTreeMap::from([(1, 2)]));
}

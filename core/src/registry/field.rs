//! The fields of an event that people can edit, and which values they take (SPEC 8, *Edits*).

use crate::{Id, Timestamp};

/// A field that an edit can change. `revert` is none: it takes back an edit of one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Takes the place of the machine's name.
    CohortName,
    /// Takes the place of the machine's cause.
    ProposedCause,
    /// Takes the place of the machine's category.
    ProposedCauseCategory,
    /// Takes the place of the machine's reason.
    CohortReason,
    /// Free text.
    Note,
    /// Free text: who looks after the event.
    Assignee,
    /// Free text: why it was closed.
    CloseReason,
    /// What the event was.
    Verdict,
    /// How far its review has come.
    ReviewStatus,
    /// The time until which it is hidden.
    SuppressedUntil,
    /// The event that it is part of.
    MergedInto,
}

/// The name of the field with which an edit takes back another.
pub const REVERT: &str = "revert";

const VERDICTS: [&str; 4] = ["confirmed", "false_positive", "planned_activity", "duplicate"];
const REVIEW_STATUSES: [&str; 3] = ["open", "acknowledged", "resolved"];

impl Field {
    /// All fields, in the contract's order.
    pub const ALL: [Self; 11] = [
        Self::CohortName,
        Self::ProposedCause,
        Self::ProposedCauseCategory,
        Self::CohortReason,
        Self::Note,
        Self::Assignee,
        Self::CloseReason,
        Self::Verdict,
        Self::ReviewStatus,
        Self::SuppressedUntil,
        Self::MergedInto,
    ];

    /// Its name in the edits log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CohortName => "cohort_name",
            Self::ProposedCause => "proposed_cause",
            Self::ProposedCauseCategory => "proposed_cause_category",
            Self::CohortReason => "cohort_reason",
            Self::Note => "note",
            Self::Assignee => "assignee",
            Self::CloseReason => "close_reason",
            Self::Verdict => "verdict",
            Self::ReviewStatus => "review_status",
            Self::SuppressedUntil => "suppressed_until",
            Self::MergedInto => "merged_into",
        }
    }

    /// The field of that name.
    #[must_use]
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }

    /// Judges a value by itself; whether an event may be merged into another is judged later.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn check(self, value: &str) -> Result<(), String> {
        let one_of = |known: &[&str]| {
            if known.contains(&value) {
                return Ok(());
            }
            Err(expected(&format!("one of {}", known.join(", ")), value))
        };
        match self {
            Self::Verdict => one_of(&VERDICTS),
            Self::ReviewStatus => one_of(&REVIEW_STATUSES),
            Self::SuppressedUntil if is_instant(value) => Ok(()),
            Self::SuppressedUntil => Err(expected("an instant in RFC 3339", value)),
            Self::MergedInto => match Id::parse(value) {
                Some(_) => Ok(()),
                None => Err(expected("an event_id", value)),
            },
            _ => Ok(()),
        }
    }
}

/// Whether a text is an instant by the letter of RFC 3339, section 5.6, and none in a leap second.
/// The views in SQL say the same by a pattern, so it is narrower than what a manifest may have.
fn is_instant(text: &str) -> bool {
    let Some((date_time, rest)) = text.split_at_checked("2025-01-01T00:00:00".len()) else {
        return false;
    };
    let fits = |text: &str, shape: &str| {
        let one = |(found, expected): (u8, u8)| match expected {
            b'0' => found.is_ascii_digit(),
            b'T' => matches!(found, b'T' | b't' | b' '),
            _ => found == expected,
        };
        text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(one)
    };
    let fraction =
        rest.strip_prefix('.').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let zone = match fraction {
        Some(zone) if zone.len() + 1 < rest.len() => zone,
        Some(_) => return false,
        None => rest,
    };
    let offset = zone
        .strip_prefix(['+', '-'])
        .is_some_and(|time| fits(time, "00:00") && time[..2] < *"24" && time[3..] < *"60");
    fits(date_time, "0000-00-00T00:00:00")
        && date_time[11..13] < *"24"
        && date_time[17..] < *"60"
        && (offset || matches!(zone, "Z" | "z"))
        && text.parse::<Timestamp>().is_ok()
}

/// The most characters of a wrong value that a reason repeats.
const SHOWN_MAX: usize = 80;

fn expected(what: &str, found: &str) -> String {
    if found.chars().nth(SHOWN_MAX).is_none() {
        return format!("expected {what}, found {found:?}");
    }
    let shown: String = found.chars().take(SHOWN_MAX).collect();
    format!("expected {what}, found {shown:?} and more")
}

/// The reason why an edit of an unknown field does not apply.
pub(super) fn unknown(found: &str) -> String {
    let names: Vec<&str> = Field::ALL.into_iter().map(Field::as_str).chain([REVERT]).collect();
    expected(&format!("a field, one of {}", names.join(", ")), found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_one_by_the_letter_of_rfc_3339() {
        let day = "2025-01-05";
        for time in ["T00:00:00Z", "t23:59:59.123456789z", " 00:00:00+23:59", "T00:00:00.5-01:00"] {
            assert_eq!(Field::SuppressedUntil.check(&format!("{day}{time}")), Ok(()), "{time}");
        }
        for time in [
            "",
            "T00:00Z",
            "T00:00:00",
            "T00:00:00+0100",
            "T00:00:00+01",
            "T00:00:00,5Z",
            "T00:00:00.Z",
            "T24:00:00Z",
            "T23:59:60Z",
            "T00:00:00+24:00",
            "T00:00:00+01:60",
            "_00:00:00Z",
            "T00:00:00Z[UTC]",
            "T00:00:00é",
        ] {
            assert!(Field::SuppressedUntil.check(&format!("{day}{time}")).is_err(), "{time}");
        }
        for text in
            ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2025-02-29T00:00:00Z"]
        {
            assert!(Field::SuppressedUntil.check(text).is_err(), "{text}");
        }
    }
}

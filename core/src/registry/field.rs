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
    pub fn of_text(text: &str) -> Option<Self> {
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
            Self::SuppressedUntil => match value.parse::<Timestamp>() {
                Ok(_) => Ok(()),
                Err(_) => Err(expected("an instant in RFC 3339", value)),
            },
            Self::MergedInto => match Id::parse(value) {
                Some(_) => Ok(()),
                None => Err(expected("an event_id", value)),
            },
            _ => Ok(()),
        }
    }
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

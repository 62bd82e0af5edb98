//! What must hold for a write to take place, and how an answer says that it does not.

use super::error::Failure;
use crate::objects::interface::Tag;

/// How the names of the probes begin that test whether the server honours conditions.
pub(super) const PROBE_PREFIX: &str = "_conditions-probe-";

/// Whether an object of this name is a probe.
pub(super) fn is_probe(name: &str) -> bool {
    let digits = name.strip_prefix(PROBE_PREFIX);
    digits.is_some_and(|text| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What must hold for a write to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// There is no object.
    Absent,
    /// The object has the version with this tag.
    Seen(Tag),
    /// Anything: for servers that know no conditions.
    Any,
}

impl Condition {
    pub(super) fn if_none_match(&self) -> Option<String> {
        matches!(self, Self::Absent).then(|| "*".to_owned())
    }

    pub(super) fn if_match(&self) -> Option<String> {
        match self {
            Self::Seen(tag) => Some(tag.0.clone()),
            Self::Absent | Self::Any => None,
        }
    }

    /// Whether an answer says that the condition does not hold.
    pub(super) const fn refused_by(&self, failure: &Failure) -> bool {
        matches!(
            (self, failure),
            (Self::Absent | Self::Seen(_), Failure::Precondition) | (Self::Seen(_), Failure::NoKey)
        )
    }
}

//! The columns of both logs that take one of a few texts (SPEC 6).

/// `report_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportStatus {
    /// At the line's first tick.
    New,
    /// At its later ticks.
    Ongoing,
    /// On its closing row.
    Closed,
}

impl ReportStatus {
    /// The column's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Closed => "closed",
        }
    }

    /// The status with that text.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        [Self::New, Self::Ongoing, Self::Closed].into_iter().find(|status| status.as_str() == text)
    }

    /// Whether this is the line's closing row.
    #[must_use]
    pub(crate) const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// `event_status` of the same row.
    #[must_use]
    pub(crate) const fn of_event(self) -> EventStatus {
        if self.is_closed() { EventStatus::Ended } else { EventStatus::Active }
    }
}

/// `event_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    /// The event has not closed.
    Active,
    /// The event has closed; it never opens again.
    Ended,
}

impl EventStatus {
    /// The column's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// The status with that text.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        [Self::Active, Self::Ended].into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the event has closed.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ended)
    }

    /// The version of the MELOG row with this status.
    #[must_use]
    pub(crate) const fn version(self) -> u64 {
        match self {
            Self::Active => 1,
            Self::Ended => 2,
        }
    }
}

/// `cohort_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CohortReason {
    /// One report so far.
    Single,
    /// Several reports.
    Adjacent,
    /// Several reports, and two or more lines that all have the same cause.
    SharedCause,
}

impl CohortReason {
    /// The column's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single report",
            Self::Adjacent => "temporal adjacency",
            Self::SharedCause => "temporal adjacency, shared cause",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_by_its_text_alone() {
        for status in [ReportStatus::New, ReportStatus::Ongoing, ReportStatus::Closed] {
            assert_eq!(ReportStatus::of_text(status.as_str()), Some(status));
        }
        for status in [EventStatus::Active, EventStatus::Ended] {
            assert_eq!(EventStatus::of_text(status.as_str()), Some(status));
        }
        assert_eq!((ReportStatus::of_text("New"), EventStatus::of_text("")), (None, None));
    }
}

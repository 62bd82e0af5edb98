//! What a row says of its line and of its event: `report_status` and `event_status` (SPEC 6).

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

    /// Whether this is the line's closing row.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// `event_status` of the same row.
    #[must_use]
    pub const fn of_event(self) -> EventStatus {
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

    /// Whether the event has closed.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Ended)
    }

    /// The version of the MELOG row with this status.
    #[must_use]
    pub const fn version(self) -> u64 {
        match self {
            Self::Active => 1,
            Self::Ended => 2,
        }
    }
}

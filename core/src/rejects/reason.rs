//! Why a row is rejected.

/// Why a row is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `store_id` is null or empty.
    MissingStore,
    /// The tick is null; its column is `detected_at` in MRDL and `tick_at` in the prediction logs.
    MissingDetectedAt,
    /// As above, in a prediction log.
    MissingTickAt,
    /// The tick lies outside the years 0001 to 9999.
    InstantOutOfRange,
    /// A text that the job reads is not UTF-8.
    InvalidText,
    /// A text that the job reads is longer than 1 MiB.
    ValueTooLong,
    /// `first_detected_from` is later than `detected_at`.
    OnsetAfterDetection,
    /// The tick does not fall in the partition that holds the row.
    OutsidePartition,
    /// A campaign or context lacks a required value in this column.
    MissingValue(&'static str),
}

impl Reason {
    /// The reason as the lineage and the rejects show it.
    pub fn text(self) -> String {
        match self {
            Self::MissingStore => "missing_store_id".to_owned(),
            Self::MissingDetectedAt => "missing_detected_at".to_owned(),
            Self::MissingTickAt => "missing_tick_at".to_owned(),
            Self::InstantOutOfRange => "instant_out_of_range".to_owned(),
            Self::InvalidText => "invalid_text".to_owned(),
            Self::ValueTooLong => "value_too_long".to_owned(),
            Self::OnsetAfterDetection => "onset_after_detection".to_owned(),
            Self::OutsidePartition => "outside_partition".to_owned(),
            Self::MissingValue(column) => format!("missing_{column}"),
        }
    }
}

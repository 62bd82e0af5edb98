//! Instants, durations and intervals: whole microseconds of UTC (SPEC 1), parsed and printed but
//! never read from a clock.

use std::fmt;
use std::str::FromStr;

/// An instant: microseconds since 1970-01-01T00:00:00Z, within the years 0001 to 9999.
///
/// Displays as `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always 27 characters.
///
/// ```
/// use cohort_core::{Duration, Timestamp};
///
/// let at: Timestamp = "2025-01-01T13:55:00+02:00".parse()?;
/// assert_eq!(at.to_string(), "2025-01-01T11:55:00.000000Z");
/// // Sums stop at the end of the calendar.
/// let day: Duration = "P1D".parse()?;
/// assert_eq!(Timestamp::MAX.saturating_add(day), Timestamp::MAX);
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of time in whole microseconds, never negative. Parses and displays as ISO 8601
/// (`PT30M`, `P30D`).
///
/// ```
/// use cohort_core::Duration;
///
/// let gap: Duration = "PT0.5H".parse()?;
/// assert_eq!((gap.as_us(), gap.to_string().as_str()), (1_800_000_000, "PT30M"));
/// // A month has no fixed length.
/// assert!("P1M".parse::<Duration>().is_err());
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

/// The half-open interval `[start, end)` that a run is for.
///
/// ```
/// use cohort_core::Interval;
///
/// let day = Interval {
///     start: "2025-01-01T00:00:00Z".parse()?,
///     end: "2025-01-02T00:00:00Z".parse()?,
/// };
/// assert!(day.contains(day.start) && !day.contains(day.end));
/// # Ok::<(), cohort_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

/// Why a text or a number is not an instant or a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text is no RFC 3339 instant.
    #[error("expected an RFC 3339 instant such as 2025-01-01T00:00:00Z, found {0:?}")]
    Instant(String),
    /// The text is no ISO 8601 duration of days or smaller units.
    #[error(
        "expected an ISO 8601 duration in days or smaller units such as PT30M or P30D, found {0:?}"
    )]
    Duration(String),
    /// The number of microseconds lies outside the years 0001 to 9999.
    #[error("expected an instant in the years 0001 to 9999, found {0} microseconds after 1970")]
    Range(i64),
}

/// 1970-01-01T00:00:00.
const EPOCH: jiff::civil::DateTime = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant that many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimeError::Range`] outside the years 0001 to 9999.
    pub fn from_us(us: i64) -> Result<Self, TimeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&us) {
            Ok(Self(us))
        } else {
            Err(TimeError::Range(us))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_us(self) -> i64 {
        self.0
    }

    /// The instant at which UTC shows this date and time, floored to microseconds; the nearest one
    /// inside the calendar if it lies outside.
    #[must_use]
    pub fn from_civil(at: jiff::civil::DateTime) -> Self {
        let us = at.duration_since(EPOCH).as_nanos().div_euclid(1000);
        let us = us.clamp(Self::MIN.0.into(), Self::MAX.0.into());
        Self(i64::try_from(us).unwrap_or(Self::MAX.0))
    }

    /// The civil date and time in UTC.
    #[must_use]
    pub fn civil(self) -> jiff::civil::DateTime {
        // Civil arithmetic covers the whole calendar; the library's own instants end a day earlier.
        let (s, us) = (self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000));
        let since_1970 = jiff::SignedDuration::new(s, us as i32 * 1000);
        EPOCH.saturating_add(since_1970)
    }

    /// `self + by`, but no later than the calendar's last instant.
    pub const fn saturating_add(self, by: Duration) -> Self {
        let sum = self.0.saturating_add(by.0);
        if sum > Self::MAX.0 { Self::MAX } else { Self(sum) }
    }

    /// `self - by`, but no earlier than the calendar's first instant.
    pub const fn saturating_sub(self, by: Duration) -> Self {
        let difference = self.0.saturating_sub(by.0);
        if difference < Self::MIN.0 { Self::MIN } else { Self(difference) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.subsec_nanosecond() / 1000
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads an RFC 3339 instant with any offset; digits below a microsecond are floored.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError::Instant(text.to_owned());
        let pieces = jiff::fmt::temporal::Pieces::parse(text).map_err(|_| wrong())?;
        let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset()) else {
            return Err(wrong());
        };
        if pieces.time_zone_annotation().is_some() {
            return Err(wrong());
        }
        let local = pieces.date().to_datetime(time).duration_since(EPOCH).as_nanos();
        let utc = local - i128::from(offset.seconds()) * 1_000_000_000;
        Self::from_us(i64::try_from(utc.div_euclid(1000)).map_err(|_| wrong())?)
    }
}

impl Duration {
    /// That many microseconds; a negative number counts as none.
    pub const fn from_us(us: i64) -> Self {
        Self(if us < 0 { 0 } else { us })
    }

    /// Whole microseconds.
    pub const fn as_us(self) -> i64 {
        self.0
    }

    /// Whether it has no length.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_US: i64 = 86_400_000_000;
        if self.0 > 0 && self.0 % DAY_US == 0 {
            return write!(f, "P{}D", self.0 / DAY_US);
        }
        let (s, us) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (hours, minutes, seconds) = (s / 3600, s / 60 % 60, s % 60);
        f.write_str("PT")?;
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        match us {
            0 if seconds == 0 && s > 0 => Ok(()),
            0 => write!(f, "{seconds}S"),
            _ => write!(f, "{seconds}.{}S", format!("{us:06}").trim_end_matches('0')),
        }
    }
}

impl FromStr for Duration {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError::Duration(text.to_owned());
        let span: jiff::Span = if text.starts_with('P') {
            text.parse().map_err(|_| wrong())?
        } else {
            return Err(wrong());
        };
        // Months and years have no fixed length. In UTC, a day always has 24 hours and a week seven
        // days.
        if span.is_negative() || span.get_years() != 0 || span.get_months() != 0 {
            return Err(wrong());
        }
        let length =
            span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        let us = length.as_nanos() / 1000;
        if length.as_nanos() % 1000 != 0 {
            Err(wrong())
        } else {
            i64::try_from(us).map(Self).map_err(|_| wrong())
        }
    }
}

impl Interval {
    /// Whether the instant lies in `[start, end)`.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether a partition over this interval holds the instant. The calendar's last partition has
    /// no instant after it, so it holds the calendar's last instant as well.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.contains(at) || (at == Timestamp::MAX && self.end == Timestamp::MAX)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_27_characters_and_read_back() {
        for text in [
            "2025-01-01T11:55:00.000000Z",
            "0001-01-01T00:00:00.000001Z",
            "9999-12-30T22:00:00.999999Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(at.to_string(), text);
        }
    }

    #[test]
    fn offsets_are_converted_and_nanoseconds_floored() {
        let at: Timestamp = "1969-12-31T23:59:59.999999999+00:00".parse().unwrap();
        assert_eq!(at.as_us(), -1);
        assert_eq!(
            "2025-01-01T13:00:00+02:00".parse::<Timestamp>().unwrap().to_string(),
            "2025-01-01T11:00:00.000000Z"
        );
    }

    #[test]
    fn instants_outside_the_calendar_are_refused() {
        for us in [Timestamp::MIN.0 - 1, Timestamp::MAX.0 + 1, i64::MIN, i64::MAX] {
            assert_eq!(Timestamp::from_us(us), Err(TimeError::Range(us)));
        }
        for text in [
            "2025-01-01",
            "2025-01-01T00:00:00",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+01:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_read_and_print_iso_8601() {
        for (text, us, canonical) in [
            ("PT30M", 1_800_000_000, "PT30M"),
            ("P30D", 2_592_000_000_000, "P30D"),
            ("P1DT1H", 90_000_000_000, "PT25H"),
            ("P1W", 604_800_000_000, "P7D"),
            ("PT0.000001S", 1, "PT0.000001S"),
            ("PT1M0.5S", 60_500_000, "PT1M0.5S"),
            ("PT0S", 0, "PT0S"),
        ] {
            let read: Duration = text.parse().unwrap();
            assert_eq!((read.as_us(), read.to_string().as_str()), (us, canonical), "{text}");
            assert_eq!(read.to_string().parse::<Duration>().unwrap(), read);
        }
        for text in ["", "30M", "P1M", "P1Y", "-PT1S", "PT", "PT1X", "1 hour", "PT0.0000001S"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}

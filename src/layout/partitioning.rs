//! Partition patterns: strftime fields in a path, such as `date=%Y-%m-%d` or `dt=%Y%m%d/hour=%H`
//! (SPEC 2).
//!
//! A pattern names calendar fields from the year down without a gap; the finest one is its
//! granularity. The partitions then tile the calendar, each with one prefix. A field has a fixed
//! width, or, as in `%-m`, no leading zeros and no digit after it. A prefix thus reads back to its
//! partition.

mod folders;
pub(crate) mod proposed;
#[cfg(test)]
mod tests;

use std::fmt;
use std::iter;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use cohort_core::{Interval, Timestamp};

/// A valid pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitioning {
    pattern: String,
    pieces: Vec<Piece>,
    granularity: Granularity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Year,
    Month(Width),
    Day(Width),
    DayOfYear(Width),
    Hour(Width),
    Minute(Width),
}

/// How a field's number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    /// With leading zeros.
    Padded,
    /// Without.
    Bare,
}

/// The finest field of a pattern, and so the length of its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Granularity {
    Year,
    Month,
    Day,
    Hour,
    Minute,
}

/// Why a text is not a partition pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartitioningError {
    /// An unknown `%` field.
    #[error(
        "expected a partition pattern of the fields %Y %m %d %j %F %H %M, or of %-m %-d %-j %-H \
         %-M without leading zeros, found {found} in {pattern:?}"
    )]
    Field {
        /// The field, or a `%` at the end.
        found: String,
        /// The pattern.
        pattern: String,
    },
    /// A coarser field is missing, so that a partition would not be one stretch of time.
    #[error(
        "expected a partition pattern with {missing}, found {pattern:?}; name every field from \
         the year down to the finest"
    )]
    Gap {
        /// The field that is missing.
        missing: &'static str,
        /// The pattern.
        pattern: String,
    },
    /// A field without leading zeros that a digit follows, so that a path could mean two instants.
    #[error(
        "expected something other than a digit after a field without leading zeros, found \
         {pattern:?}; put a separator there, or write the field with leading zeros"
    )]
    Unclear {
        /// The pattern.
        pattern: String,
    },
    /// Empty, absolute, or with a part that is empty, `.` or `..`.
    #[error(
        "expected a partition pattern that is a relative path such as date=%Y-%m-%d, found \
         {pattern:?}"
    )]
    Path {
        /// The pattern.
        pattern: String,
    },
}

impl Partitioning {
    /// The partition that holds the instant, and its prefix relative to the dataset's URI (with a
    /// slash at its end).
    pub fn partition_at(&self, at: Timestamp) -> (Interval, String) {
        let start = self.granularity.floor(at.civil());
        let end = self.granularity.next(start).map_or(Timestamp::MAX, Timestamp::from_civil);
        (Interval { start: Timestamp::from_civil(start), end }, self.prefix(start))
    }

    /// The partitions that overlap the half-open range `[from, to)`, in the order of time.
    pub fn partitions(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Interval, String)> + use<'_> {
        let mut next = Some(from);
        iter::from_fn(move || {
            let at = next.filter(|at| *at < to)?;
            let partition = self.partition_at(at);
            // The last partition of the calendar ends at the instant that it would be asked for
            // again.
            next = Some(partition.0.end).filter(|end| *end > at);
            Some(partition)
        })
    }

    /// About how many partitions overlap the range, and no fewer than there are.
    pub fn count(&self, from: Timestamp, to: Timestamp) -> i64 {
        let length_us = to.as_us().saturating_sub(from.as_us()).max(0);
        length_us / self.granularity.shortest_us() + 2
    }

    /// The partition in which a path relative to the dataset's URI lies; `None` if there is none.
    pub fn partition_of(&self, path: &str) -> Option<Interval> {
        let mut rest = path;
        let (mut year, mut month, mut day, mut of_year, mut hour, mut minute) = (0, 1, 1, 0, 0, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Year => year = take(&mut rest, 4, Width::Padded)?,
                Piece::Month(width) => month = i8::try_from(take(&mut rest, 2, *width)?).ok()?,
                Piece::Day(width) => day = i8::try_from(take(&mut rest, 2, *width)?).ok()?,
                Piece::DayOfYear(width) => of_year = take(&mut rest, 3, *width)?,
                Piece::Hour(width) => hour = i8::try_from(take(&mut rest, 2, *width)?).ok()?,
                Piece::Minute(width) => minute = i8::try_from(take(&mut rest, 2, *width)?).ok()?,
            }
        }
        let mut date = Date::new(year, month, day).ok().filter(|_| year > 0)?;
        if self.pieces.iter().any(|piece| matches!(piece, Piece::DayOfYear(_))) {
            date = date.with().day_of_year(of_year).build().ok()?;
        }
        let start = date.to_datetime(jiff::civil::Time::new(hour, minute, 0, 0).ok()?);
        let (interval, prefix) = self.partition_at(Timestamp::from_civil(start));
        // Building the prefix again refuses a field that occurs twice with two values.
        path.starts_with(&prefix).then_some(interval)
    }

    fn prefix(&self, at: DateTime) -> String {
        let mut prefix = String::with_capacity(self.pattern.len() + 8);
        self.pieces.iter().for_each(|piece| piece.push(&mut prefix, at));
        prefix
    }
}

impl Piece {
    /// Appends what the piece stands for at an instant.
    fn push(&self, text: &mut String, at: DateTime) {
        match self {
            Self::Text(own) => text.push_str(own),
            Self::Year => text.push_str(&format!("{:04}", at.year())),
            Self::Month(width) => width.push(text, at.month().into(), 2),
            Self::Day(width) => width.push(text, at.day().into(), 2),
            Self::DayOfYear(width) => width.push(text, at.day_of_year(), 3),
            Self::Hour(width) => width.push(text, at.hour().into(), 2),
            Self::Minute(width) => width.push(text, at.minute().into(), 2),
        }
    }
}

impl Width {
    fn push(self, prefix: &mut String, number: i16, digits: usize) {
        match self {
            Self::Padded => prefix.push_str(&format!("{number:0digits$}")),
            Self::Bare => prefix.push_str(&number.to_string()),
        }
    }
}

impl Granularity {
    fn floor(self, at: DateTime) -> DateTime {
        let date = at.date();
        match self {
            Self::Year => date.first_of_year().to_datetime(jiff::civil::Time::midnight()),
            Self::Month => date.first_of_month().to_datetime(jiff::civil::Time::midnight()),
            Self::Day => date.to_datetime(jiff::civil::Time::midnight()),
            Self::Hour => date.at(at.hour(), 0, 0, 0),
            Self::Minute => date.at(at.hour(), at.minute(), 0, 0),
        }
    }

    /// The length of the shortest partition, in microseconds.
    const fn shortest_us(self) -> i64 {
        const MINUTE_US: i64 = 60_000_000;
        MINUTE_US
            * match self {
                Self::Year => 365 * 24 * 60,
                Self::Month => 28 * 24 * 60,
                Self::Day => 24 * 60,
                Self::Hour => 60,
                Self::Minute => 1,
            }
    }

    /// The beginning of the next partition, or `None` past the calendar's end.
    fn next(self, start: DateTime) -> Option<DateTime> {
        let length = match self {
            Self::Year => 1.year(),
            Self::Month => 1.month(),
            Self::Day => 1.day(),
            Self::Hour => 1.hour(),
            Self::Minute => 1.minute(),
        };
        start.checked_add(length).ok()
    }
}

/// The number at the beginning of a text: of exactly so many digits, or at most so many.
fn take(rest: &mut &str, digits: usize, width: Width) -> Option<i16> {
    let digits = match width {
        Width::Padded => digits,
        Width::Bare => rest.bytes().take(digits).take_while(u8::is_ascii_digit).count(),
    };
    let text = rest.get(..digits)?;
    *rest = &rest[digits..];
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

impl FromStr for Partitioning {
    type Err = PartitioningError;

    fn from_str(pattern: &str) -> Result<Self, PartitioningError> {
        let relative = pattern.strip_suffix('/').unwrap_or(pattern);
        if relative.split('/').any(|part| matches!(part, "" | "." | ".."))
            || relative.chars().any(char::is_control)
        {
            return Err(PartitioningError::Path { pattern: pattern.to_owned() });
        }
        let pieces = pieces(&format!("{relative}/"), pattern)?;
        if !is_clear(&pieces) {
            return Err(PartitioningError::Unclear { pattern: pattern.to_owned() });
        }
        let granularity = granularity(&pieces, pattern)?;
        Ok(Self { pattern: relative.to_owned(), pieces, granularity })
    }
}

fn pieces(relative: &str, pattern: &str) -> Result<Vec<Piece>, PartitioningError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = relative.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut field = chars.next().filter(|c| *c != '/');
        let width = if field == Some('-') { Width::Bare } else { Width::Padded };
        if width == Width::Bare {
            field = chars.next().filter(|c| "mdjHM".contains(*c));
        }
        let dash = || Piece::Text("-".to_owned());
        let found = match field {
            Some('%') => {
                text.push('%');
                continue;
            }
            Some('Y') => vec![Piece::Year],
            Some('m') => vec![Piece::Month(width)],
            Some('d') => vec![Piece::Day(width)],
            Some('j') => vec![Piece::DayOfYear(width)],
            Some('F') => {
                vec![Piece::Year, dash(), Piece::Month(width), dash(), Piece::Day(width)]
            }
            Some('H') => vec![Piece::Hour(width)],
            Some('M') => vec![Piece::Minute(width)],
            other => {
                let percent = if width == Width::Bare { "%-" } else { "%" };
                let found = other.map_or_else(|| percent.to_owned(), |c| format!("{percent}{c}"));
                return Err(PartitioningError::Field { found, pattern: pattern.to_owned() });
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.extend(found);
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// Whether no digit follows a field without leading zeros.
fn is_clear(pieces: &[Piece]) -> bool {
    !pieces.windows(2).any(|pair| pair[0].is_bare() && pair[1].begins_with_digit())
}

fn granularity(pieces: &[Piece], pattern: &str) -> Result<Granularity, PartitioningError> {
    let has = |is: fn(&Piece) -> bool| pieces.iter().any(is);
    let (month, of_month) =
        (has(|p| matches!(p, Piece::Month(_))), has(|p| matches!(p, Piece::Day(_))));
    let of_year = has(|p| matches!(p, Piece::DayOfYear(_)));
    let (hour, minute) =
        (has(|p| matches!(p, Piece::Hour(_))), has(|p| matches!(p, Piece::Minute(_))));
    let day = of_year || (month && of_month);
    let gap = |missing| Err(PartitioningError::Gap { missing, pattern: pattern.to_owned() });
    let below_day = hour || minute;
    if !has(|p| *p == Piece::Year) {
        gap("the year (%Y)")
    } else if of_month && !month && !of_year {
        gap("the month (%m)")
    } else if below_day && !day {
        gap("the day (%m and %d, or %j)")
    } else if minute && !hour {
        gap("the hour (%H)")
    } else {
        Ok(match (minute, hour, day, month) {
            (true, ..) => Granularity::Minute,
            (_, true, ..) => Granularity::Hour,
            (_, _, true, _) => Granularity::Day,
            (.., true) => Granularity::Month,
            _ => Granularity::Year,
        })
    }
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

//! Amounts of money: `decimal(18,4)`, held as whole ten-thousandths (SPEC 2, *Money*).

use std::fmt;

/// An amount in ten-thousandths, at most 18 decimal digits in all.
///
/// ```
/// use cohort_core::Money;
///
/// let amount = Money::from_units(-2_567_880_100)?;
/// assert_eq!(amount.to_string(), "-256788.0100");
/// assert_eq!(amount.to_hundredths(), "-256,788.01");
/// // More than 18 digits are an error, never a wrapped number.
/// assert!(Money::from_units(1_000_000_000_000_000_000).is_err());
/// # Ok::<(), cohort_core::Overflow>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// An amount or a sum has more than 14 digits before the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("amount outside decimal(18,4)")]
pub struct Overflow;

impl Money {
    /// Digits in all.
    pub const PRECISION: u8 = 18;
    /// Digits after the point.
    pub const SCALE: i8 = 4;
    const LIMIT: i128 = 1_000_000_000_000_000_000;

    /// The amount of that many ten-thousandths.
    ///
    /// # Errors
    /// [`Overflow`] if it has more than 18 digits.
    pub fn from_units(units: i128) -> Result<Self, Overflow> {
        match i64::try_from(units) {
            Ok(narrow) if -Self::LIMIT < units && units < Self::LIMIT => Ok(Self(narrow)),
            _ => Err(Overflow),
        }
    }

    /// The amount `value * 10^-scale`, rounded half to even if it has more than four decimals.
    ///
    /// # Errors
    /// [`Overflow`] if the result has more than 18 digits.
    pub(crate) fn from_decimal(value: i128, scale: i8) -> Result<Self, Overflow> {
        let shift = i32::from(Self::SCALE) - i32::from(scale);
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        match (shift >= 0, power) {
            (true, Some(power)) => Self::from_units(value.checked_mul(power).ok_or(Overflow)?),
            (true, None) if value == 0 => Ok(Self(0)),
            (true, None) => Err(Overflow),
            (false, Some(power)) => Self::from_units(divide_half_to_even(value, power)),
            // The divisor has more digits than any i128: less than half a unit.
            (false, None) => Ok(Self(0)),
        }
    }

    /// `round_half_even(x * 10000)` ten-thousandths; `None` for NaN and the infinities.
    ///
    /// # Errors
    /// [`Overflow`] if the result has more than 18 digits.
    pub(crate) fn from_double(x: f64) -> Result<Option<Self>, Overflow> {
        if !x.is_finite() {
            return Ok(None);
        }
        let units = (x * 10_000.0).round_ties_even();
        // Every double below 10^18 in magnitude is an exact i128.
        if units.abs() < 1e18 { Self::from_units(units as i128).map(Some) } else { Err(Overflow) }
    }

    /// The amount rounded to the hundredth, half away from zero, its digits grouped: `-256,788.01`.
    #[must_use]
    pub fn to_hundredths(self) -> String {
        let hundredths = (self.units().unsigned_abs() + 50) / 100;
        let sign = if self.units() < 0 && hundredths > 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", grouped(hundredths / 100), hundredths % 100)
    }

    /// The amount rounded to a whole number, half away from zero, its digits grouped: `-256,788`.
    #[must_use]
    pub fn to_whole(self) -> String {
        let whole = (self.units().unsigned_abs() + 5_000) / 10_000;
        let sign = if self.units() < 0 && whole > 0 { "-" } else { "" };
        format!("{sign}{}", grouped(whole))
    }

    /// Ten-thousandths.
    pub const fn units(self) -> i64 {
        self.0
    }
}

/// `value / divisor` for a positive even divisor, ties to the even quotient.
pub(crate) fn divide_half_to_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let half = divisor / 2;
    if rest > half || (rest == half && divisor % 2 == 0 && quotient % 2 != 0) {
        quotient + 1
    } else {
        quotient
    }
}

/// A number with its digits in groups of three: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:04}", units / 10_000, units % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_convert_exactly_or_round_half_to_even() {
        for (value, scale, units) in [
            (2700, 0, 27_000_000),
            (27, -2, 27_000_000),
            (123_456, 4, 123_456),
            (125, 6, 1),
            (150, 6, 2),
            (250, 6, 2),
            (-150, 6, -2),
            (-250, 6, -2),
            (-251, 6, -3),
            (5, 5, 0),
            (15, 5, 2),
            (7, 120, 0),
            (0, -100, 0),
        ] {
            assert_eq!(
                Money::from_decimal(value, scale).unwrap().units(),
                units,
                "{value}e-{scale}"
            );
        }
    }

    #[test]
    fn amounts_are_grouped_and_rounded_for_people() {
        for (units, hundredths, whole) in [
            (-2_567_880_100, "-256,788.01", "-256,788"),
            (27_000_000, "2,700.00", "2,700"),
            (9_999_950, "1,000.00", "1,000"),
            (-49, "0.00", "0"),
            (-50, "-0.01", "0"),
            (0, "0.00", "0"),
        ] {
            let amount = Money::from_units(units).unwrap();
            assert_eq!(
                (amount.to_hundredths().as_str(), amount.to_whole().as_str()),
                (hundredths, whole)
            );
        }
    }

    #[test]
    fn doubles_round_half_to_even_and_what_is_not_finite_is_null() {
        assert_eq!(Money::from_double(0.00005).unwrap().unwrap().units(), 0);
        assert_eq!(Money::from_double(-2700.5).unwrap().unwrap().units(), -27_005_000);
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Money::from_double(x), Ok(None));
        }
    }

    #[test]
    fn amounts_with_more_than_18_digits_are_an_error_never_a_wrapped_number() {
        assert_eq!(
            Money::from_units(999_999_999_999_999_999).unwrap().to_string(),
            "99999999999999.9999"
        );
        assert!(Money::from_units(1_000_000_000_000_000_000).is_err());
        assert!(Money::from_decimal(i128::MAX, 0).is_err());
        assert!(Money::from_decimal(1, -100).is_err());
        assert!(Money::from_double(1e14).is_err());
        assert_eq!(Money::from_units(-5).unwrap().to_string(), "-0.0005");
    }
}

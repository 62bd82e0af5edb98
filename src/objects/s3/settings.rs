//! The limits of the S3 client, and the environment variables that change them.
//!
//! It owns names, defaults and bounds. What is not set here is the SDK's: credentials, profile,
//! endpoint.

use std::time::Duration;

/// How much the client asks for at once, how long it waits, and how often it tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests under way at once. `COHORT_S3_REQUESTS_MAX`.
    pub requests_max: usize,
    /// Bytes of ranges on their way at once. `COHORT_S3_BYTES_MAX`.
    pub bytes_max: u64,
    /// The longest range asked for at once. `COHORT_S3_RANGE_BYTES_MAX`.
    pub range_bytes_max: u64,
    /// Ranges no further apart than this are asked for as one. `COHORT_S3_GAP_BYTES_MAX`.
    pub gap_bytes_max: u64,
    /// Attempts at one operation, the first among them. `COHORT_S3_ATTEMPTS_MAX`.
    pub attempts_max: u32,
    /// Retries of the whole run. `COHORT_S3_RETRIES_MAX`.
    pub retries_max: u64,
    /// The longest wait for a connection. `COHORT_S3_CONNECT_MS`.
    pub connect_limit: Duration,
    /// The longest wait for an answer to begin. `COHORT_S3_ATTEMPT_MS`.
    pub attempt_limit: Duration,
    /// The longest silence inside a body. `COHORT_S3_STALL_MS`.
    pub stall_limit: Duration,
    /// The first wait before trying again; it doubles, with jitter. `COHORT_S3_BACKOFF_MS`.
    pub backoff: Duration,
    /// The longest wait before trying again. `COHORT_S3_BACKOFF_MAX_MS`.
    pub backoff_max: Duration,
    /// The length of an upload's parts; longer objects are uploaded in parts.
    /// `COHORT_S3_PART_BYTES`.
    pub part_bytes: usize,
    /// The longest object that the server copies in one request; longer ones are copied through
    /// here. `COHORT_S3_COPY_BYTES_MAX`.
    pub copy_bytes_max: u64,
    /// Keys in one page of a listing. `COHORT_S3_PAGE_KEYS_MAX`.
    pub page_keys_max: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            requests_max: 32,
            bytes_max: 64 << 20,
            range_bytes_max: 4 << 20,
            gap_bytes_max: 128 << 10,
            attempts_max: 8,
            retries_max: 1000,
            connect_limit: Duration::from_secs(5),
            attempt_limit: Duration::from_secs(30),
            stall_limit: Duration::from_secs(10),
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            part_bytes: 32 << 20,
            copy_bytes_max: 5 << 30,
            page_keys_max: 1000,
        }
    }
}

impl Settings {
    /// The defaults, except for what the process's environment sets.
    ///
    /// # Errors
    /// The variable that is not a number or is out of bounds, and the bounds.
    pub fn from_environment() -> Result<Self, String> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The defaults, except for what `variable` returns.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, least: u64, most: u64, default: u64| {
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
                return Ok(default);
            };
            match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number),
                _ => Err(format!(
                    "{name}: expected a whole number from {least} to {most}, found {text:?}; \
                     change or unset it"
                )),
            }
        };
        let default = Self::default();
        let length = |name, least, most, default: u64| number(name, least, most, default);
        let time = |name, most_ms, default: Duration| {
            let default_ms = u64::try_from(default.as_millis()).unwrap_or(most_ms);
            number(name, 1, most_ms, default_ms).map(Duration::from_millis)
        };
        // Every bound fits the narrower type that it is then cast to.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self {
            requests_max: number("COHORT_S3_REQUESTS_MAX", 1, 1024, default.requests_max as u64)?
                as usize,
            bytes_max: length("COHORT_S3_BYTES_MAX", 1 << 20, 1 << 40, default.bytes_max)?,
            range_bytes_max: length(
                "COHORT_S3_RANGE_BYTES_MAX",
                1 << 10,
                1 << 30,
                default.range_bytes_max,
            )?,
            gap_bytes_max: length("COHORT_S3_GAP_BYTES_MAX", 0, 1 << 30, default.gap_bytes_max)?,
            attempts_max: number("COHORT_S3_ATTEMPTS_MAX", 1, 100, u64::from(default.attempts_max))?
                as u32,
            retries_max: number("COHORT_S3_RETRIES_MAX", 0, 1 << 32, default.retries_max)?,
            connect_limit: time("COHORT_S3_CONNECT_MS", 600_000, default.connect_limit)?,
            attempt_limit: time("COHORT_S3_ATTEMPT_MS", 600_000, default.attempt_limit)?,
            stall_limit: time("COHORT_S3_STALL_MS", 600_000, default.stall_limit)?,
            backoff: time("COHORT_S3_BACKOFF_MS", 60_000, default.backoff)?,
            backoff_max: time("COHORT_S3_BACKOFF_MAX_MS", 600_000, default.backoff_max)?,
            // S3 takes parts from 5 MiB on.
            part_bytes: length("COHORT_S3_PART_BYTES", 5 << 20, 1 << 30, default.part_bytes as u64)?
                as usize,
            copy_bytes_max: length("COHORT_S3_COPY_BYTES_MAX", 0, 5 << 30, default.copy_bytes_max)?,
            page_keys_max: number("COHORT_S3_PAGE_KEYS_MAX", 1, 1000, default.page_keys_max as u64)?
                as i32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_means_the_defaults() {
        assert_eq!(Settings::from_variables(|_| None), Ok(Settings::default()));
        assert_eq!(Settings::from_variables(|_| Some(String::new())), Ok(Settings::default()));
    }

    #[test]
    fn a_variable_out_of_bounds_is_named_with_its_bounds() {
        let of = |text: &str| {
            let text = text.to_owned();
            Settings::from_variables(move |name| {
                (name == "COHORT_S3_ATTEMPTS_MAX").then(|| text.clone())
            })
        };
        assert_eq!(of("3").unwrap().attempts_max, 3);
        for wrong in ["0", "101", "-1", "x", "1.5"] {
            let message = of(wrong).unwrap_err();
            assert!(message.contains("COHORT_S3_ATTEMPTS_MAX") && message.contains("1 to 100"));
        }
    }
}

//! SPEC 3: identities, and the names that hold an instant.

use sha2::{Digest, Sha256};

use super::calendar::{civil, clock_text};

/// `id(store_id, t)`.
pub(crate) fn id(store_id: &str, us: i64) -> String {
    let digest = Sha256::digest(format!("{store_id}{}", clock_text(us)).as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `cohort_id`.
pub(super) fn cohort_id(store_id: &str, us: i64) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(us);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{store_id}:{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{fraction}Z")
}

/// The instant in a `cohort_name`: `YYYY-MM-DD HH:MM`.
pub(super) fn minute_text(us: i64) -> String {
    let (year, month, day, hour, minute, ..) = civil(us);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

//! SPEC 3: identities, and the three ways in which the page writes an instant.

use sha2::{Digest, Sha256};

/// Year, month, day, hour, minute, second and microsecond of UTC.
fn civil(us: i64) -> (i64, i64, i64, i64, i64, i64, i64) {
    let mut days = us.div_euclid(86_400_000_000);
    let within = us.rem_euclid(86_400_000_000);
    let mut year = 1970;
    // A year at a time, as one would on paper.
    while days < 0 {
        year -= 1;
        days += days_of_year(year);
    }
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let second = within / 1_000_000;
    (year, month, days + 1, second / 3600, second / 60 % 60, second % 60, within % 1_000_000)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
pub fn clock_text(us: i64) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(us);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// `id(store_id, t)`.
pub fn id(store_id: &str, us: i64) -> String {
    let digest = Sha256::digest(format!("{store_id}{}", clock_text(us)).as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `cohort_id`.
pub fn cohort_id(store_id: &str, us: i64) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(us);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{store_id}:{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{fraction}Z")
}

/// The instant in a `cohort_name`: `YYYY-MM-DD HH:MM`.
pub fn minute_text(us: i64) -> String {
    let (year, month, day, hour, minute, ..) = civil(us);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

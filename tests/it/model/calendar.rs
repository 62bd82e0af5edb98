//! The calendar of SPEC 1, counted year by year as on paper.

const DAY: i64 = 86_400_000_000;

/// Year, month, day, hour, minute, second and microsecond of UTC.
pub(super) fn civil(us: i64) -> (i64, i64, i64, i64, i64, i64, i64) {
    let mut days = us.div_euclid(DAY);
    let within = us.rem_euclid(DAY);
    let mut year = 1970;
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

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
pub(crate) fn clock_text(us: i64) -> String {
    let (year, month, day, hour, minute, second, micros) = civil(us);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The instant that [`clock_text`] writes. The fraction may be absent and the year of any length.
pub(crate) fn instant(text: &str) -> i64 {
    let (date, time) = text.strip_suffix('Z').unwrap().split_once('T').unwrap();
    let date: Vec<i64> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let time: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    let micros: i64 = format!("{fraction:0<6}").parse().unwrap();
    let mut days = date[2] - 1;
    for year in 1970..date[0] {
        days += days_of_year(year);
    }
    for year in date[0]..1970 {
        days -= days_of_year(year);
    }
    for month in 1..date[1] {
        days += days_of_month(date[0], month);
    }
    days * DAY + ((time[0] * 60 + time[1]) * 60 + time[2]) * 1_000_000 + micros
}

/// The microseconds of an ISO 8601 duration such as `P7D`, `PT30M` or `P1DT0.5S`.
pub(crate) fn duration(text: &str) -> i64 {
    let mut us = 0;
    let mut number = String::new();
    let mut in_time = false;
    for letter in text.strip_prefix('P').unwrap().chars() {
        let unit = match letter {
            'T' => {
                in_time = true;
                continue;
            }
            'W' => 7 * DAY,
            'D' => DAY,
            'H' => 3_600_000_000,
            'M' if in_time => 60_000_000,
            'S' => 1_000_000,
            digit => {
                number.push(digit);
                continue;
            }
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let micros: i64 = format!("{fraction:0<6}").parse().unwrap();
        us += whole.parse::<i64>().unwrap() * unit + micros * (unit / 1_000_000);
        number.clear();
    }
    us
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

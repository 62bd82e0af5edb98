//! The pattern that the folders of a dataset have, for whoever has yet to write it down.

use super::Partitioning;

/// A pattern that was found, and how sure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposed {
    /// The pattern.
    pub pattern: Partitioning,
    /// The folders that do not fit it.
    pub unfit: Vec<String>,
    /// The pattern without leading zeros that fits as well, if every number has two digits.
    pub or: Option<String>,
}

/// How a whole instant, or its beginning, is written in one folder, the finest first.
const WHOLE: [&str; 13] = [
    "%Y-%m-%d-%H",
    "%Y-%m-%dT%H",
    "%Y%m%d%H",
    "%Y-%m-%d",
    "%Y_%m_%d",
    "%Y%m%d",
    "%Y-%-m-%-d",
    "%Y-%j",
    "%Y%j",
    "%Y-%m",
    "%Y_%m",
    "%Y%m",
    "%Y",
];

/// The names by which folders call one field, and the field with and without leading zeros.
const PARTS: [(&[&str], &[&str]); 5] = [
    (&["m", "mm", "mon", "month"], &["%m", "%-m"]),
    (&["d", "dd", "day", "day_of_month"], &["%d", "%-d"]),
    (&["doy", "day_of_year", "yday"], &["%j", "%-j"]),
    (&["h", "hh", "hr", "hour"], &["%H", "%-H"]),
    (&["min", "minute"], &["%M", "%-M"]),
];

/// Folders that a pattern is tried on before it is tried on all.
const TRIED: usize = 64;

impl Partitioning {
    /// The pattern that most of these folders have, each without a slash at its end; `None` if they
    /// have none. Of those that fit equally well, it is the one with the finest partitions, then
    /// the one with leading zeros.
    pub(crate) fn proposed(folders: &[&str]) -> Option<Proposed> {
        let step = folders.len().div_ceil(TRIED).max(1);
        let tried: Vec<&str> = folders.iter().copied().step_by(step).collect();
        let mut best: Option<(usize, Self)> = None;
        for candidate in candidates(&tried) {
            let fits = tried.iter().filter(|folder| candidate.holds(folder)).count();
            let better = best.as_ref().is_none_or(|(most, finest)| {
                (fits, candidate.granularity) > (*most, finest.granularity)
            });
            if fits > 0 && better {
                best = Some((fits, candidate));
            }
        }
        let (_, pattern) = best?;
        let unfit = |pattern: &Self| -> Vec<String> {
            let unfit = folders.iter().filter(|folder| !pattern.holds(folder));
            unfit.map(|folder| (*folder).to_owned()).collect()
        };
        // A date in one folder is hardly ever written without them.
        let apart = pattern.pattern.contains('/');
        let bare = apart.then(|| pattern.without_zeros()).flatten();
        let or = bare.filter(|bare| unfit(bare) == unfit(&pattern)).map(|bare| bare.to_string());
        Some(Proposed { unfit: unfit(&pattern), or, pattern })
    }

    fn holds(&self, folder: &str) -> bool {
        self.partition_of(&format!("{folder}/")).is_some()
    }

    /// The same pattern with every field but the year written without leading zeros, if it has one
    /// that is written with them.
    fn without_zeros(&self) -> Option<Self> {
        let bare = ["m", "d", "j", "H", "M"].iter().fold(self.pattern.clone(), |text, field| {
            text.replace(&format!("%{field}"), &format!("%-{field}"))
        });
        (bare != self.pattern).then(|| bare.parse().ok()).flatten()
    }
}

/// Every sound pattern for the beginning of one of these folders.
fn candidates(folders: &[&str]) -> Vec<Partitioning> {
    let mut found: Vec<Partitioning> = Vec::new();
    // Folders that differ only in their digits lead to the same patterns.
    let mut shapes: Vec<String> = Vec::new();
    for folder in folders {
        let shape = folder.replace(|c: char| c.is_ascii_digit(), "0");
        if shapes.contains(&shape) {
            continue;
        }
        shapes.push(shape);
        let mut begun = vec![String::new()];
        for part in folder.split('/') {
            let mut longer = Vec::new();
            for begin in &begun {
                for level in levels(part) {
                    let slash = if begin.is_empty() { "" } else { "/" };
                    let text = format!("{begin}{slash}{level}");
                    let sound = text.parse::<Partitioning>();
                    longer.extend(sound.ok().filter(|pattern| pattern.holds(folder)));
                }
            }
            begun = longer.iter().map(ToString::to_string).collect();
            found.extend(
                longer.into_iter().filter(|pattern| !found.contains(pattern)).collect::<Vec<_>>(),
            );
        }
    }
    found
}

/// What one folder may be in a pattern.
fn levels(folder: &str) -> Vec<String> {
    let (key, value) = folder.rsplit_once('=').unwrap_or(("", folder));
    let prefix = if folder.contains('=') { format!("{}=", literal(key)) } else { String::new() };
    let lower = key.to_ascii_lowercase();
    // Few digits say nothing unless the folder has a name that does, or none.
    let parts = PARTS
        .iter()
        .filter(|(names, _)| prefix.is_empty() || names.contains(&lower.as_str()))
        .flat_map(|(_, fields)| fields.iter());
    let short = value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit());
    let fields: Vec<&str> = if short { parts.copied().collect() } else { WHOLE.to_vec() };
    fields.into_iter().map(|field| format!("{prefix}{field}")).collect()
}

/// A text that a pattern takes as it is.
fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

/// Whether a folder's name may be a part of a partition pattern, and not the name of a dataset.
pub(crate) fn is_partition(folder: &str) -> bool {
    if folder.contains('=') {
        return true;
    }
    let pattern = |text: &&str| text.parse::<Partitioning>().is_ok_and(|p| p.holds(folder));
    let digits = folder.bytes().filter(u8::is_ascii_digit).count();
    digits >= 4 && WHOLE.iter().any(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(folders: &[&str]) -> Option<String> {
        Partitioning::proposed(folders).map(|proposed| proposed.pattern.to_string())
    }

    #[test]
    fn folders_of_every_usual_kind_give_their_pattern() {
        for (folders, expected) in [
            (&["date=2024-12-31", "date=2025-01-01"][..], "date=%Y-%m-%d"),
            (&["dt=20241231/hour=00", "dt=20241231/hour=01"], "dt=%Y%m%d/hour=%H"),
            (
                &["year=2024/month=12/day=31", "year=2025/month=01/day=02"],
                "year=%Y/month=%m/day=%d",
            ),
            (
                &["year=2024/month=12/day=31", "year=2025/month=1/day=2"],
                "year=%Y/month=%-m/day=%-d",
            ),
            (&["2024/12/31", "2025/01/02"], "%Y/%m/%d"),
            (&["2024/12/31/23", "2025/01/02/00"], "%Y/%m/%d/%H"),
            (&["2024/366", "2025/001"], "%Y/%j"),
            (&["2025-01-01T05", "2025-01-01T06"], "%Y-%m-%dT%H"),
            (&["2025010105"], "%Y%m%d%H"),
            (&["month=2025-01", "month=2025-02"], "month=%Y-%m"),
            (&["100%=2025-01-01"], "100%%=%Y-%m-%d"),
            (&["ds=2025-01-01/region=5", "ds=2025-01-02/region=7"], "ds=%Y-%m-%d"),
            (&["Year=2025/Month=3", "Year=2025/Month=11"], "Year=%Y/Month=%-m"),
        ] {
            assert_eq!(pattern(folders).as_deref(), Some(expected), "{folders:?}");
        }
    }

    #[test]
    fn folders_that_are_no_time_have_no_pattern() {
        for folders in [
            &["store=327"][..],
            &["region=north/date=2025-01-01"],
            &["month=03/day=04"],
            &["2025x"],
            &["date=2025-13-01"],
            &[],
        ] {
            assert_eq!(pattern(folders), None, "{folders:?}");
        }
    }

    #[test]
    fn folders_that_do_not_fit_the_others_are_named() {
        let folders = ["date=2025-01-01", "date=2025-01-02", "date=__HIVE_DEFAULT_PARTITION__"];
        let proposed = Partitioning::proposed(&folders).unwrap();
        assert_eq!(proposed.pattern.to_string(), "date=%Y-%m-%d");
        assert_eq!(proposed.unfit, [folders[2]]);
    }

    #[test]
    fn whether_there_are_leading_zeros_is_open_if_every_number_has_two_digits() {
        let of = |folders: &[&str]| Partitioning::proposed(folders).unwrap().or;
        let open = of(&["year=2025/month=11/day=30", "year=2025/month=12/day=10"]);
        assert_eq!(open.as_deref(), Some("year=%Y/month=%-m/day=%-d"));
        assert_eq!(of(&["year=2025/month=11/day=09"]), None);
        assert_eq!(of(&["date=20251130"]), None);
    }

    #[test]
    fn names_of_datasets_are_no_partitions() {
        for folder in ["2025", "2025-01", "20250101", "2025-01-01", "store=3", "x="] {
            assert!(is_partition(folder), "{folder}");
        }
        for folder in ["reports", "v2", "log2025", "minority_event_log", "", "12"] {
            assert!(!is_partition(folder), "{folder}");
        }
    }
}

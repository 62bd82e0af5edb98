//! What `cohort verify --as json` said of the runs, as the page takes it in.
//!
//! Keys that a later release may add are ignored.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::html::{Check, Listed};
use super::quality::plural;

/// The version of the report that this release knows.
const VERSION: u32 = 1;
/// Findings that the page lists. The others are counted.
const LISTED_MAX: usize = 20;

/// A report of `cohort verify`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct VerifyFindings {
    version: u32,
    sound: bool,
    quick: bool,
    runs: Vec<Run>,
    #[serde(default)]
    gaps: Vec<IgnoredAny>,
    #[serde(default)]
    overlaps: Vec<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
struct Run {
    run_id: String,
    #[serde(default)]
    findings: Vec<String>,
    #[serde(default)]
    events: Vec<StaleEvent>,
}

#[derive(Clone, Debug, Deserialize)]
struct StaleEvent {
    event_id: String,
}

impl VerifyFindings {
    /// Reads a report.
    ///
    /// # Errors
    /// What was found instead.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let report: Self = serde_json::from_slice(crate::text::without_mark(bytes))
            .map_err(|error| error.to_string())?;
        match report.version {
            VERSION => Ok(report),
            version => Err(format!("version {version}")),
        }
    }

    /// The ids of the events that would be others if their runs ran again.
    pub(super) fn stale(&self) -> BTreeSet<&str> {
        let events = self.runs.iter().flat_map(|run| &run.events);
        events.map(|event| event.event_id.as_str()).collect()
    }

    /// What the page of these runs says of it. A run that was not checked is not known to stand.
    pub(super) fn check(&self, shown: &BTreeSet<&str>) -> Check {
        let found: Vec<&Run> = self.runs.iter().filter(|run| !run.findings.is_empty()).collect();
        let how = if self.quick { " only by their tags" } else { "" };
        let names: BTreeSet<&str> = self.runs.iter().map(|run| run.run_id.as_str()).collect();
        let covered = shown.intersection(&names).count();
        let others = names.len() - covered;
        let checked = if covered == shown.len() {
            format!("{} checked{how}", plural(covered as u64, "run"))
        } else {
            format!("{covered} of {} checked{how}", plural(shown.len() as u64, "run"))
        };
        let mut texts: Vec<String> = found
            .iter()
            .take(LISTED_MAX)
            .map(|run| format!("{}: {}{}", run.run_id, run.findings.join(", "), stale(run)))
            .collect();
        for (what, count) in [("gap", self.gaps.len()), ("overlap", self.overlaps.len())] {
            if count > 0 {
                texts.push(format!("{} between intervals", plural(count as u64, what)));
            }
        }
        if others > 0 {
            texts.push(format!(
                "{} checked that this page does not show",
                plural(others as u64, "run")
            ));
        }
        Check {
            is_sound: self.sound && covered == shown.len(),
            said: if self.sound && covered == shown.len() {
                format!("{checked}: all of them stand")
            } else if self.sound {
                format!("{checked}: nothing is known of the others; verify the runs of this page")
            } else {
                format!(
                    "{checked}: not all of them stand; run them again to bring the page up to date"
                )
            },
            findings: Listed { left: found.len().saturating_sub(LISTED_MAX), texts },
        }
    }
}

fn stale(run: &Run) -> String {
    match run.events.len() as u64 {
        0 => String::new(),
        events => format!(", {} would change", plural(events, "event")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_does_not_stand_and_the_events_that_would_change() {
        let report = VerifyFindings::parse(
            br#"{"version": 1, "sound": false, "quick": false, "gaps": [{}], "overlaps": [],
                "later": 1, "runs": [{"run_id": "a", "findings": []}, {"run_id": "b", "findings":
                ["stale"], "events": [{"event_id": "e1", "store_id": "7"}]}]}"#,
        )
        .unwrap();
        assert_eq!(report.stale().into_iter().collect::<Vec<_>>(), ["e1"]);
        let check = report.check(&["a", "b"].into());
        assert!(!check.is_sound);
        assert_eq!(
            check.findings.texts,
            ["b: stale, 1 event would change", "1 gap between intervals"]
        );
    }

    #[test]
    fn a_report_speaks_for_the_runs_that_it_checked_and_no_others() {
        let report = VerifyFindings::parse(
            br#"{"version": 1, "sound": true, "quick": false, "runs":
                [{"run_id": "a"}, {"run_id": "b"}]}"#,
        )
        .unwrap();
        let all = report.check(&["a", "b"].into());
        assert!(all.is_sound);
        assert_eq!(all.said, "2 runs checked: all of them stand");
        let some = report.check(&["b", "c", "d"].into());
        assert!(!some.is_sound);
        assert!(some.said.starts_with("1 of 3 runs checked: nothing is known"), "{}", some.said);
        assert_eq!(some.findings.texts, ["1 run checked that this page does not show"]);
    }

    #[test]
    fn a_report_of_another_version_is_refused() {
        let said = br#"{"version": 2, "sound": true, "quick": true, "runs": []}"#;
        assert_eq!(VerifyFindings::parse(said).unwrap_err(), "version 2");
    }
}

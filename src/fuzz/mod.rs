//! What fuzzing feeds: each target takes bytes from outside and carries them through the code that
//! a run carries them through. It returns how the run would end.
//!
//! The tests here mutate seeds ([`mutate`]), and the crate `fuzz/` lets libFuzzer do it.

mod lake;
#[cfg(test)]
mod mutate;
#[cfg(test)]
mod tests;

use std::sync::Once;

use self::lake::Log;
use crate::committed::Committed;
use crate::escape;
use crate::manifest::{self, Manifest, Overrides};
use crate::objects::{Memory, Objects as _};
use crate::orchestrator::pipes;
use crate::process::decode_quietly;

/// Bytes that come from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of `minority_reports_detected_log`.
    Reports,
    /// A file of `baseline_sales_model_prediction_log`.
    Sales,
    /// A file of `all_campaign_data`.
    Campaigns,
    /// A file of `user_minority_events_edits_log`.
    Edits,
    /// A run manifest.
    Manifest,
    /// A committed lineage.
    Lineage,
    /// What Dagster hands over.
    Pipes,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The exit code.
    pub exit: u8,
    /// The message, if it failed.
    pub message: String,
}

impl Verdict {
    const DONE: Self = Self { exit: 0, message: String::new() };

    /// Whether no input may end a run so.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let is_failure = matches!(self.exit, 65 | 66 | 75 | 78);
        let is_one_line = !self.message.is_empty() && escape::line(&self.message) == self.message;
        !(self.exit == 0 || is_failure && is_one_line)
    }
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Reports,
        Self::Sales,
        Self::Campaigns,
        Self::Edits,
        Self::Manifest,
        Self::Lineage,
        Self::Pipes,
    ];

    /// Well-formed inputs, which fuzzing begins with.
    #[must_use]
    pub fn seeds(self) -> Vec<Vec<u8>> {
        let text = |text: &str| vec![text.as_bytes().to_vec()];
        match self {
            Self::Reports => lake::files(Log::Reports),
            Self::Sales => lake::files(Log::Sales),
            Self::Campaigns => lake::files(Log::Campaigns),
            Self::Edits => lake::files(Log::Edits),
            Self::Manifest => text(lake::MANIFEST),
            Self::Lineage => vec![lake::lineage()],
            Self::Pipes => lake::pipes(),
        }
    }

    /// Carries an input through the job, for a fuzzer that takes a panic for a find.
    ///
    /// # Panics
    /// If no input may end a run so.
    pub fn must_hold(self, input: &[u8]) {
        // Panics of a decoder are errors, and the fuzzer shall not see them.
        static QUIET: Once = Once::new();
        QUIET.call_once(decode_quietly);
        let verdict = self.run(input);
        assert!(!verdict.is_wrong(), "{verdict:?}");
    }

    /// Carries an input through the job.
    #[must_use]
    pub fn run(self, input: &[u8]) -> Verdict {
        match self {
            Self::Reports => run(Log::Reports, input),
            Self::Sales => run(Log::Sales, input),
            Self::Campaigns => run(Log::Campaigns, input),
            Self::Edits => match lake::registry(input) {
                Ok(_) => Verdict::DONE,
                Err(error) => failed(error.kind(), &error),
            },
            Self::Manifest => manifest(input),
            Self::Lineage => lineage(input),
            Self::Pipes => {
                // As the variable itself, and as what is packed into it. A context that cannot be
                // read is a warning.
                let _ = pipes::read(&String::from_utf8_lossy(input));
                let _ = pipes::read(&pipes::encode(input));
                Verdict::DONE
            }
        }
    }
}

fn failed(kind: crate::Kind, error: &impl ToString) -> Verdict {
    Verdict { exit: kind.exit_code(), message: escape::line(&error.to_string()) }
}

fn run(log: Log, input: &[u8]) -> Verdict {
    let run = lake::run(log, input);
    run.map_or_else(|error| failed(error.kind(), &error), |()| Verdict::DONE)
}

fn manifest(input: &[u8]) -> Verdict {
    let uri = lake::uri("run_manifest.json");
    let parsed = manifest::utf8(input, &uri)
        .and_then(|text| Manifest::parse(text, &uri, &Overrides::default(), None));
    parsed.map_or_else(|error| failed(error.kind(), &error), |_| Verdict::DONE)
}

fn lineage(input: &[u8]) -> Verdict {
    let (objects, uri) = (Memory::new(), lake::uri("lineage/run=r/lineage.json"));
    lake::block_on(async {
        let _ = objects.create(&uri, input.to_vec().into()).await;
        match Committed::read(&objects, &uri).await {
            // What it lists is not there.
            Ok(run) => match run.events(&objects).await {
                Ok(_) => Verdict::DONE,
                Err(error) => failed(error.kind(), &error),
            },
            Err(error) => failed(error.kind(), &error),
        }
    })
}

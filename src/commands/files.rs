//! `cohort files`: the parts of committed runs, for whatever reads Parquet.

use clap::Args;
use cohort_core::contract::Outputs;

use super::terminal::{argument, places, print, runtime};
use crate::committed::{CommittedRuns, Selection};
use crate::error::Error;
use crate::nearest::nearest;
use crate::objects::Storage;

/// `cohort files`.
#[derive(Debug, Args)]
pub struct FilesArgs {
    /// The run manifest, whose outputs hold the runs.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The log: minority_event_log, minority_reports_cohorted_log or rejects.
    #[arg(long, value_name = "NAME", default_value = "minority_event_log")]
    pub log: String,
    /// Which runs.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Which committed runs; without any of these, all of them.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectionArgs {
    /// Runs whose interval ends after this date or instant.
    #[arg(long, value_name = "D", conflicts_with = "run_id")]
    pub from: Option<String>,
    /// Runs whose interval begins before this date or instant.
    #[arg(long, value_name = "D", conflicts_with = "run_id")]
    pub to: Option<String>,
    /// Only the run of this name.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
}

pub(super) const EXAMPLES: &str = "  \
cohort files --manifest run_manifest.json

  cohort files --manifest s3://lake/conf/cohorting.json --log minority_reports_cohorted_log \\
      --from 2025-01-01 --to 2025-02-01";

impl SelectionArgs {
    /// The selection as typed.
    ///
    /// # Errors
    /// [`Error::Usage`] for a date or a name that is none.
    pub fn parse(&self) -> Result<Selection, Error> {
        let usage = |option: &str, reason: String| Error::Usage(format!("{option}: {reason}"));
        let run_id = self.run_id.as_deref().map(str::parse).transpose();
        let from = instant(self.from.as_deref()).map_err(|reason| usage("--from", reason))?;
        let to = instant(self.to.as_deref()).map_err(|reason| usage("--to", reason))?;
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from >= to) {
            return Err(usage("--to", format!("expected an instant after {from}, found {to}")));
        }
        Ok(Selection {
            from,
            to,
            run_id: run_id
                .map_err(|error: cohort_core::RunIdError| usage("--run-id", error.to_string()))?,
        })
    }
}

/// An instant, or a date, which is its midnight UTC.
pub(super) fn instant(text: Option<&str>) -> Result<Option<cohort_core::Timestamp>, String> {
    let Some(text) = text else { return Ok(None) };
    let midnight = format!("{text}T00:00:00Z");
    let parsed = text.parse().or_else(|_| midnight.parse());
    let expected = "expected a date such as 2025-01-01 or an RFC 3339 instant";
    parsed.map(Some).map_err(|_: cohort_core::TimeError| format!("{expected}, found {text:?}"))
}

/// Prints the URI of each part, one a line, run by run.
pub(super) fn execute(args: &FilesArgs) -> Result<(), Error> {
    let selection = args.selection.parse()?;
    let names: Vec<_> = Outputs::LOGS.each().map(|(log, _)| log.name).collect();
    if !names.contains(&args.log.as_str()) {
        let nearest = nearest(&args.log, names.iter().copied()).unwrap_or_default();
        return Err(Error::Usage(format!(
            "--log: expected one of {}, found {:?}; did you mean {nearest:?}?",
            names.join(", "),
            args.log
        )));
    }
    argument(&args.manifest)?;
    let lines = runtime()?.block_on(async {
        let storage = Storage::new();
        let places = places(&storage, &args.manifest).await?;
        let runs = CommittedRuns::find(&storage, &places.lineage, &selection).await?;
        let mut lines = String::new();
        for run in &runs.runs {
            for uri in run.parts(&storage, &args.log).await? {
                lines.push_str(&uri.to_string());
                lines.push('\n');
            }
        }
        Ok::<_, Error>(lines)
    })?;
    print(&lines)
}

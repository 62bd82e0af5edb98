//! What the user typed (SPEC 10). Nothing here acts: [`crate::command`] does what these values ask.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::Kind;
use crate::manifest::Overrides;

/// Group the short-term anomalies of shops into events, from logs to logs.
///
/// cohort reads what anomaly detectors reported per store and SKU, groups the reports of each store into events, and
/// writes two logs: one row per report and tick as it evolves, and one row per event when it opens and when it closes.
/// A run reads its input logs alone. The same run over the same input writes the same bytes.
#[derive(Debug, Parser)]
#[command(
    name = "cohort",
    version,
    max_term_width = 100,
    after_long_help = exit_codes(),
    after_help = "`cohort help COMMAND` has examples; `cohort --help` the exit codes.",
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to log.
    #[command(flatten)]
    pub logging: Logging,
}

/// How to log. Logs go to stderr.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// Log as text, or as one JSON object a line [default: text on a terminal, json elsewhere].
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log more: -v for details, -vv for everything. `RUST_LOG` wins over it, for example `RUST_LOG=cohort=debug`.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// A form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the job that a manifest describes: read, group, write, commit.
    ///
    /// Progress goes to stderr; stdout carries one line of JSON, the summary. A run that was killed, or that is run
    /// again over changed input, is simply run again: the same run_id ends up with exactly one complete result.
    #[command(after_long_help = examples(RUN_EXAMPLES))]
    Run(Box<RunArgs>),
    /// Print a published schema: of the manifest, the lineage, the summary, or a log's columns.
    #[command(after_long_help = examples(SCHEMA_EXAMPLES))]
    Schema(SchemaArgs),
    /// Make a seeded sample of a retail chain: input logs and a manifest, ready to run.
    #[command(after_long_help = examples(SAMPLE_EXAMPLES))]
    Sample(SampleArgs),
    /// Show what a committed run found: the events that matter most, as a table.
    #[command(after_long_help = examples(SHOW_EXAMPLES))]
    Show(ShowArgs),
}

/// Which run: a manifest and what the command line puts over it.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// The run manifest: a path, file:///..., or s3://bucket/key.
    #[arg(long, value_name = "URI")]
    pub manifest: String,
    /// The run's name, over the manifest's: 1 to 250 characters of A-Za-z0-9._:+@=~-.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// The interval's first instant, over the manifest's, in RFC 3339.
    #[arg(long, value_name = "INSTANT")]
    pub interval_start: Option<String>,
    /// The first instant after the interval, over the manifest's, in RFC 3339.
    #[arg(long, value_name = "INSTANT")]
    pub interval_end: Option<String>,
    /// The longest quiet time within one event, over the manifest's, in ISO 8601.
    #[arg(long, value_name = "DURATION")]
    pub gap: Option<String>,
    /// How far back an event may begin, over the manifest's, in ISO 8601.
    #[arg(long, value_name = "DURATION")]
    pub max_lookback: Option<String>,
}

impl ManifestArgs {
    /// What goes over the manifest.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            run_id: self.run_id.clone(),
            start: self.interval_start.clone(),
            end: self.interval_end.clone(),
            gap: self.gap.clone(),
            max_lookback: self.max_lookback.clone(),
            ..Overrides::default()
        }
    }
}

/// `cohort run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which run.
    #[command(flatten)]
    pub run: ManifestArgs,
    /// Threads that compute; the result is the same for any number [default: one per processor].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroU16>,
    /// Refuse to replace other content that was committed under this run_id.
    #[arg(long)]
    pub expect_same: bool,
    /// Write the summary to this file as well.
    #[arg(long, value_name = "PATH")]
    pub result_file: Option<PathBuf>,
}

/// `cohort schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The schema, such as run_manifest or run_manifest.v1; without it the names are listed.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `cohort sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Where to write it: a new or empty folder, or s3://bucket/prefix/.
    #[arg(value_name = "PLACE")]
    pub place: String,
    /// Shops.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub stores: u32,
    /// Products that every shop sells.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub skus: u32,
    /// Days, the last being 2025-01-01.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub days: u32,
    /// Samples of equal size and seed are equal byte for byte.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// `cohort show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The committed lineage: a path or a URI, as the summary of `cohort run` names it.
    #[arg(long, value_name = "URI")]
    pub lineage: String,
    /// Events to show, those with the greatest impact first.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub top: u32,
    /// Show one store alone: its events, and every snapshot of its reports.
    #[arg(long, value_name = "ID")]
    pub store: Option<String>,
}

const RUN_EXAMPLES: &str = "  \
cohort run --manifest run_manifest.json

  cohort run --manifest s3://lake/conf/cohorting.json \\
      --run-id scheduled__2025-01-01T00:00:00+00:00 \\
      --interval-start 2025-01-01T00:00:00Z --interval-end 2025-01-02T00:00:00Z

  cohort run --manifest run_manifest.json --threads 4 -v 2>run.log | jq .rows";

const SCHEMA_EXAMPLES: &str = "  \
cohort schema

  cohort schema run_manifest

  cohort schema minority_event_log.v1 | jq -r '.columns[].name'";

const SAMPLE_EXAMPLES: &str = "  \
cohort sample /tmp/chain

  cohort sample s3://lake/chain/ --stores 2000 --skus 50 --days 7 --seed 42";

const SHOW_EXAMPLES: &str = "  \
cohort show --lineage /tmp/chain/out/lineage/run=demo/lineage.json

  cohort show --lineage s3://lake/lineage/cohorting/run=daily/lineage.json --top 50";

fn examples(text: &str) -> String {
    format!("Examples:\n{text}\n\n{}", exit_codes())
}

/// The table of exit codes, as the README has it.
fn exit_codes() -> String {
    let mut table = String::from("Exit codes:\n   0  committed, or already committed");
    for kind in Kind::ALL {
        let retry = if kind.is_retryable() { "; retry" } else { "" };
        table.push_str(&format!("\n  {:>2}  {}{retry}", kind.exit_code(), kind.meaning()));
    }
    table.push_str(
        "\n\nOnly 75 is worth a retry; every failure prints one line that says what to do.",
    );
    table
}

/// What clap says of a wrong command line, on one line.
pub fn refusal(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "expected a command: run, schema, sample or show, found none; see cohort --help"
            .into();
    }
    let said = error.render().to_string();
    let reason = said.split("\n\nUsage:").next().unwrap_or_default();
    let reason = reason.split("\n\nFor more information").next().unwrap_or_default();
    let paragraphs = reason.split("\n\n");
    let lines: Vec<String> = paragraphs
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let reason = lines.join("; ");
    let reason = reason.strip_prefix("error: ").unwrap_or(&reason);
    format!("{reason}; see cohort --help")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_has_examples_and_the_exit_codes_for_every_command() {
        for mut command in Cli::command().get_subcommands().cloned() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:\n  cohort "), "{help}");
            assert!(help.contains("  75  temporary"), "{help}");
        }
    }

    #[test]
    fn examples_in_help_parse() {
        for text in [RUN_EXAMPLES, SCHEMA_EXAMPLES, SAMPLE_EXAMPLES, SHOW_EXAMPLES] {
            for example in text.replace("\\\n", " ").split("\n\n") {
                let words = example.split_whitespace();
                let typed: Vec<&str> =
                    words.take_while(|word| *word != "|" && !word.starts_with("2>")).collect();
                assert!(Cli::try_parse_from(&typed).is_ok(), "{example}");
            }
        }
    }

    #[test]
    fn a_refusal_is_one_line() {
        for (typed, said) in [
            (
                vec!["cohort", "run"],
                "the following required arguments were not provided: --manifest <URI>; see cohort --help",
            ),
            (
                vec!["cohort", "run", "--manifets", "x"],
                "unexpected argument '--manifets' found; tip: a similar argument exists: '--manifest'; see cohort --help",
            ),
            (
                vec!["cohort", "run", "--manifest", "x", "--threads", "0"],
                "invalid value '0' for '--threads <N>': number would be zero for non-zero type; see cohort --help",
            ),
            (
                vec!["cohort", "rum"],
                "unrecognized subcommand 'rum'; tip: a similar subcommand exists: 'run'; see cohort --help",
            ),
        ] {
            assert_eq!(refusal(&Cli::try_parse_from(typed).unwrap_err()), said);
        }
    }
}

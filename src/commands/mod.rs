//! What the user typed, and what each subcommand does about it (SPEC 10).
//!
//! One file per subcommand holds its arguments, its examples and its action. This one holds the
//! command line as a whole and the exit codes, `terminal` what the actions share.

mod apart;
mod completions;
mod edit;
mod explain;
mod files;
mod history;
mod init;
mod man;
mod page;
mod registry;
mod rerun;
mod run;
mod sample;
mod schema;
mod show;
mod terminal;
mod verify;
mod waiting;
mod whole;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use self::terminal::{help_printed, stdout_is_closed, stopped};
pub use self::waiting::tell_those_who_wait;
use crate::error::Error;
use crate::kind::{Kind, Verdict};
use crate::logging::{self, Logging};

/// Group the short-term anomalies of shops into events, from logs to logs.
///
/// cohort reads what anomaly detectors reported per store and SKU, groups the reports of each store
/// into events, and writes two logs: one row per report and tick as it evolves, and one row per
/// event when it opens and when it closes. A run reads only its input logs. The same run over the
/// same input writes the same bytes.
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

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at a lake, and write a first manifest for it, with comments on what was found.
    ///
    /// A log is found by the columns of its files, its partition pattern by the names of its
    /// folders. Names that are near the contract's are proposed as a mapping. Check the manifest,
    /// and try it with `cohort run --dry-run`.
    #[command(after_long_help = examples(init::EXAMPLES))]
    Init(init::InitArgs),
    /// Run the job that a manifest describes: read, group, write, commit.
    ///
    /// Progress goes to stderr; stdout carries one line of JSON, the summary. If a run was killed,
    /// or its input has changed, run it again: the same run_id ends up with exactly one complete
    /// result.
    #[command(after_long_help = examples(run::EXAMPLES))]
    Run(Box<run::RunArgs>),
    /// Run again what a committed lineage records, interval and all, over today's inputs.
    ///
    /// A manual rerun needs nothing but the run_id. It replaces exactly what that run wrote; what
    /// it replaces stays readable beside the lineage. Options override what is recorded.
    #[command(after_long_help = examples(rerun::EXAMPLES))]
    Rerun(Box<rerun::RerunArgs>),
    /// Print the URIs of committed parts, one a line: what read_parquet([...]) takes.
    ///
    /// Only parts that a committed lineage lists are printed. A part that is missing or damaged is
    /// an error that names it.
    #[command(after_long_help = examples(files::EXAMPLES))]
    Files(files::FilesArgs),
    /// Show the events of committed runs, each once, with people's edits applied.
    ///
    /// Open events have the figures of the last instant that the runs cover. A value that a
    /// person set replaces the machine's, which is kept beside it.
    #[command(after_long_help = examples(registry::EXAMPLES))]
    Registry(registry::RegistryArgs),
    /// Record what a person decides about an event, and print its row in the registry.
    ///
    /// Each edit is one file of the edits log, which nothing ever changes. An edit that would not
    /// apply is refused.
    #[command(after_long_help = examples(edit::EXAMPLES))]
    Edit(edit::EditArgs),
    /// Write a page of what committed runs found: charts, a table, and every event's course.
    ///
    /// The page is one file that needs no network. It shows the registry: events as they are today,
    /// with people's edits, and the quality of the data behind them.
    #[command(after_long_help = examples(page::EXAMPLES))]
    Page(page::PageArgs),
    /// Print a published schema: of the manifest, the lineage, the summary, or a log's columns.
    #[command(after_long_help = examples(schema::EXAMPLES))]
    Schema(schema::SchemaArgs),
    /// Make a seeded sample of a retail chain: input logs and a manifest, ready to run.
    #[command(after_long_help = examples(sample::EXAMPLES))]
    Sample(sample::SampleArgs),
    /// Show what a committed run found: the events that matter most, as a table.
    #[command(after_long_help = examples(show::EXAMPLES))]
    Show(show::ShowArgs),
    /// Explain why reports are one event: ticks, gaps, rows, figures and causes, step by step.
    ///
    /// Finds the event in the committed runs, reads again what the last of them read, and says if
    /// those inputs have changed since.
    #[command(after_long_help = examples(explain::EXAMPLES))]
    Explain(explain::ExplainArgs),
    /// Show what a run said before it was run again, and what has changed, event by event.
    ///
    /// Reads what reruns have kept under superseded/ beside the lineage.
    #[command(after_long_help = examples(history::EXAMPLES))]
    History(history::HistoryArgs),
    /// Verify that committed runs are still valid: compute them again and compare, writing nothing.
    ///
    /// Tells sound runs from those that are stale since an input changed, have damaged or
    /// uncommitted parts, or were computed by another version or with other settings, and finds
    /// gaps and overlaps between intervals. Names the runs to run again, in order. Exit 1 if there
    /// is any finding.
    #[command(after_long_help = examples(verify::EXAMPLES))]
    Verify(verify::VerifyArgs),
    /// Print what makes a shell complete this command line.
    #[command(after_long_help = examples(completions::EXAMPLES))]
    Completions(completions::CompletionsArgs),
    /// Print a manual page, or write all of them to a folder.
    #[command(after_long_help = examples(man::EXAMPLES))]
    Man(man::ManArgs),
}

impl Cli {
    /// Whether the command, once it is asked to stop, ends by itself and tells those who wait.
    pub const fn ends_well(&self) -> bool {
        matches!(self.command, Command::Run(_) | Command::Rerun(_))
    }
}

impl Command {
    /// Tells those who wait for a run's result that it never began.
    fn refused(&self, error: &Error) {
        let args = match self {
            Self::Run(args) => &args.execution,
            Self::Rerun(args) => &args.execution,
            _ => return,
        };
        // A dry run tells nobody.
        if !args.dry_run {
            waiting::refused(args.result_file.as_ref(), error);
        }
    }
}

/// Does what the command line asks.
///
/// # Errors
/// [`Error`], whose kind is the exit code.
pub fn execute(cli: &Cli) -> Result<Verdict, Error> {
    logging::start(cli.logging).inspect_err(|error| cli.command.refused(error))?;
    let done = match &cli.command {
        Command::Init(args) => init::execute(args),
        Command::Run(args) => run::execute(args, cli.logging),
        Command::Rerun(args) => rerun::execute(args, cli.logging),
        Command::Files(args) => files::execute(args),
        Command::Registry(args) => registry::execute(args),
        Command::Edit(args) => edit::execute(args),
        Command::Page(args) => page::execute(args),
        Command::Schema(args) => schema::execute(args),
        Command::Sample(args) => sample::execute(args),
        Command::Show(args) => show::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::History(args) => history::execute(args),
        Command::Verify(args) => return verify::execute(args),
        Command::Completions(args) => completions::execute(args, Cli::command()),
        Command::Man(args) => man::execute(args, Cli::command()),
    };
    done.map(|()| Verdict::Done)
}

fn examples(text: &str) -> String {
    format!("Examples:\n{text}\n\n{}", exit_codes())
}

/// The table of exit codes, as in the README.
fn exit_codes() -> String {
    let mut table = man::EXIT_CODES.trim_end().to_owned();
    for verdict in Verdict::ALL {
        table.push_str(&format!("\n  {:>2}  {}", verdict.exit_code(), verdict.meaning()));
    }
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
        let cli = Cli::command();
        let names: Vec<_> = cli.get_subcommands().map(clap::Command::get_name).collect();
        let names = names.join(", ");
        return format!("expected a command of {names}, found none; see cohort --help");
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
    fn every_command_has_a_page_with_its_examples_as_they_are_typed() {
        let pages = man::pages(Cli::command());
        assert_eq!(pages.len(), 1 + Cli::command().get_subcommands().count());
        for page in &pages {
            let lines: Vec<_> = page.text.lines().collect();
            let name = page.name.replace('-', "\\-");
            assert!(lines.iter().any(|line| line.starts_with(&format!("{name} \\- "))), "{name}");
            let has = |line: &str| lines.contains(&line);
            assert!(has(".SH SYNOPSIS") && has(".SH \"EXIT STATUS\""), "{}", page.text);
            let examples = lines.iter().position(|line| *line == ".SH EXAMPLES");
            assert_eq!(examples.is_some(), page.name != "cohort", "{}", page.text);
            if let Some(at) = examples {
                assert_eq!(lines[at + 1], ".nf");
                assert!(lines[at + 2].starts_with("cohort "), "{}", lines[at + 2]);
            }
        }
    }

    #[test]
    fn examples_in_help_parse() {
        for text in [
            init::EXAMPLES,
            run::EXAMPLES,
            rerun::EXAMPLES,
            files::EXAMPLES,
            registry::EXAMPLES,
            edit::EXAMPLES,
            page::EXAMPLES,
            schema::EXAMPLES,
            sample::EXAMPLES,
            show::EXAMPLES,
            explain::EXAMPLES,
            history::EXAMPLES,
            verify::EXAMPLES,
            completions::EXAMPLES,
            man::EXAMPLES,
        ] {
            for example in text.replace("\\\n", " ").split("\n\n") {
                let words = example.split_whitespace();
                let typed: Vec<&str> =
                    words.take_while(|word| *word != "|" && !word.contains('>')).collect();
                assert!(Cli::try_parse_from(&typed).is_ok(), "{example}");
            }
        }
    }

    #[test]
    fn a_refusal_is_one_line() {
        for (typed, said) in [
            (
                vec!["cohort", "run"],
                "the following required arguments were not provided: --manifest <URI>; see cohort \
                 --help",
            ),
            (
                vec!["cohort", "run", "--manifets", "x"],
                "unexpected argument '--manifets' found; tip: a similar argument exists: \
                 '--manifest'; see cohort --help",
            ),
            (
                vec!["cohort", "run", "--manifest", "x", "--threads", "0"],
                "invalid value '0' for '--threads <N>': number would be zero for non-zero type; \
                 see cohort --help",
            ),
            (
                vec!["cohort", "rum"],
                "unrecognized subcommand 'rum'; tip: a similar subcommand exists: 'run'; see \
                 cohort --help",
            ),
        ] {
            assert_eq!(refusal(&Cli::try_parse_from(typed).unwrap_err()), said);
        }
    }
}

//! `cohort man`: the manual pages, from the same texts as the help.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::terminal::print;
use super::whole;
use crate::error::Error;

/// `cohort man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command, such as run; without it, the page of cohort itself.
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub command: Option<String>,
    /// Write every page to this folder, which is made if need be, in place of printing one.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

pub(super) const EXAMPLES: &str = "  \
cohort man run | man -l -

  cohort man --out ~/.local/share/man/man1";

/// What the table of exit codes in the help begins with.
pub(super) const EXIT_CODES: &str = "Exit codes:\n";

/// Prints a page of this command line, or writes all of them.
pub(super) fn execute(args: &ManArgs, cli: Command) -> Result<(), Error> {
    let pages = pages(cli);
    if let Some(folder) = &args.out {
        return write(folder, &pages).map_err(|(place, source)| Error::Result {
            place: place.display().to_string(),
            source,
        });
    }
    let name = args.command.as_ref().map_or("cohort".to_owned(), |name| format!("cohort-{name}"));
    match pages.iter().find(|page| page.name == name) {
        Some(page) => print(&page.text),
        None => {
            let known: Vec<_> =
                pages.iter().filter_map(|page| page.name.strip_prefix("cohort-")).collect();
            let found = args.command.as_deref().unwrap_or_default();
            let known = known.join(", ");
            Err(Error::Usage(format!("expected a command of {known}, found {found:?}")))
        }
    }
}

fn write(folder: &Path, pages: &[Page]) -> Result<(), (PathBuf, io::Error)> {
    std::fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    for page in pages {
        let path = folder.join(format!("{}.1", page.name));
        whole::put(&path, page.text.as_bytes(), None).map_err(|error| (path, error))?;
    }
    Ok(())
}

/// A manual page.
pub(super) struct Page {
    /// `cohort`, or `cohort-` and the command.
    pub name: String,
    /// In roff.
    pub text: String,
}

/// The page of cohort itself, then that of each command.
pub(super) fn pages(mut root: Command) -> Vec<Page> {
    root.build();
    let commands = root.get_subcommands().filter(|command| command.get_name() != "help");
    let of_commands: Vec<Page> = commands.map(|command| page(command.clone())).collect();
    [page(root)].into_iter().chain(of_commands).collect()
}

fn page(command: Command) -> Page {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.get_subcommands().next().is_some();
    let man = Man::new(command).title(name.to_uppercase()).manual("cohort");
    let mut text = Vec::new();
    // Writing into memory does not fail.
    let _ = man.render_title(&mut text);
    let _ = man.render_name_section(&mut text);
    let _ = man.render_synopsis_section(&mut text);
    let _ = man.render_description_section(&mut text);
    let _ = man.render_options_section(&mut text);
    if has_commands {
        let _ = man.render_subcommands_section(&mut text);
    }
    let _ = as_typed(&help).to_writer(&mut text);
    Page { name, text: String::from_utf8_lossy(&text).into_owned() }
}

/// The help's examples and exit codes, their lines as they are.
fn as_typed(help: &str) -> Roff {
    let mut roff = Roff::new();
    let (examples, codes) = help.split_once(EXIT_CODES).unwrap_or((help, ""));
    let examples = examples.strip_prefix("Examples:\n").unwrap_or_default();
    for (title, text) in [("EXAMPLES", examples.trim_end()), ("EXIT STATUS", codes)] {
        if text.is_empty() {
            continue;
        }
        roff.control("SH", [title]).control("nf", []);
        for line in text.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)) {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff
}

//! `cohort completions`: what makes a shell complete this command line.

use clap::{Args, Command};
use clap_complete::Shell;

use super::terminal::print;
use crate::error::Error;

/// `cohort completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

pub(super) const EXAMPLES: &str = "  \
cohort completions bash > ~/.local/share/bash-completion/completions/cohort

  cohort completions zsh > ~/.zfunc/_cohort

  cohort completions fish > ~/.config/fish/completions/cohort.fish";

/// Prints the shell's script for this command line.
pub(super) fn execute(args: &CompletionsArgs, mut cli: Command) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "cohort", &mut script);
    print(&String::from_utf8_lossy(&script))
}

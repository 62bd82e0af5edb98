//! What stdout and stderr are for people: a terminal or not, how wide, and whether colour is wanted
//! there.
//!
//! Everywhere else text stays as it is, whatever the surroundings: without colour, and as wide as
//! it always was.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use anstream::AutoStream;
use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};

/// How text for people looks on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// The columns of the terminal; `None` if it is none, or does not tell.
    pub width: Option<usize>,
    /// Whether colour is wanted.
    pub colour: bool,
}

/// Of headings.
pub(crate) const HEADING: Style = Style::new().bold();
/// Of what is worth a look.
pub(crate) const NOTABLE: Style = AnsiColor::Yellow.on_default();
/// Of what has gone wrong.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// Of what may be passed over.
pub(crate) const QUIET: Style = Style::new().dimmed();

impl Look {
    /// Text as a file has it.
    pub(crate) const PLAIN: Self = Self { width: None, colour: false };

    /// On stdout.
    pub(crate) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| terminal_size::terminal_size_of(&stdout));
        let width = width.flatten().map(|(width, _)| usize::from(width.0));
        Self {
            width: width.filter(|&width| width > 0),
            colour: is_wanted(AutoStream::choice(&stdout)),
        }
    }

    /// The text in this style, if colour is wanted.
    pub(crate) fn styled(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Whether stderr wants colour.
pub(crate) fn stderr_has_colour() -> bool {
    is_wanted(AutoStream::choice(&io::stderr()))
}

fn is_wanted(choice: anstream::ColorChoice) -> bool {
    choice != anstream::ColorChoice::Never
}

/// Applies what the command line says of colour, before it is parsed: the help, and the line of a
/// wrong command line, have colour too. Without it, `NO_COLOR`, `CLICOLOR_FORCE` and `CLICOLOR`
/// decide, and else whether the stream is a terminal.
pub fn choose_colour(arguments: impl Iterator<Item = OsString>) {
    let choice = match typed(arguments) {
        Some(ColorChoice::Always) => anstream::ColorChoice::Always,
        Some(ColorChoice::Never) => anstream::ColorChoice::Never,
        Some(ColorChoice::Auto) | None => anstream::ColorChoice::Auto,
    };
    choice.write_global();
}

/// The last `--color` among the arguments, if it is sound. The parser refuses any other.
fn typed(arguments: impl Iterator<Item = OsString>) -> Option<ColorChoice> {
    let mut found = None;
    let mut arguments = arguments.take_while(|argument| argument != "--").peekable();
    while let Some(argument) = arguments.next() {
        let Some(text) = argument.to_str() else { continue };
        let value = match text.strip_prefix("--color") {
            Some("") => arguments.peek().and_then(|next| next.to_str().map(str::to_owned)),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        found = value.and_then(|value| value.parse().ok()).or(found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sound_choice_before_the_positional_arguments_counts() {
        for (arguments, expected) in [
            (&["run"][..], None),
            (&["run", "--color", "never"], Some(ColorChoice::Never)),
            (&["--color=always", "run", "--color=never"], Some(ColorChoice::Never)),
            (&["--color=always", "run", "--colors=never"], Some(ColorChoice::Always)),
            (&["--color", "blue", "run"], None),
            (&["run", "--", "--color=never"], None),
            (&["run", "--color"], None),
        ] {
            let arguments = arguments.iter().map(OsString::from);
            assert_eq!(typed(arguments), expected);
        }
    }

    #[test]
    fn plain_text_has_no_escape_codes() {
        assert_eq!(Look::PLAIN.styled(WRONG, "no"), "no");
        let colourful = Look { colour: true, ..Look::PLAIN };
        assert_eq!(colourful.styled(HEADING, "yes"), "\u{1b}[1myes\u{1b}[0m");
    }
}

//! Logs on stderr: text for people, JSON for machines, never a credential.

use std::fmt::{self, Debug};
use std::io::{self, IsTerminal as _};

use clap::{Args, ColorChoice, ValueEnum};
use tracing::Metadata;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{FilterExt as _, FilterFn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use crate::error::Error;
use crate::escape;
use crate::progress::BesideBars;
use crate::screen::stderr_has_colour;

/// How to log. Logs go to stderr.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Logging and looks")]
pub struct Logging {
    /// Log as text, or as one JSON object a line [default: text on a terminal, json elsewhere].
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Log more: -v for details, -vv for everything. `RUST_LOG`, such as `RUST_LOG=cohort=debug`,
    /// wins over it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Colours in what people read: on a terminal, unless `NO_COLOR` is set, and wherever
    /// `CLICOLOR_FORCE` is.
    // It is applied before the arguments are parsed, by `choose_colour`.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

impl Logging {
    /// The form of the logs, as typed, or else by where they go.
    pub(crate) fn format(&self) -> LogFormat {
        self.log_format.unwrap_or(if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        })
    }
}

/// A form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The environment variable that says what to log.
const VARIABLE: &str = "RUST_LOG";

/// Begins to log. `RUST_LOG` says what, or else the command line.
///
/// # Errors
/// [`Error::Usage`] if `RUST_LOG` is not a filter.
pub(crate) fn start(logging: Logging) -> Result<(), Error> {
    let filter = filter(std::env::var(VARIABLE).ok().as_deref(), logging.verbose)?;
    let layer = layer(filter, logging.format(), stderr_has_colour(), || BesideBars);
    // A second call, as in tests, changes nothing.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(())
}

fn layer<W>(
    filter: EnvFilter,
    format: LogFormat,
    colour: bool,
    to: W,
) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_ansi(colour);
    let layer = match format {
        LogFormat::Text => lines
            .with_target(false)
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .with_writer(to)
            .boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(Escaping(to))
            .boxed(),
    };
    layer.with_filter(filter.and(FilterFn::new(may_be_printed)))
}

/// Writes a field of a log for people.
fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let text = escape::line(&format!("{value:?}"));
    if field.name() == "message" {
        to.write_str(&text)
    } else {
        write!(to, "{}={text}", field.name())
    }
}

/// Passes JSON on with escapes for what nobody could see. Each line comes in one piece.
struct Escaping<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Escaping<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for Escaping<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(escape::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn filter(variable: Option<&str>, verbose: u8) -> Result<EnvFilter, Error> {
    let typed = variable.filter(|text| !text.trim().is_empty());
    let otherwise = match verbose {
        0 => "warn,cohort=info",
        1 => "warn,cohort=debug",
        _ => "warn,cohort=trace",
    };
    EnvFilter::try_new(typed.unwrap_or(otherwise)).map_err(|error| {
        let found = typed.unwrap_or_default();
        Error::Usage(format!(
            "{VARIABLE}: expected a filter such as cohort=debug, found {found:?} ({error}); \
             correct or unset it"
        ))
    })
}

/// Whether a log may be printed at all, whatever was asked for. The libraries below print headers,
/// and with them signatures and session tokens, at levels below a warning; only this job's own logs
/// may go there.
fn may_be_printed(log: &Metadata<'_>) -> bool {
    let own = log.target() == "cohort" || log.target().starts_with("cohort::");
    own || *log.level() <= LevelFilter::WARN
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_libraries_below_print_nothing_under_a_warning_whatever_is_asked_for() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = Lines::default();
            let writer = lines.clone();
            let everything = filter(Some("trace,aws_sigv4::http_request=trace"), 0).unwrap();
            let layer = layer(everything, format, false, move || writer.clone());
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                tracing::trace!(target: "aws_sigv4::http_request", "secret");
                tracing::info!(target: "hyper_util::client", "secret");
                tracing::debug!(target: "cohortx", "secret");
                tracing::info_span!(target: "aws_runtime", "secret").in_scope(|| {
                    tracing::trace!(target: "cohort::run", rows = 7, "own");
                });
                tracing::warn!(target: "rustls", "warned");
            });
            let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert!(said.contains("own") && said.contains("warned"), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_text_that_attacks_stays_one_line_and_moves_no_cursor() {
        let hostile = "a\nb\u{1b}[2J\u{9b}31m\u{202e}c\u{2028}";
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = Lines::default();
            let writer = lines.clone();
            let layer = layer(filter(None, 0).unwrap(), format, false, move || writer.clone());
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                tracing::warn!(target: "cohort", store = hostile, path = %hostile, "{hostile}");
            });
            let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
            assert_eq!(said.lines().count(), 1, "{said:?}");
            // Colours are the log's own.
            assert!(!said.contains("\u{1b}[2J"), "{said:?}");
            assert!(!said.contains(['\u{9b}', '\u{202e}', '\u{2028}']), "{said:?}");
            if format == LogFormat::Json {
                let log: serde_json::Value = serde_json::from_str(&said).unwrap();
                assert_eq!((&log["message"], &log["path"]), (&hostile.into(), &hostile.into()));
            }
        }
    }

    #[test]
    fn a_wrong_filter_is_a_usage_error() {
        let error = filter(Some("cohort=shout"), 0).unwrap_err();
        assert_eq!(error.kind(), crate::kind::Kind::Usage);
        assert!(error.to_string().starts_with("RUST_LOG: expected a filter"), "{error}");
    }

    #[test]
    fn the_variable_wins_over_the_command_line() {
        assert_eq!(filter(Some("cohort=error"), 2).unwrap().to_string(), "cohort=error");
        assert_eq!(filter(Some(" "), 1).unwrap().to_string(), "cohort=debug,warn");
        assert_eq!(filter(None, 0).unwrap().to_string(), "cohort=info,warn");
    }
}

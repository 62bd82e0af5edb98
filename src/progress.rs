//! How far a run is: bars on a terminal, one log line a step elsewhere.
//!
//! Like the log, the bars belong to the process: there is one terminal. Without [`show`] nothing is
//! shown, and a step costs a few additions for each row group. Nothing that a run computes depends
//! on it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{
    HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle,
};

use crate::screen::stderr_has_colour;
use crate::streams;

/// The bars of this process; nothing is drawn or logged before [`show`] was called.
static SHOWN: OnceLock<Shown> = OnceLock::new();

/// How steps are shown.
#[derive(Debug)]
enum Shown {
    Drawn(MultiProgress),
    Logged,
}

/// Drawings in a second, at most.
const DRAWINGS: u8 = 10;

/// Shows the steps that begin from now on: drawn if that is wanted and stderr is a terminal that
/// can move its cursor, else as one log line each.
pub(crate) fn show(drawn: bool) {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWINGS);
    let can_move = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let drawn = drawn && can_move && !target.is_hidden();
    let bars = || Shown::Drawn(MultiProgress::with_draw_target(target));
    let _ = SHOWN.set(if drawn { bars() } else { Shown::Logged });
}

/// The bars, if steps are drawn.
fn bars() -> Option<&'static MultiProgress> {
    match SHOWN.get()? {
        Shown::Drawn(bars) => Some(bars),
        Shown::Logged => None,
    }
}

/// Takes the bars off the terminal. The next output takes their place.
pub(crate) fn clear() {
    if let Some(bars) = bars() {
        // If stderr is gone there is nothing to clear.
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// How often a bar shows the time left though nothing else changed.
const TICK: Duration = Duration::from_millis(250);

/// What a step is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// Rows of a log.
    Rows,
    /// Stores.
    Stores,
    /// Files that are written.
    Files,
}

/// One step of a run, from its beginning until it is dropped.
#[derive(Debug)]
pub(crate) struct Step {
    name: &'static str,
    unit: Unit,
    bar: ProgressBar,
    bytes: Arc<AtomicU64>,
    done: bool,
}

impl Step {
    /// A step that begins. More may be found to do.
    pub(crate) fn begin(name: &'static str, unit: Unit) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let bar = ProgressBar::hidden().with_message(label(name));
        bar.set_length(0);
        if bars().is_some() {
            bar.set_style(style(unit, &bytes));
        }
        Self { name, unit, bar, bytes, done: false }
    }

    /// Adds to the total; the bar appears once it is not zero.
    pub(crate) fn expect(&self, more: u64) {
        self.bar.inc_length(more);
        if let Some(bars) = bars().filter(|_| more > 0 && self.bar.is_hidden()) {
            bars.add(self.bar.clone());
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// So much of it is done.
    pub(crate) fn advance(&self, by: u64) {
        self.bar.inc(by);
    }

    /// So many bytes were read or written.
    pub(crate) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The step is done, not given up.
    pub(crate) fn finish(mut self) {
        self.done = true;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.abandon();
        if !self.done || !matches!(SHOWN.get(), Some(Shown::Logged)) {
            return;
        }
        let (count, bytes) = (self.bar.position(), self.bytes.load(Ordering::Relaxed));
        let step = self.name;
        match self.unit {
            Unit::Rows => tracing::info!(step, rows = count, bytes, "done"),
            Unit::Stores => tracing::info!(step, stores = count, "done"),
            Unit::Files => tracing::info!(step, files = count, bytes, "done"),
        }
    }
}

/// The name of a log without what it shares with others, or any other name.
pub(crate) fn label(name: &'static str) -> &'static str {
    let ends = ["_model_prediction_log", "_detected_log"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// How a bar is laid out.
fn template(unit: Unit, colour: bool) -> String {
    let unit = match unit {
        Unit::Rows => "rows",
        Unit::Stores => "stores",
        Unit::Files => "files",
    };
    let bar = if colour { "{wide_bar:.cyan/blue}" } else { "{wide_bar}" };
    format!(" {{msg:<20}} {bar} {{human_pos}}/{{human_len}} {unit}  {{moved}}{{left}}")
}

fn style(unit: Unit, bytes: &Arc<AtomicU64>) -> ProgressStyle {
    let bytes = bytes.clone();
    let style = ProgressStyle::with_template(&template(unit, stderr_has_colour()));
    // A test reads every template.
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("=> ")
        .with_key("moved", move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
            let bytes = bytes.load(Ordering::Relaxed);
            if bytes > 0 {
                let _ = write!(to, "{}  ", HumanBytes(bytes));
            }
        })
        .with_key("left", |state: &ProgressState, to: &mut dyn std::fmt::Write| {
            if !state.is_finished() && state.pos() > 0 {
                let _ = write!(to, "{}s left", state.eta().as_secs().saturating_add(1));
            }
        })
}

/// Stderr for logs: bars make room for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes each event at once.
        let write = || {
            let _lock = io::stderr().lock();
            streams::to_stderr(bytes).map(|()| bytes.len())
        };
        match bars() {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_sound() {
        for unit in [Unit::Rows, Unit::Stores, Unit::Files] {
            for colour in [false, true] {
                let template = template(unit, colour);
                assert!(ProgressStyle::with_template(&template).is_ok(), "{template}");
            }
        }
    }

    #[test]
    fn a_step_counts_though_nothing_is_drawn() {
        let step = Step::begin("reports", Unit::Rows);
        step.expect(5);
        step.advance(3);
        step.moved(7);
        assert_eq!((step.bar.position(), step.bar.length()), (3, Some(5)));
        assert_eq!(step.bytes.load(Ordering::Relaxed), 7);
        assert!(step.bar.is_hidden());
    }
}

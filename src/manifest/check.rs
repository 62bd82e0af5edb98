//! Turns what the manifest says into a run that can be carried out: defaults, precedence and the
//! rules of each value.

use std::fmt::Display;
use std::str::FromStr;

use super::values::{
    CommitMode, Dataset, GAP_DEFAULT, MAX_EVENT_DURATION_DEFAULT, MAX_LOOKBACK_DEFAULT,
    MAX_REJECT_RATIO_DEFAULT, Manifest, Overrides, Places,
};
use super::wire::{LINEAGE, Wire, WireInput};
use super::{Error, Fault};
use cohort_core::contract::{Inputs, Log, Outputs};
use cohort_core::{Duration, Interval, Life, Timestamp};

use crate::layout::{Partitioning, RunId};
use crate::objects::Uri;

/// Judges every value, in the order of the manifest's keys.
pub(super) fn manifest(
    wire: &Wire,
    uri: &Uri,
    overrides: &Overrides,
    demo: Option<&str>,
) -> Result<Manifest, Error> {
    let run_id = run_id(wire, uri, overrides, demo)?;
    let interval = interval(wire, uri, overrides)?;
    let in_manifest = |fault| Error::at(uri, fault);
    let manifest = Manifest {
        run_id,
        interval,
        life: life(wire, uri, overrides)?,
        max_lookback: max_lookback(wire, uri, overrides)?,
        max_reject_ratio: reject_ratio(wire).map_err(in_manifest)?,
        demo_run_config: demo_run_config(wire, uri)?,
        commit: commit(wire).map_err(in_manifest)?,
        keep_superseded: wire.keep_superseded.unwrap_or(true),
        expect_same: overrides.expect_same,
        inputs: inputs(wire, uri).map_err(in_manifest)?,
        outputs: outputs(wire, uri).map_err(in_manifest)?,
        lineage: lineage(wire, uri).map_err(in_manifest)?,
    };
    apart(&manifest).map_err(in_manifest)?;
    countable(&manifest).map_err(in_manifest)?;
    Ok(manifest)
}

/// Where inputs and outputs lie, and the settings.
pub(super) fn places(wire: &Wire, uri: &Uri) -> Result<Places, Error> {
    let in_manifest = |fault| Error::at(uri, fault);
    let none = Overrides::default();
    Ok(Places {
        life: life(wire, uri, &none)?,
        max_lookback: max_lookback(wire, uri, &none)?,
        max_reject_ratio: reject_ratio(wire).map_err(in_manifest)?,
        inputs: inputs(wire, uri).map_err(in_manifest)?,
        outputs: outputs(wire, uri).map_err(in_manifest)?,
        lineage: lineage(wire, uri).map_err(in_manifest)?,
        demo_run_config: demo_run_config(wire, uri)?,
    })
}

/// The absolute URI of the `demo_run_config`, if the manifest names one.
pub(super) fn demo_run_config(wire: &Wire, uri: &Uri) -> Result<Option<Uri>, Error> {
    let Some(text) = &wire.demo_run_config else { return Ok(None) };
    place("demo_run_config", uri, text).map(Some).map_err(|fault| Error::at(uri, fault))
}

fn run_id(
    wire: &Wire,
    uri: &Uri,
    overrides: &Overrides,
    demo: Option<&str>,
) -> Result<RunId, Error> {
    // A value of the manifest that the command line overrides is still held to the contract.
    let written = value("run_id", wire.run_id.as_deref()).map_err(|fault| Error::at(uri, fault))?;
    if let Some(typed) = option("--run-id", overrides.run_id.as_deref())? {
        return Ok(typed);
    }
    if let Some(written) = written {
        return Ok(written);
    }
    let named = match (demo, demo_run_config(wire, uri)?) {
        (Some(text), Some(demo_uri)) => demo_run_id(text)
            .map_err(|fault| Error::DemoRunConfig { uri: demo_uri, fault: Box::new(fault) })?,
        _ => None,
    };
    named.ok_or_else(|| Error::at(uri, Fault::NoRunId))
}

/// The `run_id` of a `demo_run_config`. It may have any other keys, which are ignored.
fn demo_run_id(text: &str) -> Result<Option<RunId>, Fault> {
    let parsed = super::strict::value(text)?;
    let Some(object) = parsed.as_object() else {
        return Err(Fault::Type {
            at: "the top level".to_owned(),
            expected: "an object",
            found: super::wire::describe(&parsed),
        });
    };
    let Some(run_id) = object.get("run_id") else { return Ok(None) };
    let Some(text) = run_id.as_str() else {
        return Err(Fault::Type {
            at: "run_id".to_owned(),
            expected: "a string",
            found: super::wire::describe(run_id),
        });
    };
    value("run_id", Some(text))
}

fn interval(wire: &Wire, uri: &Uri, overrides: &Overrides) -> Result<Interval, Error> {
    let in_manifest = |fault| Error::at(uri, fault);
    let written = wire.interval.as_ref();
    let written_start: Option<Timestamp> =
        value("interval.start", written.map(|ends| ends.0.as_str())).map_err(in_manifest)?;
    let written_end: Option<Timestamp> =
        value("interval.end", written.map(|ends| ends.1.as_str())).map_err(in_manifest)?;
    let typed_start: Option<Timestamp> = option("--interval-start", overrides.start.as_deref())?;
    let typed_end: Option<Timestamp> = option("--interval-end", overrides.end.as_deref())?;
    let (start, end) = match (typed_start.or(written_start), typed_end.or(written_end)) {
        (Some(start), Some(end)) => (start, end),
        (None, None) => return Err(in_manifest(Fault::NoInterval { found: "none" })),
        (Some(_), None) => {
            return Err(in_manifest(Fault::NoInterval { found: "only its start" }));
        }
        (None, Some(_)) => return Err(in_manifest(Fault::NoInterval { found: "only its end" })),
    };
    if start < end {
        return Ok(Interval { start, end });
    }
    let reason = format!("expected an end after the start {start}, found {end}");
    Err(match (typed_start, typed_end) {
        (None, None) => in_manifest(Fault::Value { at: "interval".to_owned(), reason }),
        (Some(_), None) => Error::CommandLine { option: "--interval-start", reason },
        (_, Some(_)) => Error::CommandLine { option: "--interval-end", reason },
    })
}

/// `gap` and `max_event_duration`, which are compared after all overrides.
fn life(wire: &Wire, uri: &Uri, overrides: &Overrides) -> Result<Life, Error> {
    let in_manifest = |fault| Error::at(uri, fault);
    let positive = |gap: Duration| {
        if gap.is_zero() {
            Err(format!("expected a positive duration such as {GAP_DEFAULT}, found {gap}"))
        } else {
            Ok(gap)
        }
    };
    let written: Option<Duration> = value("gap", wire.gap.as_deref()).map_err(in_manifest)?;
    let written = positive(written.unwrap_or(GAP_DEFAULT))
        .map_err(|reason| in_manifest(Fault::Value { at: "gap".to_owned(), reason }))?;
    let typed_gap = option("--gap", overrides.gap.as_deref())?;
    let gap = match typed_gap {
        Some(typed) => {
            positive(typed).map_err(|reason| Error::CommandLine { option: "--gap", reason })?
        }
        None => written,
    };
    let written: Option<Duration> =
        value("max_event_duration", wire.max_event_duration.as_deref()).map_err(in_manifest)?;
    let typed_duration = option("--max-event-duration", overrides.max_event_duration.as_deref())?;
    let duration_max = typed_duration.or(written).unwrap_or(MAX_EVENT_DURATION_DEFAULT);
    if duration_max > gap {
        return Ok(Life { gap, duration_max });
    }
    let reason = format!("expected a duration greater than the gap {gap}, found {duration_max}");
    Err(match (typed_gap, typed_duration) {
        (None, None) => in_manifest(Fault::Value { at: "max_event_duration".to_owned(), reason }),
        (_, Some(_)) => Error::CommandLine { option: "--max-event-duration", reason },
        (Some(_), None) => Error::CommandLine {
            option: "--gap",
            reason: format!("expected a gap smaller than {duration_max}, found {gap}"),
        },
    })
}

fn max_lookback(wire: &Wire, uri: &Uri, overrides: &Overrides) -> Result<Duration, Error> {
    let written = value("max_lookback", wire.max_lookback.as_deref())
        .map_err(|fault| Error::at(uri, fault))?;
    let typed = option("--max-lookback", overrides.max_lookback.as_deref())?;
    Ok(typed.or(written).unwrap_or(MAX_LOOKBACK_DEFAULT))
}

fn reject_ratio(wire: &Wire) -> Result<f64, Fault> {
    let ratio = wire.max_reject_ratio.unwrap_or(MAX_REJECT_RATIO_DEFAULT);
    if (0.0..=1.0).contains(&ratio) {
        // A negative zero would not print as zero.
        return Ok(ratio.abs());
    }
    let reason = format!("expected a number from 0 to 1, found {ratio}");
    Err(Fault::Value { at: "max_reject_ratio".to_owned(), reason })
}

fn commit(wire: &Wire) -> Result<CommitMode, Fault> {
    match wire.commit.as_deref() {
        None | Some("conditional") => Ok(CommitMode::Conditional),
        Some("unconditional") => Ok(CommitMode::Unconditional),
        Some(found) => {
            let reason = format!("expected \"conditional\" or \"unconditional\", found {found:?}");
            Err(Fault::Value { at: "commit".to_owned(), reason })
        }
    }
}

fn inputs(wire: &Wire, uri: &Uri) -> Result<Inputs<Dataset>, Fault> {
    wire.inputs.as_ref().try_map(|log, input| dataset(log, input, uri))
}

fn dataset(log: &Log, input: &WireInput, uri: &Uri) -> Result<Dataset, Fault> {
    let at = |key: &str| format!("inputs.{}.{key}", log.name);
    let partitioning: Option<Partitioning> =
        value(&at("partitioning"), input.partitioning.as_deref())?;
    Ok(Dataset {
        uri: place(&at("uri"), uri, &input.uri)?.as_prefix(),
        partitioning,
        columns: input.columns.iter().cloned().collect(),
    })
}

/// A prefix under `outputs`.
fn output(key: &str, text: &str, uri: &Uri) -> Result<Uri, Fault> {
    Ok(place(&format!("outputs.{key}"), uri, text)?.as_prefix())
}

fn outputs(wire: &Wire, uri: &Uri) -> Result<Outputs<Uri>, Fault> {
    wire.outputs.logs.as_ref().try_map(|log, text| output(log.name, text, uri))
}

fn lineage(wire: &Wire, uri: &Uri) -> Result<Uri, Fault> {
    output(LINEAGE, &wire.outputs.lineage, uri)
}

/// Keeps the outputs apart from each other and from the inputs.
///
/// The next run would read an output inside an input as input. An output inside another would show
/// up in its listings. An input below an output's `run=` folders would be deleted as a leftover.
fn apart(manifest: &Manifest) -> Result<(), Fault> {
    let logs = manifest.outputs.each().map(|(log, uri)| (log.name, uri));
    let outputs: Vec<_> = logs.chain([(LINEAGE, &manifest.lineage)]).collect();
    for (index, (output, uri)) in outputs.iter().enumerate() {
        let clash = |relation, other: String, other_uri: &Uri| Fault::Overlap {
            output,
            uri: uri.to_string(),
            relation,
            other,
            other_uri: other_uri.to_string(),
        };
        for (name, other) in &outputs[..index] {
            let relation = if uri == other {
                "the same as"
            } else if uri.below(other).is_some() {
                "inside"
            } else if other.below(uri).is_some() {
                "around"
            } else {
                continue;
            };
            return Err(clash(relation, format!("outputs.{name}"), other));
        }
        for (log, input) in manifest.inputs.each() {
            let relation = if *uri == &input.uri {
                "the same as"
            } else if uri.below(&input.uri).is_some() {
                "inside"
            } else if input.uri.below(uri).is_some_and(|rest| rest.starts_with("run=")) {
                "around"
            } else {
                continue;
            };
            return Err(clash(relation, format!("inputs.{}", log.name), &input.uri));
        }
    }
    Ok(())
}

/// The most partitions of one input that a run may look into. Hours of eleven years are fewer.
const PARTITIONS_MAX: i64 = 100_000;

/// Bounds how many partitions there are from the oldest onset that counts to the interval's end:
/// each is looked for, whether it is there or not.
fn countable(manifest: &Manifest) -> Result<(), Fault> {
    let Interval { start, end } = manifest.interval;
    let from = start.saturating_sub(manifest.max_lookback.max(manifest.life.gap));
    for (log, dataset) in manifest.inputs.each() {
        let Some(partitioning) = &dataset.partitioning else { continue };
        let found = partitioning.count(from, end);
        if found > PARTITIONS_MAX {
            let reason = format!(
                "expected an interval, a max_lookback and a gap that reach over {PARTITIONS_MAX} \
                 partitions at most, found about {found} of {partitioning:?} from {from} to \
                 {end}; split the interval into several runs, or lower max_lookback or gap",
                partitioning = partitioning.to_string(),
            );
            return Err(Fault::Value { at: format!("inputs.{}", log.name), reason });
        }
    }
    Ok(())
}

fn place(at: &str, base: &Uri, text: &str) -> Result<Uri, Fault> {
    let fault = |reason| Fault::Value { at: at.to_owned(), reason };
    if text.is_empty() {
        return Err(fault(format!("expected a URI or a path, found {text:?}")));
    }
    let uri = Uri::resolve(base, text).map_err(|error| fault(error.to_string()))?;
    // It may come from the folder of the manifest. Lists of parts have one URI a line.
    let whole = uri.to_string();
    if whole.chars().any(char::is_control) {
        return Err(fault(format!(
            "expected a URI or a path without control characters, found {whole:?}"
        )));
    }
    Ok(uri)
}

fn value<T: FromStr<Err: Display>>(at: &str, text: Option<&str>) -> Result<Option<T>, Fault> {
    let parsed = text.map(T::from_str).transpose();
    parsed.map_err(|error| Fault::Value { at: at.to_owned(), reason: error.to_string() })
}

fn option<T: FromStr<Err: Display>>(
    option: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    let parsed = text.map(T::from_str).transpose();
    parsed.map_err(|error| Error::CommandLine { option, reason: error.to_string() })
}

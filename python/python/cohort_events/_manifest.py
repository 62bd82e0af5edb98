"""The run manifest as the job on Spark reads it, with the rules of `cohort run` (SPEC 10).

Pure: it takes texts, and reads nothing but the schema that this package holds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cohort_events import _core
from cohort_events._places import overlap, prefix, resolved, segment, too_long
from cohort_events._schema import faults, shown
from cohort_events._settings import Settings, settings
from cohort_events._strict_json import value
from cohort_events.errors import CohortError, ManifestError, UsageError

#: The argument of `cohort` that takes each log.
ARGUMENTS = {
    "minority_reports_detected_log": "reports",
    "anomaly_classifier_model_prediction_log": "scores",
    "baseline_sales_model_prediction_log": "sales",
    "all_campaign_data": "campaigns",
    "contextual_data": "context",
}
#: The attribute of the result that has each log.
WRITTEN = {"minority_reports_cohorted_log": "mrch", "minority_event_log": "melog"}
#: The settings with their defaults, in the order of the lineage.
DEFAULTS = {
    "gap": "PT30M",
    "max_event_duration": "P7D",
    "max_lookback": "P30D",
    "max_reject_ratio": 0.01,
}
#: What else a manifest may say, and what it means if it says nothing.
RULES = {"demo_run_config": None, "commit": "conditional", "keep_superseded": True}
#: Ends of intervals that reach over every instant.
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
ADVICE = "correct the value"


@dataclass(frozen=True)
class Manifest:
    """A run: where its logs are, and what the kernel takes."""

    run_id: str
    start: str
    end: str
    settings: Mapping[str, Any]
    rules: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, str]

    def folder(self, output: str) -> str:
        """Return the folder of this run in a dataset."""
        return f"{self.outputs[output]}{segment(self.run_id)}"

    @property
    def lineage(self) -> str:
        """Return the URI of the lineage, the commit point."""
        return f"{self.folder('lineage')}/lineage.json"

    @property
    def bounds(self) -> dict[str, int]:
        """Return the interval, and how far back it reaches, in microseconds after 1970."""
        return _core.bounds(_settings(self.start, self.end, self.settings))

    def resolved(self) -> dict[str, Any]:
        """Return the manifest with all that it leaves out, as the lineage shows it."""
        interval = {"start": self.start, "end": self.end}
        known = {"version": 1, "run_id": self.run_id, "interval": interval}
        rules = {name: rule for name, rule in self.rules.items() if rule is not None}
        logs = {"inputs": dict(self.inputs), "outputs": dict(self.outputs)}
        return known | dict(self.settings) | rules | logs


@cache
def _schema() -> dict[str, Any]:
    text = Path(__file__).with_name("run_manifest.v1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def read(uri: str, content: bytes) -> dict[str, Any]:
    """Return what a manifest says, checked against the schema."""
    try:
        given: dict[str, Any] = value(content)
    except ValueError as error:
        raise ManifestError(
            f"manifest {uri}: expected one JSON object, found {error}; correct the file"
        ) from None
    return of_schema(uri, given)


def of_schema(uri: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest that fits the schema."""
    for fault in faults(_schema(), given):
        raise ManifestError(f"manifest {uri}: {fault}")
    return given


def named_by_demo(uri: str, given: Mapping[str, Any], options: argparse.Namespace) -> str | None:
    """Return the place of the `demo_run_config` if it must be read to name the run."""
    if options.run_id or given.get("run_id") or "demo_run_config" not in given:
        return None
    return _resolved(uri, "demo_run_config", given["demo_run_config"])


def demo_run_id(uri: str, content: bytes) -> str | None:
    """Return the `run_id` of a `demo_run_config`, whose other keys are ignored."""
    try:
        demo = value(content)
        if not isinstance(demo, dict):
            raise ValueError(shown(demo))
    except ValueError as error:
        raise ManifestError(
            f"demo_run_config {uri}: expected one JSON object, found {error}; correct the file"
        ) from None
    run_id = demo.get("run_id")
    if run_id is not None or "run_id" in demo:
        _check_run_id(f"demo_run_config {uri}: run_id", run_id, ManifestError)
    return run_id


def manifest(
    uri: str, given: Mapping[str, Any], options: argparse.Namespace, demo: str | None = None
) -> Manifest:
    """Return the run of a manifest, in which the command line has the last word."""

    def fault(text: str) -> ManifestError:
        return ManifestError(f"manifest {uri}: {text}")

    if options.run_id is not None:
        _check_run_id("--run-id", options.run_id, UsageError)
    run_id = options.run_id or given.get("run_id") or demo
    if not run_id:
        raise fault(
            'expected a run_id, found none; give it as --run-id, as "run_id" in the manifest, or '
            'in the object that "demo_run_config" names'
        )
    start, end, chosen = _chosen(uri, given, options)
    inputs = {
        log: dataset | {"uri": prefix(_resolved(uri, f"inputs.{log}.uri", dataset["uri"]))}
        for log, dataset in _ordered(given, "inputs").items()
    }
    outputs = places(uri, given)
    rules = {name: given.get(name, default) for name, default in RULES.items()}
    if rules["demo_run_config"] is not None:
        rules["demo_run_config"] = _resolved(uri, "demo_run_config", rules["demo_run_config"])
    if mixed := overlap({log: dataset["uri"] for log, dataset in inputs.items()}, outputs):
        raise fault(mixed)
    for output, place in outputs.items():
        if reason := too_long(place, run_id):
            raise fault(f"outputs.{output}: {reason}; choose a shorter run_id")
    return Manifest(run_id, start, end, chosen, rules, inputs, outputs)


def places(uri: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs of a manifest."""
    return {
        log: prefix(_resolved(uri, f"outputs.{log}", place))
        for log, place in _ordered(given, "outputs").items()
    }


def _ordered(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return inputs or outputs in the order of the schema, which is the lineage's."""
    names = _schema()["properties"][key]["properties"]
    return {name: given[key][name] for name in names if name in given[key]}


def _resolved(uri: str, at: str, text: str) -> str:
    try:
        return resolved(uri, text)
    except ValueError as error:
        raise ManifestError(f"manifest {uri}: {at}: {error}; {ADVICE}") from None


def run_of(option: str, run_id: str) -> None:
    """Check the name of a run on the command line."""
    _check_run_id(option, run_id, UsageError)


def _check_run_id(at: str, run_id: Any, kind: type[CohortError]) -> None:
    for _ in faults(_schema()["properties"]["run_id"], run_id):
        raise kind(
            f"{at}: expected 1 to 250 characters of A-Za-z0-9._:+@=~-, found {shown(run_id)}; "
            f"{ADVICE}"
        )


def _chosen(
    uri: str, given: Mapping[str, Any], options: argparse.Namespace
) -> tuple[str, str, dict[str, Any]]:
    """Return the interval and the settings. Each value must be one, also if it is overridden."""
    own = given.get("interval", {}) | {key: given[key] for key in DEFAULTS if key in given}
    typed = {"start": options.interval_start, "end": options.interval_end}
    typed |= {key: getattr(options, key, None) for key in DEFAULTS}
    typed = {key: text for key, text in typed.items() if text is not None}
    for key, text in own.items():
        path = f"interval.{key}" if key in {"start", "end"} else key
        _check(f"manifest {uri}: {path}", key, text, ManifestError)
    for key, text in typed.items():
        prefixed = f"interval-{key}" if key in {"start", "end"} else key.replace("_", "-")
        _check(f"--{prefixed}", key, text, UsageError)
    chosen = DEFAULTS | own | typed
    for end in ("start", "end"):
        if end not in chosen:
            raise ManifestError(
                f"manifest {uri}: expected an interval, found no {end}; give it in the manifest, "
                "or as --interval-start and --interval-end"
            )
    try:
        bounds = _core.bounds(_settings(chosen["start"], chosen["end"], chosen))
    except UsageError as error:
        # Each of them is right, so they do not fit each other.
        about = {"start", "end"} if "start before end" in str(error) else {"gap", *DEFAULTS}
        if about & typed.keys():
            raise UsageError(f"{error}; correct the command line") from None
        raise ManifestError(f"manifest {uri}: {error}; {ADVICE}") from None
    ratio = abs(chosen["max_reject_ratio"])
    kept = {key: chosen[key] for key in DEFAULTS} | {"max_reject_ratio": ratio}
    return _core.clock(bounds["start"]), _core.clock(bounds["end"]), kept


def _check(at: str, key: str, text: Any, kind: type[CohortError]) -> None:
    """Check one setting by itself."""
    if key == "max_reject_ratio":
        return
    alone = {"start": FIRST, "end": LAST} | DEFAULTS
    # Any duration may be a lookback.
    alone[key if key in {"start", "end"} else "max_lookback"] = text
    try:
        _core.bounds(_settings(str(alone["start"]), str(alone["end"]), alone))
    except UsageError as error:
        raise kind(f"{at}: {error}; {ADVICE}") from None


def _settings(start: str, end: str, chosen: Mapping[str, Any]) -> Settings:
    gap, longest, lookback = (chosen[k] for k in ("gap", "max_event_duration", "max_lookback"))
    return settings(start, end, gap, longest, lookback)

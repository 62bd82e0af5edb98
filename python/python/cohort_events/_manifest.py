"""The run manifest as the job on Spark reads it. `cohort run` checks manifests more closely."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cohort_events._core import clock
from cohort_events._settings import settings
from cohort_events.errors import ManifestError

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
KNOWN = {"version", "run_id", "interval", "demo_run_config", "commit", "keep_superseded"}
RUN_ID = re.compile(r"[A-Za-z0-9._:+@=~-]{1,250}")


@dataclass(frozen=True)
class Manifest:
    """A run: where its logs are, and what the kernel takes."""

    run_id: str
    start: str
    end: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, str]

    def folder(self, output: str) -> str:
        """Return the folder of this run in a dataset."""
        return f"{self.outputs[output]}run={quote(self.run_id, safe='._-')}"

    def resolved(self) -> dict[str, Any]:
        """Return the manifest with all that it leaves out, as the lineage shows it."""
        interval = {"start": self.start, "end": self.end}
        known = {"version": 1, "run_id": self.run_id, "interval": interval}
        rules = {"commit": "unconditional", "keep_superseded": False}
        logs = {"inputs": dict(self.inputs), "outputs": dict(self.outputs)}
        return known | dict(self.settings) | rules | logs


def parse(uri: str, text: str, options: argparse.Namespace) -> Manifest:
    """Return the run of a manifest, in which the command line has the last word."""
    try:
        given = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise ManifestError(f"{uri}: expected JSON, found {error}; correct it") from None
    if not isinstance(given, dict) or given.get("version") != 1:
        raise ManifestError(f"{uri}: expected a run manifest of version 1; correct it")
    unknown = sorted(given.keys() - KNOWN - DEFAULTS.keys() - {"inputs", "outputs"})
    if unknown:
        raise ManifestError(f"{uri}: expected keys of a run manifest, found {unknown[0]!r}")
    inputs = {
        log: {**dataset, "uri": absolute(uri, dataset["uri"])}
        for log, dataset in given.get("inputs", {}).items()
        if log in ARGUMENTS
    }
    if "minority_reports_detected_log" not in inputs:
        raise ManifestError(f"{uri}: expected the input minority_reports_detected_log; add it")
    outputs = {log: absolute(uri, place) for log, place in given.get("outputs", {}).items()}
    missing = [log for log in (*WRITTEN, "lineage") if log not in outputs]
    if missing:
        raise ManifestError(f"{uri}: expected the output {missing[0]}; add it")
    interval = given.get("interval", {})
    start = options.interval_start or interval.get("start")
    end = options.interval_end or interval.get("end")
    run_id = options.run_id or given.get("run_id")
    if options.command == "rerun":
        # The committed lineage knows the interval; any will do until it is read.
        start, end = "2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z"
    if not (start and end and run_id):
        raise ManifestError(f"{uri}: expected run_id and interval, there or on the command line")
    if not RUN_ID.fullmatch(run_id):
        raise ManifestError(f"{uri}: expected 1 to 250 of A-Za-z0-9._:+@=~- in run_id: {run_id!r}")
    chosen = {
        key: getattr(options, key, None) or given.get(key, default)
        for key, default in DEFAULTS.items()
    }
    return Manifest(run_id, *_interval(start, end), chosen, inputs, outputs)


def absolute(manifest: str, place: str) -> str:
    """Return a dataset's URI, which may be relative to the manifest's folder, with a slash."""
    place = place if place.endswith("/") else f"{place}/"
    if "://" not in place and not place.startswith("/"):
        place = f"{manifest.rpartition('/')[0]}/{place}"
    return whole(place)


def whole(uri: str) -> str:
    """Return a URI with its scheme and its authority, which Hadoop leaves out on local disk."""
    path = uri.removeprefix("file://").removeprefix("file:")
    return f"file://{path}" if path.startswith("/") else uri


def _interval(start: str, end: str) -> tuple[str, str]:
    from cohort_events import _core

    plain = settings(start, end, "PT30M", "P7D", "P30D", "")
    bounds = _core.bounds(plain)
    return clock(bounds["start"]), clock(bounds["end"])

"""Checks of a committed run, made from its lineage and its files without the job's help."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, and the figures behind it."""

    passed: bool
    found: dict[str, Any]


@dataclass(frozen=True)
class Committed:
    """A committed run: its lineage, and the columns of its logs that the checks need."""

    lineage: dict[str, Any]
    lines: pa.Table
    events: pa.Table


def lineage(uri: str) -> dict[str, Any]:
    """Read a lineage."""
    read: dict[str, Any] = json.loads(_read(uri))
    return read


def read(lineage_uri: str) -> Committed:
    """Read a run as any reader should: from its lineage to exactly the files that it lists."""
    known = lineage(lineage_uri)
    outputs = known["outputs"]
    return Committed(
        lineage=known,
        lines=_table(
            outputs["minority_reports_cohorted_log"],
            {"report_group_id": pa.string(), "event_status": pa.string()},
        ),
        events=_table(
            outputs["minority_event_log"],
            {"event_id": pa.string(), "version": pa.int32(), "event_status": pa.string()},
        ),
    )


def one_row_per_event(run: Committed) -> Verdict:
    """Check that no version of an event is in the log twice: readers take the greatest one."""
    versions = run.events.group_by(["event_id", "version"]).aggregate([([], "count_all")])
    twice = pc.sum(pc.greater(versions["count_all"], 1)).as_py() or 0
    events = len(pc.unique(run.events["event_id"]))
    return Verdict(twice == 0, {"events": events, "versions_twice": twice})


def totals_agree(run: Committed) -> Verdict:
    """Check that lineage, event log and cohorted log agree on their counts."""
    counts, outputs = run.lineage["counts"], run.lineage["outputs"]
    ended_lines = run.lines.filter(pc.equal(run.lines["event_status"], "ended"))
    found = {
        "rows_of_lines": (outputs["minority_reports_cohorted_log"]["rows"], run.lines.num_rows),
        "rows_of_events": (outputs["minority_event_log"]["rows"], run.events.num_rows),
        "events_opened": (counts["events_opened"], _count(run.events, "active")),
        "events_closed": (counts["events_closed"], _count(run.events, "ended")),
        "events_closed_by_lines": (
            counts["events_closed"],
            len(pc.unique(ended_lines["report_group_id"])),
        ),
    }
    passed = all(expected == actual for expected, actual in found.values())
    return Verdict(passed, {name: f"{a} and {b}" for name, (a, b) in found.items()})


def _count(events: pa.Table, status: str) -> int:
    rows: int = events.filter(pc.equal(events["event_status"], status)).num_rows
    return rows


def _table(output: dict[str, Any], columns: dict[str, pa.DataType]) -> pa.Table:
    parts = [
        pq.read_table(pa.BufferReader(_read(file["uri"])), columns=list(columns))
        for file in output["files"]
    ]
    return pa.concat_tables(parts) if parts else pa.schema(columns).empty_table()


def _read(uri: str) -> bytes:
    scheme, _, path = uri.partition("://")
    storage = _s3() if scheme == "s3" else fs.LocalFileSystem()
    with storage.open_input_stream(path) as stream:
        content: bytes = stream.read()
        return content


def _s3() -> fs.S3FileSystem:
    # The job reads the same variables. Arrow reads the others, such as the keys, by itself.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION", "us-east-1")
    return fs.S3FileSystem(endpoint_override=endpoint, region=region)

"""The job on Spark: `spark-submit` in client mode, as a process of the Dagster step.

It knows no Pipes. What the job in a container reports, this reads from its summary and its lineage.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

#: How a run that has committed says so in its summary.
STATUSES = frozenset({"committed", "replaced", "unchanged"})
REPORTS = "minority_reports_detected_log"
LINES, EVENTS = "minority_reports_cohorted_log", "minority_event_log"
#: The counts of the lineage that each asset shows.
COUNTS = {
    LINES: ("stores", "reports", "lines"),
    EVENTS: ("stores", "events_opened", "events_closed", "events_active"),
}


def submit(
    spark_submit: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Callable[[str], None],
) -> tuple[int | None, dict[str, Any]]:
    """Run the job; return its exit code, and its summary or its error.

    The code is None if it is Spark's own: the job says why it fails.
    """
    process = subprocess.Popen(
        [*shlex.split(spark_submit), *command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: dict[str, Any] = {}
    try:
        # Spark's own log goes to the step's as it comes.
        for line in process.stdout or ():
            log(line.rstrip())
            said = _said(line.strip()) or said
        code = process.wait()
    finally:
        process.terminate()
    return (None if code != 0 and "error" not in said else code), said


def reported(
    summary: Mapping[str, Any], lineage: Mapping[str, Any], reject_ratio_max: float
) -> list[dg.MaterializeResult | dg.AssetCheckResult]:
    """Return what the job in a container reports of a committed run, as far as both files say."""
    read = lineage["inputs"][REPORTS]
    rejected, rows = sum(read["rows_rejected"].values()), read["rows_read"]
    ratio = rejected / rows if rows else 0.0
    results: list[dg.MaterializeResult | dg.AssetCheckResult] = [
        dg.MaterializeResult(
            asset_key=asset,
            metadata={
                "run_id": summary["run_id"],
                "status": summary["status"],
                "lineage": dg.MetadataValue.path(summary["lineage"]),
                "duration_s": summary["execution"]["wall_ms"] / 1000,
                "dagster/row_count": summary["rows"][asset],
                "files": len(lineage["outputs"][asset]["files"]),
                "bytes": sum(file["bytes"] for file in lineage["outputs"][asset]["files"]),
                **{name: summary["counts"][name] for name in counts},
            },
            data_version=dg.DataVersion(lineage["content_sha256"]),
        )
        for asset, counts in COUNTS.items()
    ]
    check = dg.AssetCheckResult(
        asset_key=LINES,
        check_name="rejects_under_limit",
        passed=ratio <= reject_ratio_max,
        metadata={
            "rows_rejected": rejected,
            "rows_read": rows,
            "ratio": ratio,
            "limit": reject_ratio_max,
        },
    )
    return [*results, check]


def _said(line: str) -> dict[str, Any] | None:
    if line.startswith("cohort: "):
        return {"error": line.removeprefix("cohort: ")}
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    is_summary = value.get("status") in STATUSES and "lineage" in value
    return value if is_summary else None

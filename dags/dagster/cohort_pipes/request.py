"""Which run a partition asks the job for, and the command line that says so."""

from __future__ import annotations

from datetime import UTC, datetime


def run_id(partition_key: str) -> str:
    """Name the job's run for a partition, whichever Dagster run computes it.

    The name depends on the partition only. Computing it again replaces what it wrote, so that no
    reader of the logs ever sees a day twice.
    """
    return f"dagster__{partition_key}"


def arguments(
    manifest: str,
    partition_key: str,
    window: tuple[datetime, datetime],
    gap: str | None = None,
    max_lookback: str | None = None,
) -> list[str]:
    """The job's arguments for a partition and its half-open time window."""
    line = ["run", "--manifest", manifest, "--run-id", run_id(partition_key)]
    line += ["--interval-start", _text(window[0]), "--interval-end", _text(window[1])]
    if gap:
        line += ["--gap", gap]
    if max_lookback:
        line += ["--max-lookback", max_lookback]
    return line


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

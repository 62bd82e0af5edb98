"""Which run is asked of the job, and the command line that says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

#: What the names of partitions' runs begin with.
PREFIX = "dagster__"


def run_id(partition_key: str) -> str:
    """Name the job's run for a partition, whichever Dagster run computes it.

    The name depends on the partition only. Computing it again replaces what it wrote, so that no
    reader of the logs ever sees a day twice.
    """
    return f"{PREFIX}{partition_key}"


def partition_of(name: str) -> str | None:
    """Return the partition whose run has that name, or None if it is no partition's run."""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else None


def arguments(
    manifest: str,
    partition_key: str,
    window: tuple[datetime, datetime],
    durations: Mapping[str, str | None],
) -> list[str]:
    """The job's arguments for a partition and its half-open time window."""
    line = ["run", "--manifest", manifest, "--run-id", run_id(partition_key)]
    line += ["--interval-start", _text(window[0]), "--interval-end", _text(window[1])]
    return line + _options(durations)


def rerun_arguments(manifest: str, name: str, durations: Mapping[str, str | None]) -> list[str]:
    """The job's arguments to run again what the committed run of that name was for."""
    return ["rerun", "--manifest", manifest, "--run-id", name, *_options(durations)]


def _options(durations: Mapping[str, str | None]) -> list[str]:
    given = {name: text for name, text in durations.items() if text}
    return [word for n, text in given.items() for word in (f"--{n.replace('_', '-')}", text)]


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""What callers set, in the form that the kernel reads: RFC 3339 and ISO 8601."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from numbers import Real
from typing import TypedDict

from cohort_events.errors import UsageError


class Settings(TypedDict):
    """What the kernel takes besides frames."""

    start: str
    end: str
    gap: str
    max_event_duration: str
    max_lookback: str
    max_reject_ratio: float | None
    run_id: str


def settings(
    start: str | date,
    end: str | date,
    gap: str | timedelta,
    max_event_duration: str | timedelta,
    max_lookback: str | timedelta,
    run_id: str = "adhoc",
    max_reject_ratio: float | None = None,
) -> Settings:
    """Return the settings as texts. The kernel checks what they say."""
    if not isinstance(run_id, str):
        raise TypeError(f"run_id: expected a text, found {type(run_id).__qualname__}")
    if not isinstance(max_reject_ratio, Real | None):
        found = type(max_reject_ratio).__qualname__
        raise TypeError(f"max_reject_ratio: expected a number or None, found {found}")
    return {
        "start": instant("start", start),
        "end": instant("end", end),
        "gap": duration("gap", gap),
        "max_event_duration": duration("max_event_duration", max_event_duration),
        "max_lookback": duration("max_lookback", max_lookback),
        "max_reject_ratio": None if max_reject_ratio is None else float(max_reject_ratio),
        "run_id": run_id,
    }


def instant(name: str, at: object) -> str:
    """Return an instant in RFC 3339. A datetime without a zone is UTC, and a date its midnight."""
    if isinstance(at, str):
        return at
    try:
        if isinstance(at, datetime):
            return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).isoformat()
        if isinstance(at, date):
            return datetime.combine(at, time(), UTC).isoformat()
    except (OverflowError, ValueError) as error:
        expected = "expected an instant of the years 0001 to 9999 in UTC"
        raise UsageError(f"{name}: {expected}, found {at}") from error
    found = type(at).__qualname__
    raise TypeError(f"{name}: expected a datetime, a date or a text in RFC 3339, found {found}")


def runs_of(runs: object) -> list[tuple[str, str, str]]:
    """Return runs with start and end of each."""
    if not isinstance(runs, Mapping):
        found = type(runs).__qualname__
        raise TypeError(f"runs: expected a mapping of run_id to start and end, found {found}")
    written = []
    for run_id, interval in runs.items():
        if not isinstance(run_id, str) or not isinstance(interval, tuple | list):
            found = f"{run_id!r}: {interval!r}"
            raise TypeError(f"runs: expected start and end for each run_id, found {found}")
        if len(interval) != len(("start", "end")):
            raise UsageError(f"runs: expected start and end of {run_id!r}, found {interval!r}")
        start, end = interval
        written.append((run_id, instant("runs", start), instant("runs", end)))
    return written


def duration(name: str, length: object) -> str:
    """Return a duration in ISO 8601."""
    if isinstance(length, str):
        return length
    if not isinstance(length, timedelta):
        found = type(length).__qualname__
        raise TypeError(f"{name}: expected a timedelta or a text in ISO 8601, found {found}")
    if length < timedelta():
        raise UsageError(f"{name}: expected a duration that is not negative, found {length}")
    seconds, us = divmod(length // timedelta(microseconds=1), 1_000_000)
    return f"PT{seconds}.{us:06}S"

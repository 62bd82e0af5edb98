"""What callers set, in the form that the kernel reads: RFC 3339 and ISO 8601."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TypedDict


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
    run_id: str,
    max_reject_ratio: float | None = None,
) -> Settings:
    """Return the settings as texts. The kernel checks what they say."""
    return {
        "start": instant("start", start),
        "end": instant("end", end),
        "gap": duration("gap", gap),
        "max_event_duration": duration("max_event_duration", max_event_duration),
        "max_lookback": duration("max_lookback", max_lookback),
        "max_reject_ratio": max_reject_ratio,
        "run_id": run_id,
    }


def instant(name: str, at: object) -> str:
    """Return an instant in RFC 3339. Without a zone it is UTC, and a date is its midnight."""
    if isinstance(at, str):
        return at
    if isinstance(at, datetime):
        return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC).isoformat()
    if isinstance(at, date):
        return datetime.combine(at, time(), UTC).isoformat()
    found = type(at).__qualname__
    raise TypeError(f"{name}: expected a datetime, a date or a text in RFC 3339, found {found}")


def duration(name: str, length: object) -> str:
    """Return a duration in ISO 8601."""
    if isinstance(length, str):
        return length
    if not isinstance(length, timedelta):
        found = type(length).__qualname__
        raise TypeError(f"{name}: expected a timedelta or a text in ISO 8601, found {found}")
    seconds, us = divmod(length // timedelta(microseconds=1), 1_000_000)
    return f"PT{seconds}.{us:06}S"

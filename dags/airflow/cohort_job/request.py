"""Which run an Airflow task asks the job for, and the command line that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

#: The params that override the manifest's durations; the job's options have the same names.
DURATIONS = ("gap", "max_event_duration", "max_lookback")


class BadRequestError(ValueError):
    """The requested run has no sound interval. Trying again would not help."""


@dataclass(frozen=True)
class Interval:
    """A half-open interval."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise BadRequestError(
                f"expected an interval of some length, found {_text(self.start)} to "
                f"{_text(self.end)}; a bare @daily has no intervals in Airflow 3: "
                "use CronDataIntervalTimetable"
            )


@dataclass(frozen=True)
class Request:
    """One run of the job.

    Without an interval, it runs again what the committed run of that name was for.
    """

    run_id: str
    interval: Interval | None
    durations: Mapping[str, str] = field(default_factory=dict)


def request_from(
    *,
    dag_run_id: str,
    params: Mapping[str, Any],
    interval: tuple[datetime | None, datetime | None],
    logical_date: datetime | None,
) -> Request:
    """Return the run that a DAG run asks for.

    An interval among the params comes first. A `run_id` among them without one asks for a rerun.
    Otherwise the interval is the DAG run's own.
    """
    durations = {name: params[name] for name in DURATIONS if params.get(name)}
    run_id = params.get("run_id")
    start, end = (_instant(params.get(name)) for name in ("interval_start", "interval_end"))
    if (start is None) != (end is None):
        raise BadRequestError(
            "expected both of the params interval_start and interval_end, or neither"
        )
    if start is not None and end is not None:
        return Request(run_id or dag_run_id, Interval(start, end), durations)
    if run_id:
        return Request(run_id, None, durations)
    return Request(dag_run_id, _own(interval, logical_date), durations)


def _own(interval: tuple[datetime | None, datetime | None], date: datetime | None) -> Interval:
    """Return the DAG run's interval, which must be the one that belongs to its logical date.

    Airflow infers the interval of a run that is triggered for a past date from the present, and
    would compute the wrong day.
    """
    start, end = interval
    if start is None or end is None:
        raise BadRequestError(
            "expected a data interval, found none: a manual run has one only if it is given; "
            "trigger it with the params interval_start and interval_end, or with the run_id of a "
            "committed run by itself to run that again"
        )
    if date is not None and not start <= date < end:
        raise BadRequestError(
            f"expected the interval of {_text(date)}, found {_text(start)} to {_text(end)}, which "
            "Airflow inferred from the present; clear that day's run, or give the params "
            "interval_start and interval_end, or only the run_id of a committed run"
        )
    return Interval(start, end)


def arguments(manifest: str, request: Request) -> list[str]:
    """Return the job's arguments, which follow the image's entry point."""
    interval = request.interval
    line = ["run" if interval else "rerun", "--manifest", manifest, "--run-id", request.run_id]
    if interval:
        line += ["--interval-start", _text(interval.start), "--interval-end", _text(interval.end)]
    for name, duration in request.durations.items():
        line += [f"--{name.replace('_', '-')}", duration]
    return line


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

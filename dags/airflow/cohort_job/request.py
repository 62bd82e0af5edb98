"""Which run an Airflow task asks the job for, and the command line that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class BadRequestError(ValueError):
    """The requested run has no sound interval. Trying again would not help."""


@dataclass(frozen=True)
class Request:
    """One run of the job; the interval is half-open."""

    run_id: str
    start: datetime
    end: datetime
    gap: str | None = None
    max_lookback: str | None = None

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise BadRequestError(
                f"expected an interval of some length, found {_text(self.start)} to "
                f"{_text(self.end)}; a bare @daily has no intervals in Airflow 3: "
                "use CronDataIntervalTimetable"
            )


def request_from(
    *,
    dag_run_id: str,
    params: Mapping[str, Any],
    interval: tuple[datetime | None, datetime | None],
    logical_date: datetime | None,
) -> Request:
    """Return the run that a DAG run asks for.

    Params take precedence over the DAG run's interval. Without them, the interval must be the one
    that belongs to the logical date: Airflow infers the interval of a run that is triggered for a
    past date from the present, and would compute the wrong day.
    """
    start, end = (_instant(params.get(name)) for name in ("interval_start", "interval_end"))
    if (start is None) != (end is None):
        raise BadRequestError(
            "expected both of the params interval_start and interval_end, or neither"
        )
    if start is None or end is None:
        start, end = interval
        if start is None or end is None:
            raise BadRequestError(
                "expected a data interval, found none: a manual run has one only if it is given; "
                "trigger it with the params interval_start and interval_end"
            )
        if logical_date is not None and not start <= logical_date < end:
            raise BadRequestError(
                f"expected the interval of {_text(logical_date)}, found {_text(start)} to "
                f"{_text(end)}, which Airflow inferred from the present; clear that day's run, "
                "or give the params interval_start and interval_end"
            )
    return Request(
        run_id=params.get("run_id") or dag_run_id,
        start=start,
        end=end,
        gap=params.get("gap"),
        max_lookback=params.get("max_lookback"),
    )


def arguments(manifest: str, request: Request) -> list[str]:
    """Return the job's arguments, which follow the image's entry point."""
    line = ["run", "--manifest", manifest, "--run-id", request.run_id]
    line += ["--interval-start", _text(request.start), "--interval-end", _text(request.end)]
    if request.gap:
        line += ["--gap", request.gap]
    if request.max_lookback:
        line += ["--max-lookback", request.max_lookback]
    return line


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

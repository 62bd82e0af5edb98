"""What the job reported: its summary, or why it failed and whether to try again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: Exit codes after which trying again cannot help, with what they mean.
PERMANENT = {
    2: "wrong command line",
    65: "the input data is at fault",
    66: "an input does not exist",
    70: "a bug in the job",
    77: "access denied",
    78: "the manifest is at fault",
}
#: The exit code that asks to be tried again.
TEMPORARY = 75
#: SIGKILL, sent by hand or for exceeding the memory limit.
KILLED = 137


@dataclass(frozen=True)
class Failure:
    """Why a run failed. A run without an exit code of the job's own is tried again."""

    exit_code: int | None
    reason: str

    @property
    def retry(self) -> bool:
        return self.exit_code not in PERMANENT

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"no exit code of the job's own (stopped from outside): {self.reason}"
        if self.exit_code == TEMPORARY:
            kind = "temporary"
        elif self.exit_code == KILLED:
            kind = "killed, or out of memory"
        else:
            kind = PERMANENT.get(self.exit_code, "stopped from outside")
        return f"exit {self.exit_code} ({kind}): {self.reason}"


def readable(result: dict[str, Any]) -> list[str]:
    """Return the summary as a few lines for the task's log."""
    rows, counts = result["rows"], result["counts"]
    # Fractions of a second are shown only if there are any.
    start, end = (result["interval"][name].replace(".000000Z", "Z") for name in ("start", "end"))
    written = ", ".join(f"{count} rows of {log}" for log, count in rows.items())
    return [
        f"{result['status']} {start} to {end}",
        f"wrote {written}",
        "events: {events_opened} opened, {events_closed} closed, {events_active} active at the end "
        "of the interval, at {stores} stores".format(**counts),
        f"lineage: {result['lineage']}",
    ]


def summary(lines: Iterable[str | bytes] | None) -> dict[str, Any]:
    """Find the summary among the job's lines. Log lines may follow it, since the streams race."""
    for line in reversed(list(lines or [])):
        value = _object(line)
        if value and value.get("status") in {"committed", "replaced", "unchanged"} and "lineage" in value:
            return value
    raise ValueError(
        "expected the job's summary among its output, found none: is the image the cohort job?"
    )


def failure_from_docker(message: str, lines: Iterable[str | bytes] | None) -> Failure:
    """Read a container's failure from Docker's message and the job's lines."""
    found = re.search(r"'StatusCode': (\d+)", message)
    said = [line for line in map(_text, lines or []) if line.startswith("cohort: ")]
    reason = said[-1].removeprefix("cohort: ") if said else "the job said nothing"
    return Failure(int(found.group(1)) if found else None, reason)


def failure_from_pod(message: str) -> Failure:
    """Read a pod's failure from its message, which holds the job's termination log, one object."""
    for start in (match.start() for match in re.finditer(r"\{", message)):
        try:
            value, _ = json.JSONDecoder().raw_decode(message[start:])
        except ValueError:
            continue
        if isinstance(value, dict) and "exit_code" in value and "error" in value:
            return Failure(value["exit_code"], value["error"])
    first, *_ = [*message.strip().splitlines(), "the pod said nothing"]
    return Failure(None, first)


def asset_extra(result: dict[str, Any]) -> dict[str, Any]:
    """Return the part of the summary that goes to downstream DAGs with an asset event."""
    names = ("run_id", "interval", "lineage", "status", "rows", "counts")
    return {name: result[name] for name in names if name in result}


def _text(line: str | bytes) -> str:
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    return text.strip()


def _object(line: str | bytes) -> dict[str, Any] | None:
    text = _text(line)
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

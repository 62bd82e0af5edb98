"""Golden cases: their frames, their settings, and what they expect, as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: The argument that takes each log.
ARGUMENTS = {
    "minority_reports_detected_log": "reports",
    "anomaly_classifier_model_prediction_log": "scores",
    "baseline_sales_model_prediction_log": "sales",
    "all_campaign_data": "campaigns",
    "contextual_data": "context",
}
LOGS = {"mrch": "minority_reports_cohorted_log", "melog": "minority_event_log"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT = pa.timestamp("us", "UTC")


@dataclass
class Case:
    """A case: frames by argument, settings, and the text of what is expected."""

    name: str
    frames: dict[str, pa.Table]
    settings: dict[str, Any]
    expected: str


def read(folder: Path) -> Case:
    """Return the case of a folder, whose datasets are text tables or Parquet."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    frames = {}
    for log, dataset in manifest["inputs"].items():
        text = folder / f"{log}.txt"
        parquet = sorted((folder / dataset["uri"]).rglob("*.parquet"))
        frames[ARGUMENTS[log]] = (
            text_table(text) if text.exists() else pa.concat_tables(map(pq.read_table, parquet))
        )
    interval = manifest["interval"]
    keys = ("gap", "max_event_duration", "max_lookback", "max_reject_ratio", "run_id")
    settings = {key: manifest[key] for key in keys if key in manifest}
    settings |= {"start": interval["start"], "end": interval["end"]}
    return Case(
        folder.name, frames, settings, (folder / "expected.txt").read_text(encoding="utf-8")
    )


def text_table(path: Path) -> pa.Table:
    """Return a text table: the first line names the columns, the second their types."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [
        [cell.strip() for cell in line.split("|")]
        for line in lines
        if line.strip() and not line.startswith("#")
    ]
    names, types, *cells = rows
    columns = [column(kind, [row[place] for row in cells]) for place, kind in enumerate(types)]
    return pa.table(dict(zip(names, columns, strict=True)))


def column(kind: str, cells: list[str]) -> pa.Array:
    """Return a column of a text table."""
    if kind == "string":
        return pa.array([text(cell) for cell in cells], pa.string())
    values = [None if cell == "null" else cell for cell in cells]
    if kind == "timestamp":
        return pa.array([c and microseconds(c) for c in values], pa.int64()).cast(INSTANT)
    if kind == "int64":
        return pa.array([c and int(c) for c in values], pa.int64())
    if kind == "double":
        return pa.array([c and float(c) for c in values], pa.float64())
    if kind == "list":
        lists = [c and json.loads(c.replace("NaN", "null")) for c in values]
        return pa.array(lists, pa.list_(pa.float64()))
    precision, scale = map(int, re.findall(r"\d+", kind))
    return pa.array([c and Decimal(c) for c in values], pa.decimal128(precision, scale))


def text(cell: str) -> str | None:
    """Return a text; `x*7` is seven times x."""
    piece, _, times = cell.partition("*")
    plain = {"null": None, '""': ""}.get(cell, cell)
    return piece * int(times) if times.isdigit() else plain


def microseconds(text: str) -> int:
    """Return an RFC 3339 instant of UTC as microseconds after 1970."""
    # A case may lie outside of Python's calendar, which repeats itself every 400 years.
    cycles, days_of_cycle = (int(text[: text.index("-", 1)]) - 2000) // 400, 146_097
    year = int(text[: text.index("-", 1)]) - 400 * cycles
    whole, _, fraction = text[text.index("-", 1) :].removesuffix("Z").partition(".")
    since = datetime.fromisoformat(f"{year:04}{whole}").replace(tzinfo=UTC) - EPOCH
    seconds = (since.days + cycles * days_of_cycle) * 86_400 + since.seconds
    return seconds * 1_000_000 + int(fraction.ljust(6, "0") or 0)


def rendered(rows: dict[str, list[pa.Table]]) -> str:
    """Return the rows of both logs as the golden cases write them."""
    text = []
    for short, log in LOGS.items():
        for number, row in enumerate(every(rows[short]), 1):
            text.append(f"{log}, row {number}\n")
            text += [f"  {name}: {cell}\n" for name, cell in row if cell != "null"]
            text.append("\n")
    return "".join(text)


def every(tables: Iterable[pa.Table]) -> Iterable[list[tuple[str, str]]]:
    """Yield the rows as names and texts. Instants may lie outside of Python's calendar."""
    for table in tables:
        kinds = table.schema.types
        plain = table.cast(
            pa.schema(
                field.with_type(pa.int64()) if pa.types.is_timestamp(field.type) else field
                for field in table.schema
            )
        )
        columns = [values.to_pylist() for values in plain.columns]
        for row in zip(*columns, strict=True):
            cells = map(cell, kinds, row)
            yield list(zip(table.column_names, cells, strict=True))


def cell(kind: pa.DataType, value: Any) -> str:
    """Return a value as the golden cases write it."""
    text = str(value)
    if value is None:
        text = "null"
    elif pa.types.is_timestamp(kind):
        text = clock(value)
    elif pa.types.is_list(kind):
        text = f"[{', '.join(cell(kind.value_type, item) for item in value)}]"
    elif pa.types.is_floating(kind):
        text = double(value)
    elif pa.types.is_decimal(kind):
        text = format(value, ".4f")
    elif pa.types.is_string(kind):
        text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def clock(us: int) -> str:
    """Return an instant with its microseconds."""
    days, rest = divmod(us, 86_400_000_000)
    day = datetime.fromordinal(EPOCH.toordinal() + days)
    seconds, us = divmod(rest, 1_000_000)
    at = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{day.year:04}-{day.month:02}-{day.day:02}T{at}.{us:06}Z"


def double(value: float) -> str:
    """Return the shortest digits that read back as the same bits."""
    least, beyond = 1e-4, 1e16
    if math.isinf(value):
        return str(value)
    if value == 0 or least <= abs(value) < beyond:
        digits = format(Decimal(repr(value)), "f")
        return digits if "." in digits else f"{digits}.0"
    mantissa, _, exponent = format(Decimal(repr(value)), "e").partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def facts(inputs: dict[str, Any], counts: dict[str, int], lookback_start: str) -> str:
    """Return what was counted as the golden cases write it, which leave out the references."""
    inputs = {log: inputs[log] for log in ("reports", "sales", "scores") if log in inputs}
    text = []
    for log in sorted(inputs):
        for reason, rows in sorted(inputs[log]["rows_rejected"].items()):
            text.append(f"rejected {log} {reason}: {rows}\n")
    text.append(f"onsets ignored: {inputs['reports']['onsets_ignored']}\n")
    for log in sorted(inputs):
        for name, values in sorted(inputs[log]["values_out_of_range"].items()):
            text.append(f"out of range {log} {name}: {values}\n")
    text += [f"{name}: {count}\n" for name, count in sorted(counts.items())]
    text.append(f"reports read from: {lookback_start}\n")
    return "".join(text)

"""The registry is the one that `cohort registry` shows, over runs and edits of every kind."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import random
import subprocess
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import pyarrow as pa
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import cohort_events as ce

BINARY = os.environ.get("COHORT_BINARY", "target/release/cohort")
LOGS = {"melog": "minority_event_log", "mrch": "minority_reports_cohorted_log"}
EDITS = "user_minority_events_edits_log"
DAY = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
#: Three runs that meet, one of the middle of them again with another gap, and one apart.
RUNS = {
    "a": (DAY, DAY + dt.timedelta(hours=8)),
    "b": (DAY + dt.timedelta(hours=8), DAY + dt.timedelta(hours=14)),
    "c": (DAY + dt.timedelta(hours=14), DAY + dt.timedelta(hours=19)),
    "b wide": (DAY + dt.timedelta(hours=7), DAY + dt.timedelta(hours=16)),
    "late": (DAY + dt.timedelta(hours=20), DAY + dt.timedelta(hours=22)),
}
RUNS = {name.replace(" ", "-"): interval for name, interval in RUNS.items()}


@dataclass
class Lake:
    """A sample with runs and edits, and its registry as the binary shows it."""

    folder: Path
    logs: dict[str, pa.Table] = field(default_factory=dict)
    edits: pa.Table | None = None

    def cohort(self, *arguments: str) -> str:
        """Run the binary on the manifest."""
        command, *options = arguments
        manifest = str(self.folder / "manifest.json")
        done = subprocess.run(
            [BINARY, command, "--manifest", manifest, *options],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def lines(self, *options: str) -> list[dict[str, Any]]:
        """Return what the binary shows, amounts as decimals."""
        text = self.cohort("registry", "--as", "jsonl", *options)
        return [brief(json.loads(line, parse_float=Decimal)) for line in text.splitlines()]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with all runs and many edits."""
    folder = tmp_path_factory.mktemp("lake")
    size = ["--stores", "12", "--skus", "6", "--days", "3", "--seed", "4"]
    subprocess.run([BINARY, "sample", folder, *size], check=True, capture_output=True)
    manifest = json.loads((folder / "run_manifest.json").read_text(encoding="utf-8"))
    manifest["inputs"][EDITS] = {"uri": "edits/"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = Lake(folder)
    for name, (start, end) in RUNS.items():
        span = ["--interval-start", f"{start:%FT%TZ}", "--interval-end", f"{end:%FT%TZ}"]
        gap = ["--gap", "PT45M"] if name == "b-wide" else []
        found.cohort("run", "--run-id", name, *span, *gap)
    # With the baseline log, the binary shows what the logs of the runs leave open by themselves.
    del manifest["inputs"]["baseline_sales_model_prediction_log"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    found.logs = {
        name: ds.dataset(folder / manifest["outputs"][log]).to_table() for name, log in LOGS.items()
    }
    found.edits = edits(found.logs["melog"]["event_id"].unique().to_pylist())
    (folder / "edits").mkdir()
    pq.write_table(found.edits, folder / "edits" / "edits.parquet")
    return found


def edits(events: list[str]) -> pa.Table:
    """Return edits of every field, many of which do not apply."""
    dice = random.Random(6)
    texts: list[Any] = [None, "", "Sale <on> Monday", "open", "confirmed", "2025-02-01T00:00:00Z"]
    fields = ["cohort_name", "proposed_cause", "note", "verdict", "review_status", "nothing"]
    fields += ["suppressed_until", "merged_into", "merged_into", "merged_into", "revert"]
    nobody = hashlib.sha256(b"nobody").hexdigest()
    rows = []
    for number in range(400):
        name = dice.choice(fields)
        among: dict[str, list[Any]] = {
            "merged_into": [*events[:20], None, nobody],
            "revert": [f"e{n}" for n in range(9)],
        }
        rows.append({
            "edit_id": None if number % 50 == 7 else f"e{dice.randrange(number + 1)}",
            "event_id": dice.choice([*events[:20], nobody]),
            "field": name,
            "new_value": dice.choice(among.get(name, texts)),
            "edited_by": "ann",
            "edited_at": DAY + dt.timedelta(minutes=dice.randrange(24 * 60)),
            "reason": dice.choice([None, "why"]),
        })
    types = dict.fromkeys(rows[0], pa.string()) | {"edited_at": pa.timestamp("us", "UTC")}
    return pa.Table.from_pylist(rows, pa.schema(types.items()))


def shuffled(table: pa.Table, dice: random.Random) -> pa.Table:
    """Return the rows in another order."""
    return table.take(pa.array(dice.sample(range(len(table)), len(table)), pa.int64()))


def within(start: dt.datetime, end: dt.datetime) -> dict[str, Any]:
    """Return the runs whose interval meets another, as `--from` and `--to` select them."""
    return {name: span for name, span in RUNS.items() if span[1] > start and span[0] < end}


SELECTIONS: list[tuple[list[str], dict[str, Any]]] = [
    ([], {"runs": RUNS}),
    (["--as-of", "2025-01-01T12:00:00Z"], {"runs": RUNS, "as_of": "2025-01-01T12:00:00Z"}),
    (["--as-of", "2025-01-02"], {"runs": RUNS, "as_of": dt.date(2025, 1, 2)}),
    (["--run-id", "a"], {"runs": {"a": RUNS["a"]}}),
    (
        ["--from", "2025-01-01T13:00:00Z", "--to", "2025-01-01T21:00:00Z"],
        {"runs": within(DAY + dt.timedelta(hours=13), DAY + dt.timedelta(hours=21))},
    ),
]


@pytest.mark.parametrize(("options", "settings"), SELECTIONS, ids=" ".join)
def test_events_and_unapplied_edits_are_the_binarys(
    lake: Lake, options: list[str], settings: dict[str, Any]
) -> None:
    dice = random.Random(" ".join(options))
    logs = {name: shuffled(log, dice) for name, log in lake.logs.items()}
    found = ce.registry(**logs, edits=shuffled(lake.edits, dice), **settings)
    events = [plain(row) for row in pa.table(found.events).to_pylist()]
    assert events == lake.lines(*options)
    unapplied = [plain(row) for row in pa.table(found.unapplied).to_pylist()]
    assert unapplied == lake.lines("--unapplied", *options)
    assert len(unapplied) > 100 or settings.get("as_of") == "2025-01-01T12:00:00Z"


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the binary writes it in JSON."""
    lists = {"merged_from", "trail", "unapplied", "conflicts", "undetermined"}

    def value(name: str, cell: Any) -> Any:
        if name in lists and cell is not None:
            return json.loads(cell, parse_float=Decimal)
        if isinstance(cell, dt.datetime):
            return f"{cell:%FT%T.%f}Z"
        return Decimal(repr(cell)) if isinstance(cell, float) else cell

    return brief({name: value(name, cell) for name, cell in row.items()})


def brief(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what the binary says of the log that its manifest does not name."""
    for unknown in row.get("undetermined") or []:
        unknown["because"] = unknown["because"].partition("meet, and")[0]
    return row


def test_the_lake_has_every_kind_of_row(lake: Lake) -> None:
    events = pa.table(ce.registry(**lake.logs, edits=lake.edits, runs=RUNS).events).to_pylist()
    for name in ("merged_from", "trail", "unapplied", "conflicts", "undetermined"):
        assert sum(row[name] != "[]" for row in events) > 2, name
    assert {row["event_status"] for row in events} >= {"active", "ended"}
    assert sum(row["merged_into"] is not None for row in events) > 2


def test_without_lines_an_open_event_shows_its_first_tick(lake: Lake) -> None:
    found = pa.table(ce.registry(lake.logs["melog"], lake.edits).events).to_pylist()
    opened = {
        row["event_id"]: row["written_at"]
        for row in lake.logs["melog"].to_pylist()
        if row["event_status"] == "active"
    }
    still = [row for row in found if row["event_status"] == "active"]
    assert still
    assert all(row["written_at"] == opened[row["event_id"]] for row in still)
    merged = [row for row in found if row["merged_from"] != "[]"]
    assert merged
    assert {row["attributed_sales_total"] for row in merged} == {None}


def test_what_cohort_gives_goes_in(lake: Lake) -> None:
    reports = pl.read_parquet(lake.folder / "minority_reports_detected_log")
    day = ce.cohort(reports, start=DAY, end=DAY + dt.timedelta(days=1), run_id="x")
    known = ce.registry(day.melog, mrch=day.mrch).events
    assert len(known) == day.counts["events_opened"] > 0
    strangers = ce.registry(day.melog, mrch=day.mrch, runs={"y": (DAY, "2025-01-02T00:00:00Z")})
    assert len(strangers.events) == 0
    assert repr(strangers) == "<cohort_events.Registered: 0 events, 0 edits that do not apply>"


def test_what_is_wrong_is_said(lake: Lake) -> None:
    melog = lake.logs["melog"]
    with pytest.raises(ce.UsageError, match=r'expected start before end, .* of "a"'):
        ce.registry(melog, runs={"a": (DAY, DAY)})
    with pytest.raises(ce.UsageError, match="expected an RFC 3339 instant"):
        ce.registry(melog, as_of="noon")
    with pytest.raises(TypeError, match="runs: expected a datetime"):
        ce.registry(melog, runs={"a": (1, 2)})  # type: ignore[dict-item]
    with pytest.raises(ce.DataError, match='melog: expected a column "written_at"'):
        ce.registry(melog.drop_columns("written_at"))
    with pytest.raises(ce.DataError, match='edits: expected a column "edited_at"'):
        ce.registry(melog, lake.edits.drop_columns("edited_at") if lake.edits else None)
    place = melog.schema.get_field_index("event_id")
    nobody = melog.set_column(place, "event_id", pa.array(["nobody"] * len(melog)))
    with pytest.raises(ce.DataError, match=r'found "nobody" in event_id.* in row 0; pass'):
        ce.registry(nobody)

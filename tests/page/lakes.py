"""Lakes of any number of events: reports, sales and edits, written as detectors and people do."""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COHORT_BINARY", str(ROOT / "target" / "release" / "cohort"))
TICK = timedelta(minutes=5)
START = datetime(2025, 3, 1, tzinfo=UTC)
CAUSES = ["Heavy snowfall", "Checkout outage", "Flash sale", "Shelf stock-out", "Late delivery"]
VERDICTS = ["confirmed", "false_positive", "planned_activity", "duplicate"]
MONEY = pa.decimal128(18, 4)
INSTANT = pa.timestamp("us", "UTC")
INPUTS = {
    "minority_reports_detected_log": pa.schema([
        ("store_id", pa.string()),
        ("sku", pa.string()),
        ("detected_at", INSTANT),
        ("first_detected_from", INSTANT),
        ("severity", pa.float64()),
        ("cluster_name", pa.string()),
        ("proposed_cause", pa.string()),
        ("proposed_cause_category", pa.string()),
        ("confidence_score", pa.float64()),
        ("supporting_evidence", pa.string()),
    ]),
    "baseline_sales_model_prediction_log": pa.schema([
        ("store_id", pa.string()),
        ("sku", pa.string()),
        ("tick_at", INSTANT),
        ("baseline_sales", MONEY),
        ("actual_sales", MONEY),
    ]),
    "user_minority_events_edits_log": pa.schema([
        ("edit_id", pa.string()),
        ("event_id", pa.string()),
        ("field", pa.string()),
        ("new_value", pa.string()),
        ("edited_by", pa.string()),
        ("edited_at", INSTANT),
        ("reason", pa.string()),
    ]),
}


def cohort(*arguments: str) -> str:
    """Run the job's binary; return what it prints."""
    done = subprocess.run([BINARY, *arguments], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@dataclass(frozen=True)
class Lake:
    """A folder with input logs, a manifest, and committed runs."""

    folder: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def manifest(self) -> Path:
        """The manifest of its runs."""
        return self.folder / "run_manifest.json"

    def write(self) -> None:
        """Write the logs, and a manifest for all of their time."""
        for log, rows in self.rows.items():
            (self.folder / log).mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(rows, INPUTS[log])
            pq.write_table(table, self.folder / log / "rows.parquet")
        manifest = {
            "version": 1,
            "interval": {"start": "2025-03-01T00:00:00Z", "end": "2025-04-01T00:00:00Z"},
            "gap": "PT1H",
            "max_reject_ratio": 0.5,
            "inputs": {log: {"uri": f"{log}/"} for log in self.rows},
            "outputs": {
                log: f"out/{log}/"
                for log in ("minority_reports_cohorted_log", "minority_event_log", "lineage")
            },
        }
        self.manifest.write_text(json.dumps(manifest))

    def run(self, run_id: str, *options: str) -> None:
        """Run the job."""
        cohort("run", "--manifest", str(self.manifest), "--run-id", run_id, *options)

    def registry(self) -> list[dict[str, Any]]:
        """The registry's rows."""
        printed = cohort("registry", "--manifest", str(self.manifest), "--as", "jsonl")
        return [json.loads(line) for line in printed.splitlines()]

    def verify(self) -> Path:
        """What a check of its runs prints, sound or not; return where it is."""
        command = [BINARY, "verify", "--manifest", str(self.manifest), "--as", "json"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        assert done.returncode in {0, 1}, done.stderr
        path = self.folder / f"verify-{done.returncode}.json"
        path.write_text(done.stdout)
        return path

    def page(self, name: str = "page.html", *options: str) -> Path:
        """Write the page; return where it is."""
        path = self.folder / name
        cohort("page", "--manifest", str(self.manifest), "--out", str(path), *options)
        return path


def edit(event: str, number: int, what: str, value: str | None, **more: str) -> dict[str, Any]:
    """One row of the edits log."""
    row = {"edit_id": f"e{number:06}", "event_id": event, "field": what, "new_value": value}
    row |= {"edited_by": "mia", "reason": "asked the store"} | more
    return row | {"edited_at": START + timedelta(days=31, seconds=number)}


def events(
    lake: Lake, stores: list[str], each: int, ticks: int, *, texts: list[str], seed: int = 1
) -> None:
    """Put this many events into each store, some quiet time apart; the last ones stay open."""
    chance = random.Random(seed)
    room = timedelta(days=30) / each
    for number, store in enumerate(stores):
        for place in range(each):
            latest = room - TICK * ticks - timedelta(hours=2)
            begin = START + room * place + latest * chance.random()
            if number % 7 == 0 and place == each - 1:
                begin = START + timedelta(days=31) - TICK * ticks
            begin -= timedelta(seconds=begin.timestamp() % TICK.total_seconds())
            one_event(lake, store, begin, ticks, texts[chance.randrange(len(texts))], chance)


def one_event(
    lake: Lake, store: str, begin: datetime, ticks: int, cause: str, chance: random.Random
) -> None:
    """Put an event of this many ticks into a lake: one line for the store's freezer."""
    reports = lake.rows.setdefault("minority_reports_detected_log", [])
    sales = lake.rows.setdefault("baseline_sales_model_prediction_log", [])
    loss, severity = chance.uniform(-0.3, 0.8), chance.uniform(0.3, 0.9)
    for tick in range(ticks):
        at = begin + TICK * tick
        expected = Decimal(chance.randrange(5_000, 60_000)).scaleb(-2)
        actual = (expected * Decimal(1 - loss)).quantize(Decimal("0.01"))
        reports.append({
            "store_id": store,
            "sku": "FRZ-0001",
            "detected_at": at,
            "first_detected_from": begin,
            "severity": min(1.0, severity + tick / ticks / 10),
            "cluster_name": "chilled range",
            "proposed_cause": cause or None,
            "proposed_cause_category": "Operations" if cause else None,
            "confidence_score": 0.8 if cause else None,
            "supporting_evidence": "seen before" if cause else None,
        })
        sales.append({
            "store_id": store,
            "sku": "FRZ-0001",
            "tick_at": at,
            "baseline_sales": expected,
            "actual_sales": actual,
        })

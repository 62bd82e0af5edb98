"""A small lake, and the job's outcome on it, whatever the form of its files."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COHORT_BINARY", str(ROOT / "target" / "release" / "cohort"))
MRDL = "minority_reports_detected_log"
SCORES = "anomaly_classifier_model_prediction_log"
SALES = "baseline_sales_model_prediction_log"
CAMPAIGNS = "all_campaign_data"
CONTEXT = "contextual_data"
OUTPUTS = ("minority_reports_cohorted_log", "minority_event_log")
DAY = datetime(2025, 1, 1, tzinfo=UTC)

ID, TEXT, INSTANT, DATE, DOUBLE, AMOUNT, LIST = (
    "id",
    "text",
    "instant",
    "date",
    "double",
    "amount",
    "list",
)
#: What each column of the contract is. All ids are numbers as text, all dates midnights, and all
#: doubles and amounts whole, so that they can be written as any type that the contract allows.
KINDS = {
    **dict.fromkeys(("store_id", "sku", "anomaly_id", "cluster_id"), ID),
    **dict.fromkeys(("campaign_id", "context_id"), ID),
    **dict.fromkeys(("cluster_name", "name", "label", "category"), TEXT),
    **dict.fromkeys(("proposed_cause", "proposed_cause_category", "supporting_evidence"), TEXT),
    **dict.fromkeys(("detected_at", "tick_at", "ingested_at"), INSTANT),
    **dict.fromkeys(("first_detected_from", "starts_at", "ends_at"), DATE),
    **dict.fromkeys(("severity", "anomaly_score", "confidence", "confidence_score"), DOUBLE),
    **dict.fromkeys(("similarity_score", "cluster_match_confidence", "tsne_x", "tsne_y"), DOUBLE),
    **dict.fromkeys(("sales_total", "baseline_sales", "actual_sales"), AMOUNT),
    "feature_vector": LIST,
}
PLAIN = {
    ID: pa.string(),
    TEXT: pa.string(),
    INSTANT: pa.timestamp("us", "UTC"),
    DATE: pa.timestamp("us", "UTC"),
    DOUBLE: pa.float64(),
    AMOUNT: pa.decimal128(18, 4),
    LIST: pa.list_(pa.float64()),
}
#: Writes a table into a folder, as one or more Parquet files.
Form = Callable[[pa.Table, Path], None]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([(name, PLAIN[KINDS[name]]) for name in rows[0]])
    return pa.Table.from_pylist(rows, schema)


def _at(minutes: int) -> datetime:
    return DAY + timedelta(minutes=minutes)


def _reports() -> pa.Table:
    rows: list[dict[str, Any]] = []
    for number, store in enumerate(["7", "42", "327"]):
        for sku in (None, "11", "205"):
            for tick in range(number, 40, number + 1):
                if 12 <= tick < 22:
                    continue
                i = len(rows)
                rows.append({
                    "store_id": store,
                    "detected_at": _at(600 + 5 * tick),
                    "sku": sku,
                    "first_detected_from": DAY if i % 3 else None,
                    "anomaly_id": str(1000 + i),
                    "severity": float(i % 5),
                    "sales_total": Decimal(100 + i) if i % 4 else None,
                    "ingested_at": _at(601 + 5 * tick) if i % 6 else None,
                    "feature_vector": [1.0, float(i % 2), 0.5] if i % 5 else None,
                    "cluster_id": str(i % 3) if i % 7 else None,
                    "cluster_name": f"Gruppe ä{i % 3}",
                    "similarity_score": 1.0 if i % 8 else None,
                    "cluster_match_confidence": 1.0,
                    "tsne_x": float(-i),
                    "tsne_y": None,
                    "proposed_cause": "Regen" if store == "7" else None,
                    "proposed_cause_category": "Wetter" if store == "7" else None,
                    "supporting_evidence": '{"a": 1}' if store == "7" else None,
                    "confidence_score": 1.0 if store == "7" else None,
                })
    rows.append({**rows[-1], "store_id": None})
    return _table(rows)


def _predictions(tick_rows: Callable[[int], dict[str, Any]]) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for tick in range(0, 60):
        for store in ("7", "42", "99", "327"):
            for sku in (None, "11", "205", "300"):
                i = len(rows)
                rows.append({
                    "store_id": store,
                    "sku": sku,
                    "tick_at": _at(590 + 5 * tick),
                    **tick_rows(i),
                    "ingested_at": _at(590 + 5 * tick) if i % 5 else None,
                })
    rows.append({**rows[100], "ingested_at": _at(0)})
    rows.append({**rows[200], "store_id": None})
    return _table(rows)


def plain() -> dict[str, pa.Table]:
    """The logs, each column in its plainest type."""
    candidate = {"store_id": None, "sku": None, "starts_at": DAY, "ends_at": DAY}
    campaigns = [
        {"campaign_id": "900", "name": "Große Aktion", **candidate, "ends_at": _at(1440)},
        {"campaign_id": "901", "name": "Klein", **candidate, "store_id": "42", "sku": "11"},
    ]
    contexts = [{"context_id": "1", "label": "Regen", **candidate, "ends_at": _at(1440)}]
    both = {"category": None, "confidence": 1.0}
    return {
        MRDL: _reports(),
        SCORES: _predictions(lambda i: {"anomaly_score": float(i % 9) if i % 4 else None}),
        SALES: _predictions(
            lambda i: {
                "baseline_sales": Decimal(900 + i),
                "actual_sales": Decimal(i * 7) if i % 3 else None,
            }
        ),
        CAMPAIGNS: _table([{**row, **both} for row in campaigns]),
        CONTEXT: _table([{**row, **both} for row in contexts]),
    }


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    exit: int
    message: str
    rows: tuple[tuple[dict[str, Any], ...], ...]
    rejected: tuple[tuple[str, str, int], ...]
    contents: tuple[dict[str, Any], ...]

    def same(self, other: Outcome) -> bool:
        """Whether two runs came to the same rows and rejected the same."""
        return (self.exit, self.rows, self.rejected) == (other.exit, other.rows, other.rejected)


def run(lake: Path, out: Path, **manifest: Any) -> Outcome:
    """Run the job over the logs in a folder."""
    inputs = {log: {"uri": str(lake / log)} for log in plain_logs(lake)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").write_text(
        json.dumps({
            "version": 1,
            "run_id": "r",
            "interval": {"start": "2025-01-01T10:30:00Z", "end": "2025-01-02T00:00:00Z"},
            "max_reject_ratio": 1,
            "inputs": inputs,
            "outputs": {
                **{log: str(out / log) for log in OUTPUTS},
                "lineage": str(out / "lineage"),
                "rejects": str(out / "rejects"),
            },
            **manifest,
        })
    )
    command = [BINARY, "run", "--manifest", str(out / "manifest.json")]
    done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)
    messages = [line for line in done.stderr.splitlines() if line.startswith("cohort: ")]
    message = messages[-1] if messages else done.stderr
    if done.returncode:
        return Outcome(done.returncode, message, (), (), ())
    lineage = json.loads((out / "lineage" / "run=r" / "lineage.json").read_text())
    rejected = [
        (log, reason, count)
        for log, read in lineage["inputs"].items()
        for reason, count in read["rows_rejected"].items()
    ]
    rows = tuple(tuple(_read(out / log)) for log in OUTPUTS)
    contents = tuple(json.loads(row["content"]) for row in _read(out / "rejects"))
    return Outcome(0, message, rows, tuple(sorted(rejected)), contents)


def plain_logs(lake: Path) -> list[str]:
    """The logs that are in a folder."""
    return [log for log in (MRDL, SCORES, SALES, CAMPAIGNS, CONTEXT) if (lake / log).exists()]


def _read(folder: Path) -> list[dict[str, Any]]:
    return [
        row
        for part in sorted(folder.glob("run=r/*.parquet"))
        for row in pq.ParquetFile(part).read().to_pylist()
    ]


def write(lake: Path, form: Form) -> None:
    """Write every log in a form."""
    for log, table in plain().items():
        folder = lake / log
        folder.mkdir(parents=True, exist_ok=True)
        form(table, folder)

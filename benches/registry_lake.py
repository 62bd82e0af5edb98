"""Makes a lake of many small committed runs, to measure `cohort registry` on.

An hour of a chain per run, each event closed in the run after. MRCH has the rows of the last two
runs alone.

    python3 benches/registry_lake.py FOLDER [RUNS] [EVENTS]
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
KINDS = {
    "string": pa.string(),
    "timestamp(us, UTC)": pa.timestamp("us", "UTC"),
    "double": pa.float64(),
    "decimal(18,4)": pa.decimal128(18, 4),
    "int32": pa.int32(),
    "list of double": pa.list_(pa.float64()),
}
LINES, EVENTS = "minority_reports_cohorted_log", "minority_event_log"
START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAUSES = ("Promotion", "Weather", "Stock-out", None)


@functools.cache
def schema(log: str) -> pa.Schema:
    """The log's columns as its published schema has them."""
    published = json.loads((ROOT / "schemas" / f"{log}.v1.json").read_text())
    return pa.schema([(c["name"], KINDS[c["type"]], c["nullable"]) for c in published["columns"]])


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event(run: int, number: int) -> dict[str, Any]:
    """What both logs say of an event that opened in a run."""
    opened = START + run * HOUR + timedelta(minutes=number % 40)
    store = str(number % 5000)
    cause = CAUSES[number % 4]
    ident = hashlib.sha256(f"{store}{text(opened)}{number // 5000}".encode()).hexdigest()
    return {
        "event_id": ident,
        "report_group_id": ident,
        "report_id": ident,
        "store_id": store,
        "sku": f"sku-{number % 700}",
        "window_start": opened,
        "created_at": opened,
        "report_count": 1,
        "sku_count": 1,
        "severity_score": number % 97 / 97,
        "impact_estimate": Decimal(-number) / 4,
        "attributed_sales_total": Decimal(number),
        "baseline_sales_total": Decimal(number) * 5 / 4,
        "proposed_cause": cause,
        "proposed_cause_category": cause and "Context",
        "confidence_score": cause and 0.5,
        "cohort_confidence": cause and 0.5,
        "cohort_id": f"{store}:{opened:%Y%m%dT%H%M%SZ}",
        "cohort_name": f"Store {store}, {opened:%Y-%m-%d %H:%M} UTC{', ' + cause if cause else ''}",
        "cohort_reason": "single report",
        "cohort_size": 1,
        "run_id": f"hour-{run:05}",
    }


def opening(of: dict[str, Any]) -> dict[str, Any]:
    return {
        **of,
        "event_status": "active",
        "report_status": "new",
        "version": 1,
        "written_at": of["created_at"],
    }


def closing(of: dict[str, Any], run: int) -> dict[str, Any]:
    last = of["created_at"] + timedelta(minutes=40)
    closed = max(last + timedelta(minutes=30), START + run * HOUR)
    return {
        **of,
        "event_status": "ended",
        "report_status": "closed",
        "version": 2,
        "window_end": last,
        "finalized_at": closed,
        "end_reason": "quiet",
        "written_at": closed,
        "run_id": f"hour-{run:05}",
    }


def part(out: Path, log: str, run_id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Writes a part; returns what the lineage says of the log."""
    uri = f"file://{out / log}/"
    if not rows:
        return {"uri": uri, "rows": 0, "files": []}
    rows.sort(key=lambda row: (row["store_id"], row["written_at"]))
    wanted = schema(log)
    columns = [[row.get(name) for row in rows] for name in wanted.names]
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, wanted, strict=True)], wanted)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    digest = hashlib.sha256(content).hexdigest()
    path = out / log / f"run={run_id}" / f"part-00000-{digest[:16]}.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    file = {
        "uri": f"file://{path}",
        "rows": len(rows),
        "bytes": len(content),
        "sha256": digest,
    }
    return {"uri": uri, "rows": len(rows), "files": [file]}


def lineage(manifest: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    read = {
        "uri": manifest["inputs"]["minority_reports_detected_log"]["uri"],
        "files": [],
        "rows_read": 0,
        "rows_rejected": {},
        "rows_duplicate": 0,
        "values_out_of_range": {},
        "onsets_ignored": 0,
    }
    counts = ["stores", "events_opened", "events_closed", "events_active", "reports", "lines"]
    counts += ["ticks_without_baseline", "ticks_without_score"]
    return {
        "version": 1,
        "run_id": manifest["run_id"],
        "interval": manifest["interval"],
        "gap": manifest["gap"],
        "job": {"name": "cohort", "version": "0.1.0"},
        "manifest": manifest,
        "inputs": {"minority_reports_detected_log": read},
        "outputs": outputs,
        "counts": dict.fromkeys(counts, 0),
        "lookback": {"start": manifest["interval"]["start"]},
        "content_sha256": "0" * 64,
    }


def main(folder: str, runs: str = "1000", events: str = "1000000") -> None:
    root = Path(folder).resolve()
    out = root / "out"
    manifest = {
        "version": 1,
        "gap": "PT30M",
        "max_event_duration": "P7D",
        "max_lookback": "P30D",
        "max_reject_ratio": 0.01,
        "commit": "conditional",
        "keep_superseded": True,
        "inputs": {"minority_reports_detected_log": {"uri": f"file://{root}/mrdl/"}},
        "outputs": {
            LINES: f"file://{out / LINES}/",
            EVENTS: f"file://{out / EVENTS}/",
            "lineage": f"file://{out}/lineage/",
        },
    }
    each = int(events) // int(runs)
    before: list[dict[str, Any]] = []
    for run in range(int(runs)):
        run_id = f"hour-{run:05}"
        opened = [event(run, run * each % 5000 + number) for number in range(each)]
        rows = [*map(opening, opened), *(closing(of, run) for of in before)]
        # Only the lines of open events are read.
        lines = rows if run >= int(runs) - 2 else []
        outputs = {
            LINES: part(out, LINES, run_id, list(lines)),
            EVENTS: part(out, EVENTS, run_id, rows),
        }
        ends = {"start": text(START + run * HOUR), "end": text(START + (run + 1) * HOUR)}
        own = {**manifest, "run_id": run_id, "interval": ends}
        path = out / "lineage" / f"run={run_id}" / "lineage.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(lineage(own, outputs)))
        before = opened
    (root / "manifest.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A small lake: three days of reports, one manifest, and what a run wrote."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

MRDL = "minority_reports_detected_log"
BASELINE = "baseline_sales_model_prediction_log"
DAYS = [datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
STAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Lake:
    """A bucket on an S3 server, or a folder on disk."""

    storage: fs.FileSystem
    bucket: str

    def write(self, log: str, day: datetime, name: str, table: pa.Table) -> None:
        """Put a file into a day's partition."""
        folder = f"{self.bucket}/{log}/date={day:%Y-%m-%d}"
        if isinstance(self.storage, fs.LocalFileSystem):
            self.storage.create_dir(folder)
        pq.write_table(table, f"{folder}/{name}.parquet", filesystem=self.storage)

    def put(self, key: str, text: str) -> None:
        """Put any object."""
        with self.storage.open_output_stream(f"{self.bucket}/{key}") as stream:
            stream.write(text.encode())

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        with self.storage.open_input_stream(f"{self.bucket}/{key}") as stream:
            content: bytes = stream.read()
            return content

    def digests(self, prefix: str) -> dict[str, str]:
        """Every object below a prefix by its key, with the SHA-256 of its bytes."""
        selector = fs.FileSelector(f"{self.bucket}/{prefix}", recursive=True, allow_not_found=True)
        files = [info.path for info in self.storage.get_file_info(selector) if info.is_file]
        keys = [path.removeprefix(f"{self.bucket}/") for path in files]
        return {key: hashlib.sha256(self.read(key)).hexdigest() for key in sorted(keys)}

    def lineage(self, run_id: str) -> dict[str, Any]:
        """The lineage that a run has committed."""
        key = f"lineage/run={encoded(run_id)}/lineage.json"
        lineage: dict[str, Any] = json.loads(self.read(key))
        return lineage


def encoded(run_id: str) -> str:
    """A run id as it is written in paths."""
    plain = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    return "".join(c if c in plain else f"%{ord(c):02X}" for c in run_id)


def fill(lake: Lake, events_a_day: int = 3) -> None:
    """Three days with a few events each, the last of every day ending after midnight."""
    lake.storage.create_dir(lake.bucket)
    if isinstance(lake.storage, fs.LocalFileSystem):
        lake.storage.create_dir(f"{lake.bucket}/manifests")
    for day in DAYS:
        lake.write(MRDL, day, "part-0", reports(day, events_a_day))
        lake.write(BASELINE, day, "part-0", sales(day))
    lake.put("manifests/cohorting.json", json.dumps(manifest()))


def reports(day: datetime, events: int, stores: int = 4, minute: int = 0) -> pa.Table:
    """Events of three ticks five minutes apart at every store; the last begins before midnight."""
    begins = [day + timedelta(hours=2 + 3 * i, minutes=minute) for i in range(events - 1)]
    begins.append(day + timedelta(hours=23, minutes=40))
    rows = [
        (f"store-{store}", begin + timedelta(minutes=5 * tick), "sku-1", 0.5 + 0.1 * tick, 90.0)
        for store in range(stores)
        for begin in begins
        for tick in range(3)
    ]
    columns = list(zip(*rows, strict=True))
    return pa.table({
        "store_id": columns[0],
        "detected_at": pa.array(columns[1], STAMP),
        "sku": columns[2],
        "severity": columns[3],
        "sales_total": columns[4],
    })


def sales(day: datetime, stores: int = 4) -> pa.Table:
    """A baseline of 100 at every tick of the day."""
    ticks = [day + timedelta(minutes=5 * i) for i in range(288)]
    return pa.table({
        "store_id": [f"store-{store}" for store in range(stores) for _ in ticks],
        "tick_at": pa.array(ticks * stores, STAMP),
        "sku": ["sku-1"] * len(ticks) * stores,
        "baseline_sales": [100.0] * len(ticks) * stores,
    })


def manifest() -> dict[str, Any]:
    """One manifest for every run: its name and interval come from the command line.

    Its paths are relative to the manifest, so that it serves a bucket and a folder alike.
    """
    day = "date=%Y-%m-%d"
    return {
        "version": 1,
        "gap": "PT30M",
        "max_reject_ratio": 0.2,
        "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
        "inputs": {
            MRDL: {"uri": f"../{MRDL}/", "partitioning": day},
            BASELINE: {"uri": f"../{BASELINE}/", "partitioning": day},
        },
        "outputs": {
            "minority_reports_cohorted_log": "../minority_reports_cohorted_log/",
            "minority_event_log": "../minority_event_log/",
            "lineage": "../lineage/",
        },
    }

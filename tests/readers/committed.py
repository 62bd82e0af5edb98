"""The fixtures: a sample of a retail chain with three committed runs, in a folder and on S3."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from seaweed import Seaweed

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COHORT_BINARY", str(ROOT / "target" / "release" / "cohort"))
LINES, EVENTS = "minority_reports_cohorted_log", "minority_event_log"
LOGS = (LINES, EVENTS)
KEYS = {
    LINES: ["report_group_id", "report_id", "sku", "version"],
    EVENTS: ["event_id", "version"],
}
#: Days and the names of their runs. One must be encoded in paths.
RUNS = {
    "2024-12-30": "by-hand",
    "2024-12-31": "scheduled__2024-12-31T00:00:00+00:00",
    "2025-01-01": "demo__2025-01-01",
}
ARROW = {
    "string": pa.string(),
    "timestamp(us, UTC)": pa.timestamp("us", "UTC"),
    "double": pa.float64(),
    "decimal(18,4)": pa.decimal128(18, 4),
    "int32": pa.int32(),
    "list of double": pa.list_(pa.float64()),
}


def cohort(*arguments: str) -> str:
    """Run the job's binary; return what it prints."""
    done = subprocess.run([BINARY, *arguments], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def published(log: str) -> dict[str, str]:
    """The log's columns and their types, as its schema says."""
    schema = json.loads((ROOT / "schemas" / f"{log}.v1.json").read_text())
    return {column["name"]: column["type"] for column in schema["columns"]}


def in_order(log: str, table: pa.Table) -> pa.Table:
    """The published columns in the published types, sorted by the log's key."""
    wanted = pa.schema([(name, ARROW[kind]) for name, kind in published(log).items()])
    return (
        table
        .select(wanted.names)
        .cast(wanted)
        .sort_by([
            *((name, "ascending") for name in KEYS[log]),
            ("run_id", "ascending"),
        ])
    )


@dataclass(frozen=True)
class Committed:
    """A place with committed runs: a folder, or a prefix of a bucket."""

    place: str
    lineages: list[dict[str, Any]]

    @property
    def manifest(self) -> str:
        return f"{self.place}/run_manifest.json"

    @property
    def run_ids(self) -> set[str]:
        return {lineage["run_id"] for lineage in self.lineages}

    def rows(self, log: str) -> int:
        """How many rows the lineages say that the log has."""
        return sum(lineage["outputs"][log]["rows"] for lineage in self.lineages)

    def parts(self, log: str) -> list[str]:
        """The URIs of the log's parts, as the lineages list them."""
        outputs = [lineage["outputs"][log] for lineage in self.lineages]
        return [file["uri"] for output in outputs for file in output["files"]]

    def table(self, log: str) -> pa.Table:
        """The log in order, from exactly the parts that the lineages list."""
        parts = [pq.ParquetFile(_open(uri)).read() for uri in self.parts(log)]
        return in_order(log, pa.concat_tables(parts))


def _open(uri: str) -> Any:
    scheme, _, path = uri.partition("://")
    if scheme == "s3":
        endpoint = os.environ["AWS_ENDPOINT_URL"]
        return fs.S3FileSystem(endpoint_override=endpoint).open_input_file(path)
    return fs.LocalFileSystem().open_input_file(path)


def _commit(place: str, runs: dict[str, str]) -> Committed:
    cohort("sample", place, "--stores", "20", "--skus", "10", "--days", "4", "--seed", "7")
    lineages = []
    for day, run_id in runs.items():
        after = date.fromisoformat(day) + timedelta(days=1)
        summary = json.loads(
            cohort(
                *("run", "--manifest", f"{place}/run_manifest.json", "--run-id", run_id),
                *("--interval-start", f"{day}T00:00:00Z"),
                *("--interval-end", f"{after}T00:00:00Z"),
            )
        )
        with _open(summary["lineage"]) as stream:
            lineages.append(json.loads(stream.read()))
    return Committed(place, lineages)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    """Three committed runs in a folder."""
    return _commit(str(tmp_path_factory.mktemp("readers") / "lake"), RUNS)


@pytest.fixture(scope="session")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Committed:
    """Two committed runs in a folder, one of which has a number for a name."""
    place = str(tmp_path_factory.mktemp("numbered") / "lake")
    return _commit(place, {"2024-12-31": "20241231", "2025-01-01": "demo__2025-01-01"})


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Committed]:
    """Three committed runs on S3, with what the readers need to find the server."""
    with (
        Seaweed(tmp_path_factory.mktemp("seaweed")) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield _commit("s3://lake/chain", RUNS)

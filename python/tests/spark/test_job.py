"""The job on Spark writes what the binary writes, and the binary reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from spark_cluster import BINARY, OUTPUTS, SPARK_HOME, environment

from cohort_events import spark_job


def submit(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run the job as an orchestrator does."""
    conf = ["--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=3"]
    command: list[str | Path] = [SPARK_HOME / "bin" / "spark-submit", "--master", "local[1]", *conf]
    return subprocess.run(
        [*command, spark_job.__file__, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def rows(lineage: str) -> dict[str, list[Any]]:
    """Return the rows that a lineage lists, in order."""
    listed = json.loads(Path(lineage.removeprefix("file://")).read_text(encoding="utf-8"))
    found = {}
    for log in OUTPUTS.values():
        parts = [part["uri"].removeprefix("file://") for part in listed["outputs"][log]["files"]]
        found[log] = [row for part in parts for row in pq.ParquetFile(part).read().to_pylist()]
    return found


def test_the_job_writes_the_binarys_rows_in_its_order(tmp_path: Path) -> None:
    lineages = []
    for name in ("spark", "binary"):
        sample = tmp_path / name
        size = ["--stores", "10", "--skus", "6", "--days", "4"]
        subprocess.run([BINARY, "sample", sample, *size], check=True, capture_output=True)
        arguments: list[str | Path] = [
            "run",
            "--manifest",
            sample / "run_manifest.json",
            "--run-id",
            "r+1",
        ]
        if name == "spark":
            done = submit(*arguments)
        else:
            command: list[str | Path] = [BINARY, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout.splitlines()[-1])
        assert summary["status"] == "committed"
        lineages.append(summary["lineage"])
    assert rows(lineages[0]) == rows(lineages[1])
    shown = [BINARY, "show", "--lineage", lineages[0]]
    assert subprocess.run(shown, capture_output=True, check=False).returncode == 0


def test_a_failure_is_one_line_and_the_jobs_exit_code(tmp_path: Path) -> None:
    missing = submit("run", "--manifest", tmp_path / "none.json", "--run-id", "r")
    assert missing.returncode == 66
    # spark-submit shows what the job says on either stream as its own stdout.
    said = (missing.stdout + missing.stderr).splitlines()
    assert [line for line in said if line.startswith("cohort: ")] == [
        f"cohort: {tmp_path}/none.json: expected a run manifest, found nothing there"
    ]
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"version": 1, "gaps": "PT1H"}', encoding="utf-8")
    assert submit("run", "--manifest", wrong, "--run-id", "r").returncode == 78
    assert submit("--run-id", "r").returncode == 2

"""The job on Spark writes what the binary writes, and the binary reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import referencing
from spark_cluster import BINARY, OUTPUTS, SPARK_HOME, environment

from cohort_events import spark_job

SCHEMAS = Path(__file__).parents[3] / "schemas"
#: The logs that have partitions.
LOGS = [
    "minority_reports_detected_log",
    "anomaly_classifier_model_prediction_log",
    "baseline_sales_model_prediction_log",
]
#: The logs that every task holds whole, with a column that each row must have.
REFERENCES = {"all_campaign_data": "name", "contextual_data": "label"}


def add_bad_row(folder: Path) -> None:
    """Add a copy of a log's first row that lacks a value."""
    path = min(folder.rglob("*.parquet"))
    table = pq.read_table(path, partitioning=None)
    place = table.schema.get_field_index(REFERENCES[folder.name])
    field = table.schema.field(place).with_nullable(True)
    bad = table[:1].set_column(place, field, pa.nulls(1, field.type))
    pq.write_table(pa.concat_tables([table, bad], promote_options="default"), path)


def submit(*arguments: Any, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the job as an orchestrator does."""
    conf = ["--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=3"]
    command: list[str | Path] = [SPARK_HOME / "bin" / "spark-submit", "--master", "local[1]", *conf]
    return subprocess.run(
        [*command, spark_job.__file__, *arguments],
        cwd=folder,
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
        for log in REFERENCES:
            add_bad_row(sample / log)
        arguments: list[str | Path] = [
            "run",
            "--manifest",
            sample / "run_manifest.json",
            "--run-id",
            "r+1",
        ]
        if name == "spark":
            done = submit(*arguments, "--partitions", "3")
            assert "FileNotFoundException" not in done.stdout + done.stderr
        else:
            command: list[str | Path] = [BINARY, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout.splitlines()[-1])
        assert summary["status"] == "committed"
        lineages.append(summary["lineage"])
    assert rows(lineages[0]) == rows(lineages[1])
    spark, binary = (json.loads(path_of(lineage).read_text("utf-8")) for lineage in lineages)
    check_schema(spark)
    # The files that were opened are the same, with their tags, and so is what was counted.
    assert spark["counts"] == binary["counts"]
    for log, read in binary["inputs"].items():
        assert beside(spark["inputs"][log]) >= beside(read) != set(), log
    # All three tasks have seen the row without a value; they once counted it three times.
    for log, column in REFERENCES.items():
        for key in ("rows_read", "rows_rejected", "rows_duplicate", "values_out_of_range"):
            assert spark["inputs"][log][key] == binary["inputs"][log][key], (log, key)
        assert spark["inputs"][log]["rows_rejected"] == {f"missing_{column}": 1}
    manifest = str(tmp_path / "spark" / "run_manifest.json")
    for shown in (
        ["show", "--lineage", lineages[0]],
        ["verify", "--quick", "--manifest", manifest],
    ):
        done = subprocess.run([BINARY, *shown], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def path_of(uri: str) -> Path:
    """Return the path of a file on local disk."""
    return Path(uri.removeprefix("file://"))


def check_schema(lineage: Any) -> None:
    """Check a lineage against the schema that the project publishes."""
    schemas = [json.loads(file.read_text("utf-8")) for file in SCHEMAS.glob("*.v1.json")]
    registry = referencing.Registry().with_resources(
        (schema["$id"], referencing.Resource.from_contents(schema))
        for schema in schemas
        if "$id" in schema
    )
    schema = {"$ref": "lineage.v1.json"}
    jsonschema.Draft202012Validator(schema, registry=registry).validate(lineage)


def beside(read: Any) -> set[tuple[Any, ...]]:
    """Return the files of a dataset that were read, by the names that they have inside it."""
    return {
        (file["uri"].removeprefix(read["uri"]), file["bytes"], file["etag"], file["rows"])
        for file in read["files"]
    }


def test_partitions_that_no_row_needs_are_not_opened(tmp_path: Path) -> None:
    size = ["--stores", "4", "--skus", "4", "--days", "6"]
    subprocess.run([BINARY, "sample", tmp_path, *size], check=True, capture_output=True)
    manifest = "run_manifest.json"
    day = ["--interval-start", "2024-12-31T00:00:00Z", "--interval-end", "2025-01-01T00:00:00Z"]
    short = ["--max-event-duration", "PT2H", "--max-lookback", "PT0S"]
    done = submit("run", "--manifest", manifest, "--run-id", "r", *day, *short, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    # A relative manifest lies in the working folder.
    assert summary["lineage"].startswith(f"file://{tmp_path}/")
    lineage = json.loads(path_of(summary["lineage"]).read_text("utf-8"))
    check_schema(lineage)
    for log in LOGS:
        read = lineage["inputs"][log]
        assert read["opened_from"] == "2024-12-30T16:00:00.000000Z"
        days = {file["uri"].removeprefix(read["uri"]).partition("/")[0] for file in read["files"]}
        assert days == {"date=2024-12-30", "date=2024-12-31"}


def test_an_interval_without_reports_is_committed(tmp_path: Path) -> None:
    # It once failed, since no task had said what it counted.
    lineages = []
    for name in ("spark", "binary"):
        sample = tmp_path / name
        size = ["--stores", "2", "--skus", "2", "--days", "2"]
        subprocess.run([BINARY, "sample", sample, *size], check=True, capture_output=True)
        day = ["--interval-start", "2026-01-01T00:00:00Z", "--interval-end", "2026-01-02T00:00:00Z"]
        arguments = ["run", "--manifest", str(sample / "run_manifest.json"), "--run-id", "r", *day]
        if name == "spark":
            done = submit(*arguments)
        else:
            done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        summary = json.loads(done.stdout.splitlines()[-1])
        assert (summary["status"], set(summary["rows"].values())) == ("committed", {0})
        lineages.append(json.loads(path_of(summary["lineage"]).read_text("utf-8")))
    spark, binary = lineages
    check_schema(spark)
    for key in ("counts", "lookback", "content_sha256"):
        assert spark[key] == binary[key], key


def test_a_failure_is_one_line_and_the_jobs_exit_code(tmp_path: Path) -> None:
    missing = submit("run", "--manifest", tmp_path / "none.json", "--run-id", "r")
    assert missing.returncode == 66
    # spark-submit shows what the job says on either stream as its own stdout.
    said = (missing.stdout + missing.stderr).splitlines()
    assert [line for line in said if line.startswith("cohort: ")] == [
        f"cohort: file://{tmp_path}/none.json: expected a run manifest, found nothing there"
    ]
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"version": 1, "gaps": "PT1H"}', encoding="utf-8")
    assert submit("run", "--manifest", wrong, "--run-id", "r").returncode == 78
    assert submit("--run-id", "r").returncode == 2

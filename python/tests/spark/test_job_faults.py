"""What the job on Spark must not take for another: amounts, places, links, names and failures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from spark_cluster import OUTPUTS, Job
from test_job_lakes import REPORTS, binary, lake, lineage_of, plain_lake, reports, rows, write


def amounts(precision: int, scale: int) -> pa.Array:
    """Return three amounts of a type."""
    return pa.array([Decimal(1)] * 3, pa.decimal128(precision, scale))


def test_amounts_that_a_union_would_round_are_refused(job: Job, tmp_path: Path) -> None:
    for number, (one, other) in enumerate((
        (amounts(38, 0), amounts(10, 2)),
        (amounts(38, 20), pa.array([1] * 3)),
    )):
        folder = tmp_path / str(number)
        for name, column in (("a", one), ("b", other)):
            write(folder / "reports" / f"{name}.parquet", reports(sales_total=column))
        manifest = lake(folder, inputs={REPORTS: {"uri": "reports/"}})
        exit_code, told = job("run", "--manifest", manifest)
        expected = "expected amounts in 'sales_total' that one type"
        assert (exit_code, expected in told, "b.parquet" in told) == (65, True, True), told


def test_columns_that_are_ignored_may_have_any_name_and_type(job: Job, tmp_path: Path) -> None:
    logs = tmp_path / "spark" / "reports"
    half = pa.array([1.0] * 3).cast(pa.float16())
    ignored = {
        "sku.tags": pa.array([["a"]] * 3),
        "cluster_name.h": pa.array([{"x": 1}] * 3),
        "half": half,
        "halves": pa.array([[1.0]] * 3, pa.list_(pa.float64())).cast(pa.list_(pa.float16())),
        "nothing": pa.nulls(3),
        "time": pa.array([1] * 3, pa.time64("ns")),
        "wide": pa.array([Decimal(1)] * 3, pa.decimal256(60, 2)),
        "twice": pa.array([1] * 3),
        "once more": pa.array(["a"] * 3),
    }
    ignored["map"] = pa.array(
        [[("a", {"b": 1, "c": 2})]] * 3, pa.map_(pa.string(), pa.struct({"b": "i4", "c": "i8"}))
    )
    table = reports(**ignored, feature_vector=pa.array([[1.5, None]] * 3))
    names = ["twice" if name == "once more" else name for name in table.column_names]
    write(logs / "a.parquet", table.rename_columns(names))
    # These are taken, though Spark has another type for them, or a smaller range.
    far = pa.array([20089, -(2**31), 2**31 - 1], pa.int32()).cast(pa.date32())
    severity = pa.array([1, 2, 2**63], pa.uint64())
    others = reports(20, detected_at=far, severity=severity, feature_vector=pa.array([[None]] * 3))
    write(logs / "b.parquet", others)
    lake(tmp_path / "spark", inputs={REPORTS: {"uri": "reports/"}}, max_reject_ratio=0.9)
    shutil.copytree(tmp_path / "spark", tmp_path / "binary")
    for run, name in ((binary, "binary"), (job, "spark")):
        exit_code, told = run("run", "--manifest", tmp_path / name / "m.json")
        assert exit_code == 0, told
    assert rows(tmp_path / "spark") == rows(tmp_path / "binary")
    write(logs / "c.parquet", reports(40).set_column(3, "severity", half))
    exit_code, told = job("run", "--manifest", tmp_path / "spark" / "m.json")
    assert (exit_code, "c.parquet: expected a type that Spark reads" in told) == (65, True), told


def test_an_output_that_moved_is_written_to_its_new_place(job: Job, tmp_path: Path) -> None:
    assert job("run", "--manifest", plain_lake(tmp_path))[0] == 0
    old = next((tmp_path / "out" / "minority_event_log" / "run=r%7E1").iterdir())
    before, content = rows(tmp_path), old.read_bytes()
    outputs = {log: f"out/{log}/" for log in (*OUTPUTS.values(), "lineage")}
    manifest = plain_lake(tmp_path, outputs=outputs | {"minority_event_log": "out/new/"})
    exit_code, told = job("run", "--manifest", manifest)
    assert (exit_code, json.loads(told)["status"]) == (0, "replaced")
    assert (rows(tmp_path), old.read_bytes()) == (before, content)
    exit_code, told = binary("files", "--manifest", manifest)
    assert (exit_code, f"{tmp_path}/out/new/run=r%7E1/part-" in told) == (0, True), told
    # A lineage whose parts lie elsewhere is none that the job has written.
    lineage = lineage_of(tmp_path)
    read = json.loads(lineage.read_text("utf-8"))
    read["outputs"]["minority_event_log"]["uri"] = "file:///elsewhere/"
    lineage.write_text(json.dumps(read), encoding="utf-8")
    assert job("run", "--manifest", manifest)[0] == 65


def test_nothing_in_a_runs_folder_is_reached_through_a_link(job: Job, tmp_path: Path) -> None:
    def instead(path: Path, target: Path) -> None:
        path.rename(target)
        path.symlink_to(target)

    def lineage(folder: Path) -> None:
        instead(lineage_of(folder), folder / "lineage")

    def run(folder: Path) -> None:
        instead(folder / "out" / "minority_event_log" / "run=r%7E1", folder / "run")

    def run_of_lineage(folder: Path) -> None:
        instead(lineage_of(folder).parent, folder / "run")

    def nowhere(folder: Path) -> None:
        lineage_of(folder).unlink()
        lineage_of(folder).symlink_to("nowhere")

    faults: list[tuple[Callable[[Path], None], int]] = [
        (lineage, 65),
        (nowhere, 65),
        (run, 78),
        (run_of_lineage, 78),
    ]
    for change, expected in faults:
        folder = tmp_path / change.__name__
        manifest = plain_lake(folder)
        assert binary("run", "--manifest", manifest)[0] == 0
        change(folder)
        before = sorted(folder.rglob("*"))
        for program in (binary, job):
            exit_code, told = program("run", "--manifest", manifest)
            assert (change.__name__, exit_code) == (change.__name__, expected), told
        assert sorted(folder.rglob("*")) == before
    link = lineage_of(tmp_path / "lineage")
    assert job("rerun", "--lineage", link)[0] == 65


def test_rows_without_a_tick_count_where_the_interval_overlaps_their_partition(
    job: Job, tmp_path: Path
) -> None:
    logs = tmp_path / "spark" / "reports"
    ticks = reports()["detected_at"].combine_chunks()
    without = pa.array([*ticks[:2].to_pylist(), None], ticks.type)
    for day in ("2024-12-30", "2024-12-31", "2025-01-01"):
        shift = date.fromisoformat(day) - date(2025, 1, 1)
        shifted = pc.add(without, pa.scalar(shift, pa.duration("us")))
        write(logs / f"date={day}" / "a.parquet", reports(detected_at=shifted))
    write(logs / "date=2025-01-01" / "b.parquet", reports(20))
    inputs = {REPORTS: {"uri": "reports/", "partitioning": "date=%F"}}
    lake(tmp_path / "spark", inputs=inputs, max_reject_ratio=0.2)
    shutil.copytree(tmp_path / "spark", tmp_path / "binary")
    rejected = []
    for run, name in ((binary, "binary"), (job, "spark")):
        exit_code, told = run("run", "--manifest", tmp_path / name / "m.json")
        assert exit_code == 0, told
        read = json.loads(lineage_of(tmp_path / name).read_text("utf-8"))["inputs"][REPORTS]
        rejected.append(read["rows_rejected"])
    assert rejected == [{"missing_detected_at": 1}] * 2
    # It has looked into the older partitions too.
    assert len(read["files"]) == 4
    assert rows(tmp_path / "spark") == rows(tmp_path / "binary")

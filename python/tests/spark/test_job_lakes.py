"""The job on Spark takes the lakes that the binary takes, refuses the others, and keeps its word
about what is committed. It runs in one session, since each job of its own costs seconds."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spark_cluster import BINARY, OUTPUTS, Job

from cohort_events import _spark_files, _spark_footers, spark_job

REPORTS, SCORES = "minority_reports_detected_log", "anomaly_classifier_model_prediction_log"
UTC_US = pa.timestamp("us", tz="UTC")
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def binary(*arguments: Any) -> tuple[int, str]:
    """Run the binary, and return exit code and line."""
    command = [BINARY, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stderr if done.returncode else done.stdout).splitlines()[-1]


def reports(first: int = 0, **columns: Any) -> pa.Table:
    """Return three reports of a store, five minutes apart from so many minutes after noon on."""
    ticks = [NOON + timedelta(minutes=first + 5 * n) for n in range(3)]
    plain = {
        "store_id": pa.array(["327"] * 3),
        "sku": pa.array(["7"] * 3),
        "detected_at": pa.array(ticks, UTC_US),
        "severity": pa.array([0.25, 0.5, 0.75]),
    }
    return pa.table(plain | columns)


def scores(**columns: Any) -> pa.Table:
    """Return a score of each minute of an hour after noon."""
    ticks = [NOON + timedelta(minutes=n) for n in range(60)]
    plain = {
        "store_id": pa.array(["327"] * 60),
        "sku": pa.array(["7"] * 60),
        "tick_at": pa.array(ticks, UTC_US),
        "anomaly_score": pa.array([n / 64 for n in range(60)]),
    }
    return pa.table(plain | columns)


def write(path: Path, table: pa.Table) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def lake(folder: Path, **said: Any) -> Path:
    """Write a manifest for two logs, and return its path."""
    manifest: dict[str, Any] = {
        "version": 1,
        "run_id": "r~1",
        "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
        "inputs": {REPORTS: {"uri": "reports/"}, SCORES: {"uri": "scores/"}},
        "outputs": {log: f"out/{log}/" for log in (*OUTPUTS.values(), "lineage")},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "m.json"
    path.write_text(json.dumps(manifest | said), encoding="utf-8")
    return path


def plain_lake(folder: Path, **said: Any) -> Path:
    """Write a manifest and the logs that it names."""
    write(folder / "reports" / "a.parquet", reports())
    write(folder / "scores" / "a.parquet", scores())
    return lake(folder, **said)


def lineage_of(folder: Path) -> Path:
    """Return the only lineage of a lake."""
    return folder / "out" / "lineage" / "run=r%7E1" / "lineage.json"


def rows(folder: Path) -> dict[str, list[Any]]:
    """Return the rows that are committed, in order."""
    lineage = json.loads(lineage_of(folder).read_text("utf-8"))
    return {
        log: [
            row
            for part in lineage["outputs"][log]["files"]
            for row in pq.ParquetFile(part["uri"].removeprefix("file://")).read().to_pylist()
        ]
        for log in OUTPUTS.values()
    }


def test_files_of_one_log_may_have_other_columns_and_types(job: Job, tmp_path: Path) -> None:
    def fill(folder: Path) -> Path:
        logs = folder / "reports [1]{a}*"
        write(logs / "a.parquet", reports())
        cause = {"proposed_cause": pa.array(["c"] * 3), "confidence_score": pa.array([0.9] * 3)}
        write(logs / "b.parquet", reports(20, **cause))
        write(logs / "c.parquet", reports(40, store_id=pa.array([327] * 3)))
        # Written as pandas writes them: nanoseconds, and null without a type.
        late = reports(60, ingested_at=pa.nulls(3))
        ns = late["detected_at"].cast(pa.timestamp("ns", tz="UTC"))
        write(logs / "d.parquet", late.set_column(2, "detected_at", ns))
        write(logs / ".x=1" / "e.parquet", reports(80, sku=pa.nulls(3)))
        upper = reports(100)
        upper = upper.rename_columns([name.upper() for name in upper.column_names])
        write(logs / "f.parquet", upper)
        write(logs / "_temporary" / "g.parquet", reports(200))
        without_zone = reports(120)["detected_at"].cast(pa.timestamp("us"))
        write(logs / "h.parquet", reports(120, detected_at=without_zone, other=without_zone))
        write(logs / "i.parquet", reports(140, other=pa.array(["x"] * 3))[:0])
        of_scores = folder / "scores"
        swapped = scores().rename_columns(["sku", "store_id", "tick_at", "a `b`.c"])
        write(of_scores / "a.parquet", swapped)
        write(of_scores / "b.parquet", swapped.set_column(3, "a `b`.c", pa.array([1] * 60)))
        names = {"store_id": "sku", "sku": "store_id", "anomaly_score": "a `b`.c"}
        names |= {"tick_at": "tick_at"}
        inputs = {
            REPORTS: {"uri": f"{logs.name}/"},
            SCORES: {"uri": "scores/", "columns": names},
        }
        return lake(folder, inputs=inputs)

    for run, name in ((job, "spark"), (binary, "binary")):
        exit_code, told = run("run", "--manifest", fill(tmp_path / name))
        assert exit_code == 0, told
    expected = rows(tmp_path / "binary")
    assert rows(tmp_path / "spark") == expected
    assert {row["proposed_cause"] for row in expected["minority_event_log"]} >= {None, "c"}
    spark, other = (
        json.loads(lineage_of(tmp_path / name).read_text("utf-8")) for name in ("spark", "binary")
    )
    # A file without rows was looked into all the same.
    files = spark["inputs"][REPORTS]["files"]
    assert [file["uri"].rpartition("/")[2] for file in files if not file["rows"]] == ["i.parquet"]
    assert [file["etag"] for file in files] == [
        file["etag"] for file in other["inputs"][REPORTS]["files"]
    ]


def test_lakes_that_the_binary_refuses_are_refused(job: Job, tmp_path: Path) -> None:
    def file(content: bytes) -> Callable[[Path], None]:
        def make(logs: Path) -> None:
            (logs / "b.parquet").write_bytes(content)

        return make

    def only(table: pa.Table) -> Callable[[Path], None]:
        return lambda logs: write(logs / "b.parquet", table)

    def at(*names: str) -> Callable[[Path], None]:
        def move(logs: Path) -> None:
            (logs / "a.parquet").unlink()
            for name in names:
                write(logs / name, reports())

        return move

    day, hour = "date=%F", "date=%F/hour=%H"
    faults: list[tuple[str, str | None, Callable[[Path], None], int]] = [
        ("no footer", None, file(b"PAR1garbagegarbagegarbagePAR1"), 65),
        ("no bytes", None, file(b""), 65),
        ("no column", None, only(reports().drop_columns(["store_id"])), 65),
        ("integer tick", None, only(reports(detected_at=pa.array([1, 2, 3]))), 65),
        ("double store", None, only(reports(store_id=pa.array([1.0] * 3))), 65),
        ("no folder", None, shutil.rmtree, 66),
        ("no file", None, at(), 66),
        ("no partition", day, at(), 66),
        ("no end", None, lambda logs: (logs / "link").symlink_to("."), 78),
        ("no target", None, lambda logs: (logs / "link").symlink_to("none"), 66),
        ("no zero", hour, at("date=2025-01-01/hour=7/a", "date=2025-01-01/hour=12/a"), 78),
        ("no zeros", "year=%Y/month=%m", at("year=2025/month=1/a"), 78),
        ("other key", day, at("dt=2025-01-01/a"), 78),
        ("above", hour, at("date=2025-01-01/hour=12/a", "date=2025-01-01/a"), 78),
    ]
    for name, pattern, change, expected in faults:
        folder = tmp_path / name
        plain_lake(folder)
        change(folder / "reports")
        of_reports = {"uri": "reports/"} | ({"partitioning": pattern} if pattern else {})
        manifest = lake(folder, inputs={REPORTS: of_reports})
        exit_code, told = job("run", "--manifest", manifest)
        assert (name, exit_code) == (name, expected), told
        assert told.startswith("cohort: ")
        assert not (folder / "out").exists()
        assert (name, binary("run", "--manifest", manifest)[0]) == (name, expected)
    # Spark takes this name for that of a file that is not there yet.
    manifest = plain_lake(tmp_path / "copy")
    write(tmp_path / "copy" / "reports" / "b._COPYING_", reports(20))
    assert job("run", "--manifest", manifest)[0] == 65


def test_what_spark_finds_in_the_rows_is_at_fault(job: Job, tmp_path: Path) -> None:
    manifest = plain_lake(tmp_path)
    write(tmp_path / "scores" / "b.parquet", scores(tick_at=pa.nulls(60, UTC_US)))
    exit_code, told = job("run", "--manifest", manifest)
    assert (exit_code, "to be rejected, found 60 of 120" in told) == (65, True), told
    path = tmp_path / "scores" / "b.parquet"
    content = bytearray(path.read_bytes())
    content[4:100] = b"\xff" * 96
    path.write_bytes(content)
    exit_code, told = job("run", "--manifest", manifest)
    assert (exit_code, told.startswith("cohort: ")) == (65, True), told
    # Nothing is left of either run.
    assert [*(tmp_path / "out").rglob("*.parquet")] == []


def test_parts_are_mended_and_strangers_stay(job: Job, tmp_path: Path) -> None:
    manifest = plain_lake(tmp_path)

    def status() -> str:
        exit_code, told = job("run", "--manifest", manifest)
        assert exit_code == 0, told
        return str(json.loads(told)["status"])

    assert status() == "committed"
    part = next((tmp_path / "out" / "minority_event_log" / "run=r%7E1").iterdir())
    content = part.read_bytes()
    strangers = ["_staged/mine", "part-notes.txt", "part-00000-0123456789abcdef.parquet/mine"]
    for name in strangers:
        path = part.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    linked = part.with_name("part-00009-0123456789abcdef.parquet")
    linked.symlink_to(manifest)
    dead = part.with_name("dead")
    dead.symlink_to("nowhere")
    # What a run that was killed leaves.
    for name in ("part-00008-0123456789abcdef.parquet", f"_cohort-staged-{'0' * 32}"):
        (part.parent / name).write_bytes(content)
    part.write_bytes(content[:100])
    # Another process of Java may write the same rows in other bytes, and so under another name.
    assert status() in {"committed", "replaced"}
    (part,) = (path for path in part.parent.glob("part-00000-*") if path.is_file())
    assert hashlib.sha256(part.read_bytes()).hexdigest()[:16] in part.name
    kept = {path.name for path in part.parent.iterdir()}
    assert kept == {
        part.name,
        linked.name,
        dead.name,
        *(name.partition("/")[0] for name in strangers),
    }
    assert all((part.parent / name).read_text() == "mine" for name in strangers)
    assert status() == "unchanged"


def test_storage_that_only_hadoop_knows_serves_as_well(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = plain_lake(tmp_path)
    assert job("run", "--manifest", manifest)[0] == 0
    before = rows(tmp_path)
    shutil.rmtree(tmp_path / "out")
    # As on S3, no path is one of this machine.
    for module in (_spark_files, _spark_footers):
        monkeypatch.setattr(module, "local", lambda _: None)
    for status in ("committed", "unchanged"):
        exit_code, told = job("run", "--manifest", manifest)
        assert (exit_code, json.loads(told)["status"]) == (0, status)
    assert rows(tmp_path) == before
    lineage = json.loads(lineage_of(tmp_path).read_text("utf-8"))
    assert [file["etag"] for file in lineage["inputs"][REPORTS]["files"]] == [None]
    (tmp_path / "reports" / "b.parquet").write_bytes(b"x" * 100)
    assert job("run", "--manifest", manifest)[0] == 65


def test_a_rerun_is_of_what_the_lineage_records(job: Job, tmp_path: Path) -> None:
    manifest, lineage = plain_lake(tmp_path / "lake"), lineage_of(tmp_path / "lake")
    assert job("run", "--manifest", manifest)[0] == 0
    before = lineage.read_text("utf-8")
    # The manifest of today serves only to find the run.
    lake(tmp_path / "lake", gap="PT1M", inputs={REPORTS: {"uri": "none/"}}, run_id="other")
    by_name = ["rerun", "--manifest", manifest, "--run-id", "r~1"]
    exit_code, told = job(*by_name)
    assert (exit_code, json.loads(told)["status"]) == (0, "unchanged")
    until = ["--interval-end", "2025-01-01T12:08:00Z"]
    exit_code, told = job("rerun", "--lineage", lineage, *until, "--expect-same")
    assert (exit_code, lineage.read_text("utf-8")) == (78, before), told
    exit_code, told = job("rerun", "--lineage", lineage, *until)
    assert (exit_code, json.loads(told)["status"]) == (0, "replaced")
    assert json.loads(told)["interval"]["end"] == "2025-01-01T12:08:00.000000Z"
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    moved = ["rerun", "--manifest", tmp_path / "copy" / "m.json", "--run-id", "r~1"]
    assert (job(*moved)[0], binary(*moved)[0]) == (78, 78)
    for broken in ("{", "[]", '{"version": 1}', before.replace("r~1", "r~2")):
        lineage.write_text(broken, encoding="utf-8")
        plain_lake(tmp_path / "lake")
        assert (broken, job(*by_name)[0]) == (broken, 65)
        assert (broken, job("run", "--manifest", manifest)[0]) == (broken, 65)
        assert lineage.read_text("utf-8") == broken
    by_name[-1] = "none"
    assert job(*by_name)[0] == 66


def test_outputs_below_a_file_and_without_a_file_system_are_refused(
    job: Job, tmp_path: Path
) -> None:
    for place in ("m.json/", "memory://x/", "s3://x/"):
        outputs = {log: f"out/{log}/" for log in OUTPUTS.values()} | {"lineage": place}
        exit_code, told = job("run", "--manifest", plain_lake(tmp_path, outputs=outputs))
        assert (place, exit_code) == (place, 78), told
    assert not (tmp_path / "out").exists()
    assert job("run", "--manifest", tmp_path)[0] == 78


def test_a_wrong_command_line_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (
        ["run"],
        ["rerun", "--manifest", "m.json"],
        ["rerun", "--manifest", "m.json", "--run-id", "r", "--lineage", "l.json"],
        ["run", "--manifest", "m.json", "--dry-run"],
        ["run", "--manifest", "m.json", "--partitions", "0"],
    ):
        with pytest.raises(SystemExit) as caught:
            spark_job.main(wrong)
        assert (wrong, caught.value.code) == (wrong, 2)
        assert capsys.readouterr().err.startswith("cohort: ")

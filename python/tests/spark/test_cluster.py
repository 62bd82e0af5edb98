"""The package on a real cluster gives the binary's rows, whatever happens to it."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from spark_cluster import LOGS, OUTPUTS, SETTINGS, Cluster, Lake, differences, wait
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cohort_events import spark as cohort_spark

DAYS = ("2024-12-30T00:00:00Z", "2025-01-02T00:00:00Z")


def table(frame: DataFrame) -> pa.Table:
    """Return the rows of a DataFrame."""
    return frame.toArrow()


def facts(found: cohort_spark.Cohorted) -> dict[str, int]:
    """Return what was counted."""
    return {row.name: row.value for row in found.facts.collect()}


def test_rows_and_counts_are_the_binarys(lake: Lake, spark: SparkSession) -> None:
    start, end = DAYS
    expected, lineage = lake.committed(start, end)
    found = cohort_spark.cohort(**lake.frames(spark), start=start, end=end, **SETTINGS)
    for log in OUTPUTS:
        rows = table(getattr(found, log))
        assert rows.num_rows == expected[log].num_rows > 0
        assert rows.column_names == expected[log].column_names
        assert differences(expected[log], rows) == []
    counted = facts(found)
    for name, value in lineage["counts"].items():
        assert counted[f"counts.{name}"] == value, name
    for name in ("reports", "scores", "sales"):
        inputs = lineage["inputs"][LOGS[name]]
        rejected = {
            row.reason: row.rows for row in found.rejects.where(F.col("log") == name).collect()
        }
        assert rejected == inputs["rows_rejected"] != {}
        assert counted[f"inputs.{name}.rows_duplicate"] == inputs["rows_duplicate"] > 0
    found.unpersist()
    assert expected["mrch"]["proposed_cause"].null_count < expected["mrch"].num_rows
    assert expected["mrch"]["feature_vector"].null_count < expected["mrch"].num_rows


def test_random_cuts_and_partitions_give_the_same_rows(lake: Lake, spark: SparkSession) -> None:
    dice = random.Random(5)
    minutes = sorted(dice.sample(range(1, 2 * 24 * 60), 2))
    cuts = ["2024-12-31T00:00:00Z"]
    cuts += [f"2024-12-31T00:00:00Z+{m}" for m in minutes] + ["2025-01-02T00:00:00Z"]
    instants = [_instant(cut) for cut in cuts]
    expected, _ = lake.committed(instants[0], instants[-1])
    parts: dict[str, list[pa.Table]] = {"mrch": [], "melog": []}
    for start, end in itertools.pairwise(instants):
        partitions = dice.randint(1, 11)
        frames = lake.frames(spark)
        # Rows without a tick count in each part, and are too many for a short one.
        settings = SETTINGS | {"partitions": partitions, "max_reject_ratio": None}
        found = cohort_spark.cohort(**frames, start=start, end=end, **settings)
        for log, rows in parts.items():
            rows.append(table(getattr(found, log)))
        found.unpersist()
    for log, rows in parts.items():
        assert differences(expected[log], pa.concat_tables(rows)) == []


def _instant(cut: str) -> str:
    at, _, minutes = cut.partition("+")
    day, minute = divmod(int(minutes or 0), 24 * 60)
    date = ["2024-12-31", "2025-01-01", "2025-01-02"][day if minutes else 0]
    if not minutes:
        return at
    return f"{date}T{minute // 60:02}:{minute % 60:02}:00Z"


def test_both_executors_do_work(lake: Lake, spark: SparkSession, cluster: Cluster) -> None:
    start, end = DAYS
    frames = lake.frames(spark)
    found = cohort_spark.cohort(**frames, start=start, end=end, **SETTINGS, partitions=8)
    assert found.kept.where("found is not null").count() == 8

    def kept() -> list[int]:
        listed = spark.sparkContext._jsc.sc().statusStore().executorList(True)
        every = [listed.apply(number) for number in range(listed.size())]
        return [executor.diskUsed() for executor in every if executor.id() != "driver"]

    # Each keeps the rows that its own kernel gave. Spark's figures come a little later.
    wait(lambda: len([disk for disk in kept() if disk > 0]) == 2, cluster, "master")
    found.unpersist()


def test_executors_take_the_package_from_the_archive_and_have_a_limit(spark: SparkSession) -> None:
    def where(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import resource

        import cohort_events

        for _ in batches:
            limit = resource.getrlimit(resource.RLIMIT_AS)[0]
            yield pa.record_batch({"file": [cohort_events.__file__], "bytes": [limit]})

    rows = spark.range(4, numPartitions=4).mapInArrow(where, "file string, bytes long").collect()
    assert len(rows) == 4
    # Spark unpacks it beside the executor's other files, which lie below the worker's folder.
    folders = [Path(row.file).parent.parent for row in rows]
    assert all(folder.name == "packages" for folder in folders), rows
    assert not any(folder.is_relative_to(sys.prefix) for folder in folders)
    assert {row.bytes < 4 << 30 for row in rows} == {True}


@pytest.mark.parametrize("kind", ["timestamp_ntz", "date"])
def test_instants_without_a_zone_are_utc(lake: Lake, spark: SparkSession, kind: str) -> None:
    start, end = DAYS
    frames = lake.frames(spark)
    frames = {name: frames[name] for name in ("reports", "scores", "sales")}
    if kind == "date":
        ticks = {"reports": "detected_at", "scores": "tick_at", "sales": "tick_at"}
        frames = {n: f.withColumn(ticks[n], _utc(ticks[n]).cast("date")) for n, f in frames.items()}
        # At the midnight of its date, a report would come before its onset.
        frames["reports"] = frames["reports"].drop("first_detected_from")
    else:
        instants = ("detected_at", "first_detected_from", "tick_at", "ingested_at")
        for name, frame in frames.items():
            columns = set(instants) & set(frame.columns)
            frames[name] = frame.withColumns({column: _utc(column) for column in columns})
    plain = {n: f.toArrow() for n, f in frames.items()}
    import cohort_events as ce

    expected = ce.cohort(**plain, start=start, end=end, **SETTINGS)
    found = cohort_spark.cohort(**frames, start=start, end=end, **SETTINGS)
    for log in OUTPUTS:
        assert differences(pa.table(getattr(expected, log)), table(getattr(found, log))) == []
    found.unpersist()


def _utc(column: str) -> Any:
    """Return the wall clock of UTC, which a session in New York must be asked for."""
    return F.convert_timezone(
        F.lit("America/New_York"), F.lit("UTC"), F.col(column).cast("timestamp_ntz")
    )


def test_too_many_rejects_fail_before_anything_is_written(
    lake: Lake, spark: SparkSession, tmp_path: Any
) -> None:
    start, end = DAYS
    settings: dict[str, Any] = SETTINGS | {"max_reject_ratio": 0.001}
    found = cohort_spark.cohort(**lake.frames(spark), start=start, end=end, **settings)
    with pytest.raises(Exception, match=r"scores: expected at most 0.001 of the interval's rows"):
        found.mrch.write.parquet(str(tmp_path / "mrch"))
    assert not list((tmp_path / "mrch").rglob("*.parquet"))
    found.unpersist()


def test_rejects_are_judged_once_and_nothing_stays_kept(lake: Lake, spark: SparkSession) -> None:
    start, end = DAYS
    jvm = spark.sparkContext._jsc.sc()
    before = len(jvm.getRDDStorageInfo())
    with cohort_spark.cohort(**lake.frames(spark), start=start, end=end, **SETTINGS) as found:
        found.judge()
        for rows in (found.mrch, found.melog):
            # Each use once summed up the kernel's rows four times.
            plan = rows._jdf.queryExecution().withCachedData()
            judging = plan.subqueriesAll()
            leaves = [plan.collectLeaves(), *(judging.apply(n).collectLeaves() for n in (0,))]
            names = [read.mkString().partition(" ")[0] for read in leaves]
            assert names == ["InMemoryRelation"] * 2
            assert [read.size() for read in leaves] == [1, judging.size()] == [1, 1]
            assert rows.count() > 0
        assert len(jvm.getRDDStorageInfo()) == before + 3
    assert len(jvm.getRDDStorageInfo()) == before


def test_an_error_of_the_kernel_is_read_at_the_driver(lake: Lake, spark: SparkSession) -> None:
    start, end = DAYS
    frames = lake.frames(spark)
    frames["sales"] = frames["sales"].withColumn("actual_sales", F.lit(99_999_999_999_999))
    found = cohort_spark.cohort(**frames, start=start, end=end, **SETTINGS)
    with pytest.raises(Exception, match=r"expected sums with at most 14 digits .* of store"):
        found.mrch.count()
    found.unpersist()


def test_filters_on_partitions_and_ticks_reach_the_scan(
    lake: Lake, spark: SparkSession, tmp_path: Any
) -> None:
    frames = lake.frames(spark)
    by_date = frames["scores"].withColumn("date", F.to_date("tick_at"))
    by_date.write.partitionBy("date").parquet(str(tmp_path / "scores"))
    scores = spark.read.parquet(str(tmp_path / "scores")).where("date >= '2024-12-30'")
    start, end = DAYS
    found = cohort_spark.cohort(frames["reports"], scores, start=start, end=end, **SETTINGS)
    plan = found.kept._jdf.queryExecution().optimizedPlan().toString()
    executed = found.kept._jdf.queryExecution().executedPlan().toString()
    assert "date" in plan
    assert "PartitionFilters: [isnotnull(date" in executed
    assert "GreaterThanOrEqual(tick_at" in executed


def test_an_executor_that_dies_half_way_changes_no_row(
    lake: Lake, spark: SparkSession, cluster: Cluster
) -> None:
    import os
    import signal
    import threading

    import psutil

    start, end = DAYS
    expected, _ = lake.committed(start, end)
    frames = lake.frames(spark)
    found = cohort_spark.cohort(**frames, start=start, end=end, **SETTINGS, partitions=16)
    kept = found.kept
    done: list[pa.Table] = []
    thread = threading.Thread(target=lambda: done.append(table(found.mrch)))
    thread.start()

    def executors() -> list[psutil.Process]:
        workers = [psutil.Process(p.pid) for p in cluster.processes[1:3]]
        children = [child for worker in workers for child in worker.children(recursive=True)]
        return [child for child in children if is_executor(child)]

    def is_executor(process: psutil.Process) -> bool:
        try:
            return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
        except psutil.Error:
            # It has ended in between.
            return False

    # Half-way: some partitions are kept, others are not.
    jvm = spark.sparkContext._jsc.sc()
    while thread.is_alive():
        cached = sum(info.numCachedPartitions() for info in jvm.getRDDStorageInfo())
        if cached >= 3:
            break
    assert thread.is_alive()
    assert cached < 16
    killed = executors()[0].pid
    os.kill(killed, signal.SIGKILL)
    thread.join()
    assert killed not in {process.pid for process in executors()}
    assert differences(expected["mrch"], done[0]) == []
    kept.unpersist()

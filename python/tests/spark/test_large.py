"""One store of very many lines, in Python workers whose memory is limited."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from spark_cluster import OUTPUTS, SETTINGS, differences, lake_of
from pyspark.sql import SparkSession

from cohort_events import spark as cohort_spark

LINES = int(os.environ.get("COHORT_LINES", "1000000"))
DAY = ("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z")
NOON_US = 1_735_732_800_000_000
TICK_US = 300_000_000


def test_one_store_of_very_many_lines_gives_the_binarys_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    lines = range(LINES)
    at = pa.array([NOON_US + line % 12 * TICK_US for line in lines], pa.int64())
    key = {"store_id": pa.repeat("one", LINES), "sku": pa.array([f"sku-{n:07}" for n in lines])}
    instants = at.cast(pa.timestamp("us", "UTC"))
    amounts = pa.array([n % 1000 / 10 for n in lines])
    lake = lake_of(
        tmp_path,
        {
            "reports": pa.table({**key, "detected_at": instants, "first_detected_from": instants}),
            "scores": pa.table({**key, "tick_at": instants, "anomaly_score": amounts}),
            "sales": pa.table({**key, "tick_at": instants, "baseline_sales": amounts}),
        },
    )
    start, end = DAY
    expected, lineage = lake.committed(start, end)
    assert lineage["counts"]["lines"] == LINES
    found = cohort_spark.cohort(**lake.frames(spark), start=start, end=end, **SETTINGS)
    for log in OUTPUTS:
        getattr(found, log).write.parquet(str(tmp_path / log))
        rows = ds.dataset(tmp_path / log).to_table()
        assert rows.num_rows == expected[log].num_rows
        assert differences(expected[log], rows) == []
    found.unpersist()

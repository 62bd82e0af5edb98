"""The same through Spark Connect, whose client has no JVM."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.dataset as ds
from spark_cluster import LOGS, LOOPBACK, OUTPUTS, SETTINGS, Cluster, Lake, differences
from pyspark.sql import SparkSession

DAYS = ("2024-12-30T00:00:00Z", "2025-01-02T00:00:00Z")

#: What a client does, in a process of its own: a session is either classic or Connect.
CLIENT = """
import json, sys
from pyspark.sql import SparkSession
from cohort_events import spark as cohort_spark
from cohort_events.errors import DataError

url, logs, settings, out = sys.argv[1], *map(json.loads, sys.argv[2:4]), sys.argv[4]
spark = SparkSession.builder.remote(url).getOrCreate()
spark.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
frames = {name: spark.read.parquet(path) for name, path in logs.items()}
found = cohort_spark.cohort(**frames, **settings)
for log in ("mrch", "melog"):
    getattr(found, log).write.parquet(f"{out}/{log}")
facts = {row.name: row.value for row in found.facts.collect()}
found.unpersist()
try:
    with cohort_spark.cohort(**frames, **settings | {"max_reject_ratio": 0.001}) as found:
        found.judge()
except DataError as error:
    print(json.dumps([type(spark).__module__, facts, str(error)]))
"""


def test_connect_gives_the_binarys_rows_and_its_errors(
    lake: Lake, spark: SparkSession, cluster: Cluster, tmp_path: Path
) -> None:
    start, end = DAYS
    expected, lineage = lake.committed(start, end)
    logs = {name: str(lake.folder / LOGS[name]) for name in lake.names}
    settings = SETTINGS | {"start": start, "end": end}
    url = f"sc://{LOOPBACK}:{cluster.connect_port}"
    arguments = [url, json.dumps(logs), json.dumps(settings), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CLIENT), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    module, facts, error = json.loads(done.stdout.splitlines()[-1])
    assert module == "pyspark.sql.connect.session"
    for log in OUTPUTS:
        rows = ds.dataset(tmp_path / log).to_table()
        assert rows.num_rows == expected[log].num_rows > 0
        assert differences(expected[log], rows) == []
    for name, value in lineage["counts"].items():
        assert facts[f"counts.{name}"] == value, name
    assert "scores: expected at most 0.001 of the interval's rows" in error

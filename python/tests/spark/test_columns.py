"""Columns of every type that Spark has, and rows at the ends of what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spark_cluster import OUTPUTS, differences
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import cohort_events as ce
from cohort_events import spark as cohort_spark
from cohort_events.errors import DataError, UsageError

#: The night on which New York calls the hour from 06:00 UTC as it called the one before.
NIGHT: dict[str, Any] = {"start": "2024-11-03T00:00:00Z", "end": "2024-11-04T00:00:00Z"}
FIRST_US = 1_730_613_600_000_000
TICK_US = 300_000_000
TODAY, LAST, EARLIEST = 20_030, (1 << 31) - 1, -(1 << 31)
#: The first day of the year 10000, and the last one before the year 1.
AFTER, BEFORE = 2_932_897, -719_163


def parquet(spark: SparkSession, path: Path, table: pa.Table) -> DataFrame:
    """Write rows, and return them as Spark reads them."""
    pq.write_table(table, path)
    return spark.read.parquet(str(path))


def days(numbers: list[int | None]) -> pa.Array:
    """Return days after 1970 as dates."""
    return pa.array(numbers, pa.int32()).cast(pa.date32())


def instants(ticks: list[int | None], zone: str | None = None) -> pa.Array:
    """Return instants by their ticks of that night."""
    us = [None if tick is None else FIRST_US + tick * TICK_US for tick in ticks]
    return pa.array(us, pa.int64()).cast(pa.timestamp("us", zone))


@pytest.fixture
def without_zone(spark: SparkSession) -> Iterator[None]:
    """Let `timestamp` mean one without a zone."""
    spark.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
    yield
    spark.conf.unset("spark.sql.timestampType")


def extremes(zone: str | None) -> dict[str, pa.Table]:
    """Return logs of one night, with rows that are rejected at the ends of every type."""
    ends = [LAST, EARLIEST, AFTER, BEFORE, AFTER - 1, None]
    # Far in the future, soon after the year 9999, and far in the past.
    never = [30_000_000_000, 840_000_000, -30_000_000_000, None, None]
    lines = 12
    reports = {
        "store_id": pa.array([b"one"] * lines, pa.binary()),
        "detected_at": instants([*range(lines)], "UTC"),
        "first_detected_from": days((ends * 2)[:lines]),
        "ingested_at": days((ends[::-1] * 2)[:lines]),
    }
    ticks = [*range(2 * lines), *never, 0, 1]
    scores = {
        "store_id": pa.array([b"one"] * (len(ticks) - 2) + [b""] * 2, pa.binary()),
        "tick_at": instants(ticks, zone),
        "anomaly_score": pa.array([float(n) for n in range(len(ticks))]),
    }
    dates = days([TODAY, *ends])
    sales = {
        "store_id": pa.array(["one"] * len(dates)),
        "tick_at": dates,
        "baseline_sales": pa.array([1.0] * len(dates)),
        "ingested_at": days([EARLIEST, *ends]),
    }
    campaigns = {
        "campaign_id": ["c"],
        "name": ["n"],
        "starts_at": days([BEFORE]),
        "ends_at": days([LAST]),
    }
    given = {"reports": reports, "scores": scores, "sales": sales, "campaigns": campaigns}
    return {name: pa.table(columns) for name, columns in given.items()}


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.usefixtures("without_zone")
def test_rows_at_the_ends_of_every_type_give_the_kernels_rows_and_rejects(
    spark: SparkSession, tmp_path: Path, zone: str | None
) -> None:
    tables = extremes(zone)
    expected = ce.cohort(**tables, **NIGHT, max_reject_ratio=1)
    frames = {name: parquet(spark, tmp_path / name, table) for name, table in tables.items()}
    # Neither is a column of the log.
    odd = [F.lit("x").alias("STORE_ID"), F.expr("make_interval(1)").alias("category interval")]
    frames = {name: frame.select("*", *odd) for name, frame in frames.items()}
    frames["campaigns"] = frames["campaigns"].drop("STORE_ID")
    with cohort_spark.cohort(**frames, **NIGHT, max_reject_ratio=0, partitions=2) as found:
        with pytest.raises(DataError) as raised:
            found.judge()
        rejected: dict[str, dict[str, int]] = {}
        for row in found.rejects.collect():
            rejected.setdefault(row.log, {})[row.reason] = row.rows
        for log in OUTPUTS:
            rows = found.kept.where(F.col(log).isNotNull()).select(f"{log}.*").toArrow()
            assert differences(pa.table(getattr(expected, log)), rows) == []
        facts = {row.name: row.value for row in found.facts.collect()}
    for name in ("scores", "sales"):
        inputs: Any = expected.inputs[name]
        assert rejected[name] == inputs["rows_rejected"] != {}
        bad = sum(inputs["rows_rejected"].values())
        assert f"{name}: " in str(raised.value)
        assert f"found {bad} of {inputs['rows_in_interval']};" in str(raised.value)
    assert expected.counts["ticks_without_score"] == 0
    assert facts["inputs.reports.onsets_ignored"] == expected.inputs["reports"]["onsets_ignored"]


def test_each_call_computes_its_rows_anew(spark: SparkSession, tmp_path: Path) -> None:
    spark.catalog.clearCache()
    stores: list[set[str]] = []
    for store in ("one", "two"):
        report = pa.table({"store_id": [store], "detected_at": instants([0], "UTC")})
        pq.write_table(report, tmp_path / f"{store}.parquet")
        reports = spark.read.parquet(str(tmp_path))
        # The first call's rows are still kept.
        found = cohort_spark.cohort(reports, **NIGHT, max_reject_ratio=None, partitions=1)
        found.judge()
        assert len(spark.sparkContext._jsc.sc().getRDDStorageInfo()) == 3 * (len(stores) + 1)
        stores.append({row.store_id for row in found.melog.collect()})
    assert stores == [{"one"}, {"one", "two"}]
    spark.catalog.clearCache()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("store_id", "1.5D"),
        ("store_id", "true"),
        ("store_id", "date'2025-01-01'"),
        ("store_id", "timestamp_ltz'2025-01-01'"),
        ("store_id", "cast(1 as decimal(5,2))"),
        ("store_id", "array('a')"),
        ("store_id", "parse_json('1')"),
        ("store_id", "make_interval(1)"),
        ("sku", "1.5D"),
        ("sku", "true"),
        ("detected_at", "'2025-01-01'"),
        ("ingested_at", "1"),
        ("ingested_at", "interval 1 day"),
        ("severity", "'1'"),
        ("feature_vector", "array(timestamp_ltz'2025-01-01')"),
        ("proposed_cause", "named_struct('a', 1, 'a', 2)"),
    ],
)
def test_a_column_of_a_type_that_the_contract_refuses_is_an_error(
    spark: SparkSession, column: str, value: str
) -> None:
    values = {"store_id": "'a'", "detected_at": "now()", "ingested_at": "now()"} | {column: value}
    bad = spark.range(1).select(*(F.expr(text).alias(name) for name, text in values.items()))
    good = spark.range(1).selectExpr("1 store_id", "'1' sku", "now() tick_at", "1 ingested_at")
    good = good.selectExpr("*", "1.5 anomaly_score").drop("ingested_at")
    with pytest.raises(DataError, match=rf'reports: expected .* in column "{column}" of .*, found'):
        cohort_spark.cohort(bad, good, **NIGHT)


def test_columns_that_are_missing_or_there_twice_are_an_error(spark: SparkSession) -> None:
    one = spark.range(1).selectExpr("'a' STORE_id", "now() detected_at")
    cohort_spark.cohort(one, **NIGHT)
    for reports, told in [
        (one.drop("detected_at"), 'reports: expected a column "detected_at"'),
        (one.selectExpr("*", "'b' Store_Id"), 'reports: expected one column "store_id"'),
        (one.selectExpr("store_id", "store_id", "detected_at"), "reports: expected one column"),
    ]:
        with pytest.raises(DataError, match=told):
            cohort_spark.cohort(reports, **NIGHT)


def test_arguments_that_are_none_of_sparks_are_refused_before_it_sees_them(
    spark: SparkSession,
) -> None:
    frame = spark.createDataFrame([], "store_id string, detected_at timestamp")
    day: dict[str, Any] = {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"}
    for given, error, said in (
        ({"reports": None}, TypeError, "reports: expected a DataFrame of Spark, found NoneType"),
        ({"scores": pa.table({})}, TypeError, "scores: expected a DataFrame of Spark, found Table"),
        ({"partitions": "3"}, TypeError, "partitions: expected an integer, found str"),
        ({"partitions": 0}, UsageError, "partitions: expected at least 1, found 0"),
        ({"max_reject_ratio": "1"}, TypeError, "max_reject_ratio: expected a number"),
    ):
        arguments: dict[str, Any] = {"reports": frame} | day | given
        with pytest.raises(error, match=said):
            cohort_spark.cohort(**arguments)
    found = cohort_spark.cohort(frame, **day | {"max_reject_ratio": Fraction(1, 50)})
    assert found.mrch.count() == 0
    found.unpersist()

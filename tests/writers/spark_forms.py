"""Forms of one table as Spark writes it: 96-bit instants, legacy lists, Hadoop's LZ4."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql import functions as sql

from forms_lake import AMOUNT, DATE, DOUBLE, ID, INSTANT, KINDS, LIST, TEXT, Form

TYPES = {
    ID: ["string", "binary", "int", "bigint", "decimal(9,0)", "decimal(20,0)"],
    TEXT: ["string", "binary"],
    INSTANT: ["timestamp", "timestamp_ntz"],
    DATE: ["timestamp", "timestamp_ntz", "date"],
    DOUBLE: ["double", "float", "int", "smallint"],
    AMOUNT: ["decimal(9,2)", "decimal(18,4)", "decimal(38,10)", "double", "bigint"],
    LIST: ["array<double>", "array<float>"],
}


def session() -> SparkSession:
    """A Spark on this machine, in UTC."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC")
    spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def spark_form(spark: SparkSession, seed: int) -> tuple[dict[str, Any], Form]:
    """A random form of Spark's."""
    rng = random.Random(seed)
    types = {name: rng.choice(TYPES[kind]) for name, kind in KINDS.items()}
    codecs = ["none", "snappy", "gzip", "lz4", "lz4_raw", "zstd"]
    settings = {
        "spark.sql.parquet.outputTimestampType": rng.choice([
            "INT96",
            "INT96",
            "TIMESTAMP_MICROS",
            "TIMESTAMP_MILLIS",
        ]),
        "spark.sql.parquet.writeLegacyFormat": rng.choice(["true", "false"]),
    }
    options = {
        "compression": rng.choice(codecs),
        "parquet.page.size": rng.choice(["64", "1000", "1048576"]),
        "parquet.page.row.count.limit": rng.choice(["5", "100", "20000"]),
        "parquet.block.size": rng.choice(["4096", "134217728"]),
        "parquet.dictionary.page.size": rng.choice(["64", "1048576"]),
        "parquet.enable.dictionary": rng.choice(["true", "false"]),
        "parquet.writer.version": rng.choice(["PARQUET_1_0", "PARQUET_2_0"]),
    }
    partitions = rng.choice([1, 3])

    def form(table: pa.Table, folder: Path) -> None:
        source = folder.parent / f"{folder.name}.plain.parquet"
        pq.write_table(table, source)
        for name, value in settings.items():
            spark.conf.set(name, value)
        frame = spark.read.parquet(str(source))
        columns = [sql.col(name).cast(types[name]).alias(name) for name in frame.columns]
        written = frame.select(columns).repartition(partitions).write.mode("overwrite")
        written.options(**options).parquet(str(folder))
        source.unlink()

    return {"types": types, **settings, **options, "partitions": partitions}, form

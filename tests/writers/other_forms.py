"""Forms of one table as DuckDB, Polars, fastparquet, pandas and Spark write it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import polars as pl
import pyarrow as pa

from forms_lake import AMOUNT, DATE, DOUBLE, ID, INSTANT, KINDS, LIST, TEXT, Form

DUCKDB = {
    ID: ["VARCHAR", "BLOB", "INTEGER", "BIGINT", "USMALLINT", "UBIGINT", "DECIMAL(9,0)"],
    TEXT: ["VARCHAR", "BLOB", "JSON"],
    INSTANT: ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"],
    DATE: ["TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"],
    DOUBLE: ["DOUBLE", "FLOAT", "INTEGER", "SMALLINT", "BIGINT"],
    AMOUNT: [
        *("DECIMAL(4,0)", "DECIMAL(9,4)", "DECIMAL(18,4)", "DECIMAL(38,10)"),
        *("DOUBLE", "FLOAT", "INTEGER", "UBIGINT", "HUGEINT"),
    ],
    LIST: ["DOUBLE[]", "FLOAT[]", "DOUBLE[3]"],
}


def duckdb_form(seed: int) -> tuple[dict[str, Any], Form]:
    """A random form of DuckDB's."""
    rng = random.Random(seed)
    types = {name: rng.choice(DUCKDB[kind]) for name, kind in KINDS.items()}
    if "JSON" in types.values():
        types = {name: "VARCHAR" if kind == "JSON" else kind for name, kind in types.items()}
        types["supporting_evidence"] = "JSON"
    version = rng.choice(["V1", "V2"])
    codec = rng.choice(["uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"])
    settings = f"FORMAT parquet, CODEC {codec}, PARQUET_VERSION {version}"
    settings += f", ROW_GROUP_SIZE {rng.choice([100, 2048, 100_000])}"
    settings += f", DICTIONARY_SIZE_LIMIT {rng.choice([1, 20, 10_000])}"

    def form(table: pa.Table, folder: Path) -> None:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("plain", table)

            def cast(name: str) -> str:
                naive = types[name] in {"DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
                source = f"timezone('UTC', {name})" if naive else name
                if KINDS[name] in {INSTANT, DATE} and types[name] == "TIMESTAMP":
                    source = f"timezone('UTC', {name})"
                if types[name] == "BLOB":
                    return f"encode({name}) AS {name}"
                return f"CAST({source} AS {types[name]}) AS {name}"

            columns = ", ".join(cast(name) for name in table.column_names)
            path = folder / "data_0.parquet"
            connection.execute(f"COPY (SELECT {columns} FROM plain) TO '{path}' ({settings})")

    return {"types": types, "settings": settings}, form


POLARS: dict[str, list[Any]] = {
    ID: [pl.String, pl.Binary, pl.Categorical, pl.Int32, pl.Int64, pl.UInt16, pl.UInt64],
    TEXT: [pl.String, pl.Binary, pl.Categorical],
    INSTANT: [pl.Datetime(unit, zone) for unit in ("ms", "us", "ns") for zone in (None, "UTC")],
    DATE: [pl.Datetime("ms"), pl.Datetime("us", "Asia/Tokyo"), pl.Datetime("ns"), pl.Date],
    DOUBLE: [pl.Float64, pl.Float32, pl.Int16, pl.Int64],
    AMOUNT: [pl.Decimal(18, 4), pl.Decimal(38, 2), pl.Decimal(9, 2), pl.Float64, pl.Int32],
    LIST: [pl.List(pl.Float64), pl.List(pl.Float32), pl.Array(pl.Float64, 3)],
}


def polars_form(seed: int) -> tuple[dict[str, Any], Form]:
    """A random form of Polars'."""
    rng = random.Random(seed)
    types = {name: rng.choice(POLARS[kind]) for name, kind in KINDS.items()}
    settings: dict[str, Any] = {
        "compression": rng.choice(["uncompressed", "snappy", "gzip", "brotli", "lz4", "zstd"]),
        "statistics": rng.choice([False, True, "full"]),
        "row_group_size": rng.choice([None, 50, 300]),
        "data_page_size": rng.choice([None, 100, 2000]),
    }

    def form(table: pa.Table, folder: Path) -> None:
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)

        def cast(name: str) -> pl.Expr:
            to, column = types[name], pl.col(name)
            if to == pl.Date or (isinstance(to, pl.Datetime) and to.time_zone is None):
                column = column.dt.replace_time_zone(None)
            return column.cast(to)

        frame.select([cast(name) for name in frame.columns]).write_parquet(
            folder / "0.parquet", **settings
        )

    return {"types": {name: str(kind) for name, kind in types.items()}, **settings}, form


def fastparquet_form(seed: int) -> tuple[dict[str, Any], Form]:
    """A random form of fastparquet's. It knows neither decimals nor lists."""
    rng = random.Random(seed)
    settings: dict[str, Any] = {
        "compression": rng.choice([None, "SNAPPY", "GZIP", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"]),
        "times": rng.choice(["int64", "int96"]),
        "row_group_offsets": rng.choice([50, 1000, 100_000]),
        "has_nulls": True,
        "stats": rng.choice([True, False, "auto"]),
        "file_scheme": rng.choice(["simple", "hive"]),
    }
    ids = rng.choice(["utf8", "bytes", "category", "Int64"])
    zone = rng.random() < 0.5

    def form(table: pa.Table, folder: Path) -> None:
        frame = table.drop_columns([
            name for name in table.column_names if KINDS[name] == LIST
        ]).to_pandas()
        encoding = {}
        for name in frame.columns:
            match KINDS[name]:
                case "amount":
                    frame[name] = frame[name].astype("float64")
                case "id" if ids == "Int64":
                    frame[name] = frame[name].astype("Int64")
                case "id" if ids == "category":
                    frame[name] = frame[name].astype("category")
                case "id" | "text" if ids == "bytes":
                    encoding[name] = "bytes"
                    texts = frame[name].astype(object).where(frame[name].notna(), None)
                    frame[name] = texts.map(lambda text: text and text.encode())
                case "id" | "text":
                    encoding[name] = "utf8"
                    frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
                case "instant" | "date":
                    instants = frame[name] if zone else frame[name].dt.tz_localize(None)
                    frame[name] = instants.dt.as_unit("ns")
        how = encoding or "infer"
        path = folder if settings["file_scheme"] == "hive" else folder / "part.parquet"
        fastparquet.write(str(path), frame, object_encoding=how, write_index=False, **settings)

    return {**settings, "ids": ids, "zone": zone}, form


def pandas_form(seed: int) -> tuple[dict[str, Any], Form]:
    """A random form of pandas', with its index and its own types."""
    rng = random.Random(seed)
    backend = rng.choice(["numpy", "numpy_nullable", "pyarrow"])
    settings: dict[str, Any] = {
        "compression": rng.choice([None, "snappy", "gzip", "brotli", "lz4", "zstd"]),
        "index": rng.choice([None, True, False]),
    }
    category = rng.random() < 0.5

    def form(table: pa.Table, folder: Path) -> None:
        frame = table.to_pandas()
        if backend != "numpy":
            frame = frame.convert_dtypes(dtype_backend=backend)
        for name in frame.columns:
            if category and KINDS[name] in {ID, TEXT, INSTANT, AMOUNT, DOUBLE}:
                frame[name] = frame[name].astype("category")
        frame.to_parquet(folder / "frame.parquet", engine="pyarrow", **settings)

    return {**settings, "backend": backend, "category": category}, form

"""How the columns of the contract may be stored in Parquet, and how Spark takes them (SPEC 2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cohort_events._spark_columns import zoned
from cohort_events._spark_footers import Type
from cohort_events.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

#: The most digits of a decimal of Spark.
DIGITS_MAX = 38
DECIMAL = re.compile(r"precision=(\d+), scale=(\d+)")
INTEGER = re.compile(r"bitWidth=(\d+), isSigned=(true|false)")
#: Spark's types of integers by their bits, first those without a sign.
INTEGERS = (
    {8: "smallint", 16: "int", 32: "bigint", 64: "decimal(20,0)"},
    {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"},
)
#: Spark's types of what has no annotation that changes them.
PLAIN = {
    "BYTE_ARRAY": "string",
    "DOUBLE": "double",
    "FLOAT": "float",
    "INT32": "int",
    "INT64": "bigint",
    "INT96": "timestamp_ltz",
}
TEXTS = {"NONE", "STRING", "ENUM", "JSON"}
MONEY = {"sales_total", "baseline_sales", "actual_sales"}
DOUBLES = {
    "anomaly_score",
    "cluster_match_confidence",
    "confidence",
    "confidence_score",
    "severity",
    "similarity_score",
    "tsne_x",
    "tsne_y",
}


@dataclass(frozen=True)
class Kind:
    """A type of the contract."""

    name: str
    #: The type to which Spark brings it.
    spark: str
    may_be: Callable[[Type], bool]


def _is_integer(of: Type) -> bool:
    return of.physical in {"INT32", "INT64"} and of.logical in {"NONE", "INT"}


def _is_float(of: Type) -> bool:
    return of.physical in {"FLOAT", "DOUBLE"} or of.logical == "FLOAT16"


def _is_text(of: Type) -> bool:
    return of.physical == "BYTE_ARRAY" and of.logical in TEXTS


def _is_id(of: Type) -> bool:
    whole = of.logical == "DECIMAL" and "scale=0)" in of.detail
    return _is_text(of) or _is_integer(of) or whole


def _is_instant(of: Type) -> bool:
    return of.physical == "INT96" or of.logical in {"TIMESTAMP", "DATE"}


def _is_amount(of: Type) -> bool:
    return _is_integer(of) or _is_float(of) or of.logical == "DECIMAL"


def _is_list(of: Type) -> bool:
    return of.of_values is not None and (_is_float(of.of_values) or _is_null(of.of_values))


def _is_null(of: Type) -> bool:
    return of.logical == "UNKNOWN"


ID = Kind("a string or an integer", "string", _is_id)
TEXT = Kind("a string", "string", _is_text)
INSTANT = Kind("a timestamp", "timestamp", _is_instant)
DOUBLE = Kind("a double", "double", lambda of: _is_integer(of) or _is_float(of))
# Nulls must not widen what a union makes of amounts.
AMOUNT = Kind("a decimal", "decimal(1,0)", _is_amount)
LIST = Kind("a list of double", "array<double>", _is_list)


def kind_of(column: str) -> Kind:
    """Return the type that the contract gives a column."""
    if column == "feature_vector":
        return LIST
    if column in MONEY or column in DOUBLES:
        return AMOUNT if column in MONEY else DOUBLE
    if column.endswith("_at") or column == "first_detected_from":
        return INSTANT
    return ID if column == "sku" or column.endswith("_id") else TEXT


def check(uri: str, column: str, there: str, of: Type) -> None:
    """Fail if a column of a file cannot be the contract's."""
    kind = kind_of(column)
    if not _is_null(of) and not kind.may_be(of):
        found = of.detail if of.physical == "GROUP" else of.said()
        raise DataError(f"{uri}: expected {kind.name} in the column {there!r}, found {found}")


def of_spark(of: Type) -> str | None:
    """Return the type as which Spark reads a column of the contract; `None` if it cannot."""
    if of.of_values:
        values = of_spark(of.of_values)
        return values and f"array<{values}>"
    if decimal := DECIMAL.search(of.detail):
        precision, scale = map(int, decimal.groups())
        return f"decimal({precision},{scale})" if precision <= DIGITS_MAX else None
    if integer := INTEGER.search(of.detail):
        return INTEGERS[integer.group(2) == "true"][int(integer.group(1))]
    if of.logical == "TIMESTAMP":
        return "bigint" if "nanoseconds" in of.detail else "timestamp_ltz"
    return {"DATE": "date", "FLOAT16": None}.get(of.logical, PLAIN.get(of.physical))


def schema(uri: str, columns: Iterable[tuple[str, str, Type]]) -> str:
    """Return the schema in which Spark reads a file, without the columns that are ignored.

    Some of these it could not read, and would fail.
    """
    read = []
    for column, there, of in columns:
        if (kind := of_spark(of)) is None:
            raise DataError(
                f"{uri}: expected a type that Spark reads in the column {there!r}, found "
                f"{of.detail}; cast {column} to {kind_of(column).name}"
            )
        read.append(f"{_quoted(there)} {kind}")
    return ", ".join(read)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def value(column: str, there: str, of: Type) -> Column:
    """Return a column of a file under the contract's name."""
    from pyspark.sql import functions as F

    name, kind = _quoted(there), kind_of(column)
    if _is_null(of):
        # Spark takes it for an integer.
        found = F.lit(None).cast(kind.spark)
    elif (kind is LIST and of.of_values and _is_null(of.of_values)) or (
        kind is DOUBLE and "bitWidth=64, isSigned=false" in of.detail
    ):
        # Spark takes these for integers and for decimals.
        found = F.col(name).cast(kind.spark)
    elif of.physical == "INT64" and "nanoseconds" in of.detail:
        # Spark reads the number; what is below a microsecond is cut off downwards.
        found = F.expr(f"timestamp_micros({name} div 1000 - cast({name} % 1000 < 0 as int))")
    else:
        found = F.col(name)
    return found.alias(column)


def same(frame: DataFrame, column: str, stored: Mapping[Type, str]) -> Column:
    """Return a column that is stored in several ways, in one type for all of them.

    Of each way, the URI of a file is given.
    """
    from pyspark.sql import functions as F

    kind = kind_of(column)
    known = {of: uri for of, uri in stored.items() if not _is_null(of)}
    if kind is not AMOUNT or not known:
        found = frame[column]
        if kind is INSTANT:
            # A cast of a date that is far out of range would fail.
            found = zoned(found, frame.schema[column].dataType)
        return found.cast(kind.spark).alias(column)
    if any(map(_is_float, known)):
        if any(of.logical == "DECIMAL" for of in known):
            raise _unlike(column, known, "decimals and floats")
        return F.col(column).cast("double").alias(column)
    # A union makes room for all digits, but past the most that Spark has it would round.
    digits = [_digits(of) for of in known]
    whole, scale = (max(places) for places in zip(*digits, strict=True))
    if whole + scale > DIGITS_MAX:
        raise _unlike(column, known, f"{whole} digits before the point and {scale} after it")
    return F.col(column)


def _digits(of: Type) -> tuple[int, int]:
    """Return how many digits an amount has before the point, and after it."""
    if found := DECIMAL.search(of.detail):
        precision, scale = map(int, found.groups())
        return precision - scale, scale
    # Spark's decimals for its own integers, to which it brings unsigned ones.
    return (10 if of.physical == "INT32" and "isSigned=false" not in of.detail else 20), 0


def _unlike(column: str, stored: Mapping[Type, str], found: str) -> DataError:
    files = " and ".join(stored.values())
    return DataError(
        f"{files}: expected amounts in {column!r} that one type of Spark can hold, found {found}; "
        "write them alike"
    )

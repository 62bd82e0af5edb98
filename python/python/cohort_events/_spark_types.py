"""How the columns of the contract may be stored in Parquet, and how Spark takes them (SPEC 2)."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cohort_events._spark_footers import Type
from cohort_events.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import Column

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


ID = Kind("a string or an integer", "string", _is_id)
TEXT = Kind("a string", "string", _is_text)
INSTANT = Kind("a timestamp", "timestamp", _is_instant)
DOUBLE = Kind("a double", "double", lambda of: _is_integer(of) or _is_float(of))
AMOUNT = Kind("a decimal", "decimal(18,4)", _is_amount)
LIST = Kind("a list of double", "array<double>", lambda of: of.physical == "GROUP" or _is_float(of))


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
    if of.logical != "UNKNOWN" and not kind.may_be(of):
        found = of.physical if of.logical == "NONE" else f"{of.physical} ({of.detail})"
        raise DataError(f"{uri}: expected {kind.name} in the column {there!r}, found {found}")


def value(column: str, there: str, of: Type) -> Column:
    """Return a column of a file under the contract's name."""
    from pyspark.sql import functions as F

    name = f"`{there.replace('`', '``')}`"
    if of.logical == "UNKNOWN":
        # Spark takes it for an integer.
        found = F.lit(None).cast(kind_of(column).spark)
    elif of.physical == "INT64" and "nanoseconds" in of.detail:
        # Spark reads the number; what is below a microsecond is cut off downwards.
        found = F.expr(f"timestamp_micros({name} div 1000 - cast({name} % 1000 < 0 as int))")
    else:
        found = F.col(name)
    return found.alias(column)


def same(log: str, column: str, stored: Set[Type]) -> Column:
    """Return a column that is stored in several ways, in one type for all of them."""
    from pyspark.sql import functions as F

    kind, known = kind_of(column), [of for of in stored if of.logical != "UNKNOWN"]
    if kind is not AMOUNT:
        return F.col(column).cast(kind.spark).alias(column)
    if any(map(_is_float, known)):
        if any(of.logical == "DECIMAL" for of in known):
            raise DataError(
                f"{log}: expected one type of {column!r} in all files, found decimals and floats; "
                "write them alike"
            )
        return F.col(column).cast("double").alias(column)
    # A union makes room for all digits of any decimal and integer.
    return F.col(column)

"""Which columns of a DataFrame are a log's, and comparisons of them that scans understand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cohort_events import _core
from cohort_events._names import lower, places_of
from cohort_events._settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType

DAY_US = 86_400_000_000


def check(given: Mapping[str, DataFrame | None], asked: Settings) -> None:
    """Let the kernel judge the settings, and the columns of DataFrames.

    Raises:
        UsageError: The settings say what cannot be.
        DataError: A required column is missing, or one is there twice or of a wrong type.
    """
    shapes: dict[str, Any] = {
        name: None if frame is None else _shape(name, frame) for name, frame in given.items()
    }
    _core.cohort(**shapes, settings=asked)


def _shape(name: str, frame: DataFrame) -> pa.Table:
    """Return none of the DataFrame's rows."""
    import pyarrow as pa

    known, _ = _core.columns(name)
    # Of a column that is not the log's, Arrow may know no type.
    fields = [
        (field.name, _arrow_type(field.dataType) if lower(field.name) in known else pa.null())
        for field in frame.schema
    ]
    return pa.schema([pa.field(*field) for field in fields]).empty_table()


def _arrow_type(kind: DataType) -> pa.DataType:
    """Return the Arrow type that holds a type's values; for types without one, none of the log."""
    import pyarrow as pa
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_type
    from pyspark.sql.types import CharType, TimestampType, VarcharType

    if isinstance(kind, TimestampType):
        return pa.timestamp("us", "UTC")
    if isinstance(kind, CharType | VarcharType):
        return pa.string()
    try:
        return to_arrow_type(kind)
    except (AssertionError, PySparkException):
        return pa.struct({kind.simpleString(): pa.null()})


def columns_of(name: str, frame: DataFrame) -> DataFrame:
    """Return the columns of a checked log, under the contract's names, and texts as `string`."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import CharType, StringType, VarcharType

    known, _ = _core.columns(name)
    found: dict[int, str] = {}
    for column in known:
        found |= dict.fromkeys(places_of(column, frame.columns), column)
    # By their names, Spark cannot tell columns apart that differ by case only.
    named = frame.toDF(*(found.get(at, f"other {at}") for at in range(len(frame.columns))))
    return named.select(
        *(
            # A collation would take different texts for equal.
            F.col(column).cast(StringType()).alias(column)
            if isinstance(_kind(named, column), StringType | CharType | VarcharType)
            else F.col(column)
            for column in known
            if column in found.values()
        )
    )


def _kind(frame: DataFrame, column: str) -> DataType:
    return frame.schema[column].dataType


def has_zone(frame: DataFrame, column: str) -> bool:
    """Return whether a column holds instants, and not the wall clock of UTC."""
    from pyspark.sql.types import TimestampType

    return isinstance(_kind(frame, column), TimestampType)


def between(frame: DataFrame, column: str, first: int, last: int) -> Column:
    """Return whether the instant lies in `[first, last]`: exactly, whatever the session's zone.

    The bounds have the column's own type, so that scans can compare them.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import DateType

    if has_zone(frame, column):
        bounds = [F.timestamp_micros(F.lit(us)) for us in (first, last)]
    elif isinstance(_kind(frame, column), DateType):
        # A date is its midnight.
        days = (-(-first // DAY_US), last // DAY_US)
        bounds = [F.date_from_unix_date(F.lit(day)) for day in days]
    else:
        # What has no zone is UTC.
        texts = [_core.clock(us).removesuffix("Z") for us in (first, last)]
        bounds = [F.lit(text).cast("timestamp_ntz") for text in texts]
    return (frame[column] >= bounds[0]) & (frame[column] <= bounds[1])


def lacks_instant(frame: DataFrame, column: str) -> Column:
    """Return whether the instant is null, or out of range: such rows count in every interval."""
    return frame[column].isNull() | ~between(frame, column, *_core.calendar())


def is_bad(frame: DataFrame, tick: str) -> Column:
    """Return whether a row is rejected for its key, in words that scans understand."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import NumericType

    store = frame["store_id"]
    bad = store.isNull() | lacks_instant(frame, tick)
    if not isinstance(_kind(frame, "store_id"), NumericType):
        bad |= store.cast("string") == F.lit("")
    return bad


def tagged(name: str, frame: DataFrame) -> DataFrame:
    """Return the rows with their log's name, and with types that all logs share."""
    from pyspark.sql import functions as F

    columns = [F.lit(name).alias("log")]
    for column in frame.columns:
        value = frame[column]
        if column in {"store_id", "sku"}:
            value = value.cast("string")
        columns.append(zoned(value, _kind(frame, column)).alias(column))
    return frame.select(columns)


def zoned(value: Column, kind: DataType) -> Column:
    """Return an instant without a zone as one of UTC, and any other value as it is."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import DateType, TimestampNTZType, TimestampType

    if isinstance(kind, DateType):
        # Spark's instants end long before its dates. What is out of range stays so.
        first, last = (us // DAY_US for us in _core.calendar())
        day = F.unix_date(value).cast("long")
        day = F.when(day < first, first - 1).when(day > last, last + 1).otherwise(day)
        return F.timestamp_micros(day * DAY_US)
    if isinstance(kind, TimestampNTZType):
        # Text with its zone is read alike in every session.
        return F.concat(value.cast("string"), F.lit("Z")).cast(TimestampType())
    return value


def text(frame: DataFrame, column: str) -> Column:
    """Return a column as text: nulls if it is not there."""
    from pyspark.sql import functions as F

    return frame[column].cast("string") if column in frame.columns else F.lit(None).cast("string")

"""The logs that the job on Spark reads, and what its lineage says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

from cohort_events import _core
from cohort_events._manifest import ARGUMENTS, Manifest
from cohort_events._spark_columns import lacks_instant
from cohort_events._spark_files import Files, literal
from cohort_events._spark_folders import Dataset
from cohort_events._spark_footers import Footer, Type, find, footers
from cohort_events._spark_types import check, kind_of, same, schema, value
from cohort_events.errors import DataError
from cohort_events.spark import TICKS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: The kernel's name for the first instant whose partition is opened, by log.
FROM = {
    "reports": "reports_from",
    "scores": "predictions_from",
    "sales": "predictions_from",
}
EPOCH = datetime(1970, 1, 1)
#: The contract's columns that a file has, each with its own name and type there.
Columns: TypeAlias = tuple[tuple[str, str, Type], ...]
#: What files that are read as one have in common: their columns, and whether their rows without a
#: tick count in this run.
Group: TypeAlias = tuple[Columns, bool]


@dataclass(frozen=True)
class Input:
    """A log as a run reads it."""

    name: str
    uri: str
    frame: DataFrame
    #: The first instant whose partition was looked into; `None` without partitions.
    opened_from: int | None
    files: Sequence[Footer]

    def lineage(self, facts: Mapping[str, int]) -> dict[str, Any]:
        """Return what was read of it."""

        def by(key: str) -> dict[str, int]:
            prefix = f"inputs.{self.name}.{key}."
            return {k.removeprefix(prefix): v for k, v in facts.items() if k.startswith(prefix)}

        opened = self.opened_from
        known = {"uri": self.uri} | ({} if opened is None else {"opened_from": _core.clock(opened)})
        counted = {
            "files": [
                {"uri": file.uri, "bytes": file.bytes, "etag": file.tag, "rows": file.rows}
                for file in self.files
            ],
            "rows_read": sum(file.rows for file in self.files),
            "rows_rejected": by("rows_rejected"),
            "rows_duplicate": facts.get(f"inputs.{self.name}.rows_duplicate", 0),
            "values_out_of_range": by("values_out_of_range"),
        }
        ignored = facts.get(f"inputs.{self.name}.onsets_ignored")
        return known | counted | ({} if ignored is None else {"onsets_ignored": ignored})


def inputs(spark: SparkSession, files: Files, manifest: Manifest) -> dict[str, Input]:
    """Return the logs of a manifest, by the arguments of `cohort`."""
    return {
        ARGUMENTS[log]: _input(spark, files, log, given, manifest.bounds)
        for log, given in manifest.inputs.items()
        if log in ARGUMENTS
    }


def _input(
    spark: SparkSession,
    files: Files,
    log: str,
    given: Mapping[str, Any],
    bounds: Mapping[str, int],
) -> Input:
    name, uri = ARGUMENTS[log], given["uri"]
    dataset, first = Dataset(files, log, uri), None
    overlaps: Callable[[str], bool] | None = None
    pattern = given.get("partitioning")
    # Campaigns and context have no tick, so all of their files are read.
    if pattern and name in FROM:
        first = bounds[FROM[name]]
        opened, start, end = (
            EPOCH + timedelta(microseconds=us) for us in (first, bounds["start"], bounds["end"])
        )
        listed = dataset.partitions(pattern, opened, end)
        overlaps = dataset.overlapping(pattern, start, end)
    else:
        listed = dataset.whole()
    read = footers(files, listed)
    alike: dict[Group, list[Footer]] = {}
    for file in read:
        columns = _columns(name, file, given.get("columns", {}))
        counts = overlaps is None or overlaps(file.uri)
        alike.setdefault((columns, counts), []).append(file)
    return Input(name, uri, _frame(spark, name, alike), first, read)


def _columns(name: str, file: Footer, mapping: Mapping[str, str]) -> Columns:
    """Return the contract's columns that a file has."""
    known, required = _core.columns(name)
    columns = []
    for column in known:
        there = find(file, mapping, column)
        if there is None:
            if column in required:
                wanted = mapping.get(column, column)
                names = ", ".join(sorted(name for name, _ in file.columns))
                raise DataError(f"{file.uri}: expected the column {wanted!r}, found only {names}")
            continue
        check(file.uri, column, *there)
        columns.append((column, *there))
    return tuple(columns)


def _frame(spark: SparkSession, name: str, alike: Mapping[Group, Sequence[Footer]]) -> DataFrame:
    """Return a log, whose files may have different columns."""
    from pyspark.sql import functions as F

    if not alike:
        return _nothing(spark, name)
    frames = []
    for (columns, counts), of_them in alike.items():
        paths = [literal(file.uri) for file in of_them]
        reader = spark.read.schema(schema(of_them[0].uri, columns))
        read = reader.option("recursiveFileLookup", "true").parquet(*paths)
        values = [value(column, there, kind) for column, there, kind in columns]
        frame = read.select(*values)
        frames.append(frame if counts else frame.where(~lacks_instant(frame, TICKS[name])))
    if len(frames) == 1:
        return frames[0]
    stored: dict[str, dict[Type, str]] = {}
    for (columns, _), of_them in alike.items():
        for column, _, kind in columns:
            stored.setdefault(column, {}).setdefault(kind, of_them[0].uri)
    differ = {column for column, kinds in stored.items() if len(kinds) > 1}
    frames = [
        frame.select(
            *(
                same(frame, column, stored[column]) if column in differ else F.col(column)
                for column in frame.columns
            )
        )
        for frame in frames
    ]
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)


def _nothing(spark: SparkSession, name: str) -> DataFrame:
    """Return a log without rows, as it is if no partition of it is there."""
    _, required = _core.columns(name)
    columns = ", ".join(f"{column} {kind_of(column).spark}" for column in required)
    return spark.createDataFrame([], columns)

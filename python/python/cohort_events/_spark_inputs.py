"""The logs that the job on Spark reads, and what its lineage says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from cohort_events import _core
from cohort_events._manifest import ARGUMENTS, Manifest, whole
from cohort_events._settings import settings
from cohort_events._spark_files import Files, partitions, tag
from cohort_events.errors import NoInputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: The kernel's name for the first instant whose partition is opened, by log.
FROM = {
    "reports": "reports_from",
    "scores": "predictions_from",
    "sales": "predictions_from",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Input:
    """A log as a run reads it."""

    name: str
    uri: str
    frame: DataFrame
    #: The first instant whose partition was looked into; `None` without partitions.
    opened_from: int | None
    #: Whether there is any file.
    has_files: bool

    def lineage(self, facts: Mapping[str, int]) -> dict[str, Any]:
        """Return what was read of it."""
        files = self._files() if self.has_files else []

        def by(key: str) -> dict[str, int]:
            prefix = f"inputs.{self.name}.{key}."
            return {k.removeprefix(prefix): v for k, v in facts.items() if k.startswith(prefix)}

        opened = self.opened_from
        known = {"uri": self.uri} | ({} if opened is None else {"opened_from": _core.clock(opened)})
        counted = {
            "files": files,
            "rows_read": sum(file["rows"] for file in files),
            "rows_rejected": by("rows_rejected"),
            "rows_duplicate": facts.get(f"inputs.{self.name}.rows_duplicate", 0),
            "values_out_of_range": by("values_out_of_range"),
        }
        ignored = facts.get(f"inputs.{self.name}.onsets_ignored")
        return known | counted | ({} if ignored is None else {"onsets_ignored": ignored})

    def _files(self) -> list[dict[str, Any]]:
        metadata = ("_metadata.file_path as uri", "_metadata.file_size as bytes")
        counted = self.frame.selectExpr(*metadata).groupBy("uri", "bytes").count().collect()
        files = [
            {"uri": (uri := whole(unquote(row.uri))), "bytes": row.bytes, "etag": tag(uri)}
            | {"rows": row["count"]}
            for row in counted
        ]
        return sorted(files, key=lambda file: str(file["uri"]).encode())


def inputs(spark: SparkSession, files: Files, manifest: Manifest) -> dict[str, Input]:
    """Return the logs of a manifest, by the arguments of `cohort`."""
    known = manifest.settings
    gap, longest, lookback = (known[k] for k in ("gap", "max_event_duration", "max_lookback"))
    written = settings(manifest.start, manifest.end, gap, longest, lookback, "")
    bounds = _core.bounds(written)
    return {
        ARGUMENTS[log]: _input(spark, files, log, given, bounds)
        for log, given in manifest.inputs.items()
    }


def _input(
    spark: SparkSession,
    files: Files,
    log: str,
    given: Mapping[str, Any],
    bounds: Mapping[str, int],
) -> Input:
    name, uri = ARGUMENTS[log], given["uri"]
    if not files.exists(uri):
        raise NoInputError(f"{uri}: expected the dataset {log}, found nothing there")
    folders, first = [uri], None
    # Campaigns and context have no tick, so all of their files are read.
    if given.get("partitioning") and name in FROM:
        first = bounds[FROM[name]]
        span = (EPOCH + timedelta(microseconds=us) for us in (first, bounds["end"]))
        folders = partitions(files, uri, given["partitioning"].rstrip("/"), *span)
    if not folders:
        return Input(name, uri, _nothing(spark, name), first, has_files=False)
    frame = spark.read.option("recursiveFileLookup", "true").parquet(*folders)
    mapped = given.get("columns", {})
    # A name that is mapped away must not be found under its old name.
    frame = frame.drop(*(name for name in mapped if name in frame.columns))
    frame = frame.withColumnsRenamed({found: name for name, found in mapped.items()})
    return Input(name, uri, frame, first, has_files=True)


def _nothing(spark: SparkSession, name: str) -> DataFrame:
    """Return a log without rows, as it is if no partition of it is there."""
    types = {"detected_at": "timestamp", "tick_at": "timestamp", "store_id": "string"}
    _, required = _core.columns(name)
    columns = ", ".join(f"{column} {types.get(column, 'double')}" for column in required)
    return spark.createDataFrame([], columns)

"""What the job on Spark writes: parts under the names that their content gives them, and the
lineage, which commits them (SPEC 11).

Rows are staged first, so that all names are known before any part is written. Of what lies in a
run's folders, only what has a name of the job's own making is ever removed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cohort_events._manifest import Manifest, of_schema
from cohort_events._spark_files import STAGED, Files, is_link, literal, staged_name
from cohort_events._spark_footers import footers
from cohort_events._strict_json import value
from cohort_events.errors import DataError, ManifestError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PART = re.compile(r"part-[0-9]{5,}-[0-9a-f]{16}\.parquet")


#: The length of a Parquet file's footer, from the last bytes but four.
FOOTER = " + ".join(
    f"cast(conv(hex(substring(content, length(content) - {7 - place}, 1)), 16, 10) as bigint)"
    f" * {256**place}"
    for place in range(4)
)
DATA = f"substring(content, 1, cast(greatest(0, length(content) - 8 - ({FOOTER})) as int))"


@dataclass(frozen=True)
class Digests:
    """SHA-256 of a Parquet file, and of all in it but its footer.

    The footer lists encodings in an order that differs from one Java process to another.
    """

    whole: str
    data: str


@dataclass(frozen=True)
class Part:
    """A file that is staged."""

    staged: str
    uri: str
    rows: int
    bytes: int
    digests: Digests

    def lineage(self) -> dict[str, Any]:
        """Return the part as the lineage lists it."""
        return {
            "uri": self.uri,
            "rows": self.rows,
            "bytes": self.bytes,
            "sha256": self.digests.whole,
        }


def committed(files: Files, uri: str, run_id: str | None = None) -> dict[str, Any] | None:
    """Return the lineage at a place, if there is any.

    Raises:
        DataError: What is there is no lineage, or that of another run.
    """
    if not files.exists(uri):
        return None
    if is_link(uri) or not files.is_file(uri):
        raise DataError(f"{uri}: expected a lineage, found a folder or link; move it away")
    try:
        return _lineage(uri, value(files.read(uri)), run_id)
    except (AttributeError, KeyError, ManifestError, TypeError, ValueError) as error:
        raise DataError(f"{uri}: expected a lineage, found {error}; move it away") from None


def _lineage(uri: str, read: Any, run_id: str | None) -> dict[str, Any]:
    """Return a lineage whose parts that the job relies on are as they should be."""
    found: dict[str, Any] = read
    if found["version"] != 1:
        raise ValueError("another version")
    recorded = of_schema(uri, found["manifest"])
    for output in found["outputs"].values():
        for part in output["files"]:
            if not part["uri"].startswith(output["uri"]):
                raise ValueError(f"a part that lies elsewhere, {part['uri']}")
    name = recorded["run_id"]
    if {name, found["run_id"], run_id or name} != {name}:
        raise ValueError(f"that of another run, {name}")
    return found


def sweep(files: Files, manifest: Manifest) -> None:
    """Remove what runs that were killed have staged."""
    for output in manifest.outputs:
        folder, level = manifest.folder(output), files.level(manifest.folder(output), follow=False)
        for name in (*level.folders, *level.files):
            if STAGED.fullmatch(name):
                files.remove(f"{folder}/{name}")


def stage(
    spark: SparkSession, files: Files, manifest: Manifest, log: str, rows: DataFrame
) -> list[Part]:
    """Write a log's rows, and return its parts under the names that they will have."""
    folder = manifest.folder(log)
    staged = f"{folder}/{staged_name()}"
    rows.write.option("compression", "zstd").parquet(staged)
    listed = [file for file in files.below(f"{staged}/") if file[0].endswith(".parquet")]
    # A log without rows may have a file all the same.
    written = sorted((f for f in footers(files, listed) if f.rows), key=lambda file: file.uri)
    found = digests(spark, [file.uri for file in written])
    return [
        Part(
            file.uri,
            f"{folder}/part-{number:05}-{found[file.uri].whole[:16]}.parquet",
            file.rows,
            file.bytes,
            found[file.uri],
        )
        for number, file in enumerate(written)
    ]


def settled(
    spark: SparkSession,
    files: Files,
    manifest: Manifest,
    before: Mapping[str, Any],
    log: str,
    parts: list[Part],
) -> list[Part]:
    """Return a log's parts: in place of one that holds what a committed part holds, that part.

    A part in another folder is none of this run's, which writes where the manifest now says.
    """
    folder, level = manifest.folder(log), files.level(manifest.folder(log), follow=False)
    listed = before["outputs"].get(log, {}).get("files", [])
    there = digests(spark, [part["uri"] for part in listed if _within(part, folder, level.files)])
    kept = list(parts)
    for number, (old, new) in enumerate(zip(listed, parts, strict=False)):
        found = there.get(old["uri"])
        is_whole = found is not None and found.whole == old["sha256"]
        if found and is_whole and (found.data, old["rows"]) == (new.digests.data, new.rows):
            kept[number] = replace(new, uri=old["uri"], bytes=old["bytes"], digests=found)
    return kept


def _within(part: Mapping[str, Any], folder: str, names: Collection[str]) -> bool:
    """Return whether a part that a lineage lists is one of the files of a folder."""
    above, _, name = part["uri"].rpartition("/")
    return above == folder and name in names


def digests(spark: SparkSession, uris: list[str]) -> dict[str, Digests]:
    """Return the digests of files, which the executors read."""
    if not uris:
        return {}
    # Spark gives a path as it likes, but not another name.
    names = {uri.rpartition("/")[2]: uri for uri in uris}
    read = spark.read.format("binaryFile").load([literal(uri) for uri in uris])
    whole, data = "sha2(content, 256) as whole", f"sha2({DATA}, 256) as data"
    found = read.selectExpr("path", whole, data).collect()
    return {names[row.path.rpartition("/")[2]]: Digests(row.whole, row.data) for row in found}


def place(
    spark: SparkSession, files: Files, manifest: Manifest, log: str, parts: list[Part]
) -> int:
    """Give a log's parts their names, and return how many were not there whole."""
    folder = manifest.folder(log)
    level = files.level(folder, follow=False)
    for part in parts:
        name = part.uri.rpartition("/")[2]
        if name in level.folders or name in level.links:
            raise DataError(f"{part.uri}: expected a part, found a folder or link; move it away")
    there = [part.uri for part in parts if part.uri.rpartition("/")[2] in level.files]
    whole = digests(spark, there)
    placed = 0
    for part in parts:
        found = whole.get(part.uri)
        if found and found.whole == part.digests.whole:
            continue
        if found is not None:
            files.remove(part.uri)
        files.move(part.staged, part.uri)
        placed += 1
    return placed


def remove_others(files: Files, manifest: Manifest, outputs: Mapping[str, Any]) -> None:
    """Remove the parts that the committed lineage does not list."""
    for output in manifest.outputs:
        if output == "lineage":
            continue
        folder, level = manifest.folder(output), files.level(manifest.folder(output), follow=False)
        kept = {part["uri"] for part in outputs.get(output, {}).get("files", ())}
        for name in level.files:
            uri = f"{folder}/{name}"
            if PART.fullmatch(name) and uri not in kept:
                files.remove(uri)

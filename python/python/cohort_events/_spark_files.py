"""The files of the job on Spark: Hadoop's file systems, and the folders of a partitioned log."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: The finest field of a pattern, and how far apart its partitions are at least.
STEPS = (("M", timedelta(minutes=1)), ("H", timedelta(hours=1)), ("djF", timedelta(days=1)))
MONTH, YEAR = timedelta(days=28), timedelta(days=365)
#: What a Parquet file ends with: the length of its footer, and a mark.
END_BYTES = 8


class Files:
    """Hadoop's file systems, which know every URI that Spark knows."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._settings = spark._jsc.hadoopConfiguration()
        # A file beside each part, with its checksum, would be a stranger in the run's folder.
        self.of("file:///").setWriteChecksum(False)

    def path(self, uri: str) -> Any:
        """Return a path."""
        return self._jvm.org.apache.hadoop.fs.Path(uri)

    def of(self, uri: str) -> Any:
        """Return the file system of a path."""
        return self.path(uri).getFileSystem(self._settings)

    def exists(self, uri: str) -> bool:
        """Return whether there is such a file or folder."""
        return bool(self.of(uri).exists(self.path(uri)))

    def listed(self, folder: str) -> list[tuple[str, int]]:
        """Return name and length of the files in a folder, in order."""
        found = [status for status in self._statuses(folder) if status.isFile()]
        return sorted((status.getPath().getName(), int(status.getLen())) for status in found)

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder, in order."""
        found = [status for status in self._statuses(folder) if status.isDirectory()]
        return sorted(str(status.getPath().getName()) for status in found)

    def _statuses(self, folder: str) -> Any:
        return self.of(folder).listStatus(self.path(folder)) if self.exists(folder) else []

    def move(self, source: str, target: str) -> None:
        """Give a file another name, unless the other is there already."""
        if not self.exists(target):
            self.of(source).rename(self.path(source), self.path(target))

    def remove(self, uri: str) -> None:
        """Remove a file or a folder with all that is in it."""
        self.of(uri).delete(self.path(uri), True)

    def write(self, uri: str, text: str) -> None:
        """Write a file, in place of the one before."""
        stream = self.of(uri).create(self.path(uri), True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def read(self, uri: str) -> str:
        """Return a file's text."""
        stream = self.of(uri).open(self.path(uri))
        try:
            return bytes(stream.readAllBytes()).decode()
        finally:
            stream.close()


def partitions(files: Files, uri: str, pattern: str, first: datetime, end: datetime) -> list[str]:
    """Return the folders of the partitions that overlap `[first, end)` and are there, in order."""
    wanted = {at.strftime(pattern) for at in _instants(pattern, first, end)}
    found = [""]
    for depth in range(1, pattern.count("/") + 2):
        along = {"/".join(path.split("/")[:depth]) + "/" for path in wanted}
        below = [f"{at}{name}/" for at in found for name in files.folders(f"{uri}{at}")]
        found = [path for path in below if path in along]
    return [f"{uri}{path}" for path in sorted(found)]


def _instants(pattern: str, first: datetime, end: datetime) -> Iterator[datetime]:
    """Yield instants of `[first, end)`, at least one in each partition."""
    fields = set(re.findall(r"%-?([A-Za-z])", pattern))
    month = MONTH if "m" in fields else YEAR
    step = next((step for letters, step in STEPS if fields & set(letters)), month)
    while first < end:
        yield first
        first += step
    yield end - timedelta(microseconds=1)


def tag(uri: str) -> str | None:
    """Return the tag by which the lineage knows a file on local disk, its footer's digest."""
    if not uri.startswith("file:///"):
        return None
    with Path(uri.removeprefix("file://")).open("rb") as file:
        file.seek(-END_BYTES, 2)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-END_BYTES - length, 2)
        return f"footer-{hashlib.sha256(file.read(length)).hexdigest()}"

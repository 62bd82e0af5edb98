"""The files of the job on Spark: local disk, and the file systems that Hadoop knows."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cohort_events._places import local
from cohort_events.errors import ManifestError, NoInputError, TemporaryError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: What the job writes before it has its name. Nobody else names anything so.
STAGED = re.compile(r"_cohort-staged-[0-9a-f]{32}")
#: Characters by which Spark takes a path for a pattern of paths.
GLOB = re.compile(r"([\[\]{}*?\\])")


def staged_name() -> str:
    """Return a name that nobody has given to anything."""
    return f"_cohort-staged-{uuid4().hex}"


def literal(uri: str) -> str:
    """Return a URI as Spark takes it, with nothing in it that it would take for a pattern."""
    return GLOB.sub(r"\\\1", uri)


def is_data(name: str) -> bool:
    """Return whether a file or folder of that name is data (SPEC 2, *Hidden files*)."""
    hidden = name.startswith(("_", ".")) and "=" not in name
    return bool(name) and not hidden and not name.endswith("_$folder$")


def is_link(uri: str) -> bool:
    """Return whether a place is a link, which only local disk has."""
    path = local(uri)
    return path is not None and path.is_symlink()


@dataclass
class Level:
    """What lies in a folder: its files with their lengths, and its folders."""

    files: dict[str, int] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    #: Links; if they are followed, they are among the files and folders too.
    links: set[str] = field(default_factory=set)


class Files:
    """Local disk, and Hadoop's file systems."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark._jvm
        self._settings = spark._jsc.hadoopConfiguration()
        # A file beside each part, with its checksum, would be a stranger in the run's folder.
        self._of("file:///").setWriteChecksum(False)

    def _path(self, uri: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(uri)

    def _of(self, uri: str) -> Any:
        return self._path(uri).getFileSystem(self._settings)

    def exists(self, uri: str) -> bool:
        """Return whether there is such a file or folder."""
        path = local(uri)
        return os.path.lexists(path) if path else bool(self._of(uri).exists(self._path(uri)))

    def is_file(self, uri: str) -> bool:
        """Return whether there is such a file."""
        if not self.exists(uri):
            return False
        path = local(uri)
        # A link is followed to read, and never to write.
        return path.is_file() if path else bool(self._of(uri).isFile(self._path(uri)))

    def level(self, folder: str, *, follow: bool = True) -> Level:
        """Return what lies in a folder: nothing, if it is not there."""
        path = local(folder)
        if path:
            return _on_disk(str(path), follow) if path.is_dir() else Level()
        found, of = Level(), self._of(folder)
        if not of.isDirectory(self._path(folder)):
            return found
        for status in of.listStatus(self._path(folder)):
            name = str(status.getPath().getName())
            if status.isDirectory():
                found.folders.append(name)
            else:
                found.files[name] = int(status.getLen())
        return found

    def below(self, folder: str, counts: Callable[[str], bool] = is_data) -> list[tuple[str, int]]:
        """Return URI and length of all files below a folder whose names count."""
        level = self.level(folder)
        found = [(f"{folder}{name}", n) for name, n in level.files.items() if counts(name)]
        for name in filter(counts, level.folders):
            found += self.below(f"{folder}{name}/", counts)
        return found

    def end(self, uri: str, length: int, count: int) -> bytes:
        """Return the last bytes of a file of a known length."""
        start = max(0, length - count)
        path = local(uri)
        if path:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length - start)
        stream = self._of(uri).open(self._path(uri))
        try:
            stream.seek(start)
            return bytes(stream.readNBytes(length - start))
        finally:
            stream.close()

    def read(self, uri: str) -> bytes:
        """Return what is in a file."""
        path = local(uri)
        if path:
            return path.read_bytes()
        stream = self._of(uri).open(self._path(uri))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def move(self, source: str, target: str) -> None:
        """Give a file another name, which nothing has."""
        path = local(source)
        if path:
            # Hadoop would take along a file with the checksum, which would be a stranger there.
            path.rename(target.removeprefix("file://"))
            return
        if not self._of(source).rename(self._path(source), self._path(target)):
            raise TemporaryError(f"{target}: expected to name a part so, found it refused")

    def remove(self, uri: str) -> None:
        """Remove a file or a folder with all that is in it."""
        self._of(uri).delete(self._path(uri), True)

    def write(self, uri: str, text: str) -> None:
        """Write a file whole, in place of the one before."""
        path = local(uri)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = path.with_name(staged_name())
            with staged.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            staged.replace(path)
            return
        stream = self._of(uri).create(self._path(uri), True)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()

    def check_output(self, uri: str, folder: str) -> None:
        """Fail if nothing can be written below a place, or into a run's folder in it."""
        if is_link(folder):
            raise ManifestError(f"{folder}: expected a folder of a run, found a link; move it away")
        path = local(uri)
        if not path:
            self._of(uri)
            return
        there = next(place for place in (path, *path.parents) if os.path.lexists(place))
        if not there.is_dir():
            raise ManifestError(f"{uri}: expected a folder, found that {there} is none")


def _on_disk(folder: str, follow: bool) -> Level:
    found = Level()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                found.links.add(entry.name)
                if not follow:
                    continue
            try:
                status = entry.stat()
            except FileNotFoundError:
                if entry.is_symlink() and is_data(entry.name):
                    raise NoInputError(
                        f"file://{entry.path}: expected a file, found a link to nothing"
                    ) from None
                continue
            if stat.S_ISDIR(status.st_mode):
                found.folders.append(entry.name)
            else:
                found.files[entry.name] = status.st_size
    return found

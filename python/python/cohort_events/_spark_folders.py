"""The files of a log that a run needs (SPEC 2, *Partitioned datasets*).

A run opens partitions by their names. Folders with other names would be lost without a word, and so
would files that lie in none, so both are looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache

from cohort_events._partitions import Partitioning
from cohort_events._spark_files import Files, Level, is_data
from cohort_events.errors import DataError, ManifestError, NoInputError

#: The most partitions of one input that a run may look into.
PARTITIONS_MAX = 100_000
ADVICE = 'give the pattern that its folders have as "partitioning" in the manifest'


class Dataset:
    """A log as its files lie."""

    def __init__(self, files: Files, log: str, uri: str) -> None:
        self.files, self.log, self.uri = files, log, uri
        self._level = cache(lambda folder: files.level(f"{uri}{folder}"))

    def whole(self) -> list[tuple[str, int]]:
        """Return URI and length of all files, in order."""
        found = self.files.below(self.uri)
        if not found and not self.files.below(self.uri, bool):
            raise self._missing()
        return _checked(found)

    def partitions(self, pattern: str, first: datetime, end: datetime) -> list[tuple[str, int]]:
        """Return URI and length of the files of the partitions that overlap `[first, end)`."""
        partitioning = Partitioning(pattern)
        folders: list[str] = []
        for number, start in enumerate(partitioning.starts(first, end)):
            if number == PARTITIONS_MAX:
                raise ManifestError(
                    f"{self.uri}: expected an interval that reaches over {PARTITIONS_MAX} "
                    f"partitions of {pattern!r} at most, found more; split it into several runs"
                )
            folders += self._partition(partitioning, partitioning.twins(start))
        found = [file for folder in folders for file in self.files.below(f"{self.uri}{folder}")]
        if not found:
            self._check_levels(partitioning)
        return _checked(found)

    def overlapping(self, pattern: str, first: datetime, end: datetime) -> Callable[[str], bool]:
        """Return a test of a file's URI: whether its partition overlaps `[first, end)`."""
        partitioning = Partitioning(pattern)
        starts = partitioning.starts(first, end)
        folders = {tuple(names[0] for names in partitioning.twins(start)) for start in starts}
        depth = len(partitioning.levels)
        return lambda file: tuple(file.removeprefix(self.uri).split("/")[:depth]) in folders

    def _partition(self, partitioning: Partitioning, levels: list[list[str]]) -> list[str]:
        """Return the folder of a partition, if it is there, and nothing in its place."""
        paths, own = [""], ""
        for depth, names in enumerate(levels):
            above = list(filter(is_data, self._at(own).files)) if depth else []
            if above:
                advice = "move it into the folder of its partition"
                raise self._misfit(partitioning, f"{own}{min(above)}", advice)
            paths = [
                f"{path}{name}/"
                for path in paths
                for name in names
                if name in self._at(path).folders
            ]
            own += f"{names[0]}/"
        for path in paths:
            if path != own:
                advice = "name all its folders alike, with leading zeros or without"
                raise self._misfit(partitioning, path.rstrip("/"), advice)
        return paths

    def _check_levels(self, partitioning: Partitioning) -> None:
        """Fail if there is nothing at all, or on a level no folder that fits the pattern."""
        root = self._at("")
        if not root.files and not root.folders:
            raise self._missing()
        along = ""
        for depth in range(len(partitioning.levels)):
            folders = sorted(self._at(along).folders)
            fitting = [name for name in folders if partitioning.fits(depth, name)]
            others = list(filter(is_data, folders))
            if not fitting and others:
                raise self._misfit(partitioning, f"{along}{others[0]}", ADVICE)
            if not fitting:
                return
            along += f"{fitting[0]}/"

    def _at(self, folder: str) -> Level:
        return self._level(folder)

    def _missing(self) -> NoInputError:
        return NoInputError(f"{self.uri}: expected the dataset {self.log}, found nothing there")

    def _misfit(self, partitioning: Partitioning, found: str, advice: str) -> ManifestError:
        return ManifestError(
            f"{self.uri}: expected folders of {self.log} like {partitioning.pattern!r}, found "
            f"{found}; {advice}"
        )


def _checked(found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return files in the order of their URIs, after a check that Spark will read them."""
    for uri, _ in found:
        name = uri.rpartition("/")[2]
        is_text = name.encode("utf-8", "replace").decode() == name
        if not is_text or name.startswith(".") or name.endswith("._COPYING_"):
            shown = ascii(uri)[1:-1]
            raise DataError(f"{shown}: expected a name that Spark reads, found another; rename it")
    return sorted(found, key=lambda file: file[0].encode())

"""What the footers of Parquet files say: rows, columns and their types (SPEC 2).

The driver reads them all, as the binary does, since Spark by itself takes the columns of one file
for those of all.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from cohort_events._names import places_of
from cohort_events._places import local
from cohort_events._spark_files import Files
from cohort_events.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
#: What a Parquet file ends with: the length of its footer, and the mark.
END_BYTES = 8
#: What is read at first; most footers are shorter.
GUESS_BYTES = 1 << 16
#: Footers that are read at once.
AT_ONCE = 16


@dataclass(frozen=True)
class Type:
    """How a column is stored."""

    physical: str
    #: What the annotation says, in one word; `UNKNOWN` if all of it is null.
    logical: str
    #: All that the annotation says, or what lies in a group.
    detail: str
    #: How the values of a list are stored.
    of_values: Type | None = None

    def said(self) -> str:
        """Return the type in words."""
        return self.physical if self.logical == "NONE" else f"{self.physical} ({self.detail})"


@dataclass(frozen=True)
class Footer:
    """What the footer of a file says."""

    uri: str
    bytes: int
    rows: int
    #: The tag by which the lineage knows a file on local disk.
    tag: str | None
    #: Its columns, in the order that they have. Two may have one name.
    columns: tuple[tuple[str, Type], ...]


def footers(files: Files, listed: Iterable[tuple[str, int]]) -> list[Footer]:
    """Return the footers of files, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda file: _footer(files, *file), listed))


def _footer(files: Files, uri: str, length: int) -> Footer:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if length < len(MAGIC) + END_BYTES:
        raise DataError(f"{uri}: expected a Parquet file, found {length} bytes; remove or mend it")
    end = files.end(uri, length, GUESS_BYTES)
    of_footer = int.from_bytes(end[-END_BYTES:-4], "little")
    if end[-4:] != MAGIC or of_footer + END_BYTES + len(MAGIC) > length:
        raise DataError(f"{uri}: expected a Parquet file, found no footer in it; mend it")
    if of_footer + END_BYTES > len(end):
        end = files.end(uri, length, of_footer + END_BYTES)
    footer = end[-END_BYTES - of_footer : -END_BYTES]
    try:
        # The rest of the file is not looked at.
        read = pq.read_metadata(io.BytesIO(MAGIC + end[-END_BYTES - of_footer :]))
        columns = tuple(_columns(read))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"{uri}: expected a Parquet file, found {said}; mend it") from None
    tag = f"footer-{hashlib.sha256(footer).hexdigest()}" if local(uri) else None
    return Footer(uri, length, read.num_rows, tag, columns)


def _columns(read: pq.FileMetaData) -> Iterable[tuple[str, Type]]:
    """Yield the top level's columns. A path does not tell them: names may have dots."""
    import pyarrow as pa

    leaves = (read.schema.column(place) for place in range(read.num_columns))
    for field in read.schema.to_arrow_schema():
        kind = _without_extension(field.type)
        inside = list(islice(leaves, _leaves(kind)))
        kinds = [
            Type(leaf.physical_type, leaf.logical_type.type, str(leaf.logical_type))
            for leaf in inside
        ]
        lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if any(of(kind) for of in lists) and not kind.value_type.num_fields:
            yield field.name, Type("GROUP", "NONE", f"a list of {kinds[0].said()}", kinds[0])
        elif inside[0].path == field.name:
            yield field.name, kinds[0]
        else:
            yield field.name, Type("GROUP", "NONE", "; ".join(kind.said() for kind in kinds))


def _leaves(of: pa.DataType) -> int:
    """Return how many columns Parquet stores a type in."""
    import pyarrow as pa

    of = _without_extension(of)
    if pa.types.is_map(of):
        return _leaves(of.key_type) + _leaves(of.item_type)
    inside = [of.field(place).type for place in range(of.num_fields)]
    return sum(map(_leaves, inside)) if inside else 1


def _without_extension(of: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return of.storage_type if isinstance(of, pa.BaseExtensionType) else of


def find(footer: Footer, mapping: Mapping[str, str], column: str) -> tuple[str, Type] | None:
    """Return the column of a file that is one of the contract's, by name (SPEC 2, *Names*)."""
    wanted = mapping.get(column, column)
    alike = places_of(wanted, [name for name, _ in footer.columns])
    if len(alike) > 1:
        names = ", ".join(footer.columns[place][0] for place in alike)
        raise DataError(f"{footer.uri}: expected one column {wanted!r}, found {names}; drop one")
    return footer.columns[alike[0]] if alike else None

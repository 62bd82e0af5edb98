"""What goes in and out, for type checkers."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypedDict


class ArrowStream(Protocol):
    """A frame as a stream of record batches."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Return a capsule with an Arrow stream."""


class ArrowArray(Protocol):
    """A frame as one record batch."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        """Return capsules with a schema and an array."""


#: What every call takes as a frame.
ArrowFrame: TypeAlias = ArrowStream | ArrowArray


class Inputs(TypedDict, total=False):
    """What was found in one log, as the lineage shows it."""

    rows_read: int
    rows_in_interval: int
    rows_rejected: dict[str, int]
    rows_duplicate: int
    values_out_of_range: dict[str, int]
    onsets_ignored: int

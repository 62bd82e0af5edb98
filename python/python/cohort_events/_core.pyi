from typing import Any, Literal, final

from cohort_events._settings import Settings
from cohort_events._types import ArrowFrame, Inputs

__all__ = [
    "Cohorted",
    "KernelCore",
    "Registered",
    "Table",
    "__version__",
    "bounds",
    "calendar",
    "clock",
    "cohort",
    "columns",
    "registry",
    "windows",
]

__version__: str

@final
class Table:
    """Rows in memory, which every Arrow library takes: `pyarrow.table(rows)`,
    `polars.DataFrame(rows)`, `duckdb.from_arrow(rows)`."""

    @property
    def column_names(self) -> list[str]: ...
    def __arrow_c_schema__(self) -> Any: ...
    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...
    def __len__(self) -> int: ...

@final
class Cohorted:
    """What `cohort` returns."""

    @property
    def mrch(self) -> Table:
        """`minority_reports_cohorted_log`: the versions of every line."""
    @property
    def melog(self) -> Table:
        """`minority_event_log`: the versions of every event."""
    @property
    def rejects(self) -> Table:
        """The rejected rows: `log` (the argument's name), `row` (from 0 in its frame), `reason`."""
    @property
    def counts(self) -> dict[str, int]:
        """What was counted, under the names of the lineage's `counts`."""
    @property
    def inputs(self) -> dict[str, Inputs]:
        """What was found in each frame, under its argument's name."""
    @property
    def lookback_start(self) -> str:
        """The earliest instant that had to be looked at, in RFC 3339."""

@final
class Registered:
    """What `registry` returns."""

    @property
    def events(self) -> Table:
        """One row per event with 44 columns; `merged_from`, `trail`, `unapplied`, `conflicts` and
        `undetermined` are lists in JSON."""
    @property
    def unapplied(self) -> Table:
        """The edits that do not apply: the columns of the edits log, and `because`."""

@final
class KernelCore:
    def __new__(
        cls, settings: Settings, campaigns: ArrowFrame | None, context: ArrowFrame | None
    ) -> KernelCore: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def inputs(self) -> dict[str, Inputs]: ...
    @property
    def rejects(self) -> Table: ...
    @property
    def lookback_start(self) -> str: ...
    def push(self, batch: ArrowFrame) -> None: ...
    def finish(self) -> None: ...
    def next(self) -> tuple[Literal["mrch", "melog"], Table] | None: ...

def cohort(
    reports: ArrowFrame,
    scores: ArrowFrame | None,
    sales: ArrowFrame | None,
    campaigns: ArrowFrame | None,
    context: ArrowFrame | None,
    settings: Settings,
) -> Cohorted: ...
def windows(reports: ArrowFrame, settings: Settings) -> Table: ...
def registry(
    melog: ArrowFrame,
    edits: ArrowFrame | None,
    mrch: ArrowFrame | None,
    runs: list[tuple[str, str, str]] | None,
    as_of: str | None,
) -> Registered: ...
def bounds(settings: Settings) -> dict[str, int]: ...
def calendar() -> tuple[int, int]: ...
def clock(us: int) -> str: ...
def columns(name: str) -> tuple[list[str], list[str]]: ...

"""Groups the short-term anomalies of shops into events: the kernel of `cohort`.

`cohort` takes frames of any library that speaks Arrow (pyarrow, Polars, DuckDB, pandas), and gives
frames that all of them take. `Kernel` does the same for an engine that hands over one store after
the other, and `cohort_events.spark` runs it on Spark. `registry` makes one row per event of what
they give, with people's edits applied.

    >>> import polars as pl
    >>> import cohort_events as ce
    >>> reports = pl.DataFrame({"store_id": ["327"], "detected_at": ["2025-01-01T11:55:00"]})
    >>> reports = reports.with_columns(pl.col("detected_at").str.to_datetime())
    >>> day = ce.cohort(reports, start="2025-01-01T00:00:00Z", end="2025-01-02T00:00:00Z")
    >>> pl.DataFrame(day.melog)["end_reason"].to_list()
    [None, 'quiet']
    >>> pl.DataFrame(ce.registry(day.melog).events)["event_status"].to_list()
    ['ended']

The columns of all logs, and every rule, are those of the contract, SPEC.md of the project.
"""

from cohort_events import errors
from cohort_events._calls import Kernel, cohort, registry, windows
from cohort_events._core import Cohorted, Registered, Table, __version__
from cohort_events.errors import BugError, CohortError, DataError, UsageError

__all__ = [
    "BugError",
    "CohortError",
    "Cohorted",
    "DataError",
    "Kernel",
    "Registered",
    "Table",
    "UsageError",
    "__version__",
    "cohort",
    "errors",
    "registry",
    "windows",
]

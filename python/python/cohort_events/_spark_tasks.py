"""What Spark runs in its Python workers: streams of record batches in and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cohort_events import _core
from cohort_events._calls import cohort
from cohort_events._settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

Batches: TypeAlias = "Iterator[pa.RecordBatch]"


#: Rows of reports of which a task finds the windows in one go; more if a store has more.
CHUNK_ROWS = 1 << 14


def windows_of(written: Settings) -> Callable[[Batches], Batches]:
    """Return the task that finds the windows of reports that are sorted by store."""

    def windows(batches: Batches) -> Batches:
        import pyarrow as pa

        for chunk in _whole_stores(batches):
            found = pa.table(_core.windows(chunk, written))
            yield from found.rename_columns(["store", "stock", "since", "until"]).to_batches()

    return windows


def _whole_stores(batches: Batches) -> Iterator[pa.Table]:
    """Yield the rows some stores at a time, each with all of its rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) < CHUNK_ROWS:
            continue
        table = pa.Table.from_batches(held)
        # The rows of the last store may go on.
        first = pc.index(table["store_id"], table["store_id"][-1]).as_py()
        yield table[:first]
        held = table[first:].to_batches()
    if held:
        yield pa.Table.from_batches(held)


def kernel_of(
    written: Settings, references: Mapping[str, pa.Table]
) -> Callable[[Batches], Batches]:
    def kernel(batches: Batches) -> Batches:
        core = _core.KernelCore(written, references.get("campaigns"), references.get("context"))
        for batch in batches:
            core.push(batch)
            yield from _ready(core)
        core.finish()
        yield from _ready(core)
        yield from _pieces("found", _facts(core))

    return kernel


def _ready(core: _core.KernelCore) -> Batches:
    import pyarrow as pa

    while (rows := core.next()) is not None:
        log, table = rows
        for batch in pa.table(table).to_batches():
            yield from _pieces(log, batch.to_struct_array())


def _kernel_schema() -> pa.Schema:
    import pyarrow as pa

    nothing = pa.table({
        "store_id": pa.array([], pa.string()),
        "detected_at": pa.array([], pa.timestamp("us")),
    })
    rows = cohort(nothing, start="2000-01-01T00:00:00Z", end="2000-01-02T00:00:00Z")
    fields = {
        name: pa.struct([field.with_nullable(True) for field in pa.table(log).schema])
        for name, log in (("mrch", rows.mrch), ("melog", rows.melog))
    }
    return pa.schema(fields | {"found": pa.map_(pa.string(), pa.int64())})


def kernel_type() -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(_kernel_schema())


def _pieces(name: str, values: pa.Array) -> Batches:
    """Yield rows in which one column has the values, and the others are null."""
    import pyarrow as pa

    schema = _kernel_schema()
    columns = [
        values.cast(field.type) if field.name == name else pa.nulls(len(values), field.type)
        for field in schema
    ]
    yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _facts(core: _core.KernelCore) -> pa.Array:
    """Return what a partition counted, as one map."""
    import pyarrow as pa

    facts = {f"counts.{name}": count for name, count in core.counts.items()}
    for log, found in core.inputs.items():
        for key, value in found.items():
            if isinstance(value, dict):
                facts |= {f"inputs.{log}.{key}.{part}": int(n) for part, n in value.items()}
            elif isinstance(value, int):
                facts[f"inputs.{log}.{key}"] = value
    since = datetime.fromisoformat(core.lookback_start) - datetime(1970, 1, 1, tzinfo=UTC)
    facts["lookback_start"] = since // timedelta(microseconds=1)
    return pa.array([list(facts.items())], pa.map_(pa.string(), pa.int64()))

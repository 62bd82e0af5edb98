"""What Spark runs in its Python workers: streams of record batches in and out."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from cohort_events import _core
from cohort_events._calls import cohort
from cohort_events._settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

Batches: TypeAlias = "Iterator[pa.RecordBatch]"


#: Rows of reports of which a task finds the windows in one go; more if a store has more.
CHUNK_ROWS = 1 << 14
#: The logs whose rows are spread over the tasks. The others are whole in every task, and what is
#: found in them counts once.
SHUFFLED = ("reports", "scores", "sales")


def _table(rows: _core.Table) -> pa.Table:
    """Return the kernel's rows. `pyarrow.table` would import pandas, of 48 MiB, to each worker."""
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(rows).read_all()


def windows_of(written: Settings) -> Callable[[Batches], Batches]:
    """Return the task that finds the windows of reports that are sorted by store."""

    def windows(batches: Batches) -> Batches:
        import pyarrow as pa

        for chunk in _whole_stores(batches):
            store, stock, *instants = _table(_core.windows(chunk, written)).columns
            wall_clocks = [column.cast(pa.timestamp("us")) for column in instants]
            names = ["store", "stock", "since", "until", "since_utc", "until_utc"]
            columns = [store, stock, *instants, *wall_clocks]
            yield from pa.Table.from_arrays(columns, names).to_batches()

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
        yield from _pieces("found", _map(_facts(core, SHUFFLED)))

    # Spark takes plans that are equal for one, and would give the kept rows of an earlier call,
    # though files have changed since.
    kernel.__name__ = f"kernel_{uuid4().hex}"
    return kernel


def facts_of_none(written: Settings, references: Mapping[str, pa.Table]) -> dict[str, int]:
    """Return what is found where no row is: counts of nothing, and what the references say."""
    core = _core.KernelCore(written, references.get("campaigns"), references.get("context"))
    core.finish()
    while core.next() is not None:
        continue
    return _facts(core, (*SHUFFLED, *references))


def _ready(core: _core.KernelCore) -> Batches:
    while (rows := core.next()) is not None:
        log, table = rows
        for batch in _table(table).to_batches():
            yield from _pieces(log, batch.to_struct_array())


@cache
def kernel_schema() -> pa.Schema:
    """Return the one row of Spark that a row of either log, or of the facts, becomes."""
    import pyarrow as pa

    nothing = pa.RecordBatchReader.from_batches(
        pa.schema({"store_id": pa.string(), "detected_at": pa.timestamp("us")}), []
    )
    rows = cohort(nothing, start="2000-01-01T00:00:00Z", end="2000-01-02T00:00:00Z")
    fields = {
        name: pa.struct([field.with_nullable(True) for field in _table(log).schema])
        for name, log in (("mrch", rows.mrch), ("melog", rows.melog))
    }
    return pa.schema(fields | {"found": pa.map_(pa.string(), pa.int64())})


def kernel_type() -> StructType:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(kernel_schema())


def _pieces(name: str, values: pa.Array) -> Batches:
    """Yield rows in which one column has the values, and the others are null."""
    import pyarrow as pa

    schema = kernel_schema()
    columns = [
        values.cast(field.type) if field.name == name else pa.nulls(len(values), field.type)
        for field in schema
    ]
    yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _facts(core: _core.KernelCore, logs: Collection[str]) -> dict[str, int]:
    """Return what a kernel counted, and what it found in some of its logs."""
    facts = {f"counts.{name}": count for name, count in core.counts.items()}
    for log, found in core.inputs.items():
        if log not in logs:
            continue
        for key, value in found.items():
            if isinstance(value, dict):
                facts |= {f"inputs.{log}.{key}.{part}": int(n) for part, n in value.items()}
            elif isinstance(value, int):
                facts[f"inputs.{log}.{key}"] = value
    since = datetime.fromisoformat(core.lookback_start) - datetime(1970, 1, 1, tzinfo=UTC)
    facts["lookback_start"] = since // timedelta(microseconds=1)
    return facts


def _map(facts: Mapping[str, int]) -> pa.Array:
    """Return facts as one map, which `pyarrow.array` would import pandas for."""
    import pyarrow as pa

    texts = [name.encode() for name in facts]
    starts = array("i", accumulate(map(len, texts), initial=0))
    buffers = [starts, b"".join(texts)]
    names = pa.Array.from_buffers(pa.string(), len(texts), [None, *map(pa.py_buffer, buffers)])
    numbers = pa.py_buffer(array("q", facts.values()))
    values = pa.Array.from_buffers(pa.int64(), len(texts), [None, numbers])
    ends = pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer(array("i", [0, len(texts)]))])
    return pa.MapArray.from_arrays(ends, names, values)

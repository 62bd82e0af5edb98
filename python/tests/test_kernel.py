"""The kernel as engines use it."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import pyarrow as pa

import cohort_events as ce

DAY: dict[str, Any] = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-02T00:00:00Z"}


def batch(*stores: str | None, log: str = "reports") -> pa.RecordBatch:
    """Return a row of each store, a second after the one before."""
    at = pa.array(range(len(stores)), pa.int64()).cast(pa.timestamp("s", "UTC"))
    texts = pa.array(stores, pa.string())
    logs = pa.array([log] * len(stores), pa.string())
    return pa.record_batch({"log": logs, "store_id": texts, "detected_at": at})


def stores(rows: Any) -> list[tuple[str, str]]:
    """Return the log and the store of each row."""
    return [
        (log, store) for log, table in rows for store in pa.table(table)["store_id"].to_pylist()
    ]


def test_stores_must_ascend_by_their_bytes() -> None:
    kernel = ce.Kernel(**DAY)
    assert stores(kernel.push(batch("a", "a", "é", "\U0001f600"))) == []
    with pytest.raises(ce.UsageError, match='found "b" after "😀" in row 4; sort the stream'):
        list(kernel.push(batch("b")))
    with pytest.raises(ce.UsageError, match="found one that has failed"):
        kernel.push(batch("z"))


def test_rows_without_a_store_may_come_anywhere_and_are_counted() -> None:
    kernel = ce.Kernel(**DAY)
    list(kernel.push(batch(None, "a", None, "b", "", "b")))
    rows = list(kernel.finish())
    assert sorted(set(stores(rows))) == [
        ("melog", "a"),
        ("melog", "b"),
        ("mrch", "a"),
        ("mrch", "b"),
    ]
    assert kernel.inputs["reports"]["rows_rejected"] == {"missing_store_id": 3}
    assert pa.table(kernel.rejects)["row"].to_pylist() == [0, 2, 4]


def test_rows_that_nobody_took_come_with_the_next() -> None:
    kernel = ce.Kernel(**DAY)
    kernel.push(batch(*[f"{store:05}" for store in range(20_000)]))
    kernel.push(batch("x"))
    rows = stores(kernel.finish())
    assert len(rows) == 4 * 20_001
    assert kernel.counts["stores"] == 20_001


def test_a_finished_kernel_takes_no_more() -> None:
    kernel = ce.Kernel(**DAY)
    with pytest.raises(ce.UsageError, match="expected a kernel that has finished"):
        _ = kernel.counts
    assert list(kernel.finish()) == []
    with pytest.raises(ce.UsageError, match="found one that has finished"):
        kernel.push(batch("a"))


@pytest.mark.parametrize(
    ("log", "error", "message"),
    [
        ("report", ce.UsageError, 'in the column log, found "report"'),
        ("scores", ce.DataError, 'scores: expected a column "tick_at"'),
        ("sales", ce.DataError, 'sales: expected a column "tick_at"'),
    ],
)
def test_a_row_of_an_unknown_log_or_without_its_columns_is_refused(
    log: str, error: type[ce.CohortError], message: str
) -> None:
    kernel = ce.Kernel(**DAY)
    with pytest.raises(error, match=message):
        list(kernel.push(batch("a", log=log)))


def test_a_store_larger_than_a_batch_comes_in_pieces() -> None:
    rows = 20_000
    kernel = ce.Kernel(**DAY)
    at = pa.array(range(rows), pa.int64()).cast(pa.timestamp("us", "UTC"))
    skus = pa.array(range(rows), pa.int64()).cast(pa.string())
    store = pa.repeat("a", rows)
    list(kernel.push(pa.table({"store_id": store, "detected_at": at, "sku": skus})))
    sizes = [len(table) for log, table in kernel.finish() if log == "mrch"]
    assert (sum(sizes), max(sizes)) == (2 * rows, 8192)


def test_a_kernel_that_is_let_go_leaves_no_thread() -> None:
    def native_threads() -> int:
        with Path("/proc/self/status").open(encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("Threads:"))

    before = native_threads()
    kernels = [ce.Kernel(**DAY) for _ in range(20)]
    list(kernels[0].push(batch("a", "b")))
    assert native_threads() > before
    del kernels
    gc.collect()
    deadline = threading.Event()
    while native_threads() > before:
        deadline.wait(0.01)


def test_campaigns_are_taken_whole() -> None:
    span = {"starts_at": dt.datetime(1970, 1, 1), "ends_at": dt.datetime(1970, 1, 2)}
    campaigns = pa.Table.from_pylist([{"campaign_id": "c", "name": "Sale", **span}])
    kernel = ce.Kernel(campaigns, **DAY)
    list(kernel.push(batch("a")))
    causes = {
        cause
        for _, table in kernel.finish()
        for cause in pa.table(table)["proposed_cause"].to_pylist()
    }
    assert causes == {"Sale"}
    assert kernel.inputs["campaigns"]["rows_read"] == 1


def test_the_tasks_of_spark_do_without_pandas() -> None:
    # Importing it takes each worker 48 MiB, and both `pyarrow.table` and `pyarrow.array` do so.
    script = """
import sys
from array import array

import pyarrow as pa
from cohort_events._settings import settings
from cohort_events._spark_tasks import kernel_of, windows_of

written = settings("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "PT30M", "P7D", "P30D", "r")

def one(kind, *buffers):
    return pa.Array.from_buffers(kind, 1, [None, *map(pa.py_buffer, buffers)])

log, store = (
    one(pa.string(), array("i", [0, len(text)]), text) for text in (b"reports", b"a")
)
columns = {"log": log, "store_id": store, "detected_at": one(pa.timestamp("us", "UTC"), bytes(8))}
batch = pa.RecordBatch.from_arrays([*columns.values()], [*columns])
print(sum(map(len, windows_of(written)(iter([batch])))))
print(sum(map(len, kernel_of(written, {})(iter([batch])))))
print("pandas" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    windows, rows, imported = done.stdout.split()
    assert int(windows) == 1
    assert int(rows) > 1
    assert imported == "False"

"""Frames of every library in and out, and what is refused with which words."""

from __future__ import annotations

import datetime as dt
import mmap
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import pyarrow as pa
import duckdb
import pandas as pd
import polars as pl
import pyarrow.compute as pc

import cohort_events as ce

DAY: dict[str, Any] = {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"}
NOON = dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)


def ticks(*minutes: int | None) -> pa.Array:
    """Return instants so many minutes after noon."""
    instants = [None if m is None else NOON + dt.timedelta(minutes=m) for m in minutes]
    return pa.array(instants, pa.timestamp("us", "UTC"))


def reports(**columns: Any) -> pa.Table:
    """Return three reports of one store, with some columns replaced."""
    plain = {
        "store_id": pa.array(["327"] * 3),
        "detected_at": ticks(0, 5, 10),
        "sku": pa.array(["A"] * 3),
        "severity": pa.array([0.5, 0.7, 0.6]),
    }
    return pa.table(plain | columns)


def melog(frame: Any, **settings: Any) -> pa.Table:
    """Return MELOG of these reports."""
    return pa.table(ce.cohort(frame, **DAY | settings).melog)


EXPECTED = melog(reports())


def test_the_plain_reports_are_one_event() -> None:
    assert EXPECTED["created_at"].to_pylist() == [NOON, NOON]
    assert EXPECTED["end_reason"].to_pylist() == [None, "quiet"]


class OnlyAnArray:
    """A frame that has no stream."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


@pytest.mark.parametrize(
    "make",
    [
        lambda table: table,
        lambda table: table.to_reader(max_chunksize=1),
        lambda table: table.to_batches()[0],
        lambda table: OnlyAnArray(table.to_batches()[0]),
        pl.DataFrame,
        lambda table: table.to_pandas(),
        lambda reports: duckdb.sql("select * from reports"),
    ],
    ids=["table", "reader", "batch", "array", "polars", "pandas", "duckdb"],
)
def test_frames_of_every_library_go_in(make: Any) -> None:
    assert melog(make(reports())).equals(EXPECTED)


def test_frames_go_out_to_every_library() -> None:
    rows = ce.cohort(reports(), **DAY).mrch
    assert len(rows) == len(pl.DataFrame(rows)) == len(pd.DataFrame.from_arrow(rows)) == 4
    # DuckDB asks for the schema by itself, and then for the stream.
    relation = duckdb.from_arrow(rows)
    for _ in range(2):
        assert relation.aggregate("count(*), max(version)").fetchall() == [(4, 4)]


def chunked() -> pa.Table:
    """Return the reports in chunks, one of which is empty."""
    table = reports()
    return pa.concat_tables([table[:1], table[1:1], table[1:]])


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"store_id": pa.array(["327"] * 3).dictionary_encode()}, "dictionary"),
        ({"store_id": pa.array([327] * 3, pa.int32())}, "integer"),
        ({"store_id": pa.array(["327"] * 3, pa.large_string())}, "large"),
        ({"store_id": pa.array(["327"] * 3, pa.string_view())}, "view"),
        ({"store_id": pa.array([b"327"] * 3)}, "bytes"),
        ({"sku": pa.array([b"A"] * 3, pa.binary_view()).dictionary_encode()}, "bytes in a list"),
        ({"detected_at": ticks(0, 5, 10).cast(pa.timestamp("us"))}, "no zone"),
        ({"detected_at": ticks(0, 5, 10).cast(pa.timestamp("ns", "America/New_York"))}, "zone"),
        ({"detected_at": ticks(0, 5, 10).cast(pa.timestamp("s", "UTC"))}, "seconds"),
        ({"severity": pa.array([0.5, 0.75, 0.5], pa.float16())}, "halves"),
        ({"anomaly_id": pa.nulls(3)}, "nulls"),
        ({"STORE_id": pa.array(["other"] * 3)}, "another case"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_of_every_layout_are_read(columns: dict[str, Any], why: str) -> None:
    found = melog(reports(**columns))
    same = [name for name in EXPECTED.column_names if name != "severity_score"]
    assert found.select(same).equals(EXPECTED.select(same)), why


def test_chunked_tables_and_slices_are_read() -> None:
    assert melog(chunked()).equals(EXPECTED)
    before = reports(store_id=pa.array(["before"] * 3))
    assert melog(pa.concat_tables([before, reports()]).combine_chunks()[3:]).equals(EXPECTED)


def test_a_batch_of_more_than_two_gigabytes_of_text_is_read_whole() -> None:
    # Zeros that are never written take no memory.
    rows, length = 2300, 1_000_000
    zeros = pa.py_buffer(mmap.mmap(-1, rows * length))
    ends = pa.array(range(0, rows * length + 1, length), pa.int64()).buffers()[1]
    sku = pa.LargeStringArray.from_buffers(rows, ends, zeros)
    store = pa.array(["other"] * (rows - 3) + ["327"] * 3)
    at = ticks(*[0] * (rows - 3), 0, 5, 10)
    table = pa.table({"store_id": store, "detected_at": at, "sku": sku})
    found = pa.table(ce.cohort(table, **DAY).mrch)
    assert found["store_id"].to_pylist() == ["327"] * 4 + ["other"] * 2
    assert pc.binary_length(found["sku"]).to_pylist() == [length] * 6


def test_text_that_is_not_utf_8_rejects_its_row() -> None:
    broken = pa.StringArray.from_buffers(
        3,
        pa.array([0, 3, 6, 9], pa.int32()).buffers()[1],
        pa.py_buffer(b"327\xff2732"[:6] + b"327"),
    )
    found = ce.cohort(reports(store_id=broken), **DAY, max_reject_ratio=1)
    assert pa.table(found.rejects).to_pylist() == [
        {"log": "reports", "row": 1, "reason": "invalid_text"}
    ]


def test_rejected_rows_are_listed_with_their_place_and_too_many_are_an_error() -> None:
    frame = reports(store_id=pa.array(["327", None, ""]), detected_at=ticks(0, 5, None))
    found = ce.cohort(frame, **DAY, max_reject_ratio=0.7)
    assert pa.table(found.rejects).to_pylist() == [
        {"log": "reports", "row": 1, "reason": "missing_store_id"},
        {"log": "reports", "row": 2, "reason": "missing_store_id"},
    ]
    with pytest.raises(ce.DataError, match=r"reports: expected at most 0.01 .* found 2 of 3"):
        ce.cohort(frame, **DAY)


def test_an_empty_frame_gives_no_row_and_all_columns() -> None:
    found = ce.cohort(
        reports()[:0],
        reports()[:0].rename_columns(["store_id", "tick_at", "sku", "anomaly_score"]),
        **DAY,
    )
    assert (len(found.mrch), len(found.melog), found.counts["stores"]) == (0, 0, 0)
    assert (len(pa.table(found.mrch).column_names), len(found.melog.column_names)) == (31, 25)


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "at",
    [
        dt.datetime(2025, 1, 1, 12, 5, tzinfo=dt.UTC),
        dt.datetime(2025, 1, 1, 12, 5),
        dt.datetime(2025, 1, 1, 7, 5, tzinfo=NEW_YORK),
        "2025-01-01T07:05:00-05:00",
        pd.Timestamp("2025-01-01T12:05"),
    ],
    ids=["utc", "naive", "new york", "text", "pandas"],
)
def test_an_interval_may_be_written_in_any_zone(at: Any) -> None:
    found = ce.cohort(reports(), start=at, end=dt.date(2025, 1, 2))
    written = pa.table(found.mrch)["written_at"].to_pylist()
    assert written == [NOON + dt.timedelta(minutes=m) for m in (5, 10, 40)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"end": "2025-01-01T00:00:00Z"}, "expected start before end"),
        ({"start": "2025-01-01"}, "expected an RFC 3339 instant"),
        ({"gap": "30M"}, "expected an ISO 8601 duration"),
        ({"gap": dt.timedelta(0)}, "expected a positive gap"),
        ({"gap": dt.timedelta(minutes=-1)}, "gap: expected a duration that is not negative"),
        ({"gap": "P7D"}, "greater than the gap"),
        ({"max_reject_ratio": 1.5}, "from 0 to 1"),
    ],
)
def test_settings_that_cannot_be_are_usage_errors(settings: Any, message: str) -> None:
    with pytest.raises(ce.UsageError, match=message) as raised:
        ce.cohort(reports(), **DAY | settings)
    assert (raised.value.exit_code, raised.value.retryable) == (2, False)
    assert isinstance(raised.value, ValueError)


def test_durations_may_be_timedeltas() -> None:
    five = dt.timedelta(minutes=5)
    assert melog(reports(), gap=five).num_rows == 2
    assert melog(reports(), gap=five - dt.timedelta(microseconds=1)).num_rows == 6


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (reports().drop_columns("detected_at"), r'a column "detected_at" .* found store_id, sku'),
        (reports(severity=pa.array(["a"] * 3)), 'expected double in column "severity"'),
        (reports(detected_at=pa.array([1, 2, 3])), r"timestamp\(us, UTC\) in column"),
        (reports(store_id=pa.array([1.5] * 3)), 'expected string in column "store_id"'),
        (reports().append_column("sku", pa.array(["A"] * 3)), 'one column "sku"'),
    ],
)
def test_columns_at_fault_are_data_errors_that_name_them(frame: Any, message: str) -> None:
    with pytest.raises(ce.DataError, match=f"reports: .*{message}") as raised:
        ce.cohort(frame, **DAY)
    assert raised.value.exit_code == 65


@pytest.mark.parametrize("frame", [None, 7, {"store_id": ["327"]}, pl.LazyFrame()])
def test_what_is_no_frame_is_a_type_error(frame: Any) -> None:
    with pytest.raises(TypeError, match="reports: expected a frame with __arrow_c_stream__"):
        ce.cohort(frame, **DAY)


def test_an_error_of_the_producer_is_shown() -> None:
    def rows() -> Any:
        yield reports().to_batches()[0]
        raise OSError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(reports().schema, rows())
    with pytest.raises(ce.DataError, match="the disk is gone"):
        ce.cohort(reader, **DAY)


def test_a_sum_that_is_too_large_is_a_data_error() -> None:
    sales = pa.table({
        "store_id": ["327"] * 3,
        "tick_at": ticks(0, 5, 10),
        "sku": ["A"] * 3,
        "baseline_sales": pa.array([99_999_999_999_999] * 3),
    })
    with pytest.raises(ce.DataError, match="store 327 that opened at 2025-01-01T12:00:00"):
        ce.cohort(reports(), None, sales, **DAY)


def test_a_panic_is_an_exception_and_the_package_goes_on() -> None:
    # Nobody checks the places of a dictionary on their way in; Arrow panics at a wrong one.
    wrong = pa.DictionaryArray.from_arrays(pa.array([0, 0, 7]), pa.array(["327"]), safe=False)
    with pytest.raises(ce.BugError, match=r"error: index out of .*; please report it") as raised:
        ce.cohort(reports(store_id=wrong), **DAY)
    assert raised.value.exit_code == 70
    assert melog(reports()).equals(EXPECTED)


def large(rows: int) -> pa.Table:
    """Return reports of one store that take a while: each is a line of its own."""
    return pa.table({
        "store_id": pa.repeat("327", rows),
        "detected_at": pa.array(range(rows), pa.int64()).cast(pa.timestamp("us", "UTC")),
        "sku": pa.array(range(rows), pa.int64()).cast(pa.string()),
    })


def test_other_threads_go_on_while_it_computes() -> None:
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0)

    thread = threading.Thread(target=count)
    frame = large(200_000)
    thread.start()
    before = counted
    ce.cohort(frame, start=dt.date(1970, 1, 1), end=dt.date(1970, 1, 2))
    during = counted - before
    done.set()
    thread.join()
    # Held for the whole call, the GIL would let the other thread count once or twice.
    assert during > 50


def test_ctrl_c_ends_a_computation() -> None:
    code = textwrap.dedent("""
        import datetime as dt, sys, time, pyarrow as pa, cohort_events as ce
        from test_frames import large
        def for_ever():
            batch = large(1000).to_batches()[0]
            print("begun", flush=True)
            while True:
                yield batch
        reader = pa.RecordBatchReader.from_batches(large(1).schema, for_ever())
        try:
            ce.cohort(reader, start=dt.date(1970, 1, 1), end=dt.date(1970, 1, 2))
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """)
    folder = Path(__file__).parent
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=folder)
    assert child.stdout and child.stdout.readline() == b"begun\n"
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == b"interrupted\n"
    assert child.wait(60) == 0

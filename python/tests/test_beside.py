"""Columns that no log knows, layouts that producers choose, and frames of one connection."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import pyarrow as pa
import duckdb
import polars as pl

import cohort_events as ce
from test_frames import DAY, EXPECTED, melog, reports, ticks


def nested(levels: int) -> pa.DataType:
    """Return lists in lists."""
    kind: pa.DataType = pa.int32()
    for _ in range(levels):
        kind = pa.list_(kind)
    return kind


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([None] * 3),
        pl.Series([1, 2, 3], dtype=pl.Int128),
        pl.Series([[], [], []], dtype=pl.List(pl.Null)),
        pl.Series([{"a": None}] * 3),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_beside_the_logs_own_may_be_of_any_type(column: pl.Series) -> None:
    frame = pl.DataFrame(reports()).with_columns(column.alias("note"))
    assert melog(frame).equals(EXPECTED)


def test_columns_beside_the_logs_own_may_be_nested_however_deep() -> None:
    # As many levels as this would overflow the stack.
    deep = pa.nulls(3, nested(1500))
    assert melog(reports(note=deep)).equals(EXPECTED)
    with pytest.raises(ce.DataError, match='in column "feature_vector", more than 100 levels'):
        melog(reports(feature_vector=deep))


def test_a_column_of_polars_without_a_value_is_null() -> None:
    frame = pl.DataFrame(reports()).with_columns(sku=pl.lit(None), severity=pl.Series([None] * 3))
    plain = reports(sku=pa.nulls(3, pa.string()), severity=pa.nulls(3, pa.float64()))
    assert melog(frame).equals(melog(plain))


class Taken:
    """A frame whose capsules another library has taken."""

    def __init__(self, frame: Any, method: str) -> None:
        capsules = getattr(frame, method)()
        setattr(self, method, lambda requested_schema=None: capsules)


def test_what_another_library_has_taken_is_refused() -> None:
    stream: Any = Taken(reports(), "__arrow_c_stream__")
    pa.RecordBatchReader.from_stream(stream)
    with pytest.raises(ce.DataError, match="found: a stream that was taken before"):
        ce.cohort(stream, **DAY)
    batch: Any = Taken(reports().to_batches()[0], "__arrow_c_array__")
    pa.record_batch(batch)
    with pytest.raises(ce.DataError, match="found: a batch that was taken before"):
        ce.cohort(batch, **DAY)


def test_metadata_of_fields_may_be_any_bytes() -> None:
    schema = reports().schema
    for place in range(len(schema)):
        schema = schema.set(place, schema.field(place).with_metadata({b"key": b"\xff"}))
    assert melog(reports().cast(schema)).equals(EXPECTED)


def test_what_the_place_of_a_null_holds_is_no_length() -> None:
    view = pa.py_buffer(b"\xff" * 48)
    valid = pa.py_buffer(b"\x00")
    sku = pa.Array.from_buffers(pa.string_view(), 3, [valid, view])
    assert melog(reports(sku=sku)).equals(melog(reports(sku=pa.nulls(3, pa.string()))))


@pytest.mark.parametrize("chunked", [False, True])
def test_rows_that_are_null_as_a_whole_are_refused(*, chunked: bool) -> None:
    table = reports().combine_chunks()
    fields = list(table.schema)
    columns = [column.chunk(0) for column in table.columns]
    masked = pa.StructArray.from_arrays(columns, fields=fields, mask=pa.array([False, True, False]))
    frame = pa.chunked_array([masked]) if chunked else masked
    with pytest.raises(ce.DataError, match="found: 1 rows that are null as a whole"):
        ce.cohort(frame, **DAY)


def test_a_slice_of_structs_is_read_from_where_it_begins() -> None:
    table = pa.concat_tables([reports(store_id=pa.array(["no"] * 3)), reports()])
    structs = table.combine_chunks().to_struct_array().chunk(0)
    assert melog(structs.slice(3, 3)).equals(EXPECTED)


def test_a_date_in_milliseconds_is_its_midnight() -> None:
    # Five in the morning of the day.
    ms = int(dt.datetime(2025, 1, 1, 5, tzinfo=dt.UTC).timestamp() * 1000)
    dates = pa.array([ms] * 3, pa.int64()).cast(pa.date64())
    found = melog(reports(detected_at=dates))["created_at"].to_pylist()
    assert set(found) == {dt.datetime(2025, 1, 1, tzinfo=dt.UTC)}


def test_a_text_of_more_than_a_gibibyte_rejects_its_row() -> None:
    column = pa.array(["A", "x" * ((1 << 30) + 1), "A"], pa.large_string())
    rejects = pa.table(ce.cohort(reports(sku=column), max_reject_ratio=None, **DAY).rejects)
    assert rejects.to_pylist() == [{"log": "reports", "row": 1, "reason": "value_too_long"}]
    assert melog(reports(note=column)).equals(EXPECTED)


def test_windows_of_many_long_texts_come_in_batches() -> None:
    skus = [f"{number:03}{'x' * 1_000_000}" for number in range(100)]
    frame = pa.table({"store_id": ["a"] * 100, "detected_at": ticks(*[0] * 100), "sku": skus})
    found = pa.RecordBatchReader.from_stream(ce.windows(frame, **DAY))
    sizes = [len(batch) for batch in found]
    assert (sum(sizes), len(sizes)) == (100, 2)


def test_relations_of_one_connection_are_read_one_after_the_other() -> None:
    connection = duckdb.connect()
    connection.register("reports", reports())
    at = "timestamptz '2025-01-01 12:00:00+00'"
    scores = connection.sql(f"select '327' store_id, 'A' sku, {at} tick_at, 0.9::double s")
    scores = scores.project("store_id, sku, tick_at, s anomaly_score")
    sales = connection.sql(f"select '327' store_id, 'A' sku, {at} tick_at, 5 baseline_sales")
    found = ce.cohort(connection.sql("from reports"), scores, sales, **DAY)
    last = pa.table(found.melog).to_pylist()[-1]
    assert (last["severity_score"], int(last["baseline_sales_total"])) == (0.9, 5)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"start": dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5)))}, ce.UsageError),
        (
            {"end": dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=5)))},
            ce.UsageError,
        ),
        ({"start": "2025-01-01T00:00:00"}, ce.UsageError),
        ({"run_id": ""}, ce.UsageError),
        ({"run_id": "a/b"}, ce.UsageError),
        ({"run_id": None}, TypeError),
        ({"max_reject_ratio": "0.1"}, TypeError),
    ],
)
def test_settings_that_say_nothing_are_refused(
    settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^(start|end|run_id|max_reject_ratio|expected)"):
        ce.cohort(reports(), **DAY | settings)


@pytest.mark.parametrize("runs", [["a"], {"a": "text"}, {"a": ("2025-01-01",)}, {1: ("", "")}])
def test_runs_of_another_form_are_refused(runs: Any) -> None:
    rows = ce.cohort(reports(), **DAY).melog
    with pytest.raises((TypeError, ce.UsageError), match=r"^runs: expected "):
        ce.registry(rows, runs=runs)

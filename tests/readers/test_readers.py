"""Every reader that the README names reads both logs, with the one line that it prints."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from committed import BINARY, EVENTS, KEYS, LINES, LOGS, Committed, in_order, published
from printed_lines import IMPORTS, blocks, kind, lines, read, to_arrow
from sessions import session_of

#: Those that read S3 without what is not on PyPI: DuckDB needs an extension, and Spark a jar.
ON_S3 = ["pandas", "pyarrow", "Polars", "DataFusion", "fastparquet"]


def expected_kind(reader: str, column: str) -> str:
    """The type that a reader gives a column of this type.

    fastparquet knows neither decimals nor zones, and DuckDB shows instants in the local zone. All
    others give what the schemas say.
    """
    if reader == "fastparquet":
        column = column.replace("decimal(18,4)", "double")
        return column.replace("timestamp(us, UTC)", "timestamp(us, None)")
    if reader == "DuckDB":
        return column.replace("UTC", os.environ["TZ"])
    return column


def assert_equal_to_what_was_written(
    reader: str, log: str, read_: pa.Table, written: Committed
) -> None:
    """Compare names, types and values with the parts that the lineages list."""
    # Some readers show the folder's key as a column. It never is the column `run_id`.
    found = {field.name: kind(field.type) for field in read_.schema if field.name != "run"}
    assert found == {n: expected_kind(reader, k) for n, k in published(log).items()}
    assert read_.num_rows == written.rows(log)
    assert set(read_["run_id"].to_pylist()) == written.run_ids
    assert in_order(log, read_).equals(written.table(log))


def test_the_readme_has_a_line_for_each_reader() -> None:
    assert list(lines()) == list(IMPORTS)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("reader", IMPORTS)
def test_a_folder_is_read_with_one_line(
    reader: str, log: str, folder: Committed, request: pytest.FixtureRequest
) -> None:
    value = read(reader, log, f"{folder.place}/out", session_of(reader, request))
    assert_equal_to_what_was_written(reader, log, to_arrow(reader, value), folder)


@pytest.mark.parametrize("reader", [reader for reader in IMPORTS if reader != "fastparquet"])
def test_a_run_may_have_a_number_for_a_name(
    reader: str, numbered: Committed, request: pytest.FixtureRequest
) -> None:
    """All but fastparquet, which cannot read folders of which only some have a number's name."""
    value = read(reader, EVENTS, f"{numbered.place}/out", session_of(reader, request))
    assert_equal_to_what_was_written(reader, EVENTS, to_arrow(reader, value), numbered)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("reader", ON_S3)
def test_s3_is_read_with_the_same_line(
    reader: str, log: str, bucket: Committed, request: pytest.FixtureRequest
) -> None:
    session = session_of(reader, request)
    if reader == "DataFusion":
        from datafusion.object_store import AmazonS3

        store = AmazonS3("lake", endpoint=os.environ["AWS_ENDPOINT_URL"], allow_http=True)
        session["ctx"].register_object_store("s3://lake/", store)
    if reader == "fastparquet":
        import s3fs
        from fastparquet import ParquetFile

        session["ParquetFile"] = functools.partial(ParquetFile, fs=s3fs.S3FileSystem())
    value = read(reader, log, f"{bucket.place}/out", session)
    assert_equal_to_what_was_written(reader, log, to_arrow(reader, value), bucket)


def test_amounts_in_pandas_are_decimals_with_four_places(folder: Committed) -> None:
    frame = read("pandas", LINES, f"{folder.place}/out", {})
    amounts = frame["impact_estimate"].dropna()
    assert len(amounts) > 100
    assert {amount.as_tuple().exponent for amount in amounts} == {-4}


def test_what_cohort_files_prints_is_what_read_parquet_takes(
    folder: Committed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cohort").symlink_to(BINARY)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (block,) = blocks("python")
    names: dict[str, Any] = {
        "subprocess": subprocess,
        "duckdb": duckdb,
        "manifest": folder.manifest,
    }
    exec(block, names)
    assert sorted(names["parts"]) == sorted(folder.parts(EVENTS))
    read_ = names["events"].to_arrow_table()
    assert_equal_to_what_was_written("DuckDB", EVENTS, read_, folder)


@pytest.mark.parametrize("log", LOGS)
def test_the_unique_key_is_unique_and_the_readme_finds_the_latest_rows(
    log: str, folder: Committed
) -> None:
    key = KEYS[log]
    table = folder.table(log)
    assert table.group_by(key).aggregate([]).num_rows == table.num_rows

    (text,) = blocks("sql")
    name = "mrch" if log == LINES else "melog"
    (query,) = (q for q in text.split(";") if f"FROM {name})" in q)
    connection = duckdb.connect()
    connection.register(name, table)
    latest = connection.sql(query).to_arrow_table()
    versions = table.group_by(key[:-1]).aggregate([("version", "max")])
    newest = {tuple(row[:-1]): row[-1] for row in zip(*versions.to_pydict().values(), strict=True)}
    found = latest.select(key).to_pydict().values()
    assert {tuple(row[:-1]): row[-1] for row in zip(*found, strict=True)} == newest
    assert latest.num_rows == len(newest)


def test_nothing_is_read_from_where_there_is_nothing(tmp_path: Path) -> None:
    """A wrong folder is an error and not an empty log, so the tests above do read files."""
    with pytest.raises(FileNotFoundError):
        read("pandas", LINES, str(tmp_path), {})

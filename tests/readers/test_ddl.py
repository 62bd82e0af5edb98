"""The SQL pages in schemas/ create tables that hold what was written."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest

from committed import LOGS, ROOT, Committed, in_order, published

PAGES = {
    "athena": {
        "string": "string",
        "timestamp(us, UTC)": "timestamp",
        "double": "double",
        "decimal(18,4)": "decimal(18,4)",
        "int32": "int",
        "list of double": "array<double>",
    },
    "spark": {
        "string": "STRING",
        "timestamp(us, UTC)": "TIMESTAMP",
        "double": "DOUBLE",
        "decimal(18,4)": "DECIMAL(18,4)",
        "int32": "INT",
        "list of double": "ARRAY<DOUBLE>",
    },
    "duckdb": {
        "string": "VARCHAR",
        "timestamp(us, UTC)": "TIMESTAMPTZ",
        "double": "DOUBLE",
        "decimal(18,4)": "DECIMAL(18,4)",
        "int32": "INTEGER",
        "list of double": "DOUBLE[]",
    },
}


def page(engine: str) -> str:
    """An engine's page, without its remarks."""
    text = (ROOT / "schemas" / f"logs.{engine}.sql").read_text()
    return re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)


def statements(engine: str, place: str) -> list[str]:
    """The page's statements, for the logs in a folder."""
    text = page(engine).replace("s3://lake/", f"{place}/out/")
    return [statement for statement in text.split(";") if statement.strip()]


@pytest.mark.parametrize("engine", PAGES)
@pytest.mark.parametrize("log", LOGS)
def test_a_page_has_the_columns_of_the_published_schema(engine: str, log: str) -> None:
    (body,) = re.findall(rf"TABLE {log} \((.*?)\n\)", page(engine), flags=re.DOTALL)
    columns = re.findall(r"^  (\w+) (\S+?)( NOT NULL)?,?$", body, flags=re.MULTILINE)
    assert {name: kind for name, kind, _ in columns} == {
        name: PAGES[engine][kind] for name, kind in published(log).items()
    }


def test_duckdb_loads_both_logs_again_and_again(folder: Committed) -> None:
    connection = duckdb.connect()
    for statement in statements("duckdb", folder.place) * 2:
        connection.execute(statement)
    for log in LOGS:
        assert in_order(log, connection.table(log).to_arrow_table()).equals(folder.table(log))


def test_spark_reads_both_logs_in_place(folder: Committed, spark: Any) -> None:
    for statement in statements("spark", folder.place):
        spark.sql(statement)
    for log in LOGS:
        assert in_order(log, spark.table(log).toArrow()).equals(folder.table(log))

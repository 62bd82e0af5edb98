"""The job reads what every tool writes: one lake in random forms comes to the same rows.

`COHORT_FORMS` says how many forms of each tool are tried, `COHORT_FORMS_SEED` which.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import forms_lake
import spark_forms
from arrow_forms import random_form
from forms_lake import KINDS, LIST, Form, Outcome
from other_forms import duckdb_form, fastparquet_form, pandas_form, polars_form

FORMS = int(os.environ.get("COHORT_FORMS", "30"))
FIRST = int(os.environ.get("COHORT_FORMS_SEED", "0")) * 1_000_000


def without_lists(table: pa.Table) -> pa.Table:
    """The table without what fastparquet cannot write."""
    return table.drop_columns([name for name in table.column_names if KINDS[name] == LIST])


def outcome(form: Form, folder: Path) -> Outcome:
    """What the job makes of the lake in a form."""
    forms_lake.write(folder / "lake", form)
    return forms_lake.run(folder / "lake", folder / "out")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What comes of the lake in its plainest form."""
    found = outcome(
        lambda table, folder: pq.write_table(table, folder / "part.parquet"),
        tmp_path_factory.mktemp("plain"),
    )
    assert found.exit == 0, found.message
    assert [len(rows) for rows in found.rows] == [168, 9]
    assert len(found.rejected) == 3
    return found


@pytest.fixture(scope="session")
def plain_without_lists(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The same without the columns that are lists."""
    return outcome(
        lambda table, folder: pq.write_table(without_lists(table), folder / "part.parquet"),
        tmp_path_factory.mktemp("without_lists"),
    )


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One Spark for all its forms."""
    session = spark_forms.session()
    yield session
    session.stop()


def check(made: tuple[dict[str, Any], Form], expected: Outcome, folder: Path) -> None:
    described, form = made
    found = outcome(form, folder)
    assert found.exit == 0, f"{found.message} of {described}"
    assert found.same(expected), f"other rows of {described}"
    assert not any("left out" in content for content in found.contents), f"{described}"


@pytest.mark.parametrize("seed", range(FIRST, FIRST + FORMS))
@pytest.mark.parametrize("tool", [random_form, duckdb_form, polars_form, pandas_form])
def test_a_form_comes_to_the_same_rows(
    tool: Callable[[int], tuple[dict[str, Any], Form]], seed: int, plain: Outcome, tmp_path: Path
) -> None:
    check(tool(seed), plain, tmp_path)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + FORMS))
def test_a_form_of_fastparquet_comes_to_the_same_rows(
    seed: int, plain_without_lists: Outcome, tmp_path: Path
) -> None:
    check(fastparquet_form(seed), plain_without_lists, tmp_path)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + max(3, FORMS // 10)))
def test_a_form_of_spark_comes_to_the_same_rows(
    spark: SparkSession, seed: int, plain: Outcome, tmp_path: Path
) -> None:
    check(spark_forms.spark_form(spark, seed), plain, tmp_path)

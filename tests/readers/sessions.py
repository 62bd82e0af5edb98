"""The sessions that some readers' lines speak of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session of Spark in this process."""
    java = os.environ.get("JAVA_HOME") or shutil.which("java")
    if not java:
        # A skipped test would go unnoticed in CI.
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("Spark: expected Java 17 or later, found none: install it, or set JAVA_HOME")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder
        .master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


def session_of(reader: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The session that the reader's line speaks of."""
    if reader == "Spark":
        return {"spark": request.getfixturevalue("spark")}
    if reader == "DataFusion":
        from datafusion import SessionContext

        return {"ctx": SessionContext()}
    return {}

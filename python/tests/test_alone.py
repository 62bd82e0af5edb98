"""The wheel as it is: what is in it, and what it does where there is no pyarrow."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import cohort_events as ce
from cohort_events import spark


def wheel() -> zipfile.ZipFile:
    """Return the wheel that is tested."""
    (found,) = Path(os.environ["COHORT_WHEELS"]).glob("cohort_events-*.whl")
    assert found.name.endswith("-cp311-abi3-manylinux_2_28_x86_64.whl")
    return zipfile.ZipFile(found)


def test_the_wheel_holds_no_path_of_the_machine_that_built_it() -> None:
    homes = {str(Path.home()), str(Path(__file__).parents[2])}
    paths = re.compile("|".join(re.escape(f"{home}/") for home in homes).encode())
    for name in wheel().namelist():
        found = paths.search(wheel().read(name))
        assert not found, f"{name}: {found}"


def test_the_wheel_lists_its_crates_without_times() -> None:
    (name,) = (name for name in wheel().namelist() if "/sboms/" in name)
    crates = json.loads(wheel().read(name))
    assert {"arrow-array", "cohort-core", "pyo3"} <= {c["name"] for c in crates["components"]}
    assert "timestamp" not in crates["metadata"]
    assert "serialNumber" not in crates


def test_the_wheel_has_types_and_needs_nothing() -> None:
    names = {Path(name).name for name in wheel().namelist()}
    assert {"py.typed", "_core.pyi", "LICENSE"} <= names
    metadata = next(name for name in wheel().namelist() if name.endswith("/METADATA"))
    text = wheel().read(metadata).decode()
    assert "Requires-Dist" not in text
    assert f"Version: {ce.__version__}\n" in text
    assert "Requires-Python: >=3.11\n" in text


def test_frames_need_no_pyarrow() -> None:
    reports = pl.DataFrame({
        "store_id": ["327", None],
        "detected_at": [dt.datetime(2025, 1, 1, 11, 55)] * 2,
    })
    day: dict[str, Any] = {"start": dt.date(2025, 1, 1), "end": dt.date(2025, 1, 2)}
    found = ce.cohort(reports, **day, max_reject_ratio=0.5)
    assert pl.DataFrame(found.melog)["end_reason"].to_list() == [None, "quiet"]
    assert pl.DataFrame(found.rejects).rows() == [("reports", 1, "missing_store_id")]
    # What goes out also comes in.
    with pytest.raises(ce.DataError, match='a column "detected_at"'):
        ce.cohort(found.melog, **day)


def test_every_kind_of_failure_is_an_exception_with_its_exit_code() -> None:
    kinds = {
        getattr(ce.errors, name).exit_code: getattr(ce.errors, name).retryable
        for name in ce.errors.__all__
        if name != "CohortError"
    }
    assert kinds == {2: False, 65: False, 66: False, 70: False, 75: True, 77: False, 78: False}


def test_spark_is_asked_for_only_when_it_is_used() -> None:
    assert callable(spark.cohort)
    assert "pyspark" not in sys.modules

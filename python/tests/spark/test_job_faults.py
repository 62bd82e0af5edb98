"""What the job on Spark must not take for another: amounts, places, links, names and failures."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from spark_cluster import Job
from test_job_lakes import REPORTS, lake, reports, write


def amounts(precision: int, scale: int) -> pa.Array:
    """Return three amounts of a type."""
    return pa.array([Decimal(1)] * 3, pa.decimal128(precision, scale))


def test_amounts_that_a_union_would_round_are_refused(job: Job, tmp_path: Path) -> None:
    for number, (one, other) in enumerate((
        (amounts(38, 0), amounts(10, 2)),
        (amounts(38, 20), pa.array([1] * 3)),
    )):
        folder = tmp_path / str(number)
        for name, column in (("a", one), ("b", other)):
            write(folder / "reports" / f"{name}.parquet", reports(sales_total=column))
        manifest = lake(folder, inputs={REPORTS: {"uri": "reports/"}})
        exit_code, told = job("run", "--manifest", manifest)
        expected = "expected amounts in 'sales_total' that one type"
        assert (exit_code, expected in told, "b.parquet" in told) == (65, True, True), told

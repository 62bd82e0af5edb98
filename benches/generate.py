"""Makes input logs of any size: the reports log and both prediction logs, date-partitioned Parquet.

    python generate.py OUT --stores 2000 --skus 50 --days 1 --layout tick --rate 0.01

A prediction log holds one row for each store, SKU and five-minute tick. `--layout tick` writes them
as models emit them (tick, store, SKU); `--layout store` sorts each day by (store, SKU, tick).
About `--rate` of these cells are anomalous, in bursts of six ticks on average.

`--report-stores N` draws the reports from the first N stores only, exactly as in a set of N stores:
this gives more predictions for the same reports. `--dirty` adds duplicates, missing predictions,
rejected rows, reports without a SKU, rows without an onset, ticks off the grid, a store that is
never quiet, and an onset that does not move.
"""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from numpy.random import Generator
from numpy.typing import NDArray

DAY_TICKS = 288
STEP_US = 300_000_000
BURST_TICKS = 6
ROW_GROUP_ROWS = 1 << 20
UTC_US = pa.timestamp("us", "UTC")
MONEY = pa.decimal128(18, 4)
Integers = NDArray[np.int64]


def money(units: Integers) -> pa.Array:
    """Converts whole ten-thousandths to decimal(18,4)."""
    low = np.ascontiguousarray(units.astype("<i8"))
    wide = np.empty((len(low), 2), "<i8")
    wide[:, 0], wide[:, 1] = low, np.where(low < 0, -1, 0)
    return pa.Array.from_buffers(MONEY, len(low), [None, pa.py_buffer(wide.tobytes())])


def instants(us: Integers) -> pa.Array:
    return pa.array(us.astype("<i8"), pa.int64()).cast(UTC_US)


def names(prefix: str, codes: Integers) -> pa.Array:
    """Converts codes to names of five digits, such as S00042."""
    known = pa.array([f"{prefix}{code:05d}" for code in range(int(codes.max(initial=0)) + 1)])
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype("i4")), known).cast(pa.string())


def write(out: Path, dataset: str, day: datetime, table: pa.Table) -> None:
    folder = out / dataset / f"date={day:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table,
        folder / "part-00000.parquet",
        compression="zstd",
        row_group_size=ROW_GROUP_ROWS,
        write_page_index=True,
    )


class Bursts:
    """The anomalies: where each begins, and which (burst, tick) cells the detector reports."""

    def __init__(self, rng: Generator, stores: int, skus: int, ticks: int, rate: float) -> None:
        self.count = int(stores * skus * ticks * rate / BURST_TICKS) + 1
        self.store = rng.integers(0, stores, self.count)
        self.sku = rng.integers(0, skus, self.count)
        self.first = rng.integers(0, ticks, self.count)
        length = rng.geometric(1 / BURST_TICKS, self.count)
        burst = np.repeat(np.arange(self.count), length)
        offset = np.arange(len(burst)) - np.repeat(np.cumsum(length) - length, length)
        tick = self.first[burst] + offset
        reported = (tick < ticks) & (rng.random(len(burst)) > 0.05)
        burst, tick = burst[reported], tick[reported]
        cells = np.stack([self.store[burst], self.sku[burst], tick, self.first[burst]], 1)
        _, once = np.unique(cells, axis=0, return_index=True)
        self.burst, self.tick = burst[once], tick[once]


def reports(rng: Generator, bursts: Bursts, number: int, start_us: int, dirty: bool) -> pa.Table:
    """Makes one day of `minority_reports_detected_log`."""
    today = np.flatnonzero(bursts.tick // DAY_TICKS == number)
    today = today[np.argsort(bursts.tick[today], kind="stable")]
    burst, rows = bursts.burst[today], len(today)
    at = start_us + bursts.tick[today] * STEP_US
    untracked = rng.random(bursts.count) < (0.2 if dirty else 0.0)
    off_grid = rng.random(rows) < (0.05 if dirty else 0.0)
    jitter = np.where(off_grid, rng.integers(1, STEP_US, rows), 0)
    onset = pa.array(start_us + bursts.first[burst] * STEP_US, mask=untracked[burst]).cast(UTC_US)
    sku = names("K", bursts.sku[burst])
    if dirty:
        whole_store = rng.random(bursts.count)[burst] < 0.05
        sku = pa.compute.if_else(pa.array(whole_store), pa.scalar(None, pa.string()), sku)
    columns = {
        "anomaly_id": pa.array([f"a{b}-{us}" for b, us in zip(burst, at, strict=True)]),
        "store_id": names("S", bursts.store[burst]),
        "sku": sku,
        "detected_at": instants(at + jitter),
        "first_detected_from": onset,
        "severity": pa.array(rng.random(rows).round(4)),
        "sales_total": money(rng.integers(0, 4_000_000, rows)),
        "ingested_at": instants(at + 60_000_000),
    }
    table = pa.table(columns)
    if not dirty:
        return table
    table = pa.concat_tables([table, never_quiet(start_us + number * DAY_TICKS * STEP_US)])
    return spoil(rng, table)


def never_quiet(midnight_us: int) -> pa.Table:
    """Returns a day of a store that reports at every fourth tick.

    The onset of one SKU is stuck in October 2024, which is too old. That of the other is the
    midnight that begins 2024-12-31, before every cut.
    """
    at = np.repeat(midnight_us + np.arange(0, DAY_TICKS, 4) * STEP_US, 2)
    stuck = np.tile([1_730_000_000_000_000, 1_735_603_200_000_000], len(at) // 2)
    return pa.table({
        "anomaly_id": pa.array([f"q{us}" for us in at]),
        "store_id": pa.array(["S00000"] * len(at)),
        "sku": pa.array(["K00000", "K00001"] * (len(at) // 2)),
        "detected_at": instants(at),
        "first_detected_from": instants(stuck),
        "severity": pa.array(np.full(len(at), 0.5)),
        "sales_total": money(np.arange(len(at), dtype=np.int64)),
        "ingested_at": instants(at + 60_000_000),
    })


def spoil(rng: Generator, table: pa.Table) -> pa.Table:
    """Adds duplicates (one row in twenty) and rows to reject (one in 500), and shuffles."""

    def us(table: pa.Table, column: str) -> Integers:
        return np.array(table[column].cast(pa.int64()))

    def replace(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
        return table.set_column(table.column_names.index(column), column, values)

    rows = len(table)
    again = table.take(pa.array(rng.integers(0, rows, rows // 20)))
    later = us(again, "ingested_at") + rng.integers(-5, 6, len(again)) * 1_000_000
    again = replace(again, "ingested_at", instants(later))
    again = replace(again, "severity", pa.array(rng.random(len(again)).round(4)))
    bad = table.slice(0, max(1, rows // 500))
    bad = replace(bad, "first_detected_from", instants(us(bad, "detected_at") + 1))
    table = pa.concat_tables([table, again, bad])
    return table.take(pa.array(rng.permutation(len(table))))


def cells(stores: int, skus: int, layout: str) -> tuple[Integers, Integers, Integers]:
    """Returns the store, SKU and tick of each of a day's cells, in the layout's order."""
    index = np.arange(stores * skus * DAY_TICKS, dtype=np.int64)
    if layout == "tick":
        tick, rest = np.divmod(index, stores * skus)
        return *np.divmod(rest, skus), tick
    store, rest = np.divmod(index, skus * DAY_TICKS)
    return store, *np.divmod(rest, DAY_TICKS)


def predictions(
    rng: Generator, stores: int, skus: int, layout: str, midnight_us: int, dirty: bool
) -> tuple[pa.Table, pa.Table]:
    """Makes one day of the classifier's log and of the baseline's."""
    store, sku, tick = cells(stores, skus, layout)
    if dirty:
        kept = rng.random(len(store)) > 0.1
        store, sku, tick = store[kept], sku[kept], tick[kept]
        again = rng.integers(0, len(store), len(store) // 50)
        store, sku, tick = (np.concatenate([x, x[again]]) for x in (store, sku, tick))
    rows = len(store)
    at = midnight_us + tick * STEP_US
    key = {"store_id": names("S", store), "sku": names("K", sku), "tick_at": instants(at)}
    ingested = {}
    if dirty:
        ingested = {"ingested_at": instants(at + rng.integers(1, 60, rows) * 1_000_000)}
    scores = pa.array(rng.integers(0, 10_000, rows) / 10_000.0)
    sales = rng.integers(0, 4_000_000, rows)
    actual = money(sales)
    if dirty:
        known = pa.array(rng.random(rows) >= 0.1)
        actual = pa.compute.if_else(known, actual, pa.scalar(None, MONEY))
    baseline = money((sales * 0.6).astype(np.int64))
    return (
        pa.table({**key, "anomaly_score": scores, **ingested}),
        pa.table({**key, "baseline_sales": baseline, "actual_sales": actual, **ingested}),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--stores", type=int, default=500)
    parser.add_argument("--report-stores", type=int)
    parser.add_argument("--skus", type=int, default=20)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--start", default="2025-01-01")
    parser.add_argument("--layout", choices=["tick", "store"], default="tick")
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--dirty", action="store_true")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    rng = np.random.default_rng(args.seed)
    start = datetime.fromisoformat(args.start).replace(tzinfo=UTC)
    start_us = int(start.timestamp()) * 1_000_000
    reporting = args.report_stores or args.stores
    bursts = Bursts(rng, reporting, args.skus, DAY_TICKS * args.days, args.rate)
    for number in range(args.days):
        day = start + timedelta(days=number)
        table = reports(rng, bursts, number, start_us, args.dirty)
        write(args.out, "minority_reports_detected_log", day, table)
        midnight_us = start_us + number * DAY_TICKS * STEP_US
        scores, sales = predictions(
            rng, args.stores, args.skus, args.layout, midnight_us, args.dirty
        )
        write(args.out, "anomaly_classifier_model_prediction_log", day, scores)
        write(args.out, "baseline_sales_model_prediction_log", day, sales)


if __name__ == "__main__":
    main()

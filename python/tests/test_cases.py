"""The package gives what the golden cases and the naive model say, however its rows arrive."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

import pyarrow as pa
import pyarrow.compute as pc

import cases
import cohort_events as ce

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
HISTORIES = Path(os.environ.get("COHORT_HISTORIES", "histories are missing"))


def every_case() -> list[Any]:
    """Return all golden cases, and the random histories if there are any."""
    folders = sorted(GOLDEN.iterdir())
    folders += sorted(HISTORIES.iterdir()) if HISTORIES.exists() else []
    return [pytest.param(folder, id=f"{folder.parent.name}-{folder.name}") for folder in folders]


def test_golden_cases_and_histories_are_there() -> None:
    golden, histories = 16, 300
    assert len(list(GOLDEN.iterdir())) >= golden
    if os.environ.get("CI"):
        assert len(list(HISTORIES.iterdir())) == histories


def shuffled(table: pa.Table, dice: random.Random) -> pa.Table:
    """Return the rows in another order, in chunks of random lengths, some of them empty."""
    order = list(range(len(table)))
    dice.shuffle(order)
    table = table.take(pa.array(order, pa.int64()))
    cuts = sorted(dice.randint(0, len(table)) for _ in range(dice.randint(0, 3)))
    chunks = [table[a:b] for a, b in zip([0, *cuts], [*cuts, len(table)], strict=True)]
    batches = [batch for chunk in chunks for batch in chunk.to_batches()]
    return pa.Table.from_batches(batches, table.schema)


@pytest.mark.parametrize("folder", every_case())
def test_frames_give_what_is_expected(folder: Path) -> None:
    case = cases.read(folder)
    dice = random.Random(folder.name)
    frames = {name: shuffled(frame, dice) for name, frame in case.frames.items()}
    if case.expected.startswith("overflow"):
        with pytest.raises(ce.DataError) as raised:
            ce.cohort(**frames, **case.settings)
        assert case.expected.split()[2] in str(raised.value)
        return
    found = ce.cohort(**frames, **case.settings)
    rows = {log: [pa.table(getattr(found, log))] for log in cases.LOGS}
    text = cases.rendered(rows) + cases.facts(found.inputs, found.counts, found.lookback_start)
    assert text == case.expected
    assert len(found.rejects) == sum(
        sum(log["rows_rejected"].values()) for log in found.inputs.values()
    )


def tagged(case: cases.Case, dice: random.Random) -> pa.Table:
    """Return the rows of all three logs, sorted by store, each with its tag."""
    tables = []
    for log in ("reports", "scores", "sales"):
        if log not in case.frames:
            continue
        table = shuffled(case.frames[log], dice)
        store = table.schema.get_field_index("store_id")
        table = table.set_column(store, "store_id", table["store_id"].cast(pa.string()))
        tables.append(table.append_column("log", pa.array([log] * len(table), pa.string())))
    # One log's amounts may be doubles where another's are decimals; the rows share no such column.
    union = pa.concat_tables(tables, promote_options="default")
    return union.take(pc.sort_indices(union, [("store_id", "ascending", "at_start")]))


@pytest.mark.parametrize("folder", every_case())
def test_a_stream_gives_the_same_wherever_its_batches_end(folder: Path) -> None:
    case = cases.read(folder)
    dice = random.Random(folder.name)
    settings = {k: v for k, v in case.settings.items() if k != "max_reject_ratio"}
    references = {k: v for k, v in case.frames.items() if k in {"campaigns", "context"}}
    kernel = ce.Kernel(**references, **settings)
    stream = tagged(case, dice)
    rows: dict[str, list[pa.Table]] = {"mrch": [], "melog": []}

    def run() -> None:
        at = 0
        while at < len(stream):
            size = dice.randint(0, 5)
            for log, ready in kernel.push(stream[at : at + size].combine_chunks()):
                rows[log].append(pa.table(ready))
            at += size
        for log, ready in kernel.finish():
            rows[log].append(pa.table(ready))

    if case.expected.startswith("overflow"):
        with pytest.raises(ce.DataError, match="expected sums"):
            run()
        return
    run()
    given = {log: found for log, found in kernel.inputs.items() if log in case.frames}
    text = cases.rendered(rows) + cases.facts(given, kernel.counts, kernel.lookback_start)
    assert text == case.expected


@pytest.mark.parametrize("folder", every_case())
def test_predictions_outside_the_windows_change_no_row(folder: Path) -> None:
    case = cases.read(folder)
    if case.expected.startswith("overflow"):
        return
    keys = ("start", "end", "gap", "max_event_duration", "max_lookback")
    settings = {key: case.settings[key] for key in keys if key in case.settings}
    windows = pa.table(ce.windows(case.frames["reports"], **settings))
    held = {
        name: pa.table(frame).filter(within(pa.table(frame), windows))
        for name, frame in case.frames.items()
        if name in {"scores", "sales"}
    }
    found = ce.cohort(**case.frames | held, **case.settings)
    rows = {log: [pa.table(getattr(found, log))] for log in cases.LOGS}
    # What is counted comes after the rows.
    assert case.expected.startswith(cases.rendered(rows))
    assert sum(map(len, held.values())) <= sum(len(case.frames[name]) for name in held)


def within(log: pa.Table, windows: pa.Table) -> list[bool]:
    """Return for each row whether one of the windows holds it."""
    skus = log["sku"].to_pylist() if "sku" in log.column_names else [None] * len(log)
    stores = log["store_id"].cast(pa.string()).to_pylist()
    ticks = log["tick_at"].cast(pa.int64()).to_pylist()
    spans: dict[Any, list[tuple[int, int]]] = {}
    for store, sku, first, last in zip(
        windows["store_id"].to_pylist(),
        windows["sku"].to_pylist(),
        windows["window_start"].cast(pa.int64()).to_pylist(),
        windows["window_end"].cast(pa.int64()).to_pylist(),
        strict=True,
    ):
        spans.setdefault((store, sku), []).append((first, last))
    return [
        tick is not None and any(a <= tick <= b for a, b in spans.get((store, sku), []))
        for store, sku, tick in zip(stores, skus, ticks, strict=True)
    ]

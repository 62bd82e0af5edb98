"""Makes logs of 20,000 ticks, five minutes apart: one store's chain, or the same rows dealt out.

    python generate_chain.py OUT --stores 1
    python generate_chain.py OUT --stores 2000

With one store, its ticks are one chain of 69 days. With more, each store has as many neighbouring
ticks as every other, and no chain is long enough to be cut. Each row has a prediction of its own in
both logs.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from generate import DAY_TICKS, STEP_US, instants, money, names, write

TICKS = 20_000
START = datetime(2025, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--stores", type=int, required=True)
    args = parser.parse_args()
    start_us = int(START.timestamp()) * 1_000_000
    for first in range(0, TICKS, DAY_TICKS):
        tick = np.arange(first, min(first + DAY_TICKS, TICKS), dtype=np.int64)
        at = start_us + tick * STEP_US
        store = names("S", tick * args.stores // TICKS)
        sku = names("K", np.zeros(len(tick), np.int64))
        key = {"store_id": store, "sku": sku, "tick_at": instants(at)}
        severity = pa.array(tick % 100 / 100)
        day = datetime.fromtimestamp(int(at[0]) // 1_000_000, UTC)
        reports = {
            "store_id": store,
            "sku": sku,
            "detected_at": instants(at),
            "severity": severity,
            "sales_total": money(tick * 7_000),
        }
        sales = {**key, "baseline_sales": money(tick * 6_000), "actual_sales": money(tick * 7_000)}
        scores = {**key, "anomaly_score": severity}
        write(args.out, "minority_reports_detected_log", day, pa.table(reports))
        write(args.out, "anomaly_classifier_model_prediction_log", day, pa.table(scores))
        write(args.out, "baseline_sales_model_prediction_log", day, pa.table(sales))


if __name__ == "__main__":
    main()

"""The job in DuckDB: runs cohort.sql.

python peer_duckdb.py DATA OUT --start ISO --end ISO
"""

from pathlib import Path

import duckdb

from peer import REPORTS, RUN_ID, SALES, SCORES, arguments


def latest(table: str, *values: str) -> str:
    """Returns a clause that keeps the row of each (store, SKU, tick) that was ingested last."""
    by = ", ".join(f"{table}.{column} desc nulls last" for column in ("ingested_at", *values))
    key = ", ".join(f"{table}.{column}" for column in ("store_id", "sku", "tick_at"))
    return f"qualify row_number() over (partition by {key} order by {by}) = 1"


def main() -> None:
    args = arguments(__doc__)

    def files(dataset: str) -> list[str]:
        return sorted(str(path) for path in (args.data / dataset).rglob("*.parquet"))

    sql = Path(__file__).with_name("cohort.sql").read_text()
    filled = sql.format(
        mrdl=files(REPORTS),
        classifier=files(SCORES),
        baseline=files(SALES),
        gap=args.gap,
        duration=args.max_event_duration,
        lookback=args.lookback,
        start=args.start,
        end=args.end,
        out=args.out,
        run_id=RUN_ID,
        dedupe_baseline=latest("b", "baseline_sales", "actual_sales") if args.dirty else "",
        dedupe_classifier=latest("c", "anomaly_score") if args.dirty else "",
    )
    connection = duckdb.connect()
    connection.execute(f"set threads = {args.threads}; set timezone = 'UTC'")
    connection.execute(filled)


if __name__ == "__main__":
    main()

"""The Python package on Spark, beside peer_spark.py.

python package_spark.py DATA OUT --start ISO --end ISO
"""

from cohort_events import spark as cohort_spark
from peer import REPORTS, SALES, SCORES, arguments
from peer_spark import session


def main() -> None:
    args = arguments(__doc__)
    spark = session(args.threads)
    logs = {
        name: spark.read.option("recursiveFileLookup", True).parquet(str(args.data / log))
        for name, log in (("reports", REPORTS), ("scores", SCORES), ("sales", SALES))
    }
    found = cohort_spark.cohort(
        **logs,
        start=args.start,
        end=args.end,
        gap=f"PT{args.gap}S",
        run_id="peer",
        partitions=args.threads,
    )
    for name in ("mrch", "melog"):
        rows = getattr(found, name)
        rows.write.mode("overwrite").parquet(f"{args.out}/{name}.parquet")
    found.unpersist()
    spark.stop()


if __name__ == "__main__":
    main()

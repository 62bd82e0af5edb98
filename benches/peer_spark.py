"""The job in Spark's SQL: runs cohort_spark.sql.

    python peer_spark.py DATA OUT --start ISO --end ISO

The reports' lines are broadcast to the scans of the prediction logs, which so need no shuffle;
adaptive execution sizes the rest.
"""

import re
from pathlib import Path

from pyspark.sql import SparkSession

from peer import REPORTS, SALES, SCORES, arguments

VIEWS = {"mrdl": REPORTS, "classifier": SCORES, "baseline": SALES}
OVER = (
    "row_number() over (partition by {0}.store_id, {0}.sku, {0}.opened_at, {0}.onset, {1} desc"
    " nulls last)"
)
#: A hash of a store and an instant.
SHA = """sha2(w.store_id || date_format({}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"), 256)"""


def session(threads: int) -> SparkSession:
    """Returns Spark on as many threads, with which both contestants run."""
    return (
        SparkSession.builder
        .master(f"local[{threads}]")
        .config("spark.driver.memory", "8g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", 4 * threads)
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )


def main() -> None:
    args = arguments(__doc__)
    spark = session(args.threads)
    for view, log in VIEWS.items():
        rows = spark.read.option("recursiveFileLookup", True).parquet(str(args.data / log))
        rows.createOrReplaceTempView(view)
    newest_sale = OVER.format(
        "l",
        "b.tick_at order by b.ingested_at desc nulls last, b.baseline_sales desc nulls last,"
        " b.actual_sales",
    )
    newest_score = OVER.format(
        "r", "r.detected_at order by c.ingested_at desc nulls last, c.anomaly_score"
    )
    dialect = {
        "eq": "=",
        "start": f"timestamp '{args.start}'",
        "end": f"timestamp '{args.end}'",
        "gap": f"interval '{args.gap}' second",
        "lookback": f"interval '{args.lookback}' second",
        "no_time": "cast(null as timestamp)",
        "newest_baseline": newest_sale if args.dirty else "1",
        "newest_score": newest_score if args.dirty else "1",
        "sha_onset": SHA.format("onset"),
        "sha_opened": SHA.format("opened_at"),
        "iso_basic": """date_format(opened_at, "yyyyMMdd'T'HHmmss")""",
        "iso_minute": "date_format(opened_at, 'yyyy-MM-dd HH:mm')",
        "micros": "date_format(opened_at, '.SSSSSS')",
    }
    text = Path(__file__).with_name("cohort_spark.sql").read_text().format_map(dialect)
    plain = "\n".join(line.split("--")[0] for line in text.splitlines())
    *steps, mrch, melog = plain.split(";")
    for step in steps:
        ((name, query),) = re.findall(r"^\s*create table (\w+) as\s(.*)$", step, re.DOTALL)
        # Each small intermediate is computed once, and its plan cut off.
        spark.sql(query).localCheckpoint().createOrReplaceTempView(name)
    spark.sql(mrch).write.mode("overwrite").parquet(f"{args.out}/mrch.parquet")
    spark.sql(melog).write.mode("overwrite").parquet(f"{args.out}/melog.parquet")
    spark.stop()


if __name__ == "__main__":
    main()

"""The kernel on Spark 4.1 or later, classic or Connect: DataFrames in, lazy DataFrames out.

Any table that Spark reads will do: Parquet, Iceberg, Delta. Filters on partition columns that the
DataFrames already have stay where they are, and the ones added here are plain comparisons of
`detected_at` and `tick_at`, which Spark pushes into the scan.

The executors need this package and pyarrow; the driver needs pandas too, which is Spark's own wish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cohort_events import _core
from cohort_events._settings import Settings, settings
from cohort_events._spark_columns import (
    between,
    check,
    columns_of,
    has_zone,
    is_bad,
    lacks_instant,
    tagged,
    text,
)
from cohort_events._spark_tasks import facts_of_none, kernel_of, kernel_type, windows_of
from cohort_events.errors import DataError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

__all__ = ["Cohorted", "cohort"]

#: The instant that each log has.
TICKS = {"reports": "detected_at", "scores": "tick_at", "sales": "tick_at"}

#: The columns of reports that make the lines, and so their windows.
LINES = ("store_id", "sku", "detected_at", "first_detected_from")

#: The windows of `cohort_events.windows`, under names that no log has, and their instants both as
#: such and as wall clocks of UTC. What `timestamp` means, the session may choose.
WINDOWS = (
    "store string, stock string, since timestamp_ltz, until timestamp_ltz, "
    "since_utc timestamp_ntz, until_utc timestamp_ntz"
)


@dataclass(frozen=True)
class Cohorted:
    """What `cohort` returns: DataFrames that compute nothing until they are used.

    All of them are made of one computation, whose rows Spark keeps on its executors' disks from its
    first use until `unpersist`, whether or not a use fails. `with cohort(...) as found:` lets go of
    them at its end.
    """

    #: `minority_reports_cohorted_log`.
    mrch: DataFrame
    #: `minority_event_log`.
    melog: DataFrame
    #: The rejected rows: `log`, `reason`, and how many `rows`.
    rejects: DataFrame
    #: What was counted: `name` and `value`, such as `counts.events_opened`; `lookback_start` is the
    #: earliest instant that had to be looked at, in microseconds after 1970.
    facts: DataFrame
    #: What Spark keeps: the kernel's rows.
    kept: DataFrame
    #: What the rejects are judged to be, which it keeps too: a `message`, empty if they are few.
    verdict: DataFrame

    def judge(self) -> None:
        """Compute the rows, which Spark keeps, and fail if too many were rejected.

        An action on the rows fails likewise, and writes none. But one that replaces a table's
        files, such as `write.mode("overwrite").parquet`, may have deleted the old ones by then. So
        call this before it. What follows takes the rows that are kept.

        Raises:
            DataError: More rows of a log were rejected than `max_reject_ratio` allows.
        """
        for row in self.verdict.collect():
            if row.message:
                raise DataError(row.message)

    def unpersist(self) -> None:
        """Let go of what Spark keeps."""
        for frame in (self.verdict, self.facts, self.kept):
            frame.unpersist()

    def __enter__(self) -> Cohorted:
        return self

    def __exit__(self, *_: object) -> None:
        self.unpersist()


def cohort(
    reports: DataFrame,
    scores: DataFrame | None = None,
    sales: DataFrame | None = None,
    campaigns: DataFrame | None = None,
    context: DataFrame | None = None,
    *,
    start: str | date,
    end: str | date,
    gap: str | timedelta = "PT30M",
    max_event_duration: str | timedelta = "P7D",
    max_lookback: str | timedelta = "P30D",
    max_reject_ratio: float | None = 0.01,
    run_id: str = "adhoc",
    partitions: int | None = None,
) -> Cohorted:
    """Return the rows of both logs that a run over `[start, end)` writes.

    Arguments and rows are those of `cohort_events.cohort`. The logs are shuffled by store, and each
    task holds one store at a time. Of the prediction logs only the rows that a line needs are
    shuffled. Campaigns and context are read when this is called, and sent to every task.

    Text that is not UTF-8, or too long, is rejected and counted in `reports`; in the prediction
    logs it belongs to no line, and is not counted.

    Each call computes its rows anew, also if an equal one still keeps its own.

    Args:
        reports: `minority_reports_detected_log`.
        scores: `anomaly_classifier_model_prediction_log`.
        sales: `baseline_sales_model_prediction_log`.
        campaigns: `all_campaign_data`.
        context: `contextual_data`.
        start: The interval's first instant. A `datetime` without a zone is UTC here too.
        end: The first instant after the interval.
        gap: The longest quiet time inside an event.
        max_event_duration: The period at whose boundaries long events are cut.
        max_lookback: How old an onset may be at its tick.
        max_reject_ratio: Which share of a log's rows in the interval may be rejected. If it is
            exceeded, every action on the rows fails before it gives or writes one, and so does
            `judge`. `None` leaves the judgement to the caller.
        run_id: The text of the column `run_id`.
        partitions: Into how many parts to shuffle; by default `spark.sql.shuffle.partitions`.

    Raises:
        UsageError: An argument says what cannot be: an interval that ends before it starts.
        DataError: A DataFrame lacks a required column, or has two of one name or one of a wrong
            type. What only the rows tell comes out of the actions on the result, as whatever
            exception Spark makes of it (a `PySparkException`, or classic Spark's
            `Py4JJavaError`), with the message of the `DataError` in its text.
        TypeError: An argument is no DataFrame of Spark, or of a wrong type.
    """
    rules = (start, end, gap, max_event_duration, max_lookback, run_id)
    given = {"reports": reports, "scores": scores, "sales": sales}
    small = {"campaigns": campaigns, "context": context}
    _check_types(given | small, partitions)
    judged = settings(*rules, max_reject_ratio)
    check(given | small, judged)
    # A task sees too few rows to say how many are too many.
    bounds = _core.bounds(written := settings(*rules))
    logs, references = (
        {name: columns_of(name, frame) for name, frame in frames.items() if frame is not None}
        for frames in (given, small)
    )
    tables = {name: frame.toArrow() for name, frame in references.items()}
    stream = _spread(_stream(logs, written, bounds, partitions), partitions)
    stores = stream.sortWithinPartitions("store_id")
    kept = stores.mapInArrow(kernel_of(written, tables), kernel_type())
    ratio_max = judged["max_reject_ratio"]
    return _split(kept, facts_of_none(written, tables), logs, bounds, ratio_max)


def _check_types(given: Mapping[str, DataFrame | None], partitions: int | None) -> None:
    """Fail before Spark does, with words about the argument."""
    for name, frame in given.items():
        if not hasattr(frame, "mapInArrow") and (frame is not None or name == "reports"):
            found = type(frame).__qualname__
            raise TypeError(f"{name}: expected a DataFrame of Spark, found {found}")
    if partitions is None:
        return
    if not isinstance(partitions, int) or isinstance(partitions, bool):
        found = type(partitions).__qualname__
        raise TypeError(f"partitions: expected an integer, found {found}")
    if partitions < 1:
        raise UsageError(f"partitions: expected at least 1, found {partitions}")


def _stream(
    logs: Mapping[str, DataFrame],
    written: Settings,
    bounds: Mapping[str, int],
    partitions: int | None,
) -> DataFrame:
    """Return the rows of all logs that the kernel must see."""
    from pyspark.sql import functions as F

    wanted = {name: _wanted(name, frame, bounds) for name, frame in logs.items()}
    stream = tagged("reports", wanted["reports"])
    if len(logs) == 1:
        return stream
    # Rows without a store need no prediction.
    keys = stream.select(*(column for column in stream.columns if column in LINES))
    spread = _spread(keys.where(F.col("store_id").isNotNull()), partitions)
    spread = spread.sortWithinPartitions("store_id")
    windows = F.broadcast(spread.mapInArrow(windows_of(written), WINDOWS))
    for name in logs.keys() - {"reports"}:
        needed = tagged(name, _needed(logs[name], wanted[name], windows))
        stream = stream.unionByName(needed, allowMissingColumns=True)
    return stream


def _wanted(name: str, log: DataFrame, bounds: Mapping[str, int]) -> DataFrame:
    """Return the rows that may matter by their instant alone. Bad reports are among them."""
    tick = TICKS[name]
    if name == "reports":
        held = between(log, tick, bounds["reports_from"], bounds["end"] - 1)
        return log.where(held | is_bad(log, tick))
    return log.where(between(log, tick, bounds["predictions_from"], bounds["end"] - 1))


def _needed(log: DataFrame, wanted: DataFrame, windows: DataFrame) -> DataFrame:
    """Return the rows of a prediction log that a line needs, and those that are rejected."""
    from pyspark.sql import functions as F

    tick, store, sku = "tick_at", wanted["store_id"].cast("string"), text(wanted, "sku")
    form = "" if has_zone(wanted, tick) else "_utc"
    stock, since, until = (windows[name] for name in ("stock", f"since{form}", f"until{form}"))
    # Spark finds one number faster than two texts, and most rows lie in no window. What has the
    # same hash need not be the same, so it is compared, in words that Spark takes for no key.
    matches = (
        (F.xxhash64(store, sku) == F.xxhash64(windows["store"], stock))
        & (wanted[tick] >= since)
        & (wanted[tick] <= until)
        & store.between(windows["store"], windows["store"])
        & (sku.between(stock, stock) | F.coalesce(sku, stock).isNull())
    )
    return wanted.join(windows, matches, "left_semi").unionByName(log.where(is_bad(log, tick)))


def _spread(frame: DataFrame, partitions: int | None) -> DataFrame:
    """Return the rows with those of one store together."""
    if partitions is None:
        return frame.repartition("store_id")
    return frame.repartition(partitions, "store_id")


def _split(
    kept: DataFrame,
    facts_of_none: Mapping[str, int],
    logs: Mapping[str, DataFrame],
    bounds: Mapping[str, int],
    max_reject_ratio: float | None,
) -> Cohorted:
    """Return the frames that the kernel's rows are made of."""
    from pyspark.sql import functions as F
    from pyspark.storagelevel import StorageLevel

    kept = kept.persist(StorageLevel.DISK_ONLY)
    # Without a row to cohort there may be no task that says anything.
    none = F.create_map(*(F.lit(v) for pair in facts_of_none.items() for v in pair))
    found = kept.where(F.col("found").isNotNull()).select("found")
    found = found.unionByName(kept.sparkSession.range(1).select(none.alias("found")))
    # These are few. In one partition, nothing that is made of them needs another shuffle.
    counted = found.repartition(1).select(F.explode("found"))
    total = F.when(F.col("key") == "lookback_start", F.min("value")).otherwise(F.sum("value"))
    facts = counted.groupBy("key").agg(total.alias("value")).withColumnRenamed("key", "name")
    facts = facts.persist(StorageLevel.DISK_ONLY)
    reason = F.regexp_extract("name", r"^inputs\.(\w+)\.rows_rejected\.(\w+)$", 2)
    log = F.split("name", r"\.")[1]
    rejects = facts.where(reason != F.lit("")).select(
        log.alias("log"), reason.alias("reason"), F.col("value").alias("rows")
    )
    # It is judged once, whatever is done with the rows afterwards.
    verdict = _verdict(facts, logs, bounds, max_reject_ratio).persist(StorageLevel.DISK_ONLY)
    message = F.col("message")
    fails = F.raise_error(message).cast("boolean")
    yes = verdict.select(F.when(message == F.lit(""), F.lit(True)).otherwise(fails))
    frames = {
        name: kept.where(F.col(name).isNotNull()).select(f"{name}.*").where(yes.scalar())
        for name in ("mrch", "melog")
    }
    return Cohorted(**frames, rejects=rejects, facts=facts, kept=kept, verdict=verdict)


def _verdict(
    facts: DataFrame,
    logs: Mapping[str, DataFrame],
    bounds: Mapping[str, int],
    max_reject_ratio: float | None,
) -> DataFrame:
    """Return one row with a message, which is empty unless too many rows of a log were rejected."""
    from pyspark.sql import functions as F

    def total(start: str) -> Column:
        value = F.when(F.col("name").startswith(start), F.col("value"))
        return F.coalesce(F.sum(value), F.lit(0))

    if max_reject_ratio is None:
        return facts.agg(F.lit("").alias("message"))
    # The kernel has seen all reports of the interval.
    judged = facts.agg(
        total("inputs.reports.rows_in_interval").alias("of_reports"),
        *(total(f"inputs.{name}.rows_rejected.").alias(name) for name in logs),
    )
    for name, log in logs.items():
        if name == "reports":
            continue
        # Of the other logs it has seen what lines need, so their rows are counted, but only if any
        # of them was rejected.
        held = between(log, "tick_at", bounds["start"], bounds["end"] - 1)
        inside = log.where(held | lacks_instant(log, "tick_at")).select()
        asked = F.broadcast(judged.where(F.col(name) > 0).select())
        counted = inside.crossJoin(asked).agg(F.count("*").alias(f"of_{name}"))
        judged = judged.crossJoin(F.broadcast(counted))
    too_many = []
    for name in logs:
        rows, of = F.col(name), F.col(f"of_{name}")
        told = F.format_string(
            f"{name}: expected at most {max_reject_ratio} of the interval's rows to be rejected, "
            "found %d of %d; correct the rows, or raise max_reject_ratio",
            rows,
            of,
        )
        too_many.append(F.when(rows > max_reject_ratio * of, told))
    return judged.select(F.concat_ws("; ", *too_many).alias("message"))

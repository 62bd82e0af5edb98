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
from cohort_events._settings import settings
from cohort_events._spark_tasks import facts_of_none, kernel_of, kernel_type, windows_of
from cohort_events.errors import UsageError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

__all__ = ["Cohorted", "cohort"]

#: The instant that each log has.
TICKS = {"reports": "detected_at", "scores": "tick_at", "sales": "tick_at"}

#: The columns of reports that make the lines, and so their windows.
LINES = ("store_id", "sku", "detected_at", "first_detected_from")

#: The windows of `cohort_events.windows`, under names that no log has.
WINDOWS = "store string, stock string, since timestamp, until timestamp"


@dataclass(frozen=True)
class Cohorted:
    """What `cohort` returns: DataFrames that compute nothing until they are used.

    All of them are made of one computation, whose rows Spark keeps on its executors' disks from its
    first use until `unpersist`.
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
    #: The few rows that are summed up from them, which it keeps too.
    summed_up: tuple[DataFrame, ...]

    def unpersist(self) -> None:
        """Let go of what Spark keeps."""
        for frame in (*self.summed_up, self.kept):
            frame.unpersist()


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

    Text that is not UTF-8 is rejected and counted in `reports`; in the prediction logs it belongs
    to no line, and is not counted.

    Args:
        reports: `minority_reports_detected_log`.
        scores: `anomaly_classifier_model_prediction_log`.
        sales: `baseline_sales_model_prediction_log`.
        campaigns: `all_campaign_data`.
        context: `contextual_data`.
        start: The interval's first instant. Without a zone it is UTC, whatever the session's is.
        end: The first instant after the interval.
        gap: The longest quiet time inside an event.
        max_event_duration: The period at whose boundaries long events are cut.
        max_lookback: How old an onset may be at its tick.
        max_reject_ratio: Which share of a log's rows in the interval may be rejected. If it is
            exceeded, every action on the result fails before it gives or writes a row. `None`
            leaves the judgement to the caller.
        run_id: The text of the column `run_id`.
        partitions: Into how many parts to shuffle; by default `spark.sql.shuffle.partitions`.

    Raises:
        UsageError: A DataFrame lacks a required column, or has two of one name.
        CohortError: From the actions on the result, inside Spark's `PythonException`.
    """
    from pyspark.sql import functions as F

    written = settings(start, end, gap, max_event_duration, max_lookback, run_id, None)
    bounds = _core.bounds(written)
    given = {"reports": reports, "scores": scores, "sales": sales}
    logs = {name: _columns(name, frame) for name, frame in given.items() if frame is not None}
    wanted = {name: _wanted(name, frame, bounds) for name, frame in logs.items()}
    stream = _tagged("reports", wanted["reports"])
    if len(logs) > 1:
        # Rows without a store need no prediction.
        keys = stream.select(*(column for column in stream.columns if column in LINES))
        spread = _spread(keys.where(F.col("store_id").isNotNull()), partitions)
        spread = spread.sortWithinPartitions("store_id")
        windows = F.broadcast(spread.mapInArrow(windows_of(written), WINDOWS))
        for name in logs.keys() - {"reports"}:
            stream = stream.unionByName(
                _tagged(name, _needed(logs[name], wanted[name], windows)),
                allowMissingColumns=True,
            )
    small = {"campaigns": campaigns, "context": context}
    references = {name: frame.toArrow() for name, frame in small.items() if frame is not None}
    sorted_stream = _spread(stream, partitions).sortWithinPartitions("store_id")
    kept = sorted_stream.mapInArrow(kernel_of(written, references), kernel_type())
    return _split(kept, facts_of_none(written, references), logs, bounds, max_reject_ratio)


def _columns(name: str, frame: DataFrame) -> DataFrame:
    """Return the columns of the log, under the names that the contract gives them."""
    known, required = _core.columns(name)
    taken = []
    for column in known:
        found = [c for c in frame.columns if c == column] or [
            c for c in frame.columns if c.lower() == column
        ]
        if len(found) > 1:
            raise UsageError(
                f"{name}: expected one column {column!r}, found {len(found)}; drop one"
            )
        if found:
            taken.append(frame[f"`{found[0]}`"].alias(column))
        elif column in required:
            names = ", ".join(frame.columns)
            raise UsageError(f"{name}: expected a column {column!r}, found {names}; rename it")
    return frame.select(taken)


def _wanted(name: str, log: DataFrame, bounds: Mapping[str, int]) -> DataFrame:
    """Return the rows that may matter by their instant alone. Bad reports are among them."""
    tick = TICKS[name]
    if name == "reports":
        held = _between(log, tick, bounds["reports_from"], bounds["end"])
        return log.where(held | _is_bad(log, tick))
    return log.where(_between(log, tick, bounds["predictions_from"], bounds["end"]))


def _type_of(frame: DataFrame, column: str) -> str:
    return str(frame.schema[column].dataType.simpleString())


def _instant(frame: DataFrame, column: str, us: int) -> Column:
    """Return an instant as the type of a column has it: exactly, whatever the session's zone."""
    from pyspark.sql import functions as F

    if _type_of(frame, column) == "timestamp":
        return F.timestamp_micros(F.lit(us))
    # What has no zone is UTC; a date is its midnight.
    text = _core.clock(us).removesuffix("Z")
    return F.lit(text).cast("timestamp_ntz")


def _between(frame: DataFrame, column: str, first: int, end: int) -> Column:
    """Return whether the instant lies in `[first, end)`."""
    tick = frame[column]
    return (tick >= _instant(frame, column, first)) & (tick < _instant(frame, column, end))


def _is_bad(frame: DataFrame, column: str) -> Column:
    """Return whether a row is rejected for its key, in words that scans understand."""
    from pyspark.sql import functions as F

    tick, store = frame[column], frame["store_id"]
    first, last = _core.calendar()
    bad = store.isNull() | tick.isNull()
    if _type_of(frame, "store_id") == "string":
        bad |= store == F.lit("")
    if _type_of(frame, column) != "date":
        bad |= tick < _instant(frame, column, first)
        bad |= tick > _instant(frame, column, last)
    return bad


def _needed(log: DataFrame, wanted: DataFrame, windows: DataFrame) -> DataFrame:
    """Return the rows of a prediction log that a line needs, and those that are rejected."""
    from pyspark.sql import functions as F

    tick, store, sku = "tick_at", wanted["store_id"].cast("string"), _text(wanted, "sku")
    stock, since, until = windows["stock"], windows["since"], windows["until"]
    if _type_of(wanted, tick) != "timestamp":
        since, until = (_without_zone(column) for column in (since, until))
    # Spark finds one number faster than two texts, and most rows lie in no window. What has the
    # same hash need not be the same, so it is compared, in words that Spark takes for no key.
    matches = (
        (F.xxhash64(store, sku) == F.xxhash64(windows["store"], stock))
        & (wanted[tick] >= since)
        & (wanted[tick] <= until)
        & store.between(windows["store"], windows["store"])
        & (sku.between(stock, stock) | F.coalesce(sku, stock).isNull())
    )
    return wanted.join(windows, matches, "left_semi").unionByName(log.where(_is_bad(log, tick)))


def _text(frame: DataFrame, column: str) -> Column:
    from pyspark.sql import functions as F

    return frame[column].cast("string") if column in frame.columns else F.lit(None).cast("string")


def _without_zone(instant: Column) -> Column:
    """Return the wall clock of UTC at an instant."""
    from pyspark.sql import functions as F

    return F.convert_timezone(None, F.lit("UTC"), instant.cast("timestamp_ntz"))


def _tagged(name: str, frame: DataFrame) -> DataFrame:
    """Return the rows with their log's name, and with types that all logs share."""
    from pyspark.sql import functions as F

    columns = [F.lit(name).alias("log")]
    for column in frame.columns:
        value, kind = frame[column], _type_of(frame, column)
        if column in {"store_id", "sku"}:
            value = value.cast("string")
        elif kind in {"timestamp_ntz", "date"}:
            # Text with its zone is read alike in every session.
            text = F.concat(value.cast("timestamp_ntz").cast("string"), F.lit("Z"))
            value = text.cast("timestamp")
        columns.append(value.alias(column))
    return frame.select(columns)


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
    summed_up = [facts]
    reason = F.regexp_extract("name", r"^inputs\.(\w+)\.rows_rejected\.(\w+)$", 2)
    log = F.split("name", r"\.")[1]
    rejects = facts.where(reason != F.lit("")).select(
        log.alias("log"), reason.alias("reason"), F.col("value").alias("rows")
    )
    frames = {
        name: kept.where(F.col(name).isNotNull()).select(f"{name}.*") for name in ("mrch", "melog")
    }
    if max_reject_ratio is not None:
        # It is judged once, whatever is done with the rows afterwards.
        verdict = _verdict(facts, logs, bounds, max_reject_ratio).persist(StorageLevel.DISK_ONLY)
        summed_up.append(verdict)
        frames = {name: frame.where(verdict.scalar()) for name, frame in frames.items()}
    return Cohorted(**frames, rejects=rejects, facts=facts, kept=kept, summed_up=tuple(summed_up))


def _verdict(
    facts: DataFrame,
    logs: Mapping[str, DataFrame],
    bounds: Mapping[str, int],
    max_reject_ratio: float,
) -> DataFrame:
    """Return one row that says yes, or fails if too many rows of a log were rejected."""
    from pyspark.sql import functions as F

    def total(start: str) -> Column:
        value = F.when(F.col("name").startswith(start), F.col("value"))
        return F.coalesce(F.sum(value), F.lit(0))

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
        held = _between(log, "tick_at", bounds["start"], bounds["end"])
        inside = log.where(held | log["tick_at"].isNull()).select()
        asked = F.broadcast(judged.where(F.col(name) > 0).select())
        counted = inside.crossJoin(asked).agg(F.count("*").alias(f"of_{name}"))
        judged = judged.crossJoin(F.broadcast(counted))
    too_many = []
    for name in logs:
        rows, of = F.col(name), F.col(f"of_{name}")
        text = F.format_string(
            f"{name}: expected at most {max_reject_ratio} of the interval's rows to be rejected, "
            "found %d of %d; correct the rows, or raise max_reject_ratio",
            rows,
            of,
        )
        too_many.append(F.when(rows > max_reject_ratio * of, text))
    message = F.concat_ws("; ", *too_many)
    yes = F.when(message == F.lit(""), F.lit(True))
    return judged.select(yes.otherwise(F.raise_error(message).cast("boolean")).alias("verdict"))

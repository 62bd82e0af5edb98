"""The job as a data engineer would write it in Polars, lazily, on the streaming engine.

It follows SPEC.md sections 2 to 6, without causes and carried columns. Each prediction log is
scanned once, as the probe side of a hash join whose build side is the reports' lines. All else
works on the few rows that match. SHA-256 comes from the polars-hash plugin.
"""

from argparse import Namespace
from datetime import datetime, timedelta

import polars as pl
import polars_hash as plh
from polars import col, lit, when

from peer import REPORTS, RUN_ID, SALES, SCORES

LINE = ["store_id", "opened_at", "sku", "onset"]
EVENT = ["store_id", "opened_at"]
OF_EVENT = ["last_tick", "closed_at", "end_reason", "continues"]
RANK = ["ingested_at", "anomaly_id", "severity", "sales_total"]
STATE = ["store_id", "sku", "opened_at", "onset", "window_start"]
STATE += ["severity_score", "attributed", "baseline_total"]
NO_TIME = lit(None, pl.Datetime("us", "UTC"))
MONEY = pl.Decimal(18, 4)
IMPACT = (col("attributed") - col("baseline_total")).cast(MONEY).alias("impact_estimate")
SUMS = [
    col("attributed").cast(MONEY).alias("attributed_sales_total"),
    col("baseline_total").cast(MONEY).alias("baseline_sales_total"),
]


def scan(args: Namespace, dataset: str) -> pl.LazyFrame:
    return pl.scan_parquet(f"{args.data}/{dataset}/**/*.parquet", hive_partitioning=False)


def local(plan: pl.LazyFrame) -> pl.LazyFrame:
    """Computes a small intermediate that several plans read."""
    return plan.collect().lazy()


def identity(column: str) -> pl.Expr:
    text = col(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return plh.concat_str("store_id", text).chash.sha2_256()


def latest(plan: pl.LazyFrame, key: list[str], by: list[str]) -> pl.LazyFrame:
    return plan.sort(by, descending=True, nulls_last=True).unique(
        key, keep="first", maintain_order=True
    )


def reports(args: Namespace) -> pl.LazyFrame:
    """Returns the rows that take part, each once."""
    onset, detected = col("first_detected_from"), col("detected_at")
    lookback = timedelta(seconds=args.lookback)
    rows = (
        scan(args, REPORTS)
        .filter(col("store_id").str.len_bytes() > 0, detected < datetime.fromisoformat(args.end))
        .filter(onset.is_null() | (onset <= detected))
        # An onset that is too old is none.
        .with_columns(when(onset >= detected - lookback).then(onset))
        .select("store_id", "sku", "detected_at", "first_detected_from", *RANK)
    )
    return local(latest(rows, ["store_id", "sku", "detected_at", "first_detected_from"], RANK))


def boundary_up_to(column: str, duration: timedelta) -> pl.Expr:
    """Returns the last boundary at or before an instant."""
    us = duration // timedelta(microseconds=1)
    return (col(column).dt.epoch("us") // us * us).cast(pl.Datetime("us", "UTC"))


def store_ticks(rows: pl.LazyFrame, gap: timedelta, duration: timedelta) -> pl.LazyFrame:
    """Returns each store's ticks, with what their event is.

    A chain is cut at every boundary that it reaches and that lies a whole period or more after its
    first tick. The last one up to a tick tells the tick's piece.
    """
    fresh = (col("detected_at").diff() > gap) | (col("store_id") != col("store_id").shift())
    last, boundary = boundary_up_to("detected_at", duration), boundary_up_to("last_tick", duration)
    periods = when(boundary >= col("chain_start")).then(duration).otherwise(2 * duration)
    ticks = (
        rows
        .select("store_id", "detected_at")
        .unique()
        .sort("store_id", "detected_at")
        .with_columns(chain=fresh.fill_null(True).cum_sum())
        .with_columns(chain_start=col("detected_at").min().over("chain"))
        .with_columns(cut=when(col("chain_start") <= last - duration).then(last))
        .with_columns(
            opened_at=col("detected_at").min().over("chain", "cut"),
            last_tick=col("detected_at").max().over("chain", "cut"),
        )
        .with_columns(boundary=boundary + periods)
        .with_columns(
            closed_at=pl.min_horizontal(col("last_tick") + gap, "boundary"),
            end_reason=when(col("boundary") <= col("last_tick") + gap)
            .then(lit("max_duration"))
            .otherwise(lit("quiet")),
        )
    )
    before = (
        ticks
        .unique(["chain", "opened_at"])
        .sort("chain", "opened_at")
        .select("chain", "opened_at", continues=col("opened_at").shift().over("chain"))
    )
    return local(
        ticks
        .join(before, on=["chain", "opened_at"])
        .drop("chain", "chain_start", "boundary")
        .sort("store_id", "detected_at")
    )


def event_lines(rows: pl.LazyFrame, ticks: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Returns the lines, and their rows."""
    untracked = col("detected_at").filter(col("first_detected_from").is_null())
    derived = untracked.min().over("store_id", "opened_at", "sku")
    onsets = rows.join(ticks, on=["store_id", "detected_at"]).with_columns(
        onset=pl.coalesce("first_detected_from", derived)
    )
    by = [*RANK[:2], "first_detected_from", *RANK[2:]]
    line_rows = local(
        latest(onsets, [*LINE, "detected_at"], by).select(
            *LINE,
            *OF_EVENT,
            "detected_at",
            "severity",
            "sales_total",
            window_start=pl.max_horizontal("onset", "cut"),
        )
    )
    lines = local(
        line_rows
        .group_by(LINE)
        .agg(
            col("window_start", *OF_EVENT).first(),
            t1=col("detected_at").min(),
            tn=col("detected_at").max(),
            n=pl.len().cast(pl.Int32),
        )
        .with_row_index("line")
    )
    numbered = line_rows.join(lines.select("line", *LINE), on=LINE, nulls_equal=True)
    return lines, local(numbered)


def line_states(args: Namespace, lines: pl.LazyFrame, line_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Returns every instant that counts for a line, with its totals so far."""
    window = (
        scan(args, SALES)
        .join(
            lines.select("store_id", "sku", "line", "window_start", "tn"),
            on=["store_id", "sku"],
            nulls_equal=True,
        )
        .filter(col("tick_at").is_between("window_start", "tn"))
    )
    score = scan(args, SCORES).join(
        line_rows.select("store_id", "sku", "line", tick_at="detected_at"),
        on=["store_id", "sku", "tick_at"],
        nulls_equal=True,
    )
    if args.dirty:  # duplicates are dropped after the join, among the rows that matter
        key = ["line", "tick_at"]
        window = latest(window, key, ["ingested_at", "baseline_sales", "actual_sales"])
        score = latest(score, key, ["ingested_at", "anomaly_score"])
    own = line_rows.select("line", "severity", "sales_total", tick_at="detected_at", own=lit(True))
    points = (  # a prediction inside the line's window, or its own row
        window
        .select("line", "tick_at", "baseline_sales", "actual_sales")
        .join(own, on=["line", "tick_at"], how="full", coalesce=True)
        .join(score.select("line", "tick_at", "anomaly_score"), on=["line", "tick_at"], how="left")
        .select(
            "line",
            p="tick_at",
            actual=pl.coalesce("actual_sales", "sales_total"),
            baseline="baseline_sales",
            own=col("own").fill_null(False),
            severity=pl.coalesce("anomaly_score", "severity"),
        )
    )

    def so_far(total: pl.Expr) -> pl.Expr:
        return total.forward_fill().over("line", order_by="p")

    return local(
        points
        .join(lines, on="line")
        .sort("line", "p")
        .with_columns(
            attributed=so_far(col("actual").cum_sum()),
            baseline_total=so_far(col("baseline").cum_sum()),
            severity_score=so_far(col("severity").cum_max()),
            version=col("own").cast(pl.Int32).cum_sum().over("line", order_by="p"),
        )
    )


def report_counts(lines: pl.LazyFrame, ticks: pl.LazyFrame) -> pl.LazyFrame:
    """Counts the reports in an event so far, at each of its ticks."""
    fresh = (
        lines
        .group_by(*EVENT, "onset")
        .agg(col("t1").min())
        .group_by(*EVENT, "t1")
        .agg(size=pl.len())
        .sort("t1")
    )
    running = col("size").cum_sum().over(EVENT, order_by="t1").cast(pl.Int32)
    sizes = fresh.with_columns(cohort_size=running).rename({"t1": "detected_at"})
    filled = col("cohort_size").forward_fill().over(EVENT, order_by="detected_at")
    return (
        ticks
        .join(sizes, on=[*EVENT, "detected_at"], how="left")
        .sort("store_id", "detected_at")
        .select("store_id", "detected_at", filled)
    )


def report_log(states: pl.LazyFrame, sizes: pl.LazyFrame, in_interval: pl.Expr) -> pl.LazyFrame:
    """Returns the rows of MRCH."""
    opened = col("opened_at")
    first = when(col("version") == 1).then(lit("new")).otherwise(lit("ongoing"))
    active = states.filter("own").select(
        *STATE,
        event_status=lit("active"),
        report_status=first,
        version="version",
        window_end=NO_TIME,
        written_at="p",
        seen_at="p",
    )
    closing = states.filter(col("p") == col("tn")).select(
        *STATE,
        event_status=lit("ended"),
        report_status=lit("closed"),
        version=col("n") + 1,
        window_end="tn",
        written_at="closed_at",
        seen_at="last_tick",
    )
    fraction = when(opened.dt.microsecond() != 0).then(opened.dt.strftime("%.6f"))
    compact = opened.dt.strftime("%Y%m%dT%H%M%S") + fraction.otherwise(lit("")) + "Z"
    minute = opened.dt.strftime("%Y-%m-%d %H:%M")
    alone = when(col("cohort_size") == 1).then(lit("single report"))
    return (
        pl
        .concat([active, closing])
        .filter(in_interval)
        .join(sizes, left_on=["store_id", "seen_at"], right_on=["store_id", "detected_at"])
        .sort("store_id", "written_at", "opened_at", "onset", "sku", nulls_last=False)
        .select(
            identity("onset").alias("report_id"),
            identity("opened_at").alias("report_group_id"),
            "event_status",
            "report_status",
            "version",
            "store_id",
            "sku",
            "window_start",
            "window_end",
            "severity_score",
            IMPACT,
            lit(RUN_ID).alias("run_id"),
            *SUMS,
            (col("store_id") + ":" + compact).alias("cohort_id"),
            ("Store " + col("store_id") + ", " + minute + " UTC").alias("cohort_name"),
            alone.otherwise(lit("temporal adjacency")).alias("cohort_reason"),
            "cohort_size",
            "written_at",
        )
    )


def rollup(live: pl.LazyFrame, live_points: pl.LazyFrame, **fixed: pl.Expr) -> pl.LazyFrame:
    """Makes rows of MELOG from an event's lines and points; each (SKU, instant) counts once."""

    def total(column: str) -> pl.Expr:
        return when(col(column).count() > 0).then(col(column).sum())

    once = (  # the least onset first
        live_points
        .sort("onset")
        .group_by(*EVENT, "sku", "p")
        .agg(
            col("actual").drop_nulls().first(),
            col("baseline").drop_nulls().first(),
            col("severity_score").max(),
        )
    )
    totals = once.group_by(EVENT).agg(
        severity_score=col("severity_score").max(),
        attributed=total("actual"),
        baseline_total=total("baseline"),
    )
    return (
        live
        .group_by(EVENT)
        .agg(
            col(*OF_EVENT).first(),
            window_start=col("window_start").min(),
            report_count=col("onset").n_unique().cast(pl.Int32),
            sku_count=col("sku").n_unique().cast(pl.Int32),
        )
        .join(totals, on=EVENT)
        .with_columns(**fixed)
    )


def event_log(lines: pl.LazyFrame, states: pl.LazyFrame, in_interval: pl.Expr) -> pl.LazyFrame:
    """Returns the rows of MELOG."""
    # The lines that an event has when it opens, and below, their points.
    opening = col("t1") == col("opened_at")
    opened = rollup(
        lines.filter(opening),
        states.filter(opening & (col("p") <= col("opened_at"))),
        event_status=lit("active"),
        version=lit(1, pl.Int32),
        window_end=NO_TIME,
        finalized_at=NO_TIME,
        end_reason=lit(None, pl.String),
        written_at=col("opened_at"),
    )
    closed = rollup(
        lines,
        states,
        event_status=lit("ended"),
        version=lit(2, pl.Int32),
        window_end=col("last_tick"),
        finalized_at=col("closed_at"),
        end_reason=col("end_reason"),
        written_at=col("closed_at"),
    )
    return (
        pl
        .concat([opened, closed])
        .filter(in_interval)
        .sort("store_id", "written_at", "opened_at")
        .select(
            identity("opened_at").alias("event_id"),
            "store_id",
            "window_start",
            "window_end",
            "event_status",
            col("opened_at").alias("created_at"),
            "finalized_at",
            "version",
            "report_count",
            "sku_count",
            "severity_score",
            IMPACT,
            *SUMS,
            identity("continues").alias("continues_event_id"),
            "end_reason",
            lit(RUN_ID).alias("run_id"),
            "written_at",
        )
    )


def run(args: Namespace) -> None:
    pl.Config.set_engine_affinity("streaming")
    start, end = datetime.fromisoformat(args.start), datetime.fromisoformat(args.end)
    in_interval = (col("written_at") >= start) & (col("written_at") < end)
    gap = timedelta(seconds=args.gap)
    rows = reports(args)
    ticks = store_ticks(rows, gap, timedelta(seconds=args.max_event_duration))
    lines, line_rows = event_lines(rows, ticks)
    states = line_states(args, lines, line_rows)
    mrch = report_log(states, report_counts(lines, ticks), in_interval)
    melog = event_log(lines, states, in_interval)
    sinks = [
        mrch.sink_parquet(args.out / "mrch.parquet", lazy=True),
        melog.sink_parquet(args.out / "melog.parquet", lazy=True),
    ]
    pl.collect_all(sinks)

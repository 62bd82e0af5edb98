"""Minority reports to events, for each day: two assets from one run of the job.

**Compute a day**: materialize its partition. **Late data**: materialize it again; the job replaces
what that day's run wrote. **Any committed run again**: start the job `cohorting_rerun` with its
`run_id`; its interval and all else are recorded. **Backfill**: select partitions and materialize;
each day is a Dagster run of its own, or with `COHORT_BACKFILL=single` all days are one. Either way,
each day is one run of the job.

| variable | meaning |
|---|---|
| `COHORT_BACKEND` | `docker`, `spark`, or `local` for the binary that `COHORT_BINARY` names |
| `COHORT_IMAGE`, `COHORT_NETWORK`, `COHORT_MEMORY` | the container |
| `COHORT_SPARK_SUBMIT` | the command that submits the job to Spark, up to and with its script |
| `COHORT_MANIFEST` | the run manifest's URI as the job sees it |
| `COHORT_ENVIRONMENT` | a JSON object of variables for the job, such as `AWS_REGION` |
| `COHORT_BACKFILL` | `each` (default) or `single` |
| `COHORT_REJECT_RATIO_MAX` | the limit of the check `rejects_under_limit` |
| `COHORT_TOP_EVENTS` | rows of the table of events |
"""

import json
import os
from collections.abc import Iterator

import dagster as dg

from cohort_pipes import checks
from cohort_pipes.job import CohortJob
from cohort_pipes.request import arguments, rerun_arguments
from cohort_pipes.results import materializations, merged

START = os.environ.get("COHORT_PARTITIONS_START", "2025-01-01")
DAILY = dg.DailyPartitionsDefinition(start_date=START)
LINES, EVENTS = "minority_reports_cohorted_log", "minority_event_log"
SINGLE = os.environ.get("COHORT_BACKFILL", "each") == "single"
RETRIES = dg.RetryPolicy(
    max_retries=2,
    delay=float(os.environ.get("COHORT_RETRY_DELAY_S", "60")),
    backoff=dg.Backoff.EXPONENTIAL,
)


class Durations(dg.Config):
    """What a run may set in place of the manifest's values; ISO 8601, such as PT30M."""

    gap: str | None = None
    max_event_duration: str | None = None
    max_lookback: str | None = None

    def given(self) -> dict[str, str | None]:
        """The durations by the names of the job's options."""
        return {name: getattr(self, name) for name in Durations.model_fields}


class Rerun(Durations):
    """The committed run that is run again."""

    run_id: str


@dg.multi_asset(
    name="cohorting",
    specs=[
        dg.AssetSpec(
            LINES, description="every line as it evolves: one row per tick", kinds={"rust"}
        ),
        dg.AssetSpec(
            EVENTS, description="every event: when it opened, when it closed", kinds={"rust"}
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "rejects_under_limit",
            asset=LINES,
            description="rejected rows are a small share of those read; the job itself says so",
        ),
        dg.AssetCheckSpec(
            "one_row_per_event",
            asset=EVENTS,
            description="no version of an event is in the log twice; read from its files",
        ),
        dg.AssetCheckSpec(
            "totals_agree",
            asset=EVENTS,
            description="lineage, event log and cohorted log agree; read from their files",
        ),
    ],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run() if SINGLE else dg.BackfillPolicy.multi_run(1),
    retry_policy=RETRIES,
    group_name="cohort",
)
def cohorting(
    context: dg.AssetExecutionContext, config: Durations, job: CohortJob
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """One run of the job for each partition, in order."""
    results = []
    for key in context.partition_keys:
        window = DAILY.time_window_for_partition_key(key)
        command = arguments(job.manifest, key, (window.start, window.end), config.given())
        summary, reported = job.run(context, command, ["rejects_under_limit"])
        run = checks.read(summary["lineage"])
        for check in (checks.one_row_per_event, checks.totals_agree):
            verdict = check(run)
            reported.append(
                dg.AssetCheckResult(
                    asset_key=EVENTS,
                    check_name=check.__name__,
                    passed=verdict.passed,
                    metadata=verdict.found,
                )
            )
        results.append((key, reported))
    yield from merged(results)


@dg.op(retry_policy=RETRIES)
def rerun(context: dg.OpExecutionContext, config: Rerun, job: CohortJob) -> None:
    """Run again what a committed run was for, over today's inputs; its name is enough."""
    command = rerun_arguments(job.manifest, config.run_id, config.given())
    summary, _ = job.run(context, command, [])
    for event in materializations(summary, [LINES, EVENTS]):
        context.log_event(event)


@dg.job(name="cohorting_rerun")
def rerun_job() -> None:
    """Run a committed run again."""
    rerun()


daily_job = dg.define_asset_job("cohorting_daily", selection=[LINES, EVENTS])
# Two hours after midnight, the day's inputs are complete. A rerun picks up what comes later.
daily_schedule = dg.build_schedule_from_partitioned_job(daily_job, hour_of_day=2)

ENV = os.environ
GIVEN = {
    "backend": ENV.get("COHORT_BACKEND"),
    "image": ENV.get("COHORT_IMAGE"),
    "binary": ENV.get("COHORT_BINARY"),
    "manifest": ENV.get("COHORT_MANIFEST"),
    "network": ENV.get("COHORT_NETWORK"),
    "memory": ENV.get("COHORT_MEMORY"),
    "spark_submit": ENV.get("COHORT_SPARK_SUBMIT"),
    "environment": json.loads(ENV.get("COHORT_ENVIRONMENT", "null")),
    "reject_ratio_max": ENV.get("COHORT_REJECT_RATIO_MAX"),
    "top_events": ENV.get("COHORT_TOP_EVENTS"),
}

defs = dg.Definitions(
    assets=[cohorting],
    jobs=[daily_job, rerun_job],
    schedules=[daily_schedule],
    resources={"job": CohortJob(**{name: value for name, value in GIVEN.items() if value})},
)

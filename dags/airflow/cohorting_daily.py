"""Group yesterday's minority reports into events, every day.

**Rerun a day** (late data): clear its run, in the browser or with
`POST /api/v2/dags/cohorting_daily/dagRuns/RUN_ID/clear {"dry_run": false}`. The run keeps its
`run_id` and its interval, so the job replaces exactly what that run wrote. Do not trigger a new
run for a past date: it would have another `run_id`, and the logs would have the day twice.

**Rerun any committed run**: trigger with only the param `run_id`. The job reads the interval and
everything else from that run's lineage.

**Compute any interval**: trigger with the params `interval_start` and `interval_end`.

**Backfill**:
`airflow backfill create --dag-id cohorting_daily --from-date 2025-01-01 --to-date 2025-01-31`.

A task that fails shows the job's own line. It is tried again after exit 75, and if its container
was lost or killed; otherwise it is not.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from cohort_job.operators import cohort_task
from cohort_job.settings import Settings

SETTINGS = Settings.from_env()

LINES = Asset("minority_reports_cohorted_log", uri=SETTINGS.lines_uri)
EVENTS = Asset("minority_event_log", uri=SETTINGS.events_uri)

DURATION = {"type": ["null", "string"], "pattern": r"^P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$"}
INSTANT = {"type": ["null", "string"], "format": "date-time"}

PARAMS = {
    "gap": Param(
        None, **DURATION, description="quiet time that ends an event, in place of the manifest's"
    ),
    "max_event_duration": Param(
        None,
        **DURATION,
        description="the period at whose boundaries long events are cut, in place of the "
        "manifest's; longer than gap",
    ),
    "max_lookback": Param(
        None, **DURATION, description="how old an onset may be, in place of the manifest's"
    ),
    "interval_start": Param(
        None, **INSTANT, description="compute this interval instead of the run's own"
    ),
    "interval_end": Param(None, **INSTANT, description="the first instant after it"),
    "run_id": Param(
        None,
        type=["null", "string"],
        description="by itself: run again what this committed run was for; with an interval: "
        "compute that under this run_id, replacing what it wrote",
    ),
}

with DAG(
    dag_id="cohorting_daily",
    description="Minority reports to events, for each day",
    doc_md=__doc__,
    # A bare "@daily" would give every run an empty interval.
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    # Runs do not depend on one another. As many may run at once as the machine can take.
    max_active_runs=4,
    tags=["cohort"],
    params=PARAMS,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=SETTINGS.retry_delay_s),
        "retry_exponential_backoff": True,
    },
) as dag:
    cohort_task("cohort", SETTINGS, outlets=[LINES, EVENTS], execution_timeout=timedelta(hours=2))

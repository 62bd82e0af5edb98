"""A downstream DAG: starts whenever `cohorting_daily` has committed events, and knows which.

The job's summary travels with the asset: `run_id`, interval, lineage URI, rows and counts. Read the
lineage to find the files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Asset, task

from cohort_job.settings import Settings

EVENTS = Asset("minority_event_log", uri=Settings.from_env().events_uri)


@task
def news(triggering_asset_events: Any = None) -> list[str]:
    """One sentence for each run that committed events."""
    return [
        "{run_id}: {opened} events opened and {closed} closed; {lineage}".format(
            run_id=event.extra["run_id"],
            opened=event.extra["counts"]["events_opened"],
            closed=event.extra["counts"]["events_closed"],
            lineage=event.extra["lineage"],
        )
        for event in triggering_asset_events[EVENTS]
    ]


with DAG(
    dag_id="cohorting_news",
    description="Reads what cohorting_daily has committed",
    doc_md=__doc__,
    schedule=[EVENTS],
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["cohort"],
) as dag:
    news()

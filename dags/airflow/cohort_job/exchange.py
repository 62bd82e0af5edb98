"""What a task instance asks of the job, and what Airflow makes of the answer.

The Docker operator and the Kubernetes operator share this.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowException
from airflow.sdk.exceptions import AirflowFailException

from cohort_job.outcome import Failure, asset_extra, readable
from cohort_job.request import BadRequestError, Request, arguments, request_from

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from cohort_job.settings import Settings


def request_of(context: Context) -> Request:
    """Return the run that this task instance asks for. An unsound interval fails for good."""
    try:
        return request_from(
            dag_run_id=context["dag_run"].run_id,
            params=context["params"],
            interval=(context.get("data_interval_start"), context.get("data_interval_end")),
            logical_date=context.get("logical_date"),
        )
    except BadRequestError as error:
        raise AirflowFailException(str(error)) from error


def job_arguments(settings: Settings, context: Context, task: BaseOperator) -> list[str]:
    """Return the job's arguments for this task instance, and log them."""
    found = arguments(settings.manifest, request_of(context))
    for line in wrapped(" ".join(["cohort", *found])):
        task.log.info(line)
    return found


def wrapped(text: str) -> list[str]:
    """Wrap a text, since the browser does not wrap the lines of a log."""
    return textwrap.wrap(text, width=100, break_on_hyphens=False)


def lineage_environment(context: Context) -> dict[str, str]:
    """Return the task's identity for the job's OpenLineage events; empty without the provider."""
    try:
        from airflow.providers.openlineage.plugins import macros
    except ImportError:
        return {}
    task_instance = context["ti"]
    return {
        "OPENLINEAGE_NAMESPACE": macros.lineage_job_namespace(),
        "OPENLINEAGE_PARENT_ID": macros.lineage_parent_id(task_instance),
        "OPENLINEAGE_ROOT_PARENT_ID": macros.lineage_root_parent_id(task_instance),
    }


def announce(context: Context, task: BaseOperator, result: dict[str, Any]) -> dict[str, Any]:
    """Log the result, attach it to the task's assets for downstream DAGs, and return it."""
    for line in readable(result):
        task.log.info(line)
    for asset in task.outlets:
        context["outlet_events"][asset].extra = asset_extra(result)
    return result


def fail(task: BaseOperator, failure: Failure) -> AirflowException:
    """Return what to raise: one kind of exception makes Airflow try again, the other does not."""
    # The log shows the line whole. Its end, which says what to do, is cut off elsewhere.
    for line in wrapped(str(failure)):
        task.log.error(line)
    return AirflowException(str(failure)) if failure.retry else AirflowFailException(str(failure))

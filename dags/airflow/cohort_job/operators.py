"""The job as an Airflow task: in a container beside the worker, as a pod, or on Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from cohort_job.settings import Settings


def cohort_task(task_id: str, settings: Settings, **kwargs: Any) -> BaseOperator:
    """Make the task that runs the job on the settings' backend. Its result is the job's summary."""
    # Only the provider of the chosen backend needs to be installed.
    if settings.backend == "kubernetes":
        from cohort_job.kubernetes import CohortKubernetesOperator

        return CohortKubernetesOperator(task_id=task_id, settings=settings, **kwargs)
    if settings.backend == "spark":
        from cohort_job.spark import CohortSparkOperator

        return CohortSparkOperator(task_id=task_id, settings=settings, **kwargs)
    from cohort_job.docker import CohortDockerOperator

    return CohortDockerOperator(task_id=task_id, settings=settings, **kwargs)

"""Where the job runs and what it reads: environment variables of Airflow's own processes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """One deployment.

    :param backend: `docker`, `kubernetes` or `spark`.
    :param image: the job's image.
    :param manifest: the run manifest's URI as the job sees it; one manifest serves every run.
    :param events_uri: the event log's URI, the asset that downstream DAGs wait for.
    :param lines_uri: the cohorted log's URI, another such asset.
    :param network: the Docker network of the job.
    :param memory: the memory limit in Docker's spelling, such as `2g`.
    :param environment: variables of the job, such as `AWS_REGION` or `AWS_ENDPOINT_URL_S3`.
    :param namespace: the Kubernetes namespace of the job.
    :param service_account: the Kubernetes service account that may read and write the bucket.
    :param spark_submit: the command that submits the job to Spark, up to and with its script.
    :param retry_delay_s: seconds before a temporary failure is tried again.
    """

    backend: str = "docker"
    image: str = "cohort:latest"
    manifest: str = "s3://lake/manifests/cohorting.json"
    events_uri: str = "s3://lake/minority_event_log/"
    lines_uri: str = "s3://lake/minority_reports_cohorted_log/"
    network: str | None = None
    memory: str = "2g"
    environment: Mapping[str, str] = field(default_factory=dict)
    namespace: str = "default"
    service_account: str | None = None
    spark_submit: str = "spark-submit spark_job.py"
    retry_delay_s: float = 60

    def __post_init__(self) -> None:
        if self.backend not in {"docker", "kubernetes", "spark"}:
            found = self.backend
            known = "docker, kubernetes or spark"
            raise ValueError(f"COHORT_BACKEND: expected {known}, found {found!r}")

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read `COHORT_<SETTING>`; `COHORT_ENVIRONMENT` is a JSON object."""
        variables = {name: env.get(f"COHORT_{name.upper()}") for name in cls.__dataclass_fields__}
        given: dict[str, Any] = {name: text for name, text in variables.items() if text}
        if "environment" in given:
            given["environment"] = json.loads(given["environment"])
        if "retry_delay_s" in given:
            given["retry_delay_s"] = float(given["retry_delay_s"])
        return cls(**given)

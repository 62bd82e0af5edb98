"""The job in a container beside the Airflow worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.providers.docker.operators.docker import DockerOperator

from cohort_job.exchange import announce, fail, job_arguments, lineage_environment
from cohort_job.outcome import failure_from_docker, summary

if TYPE_CHECKING:
    from airflow.sdk import Context
    from docker import APIClient

    from cohort_job.settings import Settings

#: The job needs no privileges and no writable path.
HARDENED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


class Hardened:
    """A Docker client whose containers have no privileges: the provider cannot ask for that."""

    def __init__(self, client: APIClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_host_config(self, **kwargs: Any) -> Any:
        """Make the host configuration that is asked for, hardened."""
        # The provider passes None for what was not asked for.
        return self._client.create_host_config(**(kwargs | HARDENED))


class CohortDockerOperator(DockerOperator):
    """Run the job in a container. The result is the summary; a failure shows the job's own line."""

    # The provider's template field.
    environment: dict[str, str]

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        self.settings = settings
        super().__init__(
            image=settings.image,
            network_mode=settings.network,
            mem_limit=settings.memory,
            environment=dict(settings.environment),
            labels={"job": "cohort"},
            mount_tmp_dir=False,
            # Every line is kept, so that the summary is found even if a log line follows it.
            xcom_all=True,
            auto_remove="force",
            **kwargs,
        )

    @property
    def cli(self) -> Any:
        """The provider's client, hardened."""
        return Hardened(super().cli)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job for this task instance's interval."""
        self.command = job_arguments(self.settings, context, self)
        self.environment = {**self.environment, **lineage_environment(context)}
        try:
            lines = super().execute(context)
        except DockerContainerFailedException as error:
            raise fail(self, failure_from_docker(str(error), error.logs)) from None
        return announce(context, self, summary(lines))

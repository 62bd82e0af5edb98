"""The job as a Dagster resource: in a container, on Spark, or for development the local binary."""

import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import dagster as dg
from pydantic import Field

from cohort_pipes import checks as files
from cohort_pipes.docker import WholeLines, run_container
from cohort_pipes.spark import reported, submit

#: Exit codes of the job after which trying again cannot help.
PERMANENT = {2, 65, 66, 70, 77, 78}
#: A step of an asset, or a plain one.
StepContext: TypeAlias = dg.AssetExecutionContext | dg.OpExecutionContext


class CohortJob(dg.ConfigurableResource):
    """Where the job runs. One manifest serves every run."""

    backend: str = "docker"
    """`docker`, `spark`, or `local` for the binary."""
    image: str = "cohort:latest"
    binary: str = "target/release/cohort"
    manifest: str = "s3://lake/manifests/cohorting.json"
    network: str | None = None
    memory: str = "2g"
    spark_submit: str = "spark-submit spark_job.py"
    """The command that submits the job to Spark, up to and with its script."""
    environment: dict[str, str] = Field(default_factory=dict)
    top_events: int = 10
    reject_ratio_max: float = 0.01

    def run(
        self, context: StepContext, command: Sequence[str], checks: Sequence[str]
    ) -> tuple[dict[str, Any], list[Any]]:
        """Run the job; return its summary, and the materializations and checks that it reports.

        Raises `dg.Failure` with the job's own line. Dagster tries again only if that can help.
        """
        context.log.info("cohort %s", " ".join(command))
        if self.backend == "spark":
            return self._on_spark(context, command)
        extras = {
            "checks": list(checks),
            "top_events": self.top_events,
            "reject_ratio_max": self.reject_ratio_max,
        }
        with self._session(context, extras) as (session, reader):
            code = self._start(reader, command, session.get_bootstrap_env_vars())
        said = session.get_custom_messages()
        if code != 0:
            raise _failure(code, said[-1] if said else {})
        if not said:
            raise dg.Failure("expected the job's summary, found none: is the image the cohort job?")
        return said[-1], list(session.get_results())

    def _on_spark(
        self, context: StepContext, command: Sequence[str]
    ) -> tuple[dict[str, Any], list[Any]]:
        code, said = submit(self.spark_submit, command, self.environment, context.log.info)
        if code != 0:
            raise _failure(code, said)
        if "lineage" not in said:
            raise dg.Failure("expected the job's summary, found none: is the script spark_job.py?")
        lineage = files.lineage(said["lineage"])
        return said, reported(said, lineage, self.reject_ratio_max)

    @contextmanager
    def _session(
        self, context: StepContext, extras: dict[str, Any]
    ) -> Generator[tuple[dg.PipesSession, dg.PipesMessageReader]]:
        local = self.backend == "local"
        reader = dg.PipesTempFileMessageReader() if local else WholeLines()
        injector = dg.PipesTempFileContextInjector() if local else dg.PipesEnvContextInjector()
        with dg.open_pipes_session(context, injector, reader, extras) as session:
            yield session, reader

    def _start(
        self, reader: dg.PipesMessageReader, command: Sequence[str], pipes: dict[str, str]
    ) -> int:
        environment = {**self.environment, **pipes}
        if isinstance(reader, WholeLines):
            return run_container(
                reader,
                image=self.image,
                command=command,
                environment=environment,
                network=self.network,
                memory=self.memory,
            )
        with subprocess.Popen(
            [self.binary, *command], env={**os.environ, **environment}
        ) as process:
            try:
                return process.wait()
            finally:
                process.terminate()


def _failure(code: int | None, said: dict[str, Any]) -> dg.Failure:
    reason = said.get("error", "the job was stopped before it could say why")
    return dg.Failure(
        description=f"exit {code}: {reason}" if code is not None else reason,
        metadata={"exit_code": code, "kind": said.get("kind", "unknown")},
        # After any other exit code, or if the job was killed, trying again is safe and may help.
        allow_retries=code not in PERMANENT,
    )

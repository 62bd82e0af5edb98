"""The job on Spark: `spark-submit` in client mode, as a process of the Airflow worker."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from cohort_job.exchange import announce, fail, job_arguments
from cohort_job.outcome import Failure, summary

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cohort_job.settings import Settings


class CohortSparkOperator(BaseOperator):
    """Run the job on Spark. The result is the summary; a failure shows the job's own line."""

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        self.settings = settings
        self.process: subprocess.Popen[str] | None = None
        super().__init__(**kwargs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job for this task instance's interval."""
        arguments = job_arguments(self.settings, context, self)
        self.process = subprocess.Popen(
            [*shlex.split(self.settings.spark_submit), *arguments],
            env={**os.environ, **self.settings.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        # Spark's own log goes to the task's as it comes.
        for line in self.process.stdout or ():
            lines.append(line.rstrip())
            self.log.info(lines[-1])
        code = self.process.wait()
        if code != 0:
            said = [line for line in lines if line.startswith("cohort: ")]
            reason = said[-1].removeprefix("cohort: ") if said else "the job said nothing"
            # Only the job's own line tells that the exit code is the job's, and not Spark's.
            raise fail(self, Failure(code if said else None, reason)) from None
        return announce(context, self, summary(lines))

    def on_kill(self) -> None:
        """End the job with the task."""
        if self.process:
            self.process.terminate()

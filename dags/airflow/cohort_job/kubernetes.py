"""The job as a pod.

The summary comes back through the XCom sidecar, a failure through the termination log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

from cohort_job.exchange import announce, fail, job_arguments, lineage_environment
from cohort_job.outcome import failure_from_pod

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cohort_job.settings import Settings


def quantity(memory: str) -> str:
    """Convert Docker's spelling of memory to that of Kubernetes: `2g` is `2Gi`."""
    number = memory.lower().removesuffix("b").removesuffix("i")
    return number if number.isdigit() else number.upper() + "i"


class CohortKubernetesOperator(KubernetesPodOperator):
    """Run the job in a pod. Airflow's service account needs `pods/exec` to read the result."""

    # The provider's template field, after it has made a list of the dict that it was given.
    env_vars: list[k8s.V1EnvVar]

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        self.settings = settings
        memory = {"memory": quantity(settings.memory)}
        super().__init__(
            name="cohort",
            namespace=settings.namespace,
            image=settings.image,
            service_account_name=settings.service_account,
            env_vars=dict(settings.environment),
            labels={"job": "cohort"},
            do_xcom_push=True,
            container_resources=k8s.V1ResourceRequirements(requests=memory, limits=memory),
            container_security_context=k8s.V1SecurityContext(
                read_only_root_filesystem=True,
                allow_privilege_escalation=False,
                run_as_non_root=True,
                capabilities=k8s.V1Capabilities(drop=["ALL"]),
            ),
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job for this task instance's interval."""
        self.arguments = job_arguments(self.settings, context, self)
        lineage = lineage_environment(context)
        kept = [variable for variable in self.env_vars if variable.name not in lineage]
        self.env_vars = kept + [k8s.V1EnvVar(name=n, value=v) for n, v in lineage.items()]
        try:
            result = super().execute(context)
        except AirflowException as error:
            raise fail(self, failure_from_pod(str(error))) from None
        return announce(context, self, result)

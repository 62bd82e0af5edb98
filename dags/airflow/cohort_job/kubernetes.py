"""The job as a pod.

The summary comes back through the XCom sidecar, a failure through the termination log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowException
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

from cohort_job.operators import announce, fail, job_arguments, lineage_environment
from cohort_job.outcome import failure_from_pod

if TYPE_CHECKING:
    from airflow.sdk import Context

    from cohort_job.settings import Settings


class CohortKubernetesOperator(KubernetesPodOperator):
    """Run the job in a pod. Airflow's service account needs `pods/exec` to read the result."""

    def __init__(self, *, settings: Settings, **kwargs: Any) -> None:
        self.settings = settings
        # Docker's "2g" is Kubernetes's "2Gi".
        memory = {"memory": settings.memory.upper().removesuffix("I") + "i"}
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
        self.arguments = job_arguments(self.settings, context)
        for name, value in lineage_environment(context).items():
            self.env_vars.append(k8s.V1EnvVar(name=name, value=value))
        try:
            result = super().execute(context)
        except AirflowException as error:
            raise fail(self, failure_from_pod(str(error))) from None
        return announce(context, self, result)

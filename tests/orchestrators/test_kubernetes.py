"""The pod operator on a small Kubernetes API of these tests, whose pods are real containers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conftest import run, settings_of
from fake_kubernetes import SIDECAR, FakeKubernetes
from holding_proxy import HoldingProxy
from lake import MRDL, Lake, reports
from printed import PATIENCE_S
from real_airflow import DAG, Airflow


@pytest.fixture
def cluster(tmp_path: Path, network: str) -> Iterator[FakeKubernetes]:
    cluster = FakeKubernetes(tmp_path / "pods", network)
    yield cluster
    cluster.stop()


@pytest.fixture
def airflow(
    tmp_path: Path,
    lake: Lake,
    network: str,
    server: str,
    by_proxy: dict[str, str],
    cluster: FakeKubernetes,
) -> Iterator[Airflow]:
    """An Airflow with a database only, which is all that `dags test` needs."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(cluster.configuration()))
    settings = settings_of("### Airflow 3", lake, network, server, by_proxy) | {
        "COHORT_BACKEND": "kubernetes",
        "COHORT_SERVICE_ACCOUNT": "cohort",
        "KUBECONFIG": str(kubeconfig),
    }
    airflow = Airflow(tmp_path, settings)
    airflow.create_database()
    yield airflow
    airflow.stop()


def run_the_dag(airflow: Airflow, day: int, run_id: str) -> subprocess.CompletedProcess[str]:
    """Run the whole DAG with the real operator, including its retries, in one process."""
    conf = {
        "interval_start": f"2025-01-{day:02}T00:00:00Z",
        "interval_end": f"2025-01-{day + 1:02}T00:00:00Z",
        "run_id": run_id,
    }
    return run("airflow", "dags", "test", DAG, "-c", json.dumps(conf), env=airflow.env)


def tries(airflow: Airflow) -> int:
    ((number,),) = airflow.rows("select try_number from task_instance")
    return int(number)


def test_a_pod_runs_the_job_hardened_and_its_result_is_the_summary(
    airflow: Airflow, lake: Lake, cluster: FakeKubernetes
) -> None:
    done = run_the_dag(airflow, 1, "in-a-pod")
    assert done.returncode == 0, done.stdout[-30000:] + done.stderr[-3000:]
    lineage = lake.lineage("in-a-pod")
    assert lineage["counts"]["events_opened"] == 12

    # This is what was asked of the cluster. The run has shown that the job can live with it.
    (pod,) = cluster.pods
    base, sidecar = pod.body["spec"]["containers"]
    assert base["image"] == airflow.env["COHORT_IMAGE"]
    manifest = airflow.env["COHORT_MANIFEST"]
    assert base["args"][:5] == ["run", "--manifest", manifest, "--run-id", "in-a-pod"]
    assert base["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert base["resources"] == {"limits": {"memory": "256Mi"}, "requests": {"memory": "256Mi"}}
    variables = {variable["name"]: variable["value"] for variable in base["env"]}
    job = json.loads(airflow.env["COHORT_ENVIRONMENT"])
    assert job.items() <= variables.items()
    assert variables["OPENLINEAGE_NAMESPACE"] == "prod"
    assert sidecar["name"] == SIDECAR
    assert pod.body["spec"]["serviceAccountName"] == "cohort"
    labels = pod.body["metadata"]["labels"]
    assert (labels["job"], labels["dag_id"]) == ("cohort", DAG)
    assert pod.deleted

    # The result came back through the shared folder, as a dict that Airflow keeps.
    ((summary,),) = airflow.rows("select value from xcom where key = 'return_value'")
    assert (summary["status"], summary["counts"]) == ("committed", lineage["counts"])


def test_a_pod_that_cannot_succeed_fails_at_the_first_try_with_the_jobs_own_line(
    airflow: Airflow, lake: Lake, cluster: FakeKubernetes
) -> None:
    day = datetime(2025, 1, 9, tzinfo=UTC)
    lake.write(MRDL, day, "broken", reports(day, 2).drop_columns(["detected_at"]))
    done = run_the_dag(airflow, 9, "broken")
    assert done.returncode != 0
    assert "exit 65 (the input data is at fault)" in done.stdout
    assert "detected_at" in done.stdout
    assert (len(cluster.pods), tries(airflow)) == (1, 1)
    assert cluster.pods[0].deleted


def test_a_pod_that_is_killed_half_way_is_tried_again(
    airflow: Airflow, lake: Lake, cluster: FakeKubernetes, proxy: HoldingProxy
) -> None:
    """A pod that is evicted has neither an exit code of the job's own nor a reason."""
    with ThreadPoolExecutor() as threads:
        with proxy.holding("PUT", "run=killed/lineage.json") as held:
            running = threads.submit(run_the_dag, airflow, 2, "killed")
            assert held.wait(PATIENCE_S)
            cluster.pods[0].container.kill()
        done = running.result()
    assert done.returncode == 0, done.stdout[-30000:] + done.stderr[-3000:]
    assert (len(cluster.pods), tries(airflow)) == (2, 2)
    assert "no exit code of the job's own (stopped from outside)" in done.stdout
    assert lake.lineage("killed")["counts"]["events_opened"] == 12

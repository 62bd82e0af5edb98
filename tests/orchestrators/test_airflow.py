"""The DAGs in a real Airflow: scheduler, processor, API server; the job in its image."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import docker

pytest.importorskip("airflow")

from conftest import ROOT, new_lake, run, settings_of
from lake import DAYS, MRDL, encoded, reports

BIN = Path(sys.executable).parent
DAG = "cohorting_daily"
FINAL = {"success", "failed"}


class Airflow:
    """One Airflow over its own folder."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.events = home / "openlineage.jsonl"
        transport = {"type": "file", "log_file_path": str(self.events), "append": True}
        self.env = {
            **settings,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # On a busy machine the processes of Airflow wait long for one another's writes.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=120",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "prod",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        }
        self.processes: list[subprocess.Popen] = []

    def start(self) -> None:
        done = run("airflow", "db", "migrate", env=self.env)
        assert done.returncode == 0, done.stderr[-2000:]
        with sqlite3.connect(self.home / "airflow.db") as database:
            # Readers and the writer no longer block one another; the setting stays in the file.
            database.execute("PRAGMA journal_mode=WAL")
        self.start_process("api-server", "--port", str(self.port), "--workers", "1")
        self.start_process("dag-processor")
        until(lambda: self.get(f"/api/v2/dags/{DAG}")["is_paused"] is False, 180)

    def start_scheduler(self) -> None:
        self.start_process("scheduler")
        until(lambda: self.get("/api/v2/monitor/health")["scheduler"]["status"] == "healthy", 180)

    def start_process(self, *command: str) -> None:
        log = (self.home / f"{command[0]}.log").open("w")
        process = subprocess.Popen(
            ["airflow", *command], env=self.env, stdout=log, stderr=log, start_new_session=True
        )
        self.processes.append(process)

    def command(self, *command: str) -> None:
        """A command of the command line; again where another process was writing."""
        for _ in range(5):
            done = run("airflow", *command, env=self.env)
            if "database is locked" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr[-2000:]

    def stop(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        with urllib.request.urlopen(f"{self.url}/auth/token") as answer:
            token = json.load(answer)["access_token"]
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def get(self, path: str) -> dict:
        return self.call("GET", path)

    def trigger(self, run_id: str, conf: dict) -> None:
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.call("POST", f"/api/v2/dags/{DAG}/dagRuns", body)

    def wait(self, run_id: str, seconds: float = 120, dag: str = DAG) -> dict:
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}"
        until(lambda: self.get(path)["state"] in FINAL, seconds)
        return self.get(path)

    def task(self, run_id: str, dag: str = DAG, task: str = "cohort") -> dict:
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}/taskInstances/{task}"
        return self.get(path)

    def xcom(self, run_id: str, dag: str = DAG, task: str = "cohort"):
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}/taskInstances/{task}"
        value = self.get(f"{path}/xcomEntries/return_value")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def log(self, run_id: str, attempt: int) -> str:
        path = f"/api/v2/dags/{DAG}/dagRuns/{encoded_path(run_id)}/taskInstances/cohort"
        return json.dumps(self.get(f"{path}/logs/{attempt}"))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def encoded_path(text: str) -> str:
    return urllib.request.quote(text, safe="")


def until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (urllib.error.URLError, ConnectionError, KeyError):
            pass
        assert time.monotonic() < deadline, "not in time"
        time.sleep(1)


@pytest.fixture(scope="module")
def lake(server):
    return new_lake(server)


@pytest.fixture(scope="module")
def received(network):
    """OpenLineage events posted to this process from containers on the network."""
    events: list[dict] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            events.append(json.loads(body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("0.0.0.0", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    config = docker.from_env().networks.get(network).attrs["IPAM"]["Config"]
    events_url = f"http://{config[0]['Gateway']}:{receiver.server_port}"
    yield events_url, events
    receiver.shutdown()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory, lake, network, server, job_environment, received):
    environment = {**job_environment, "OPENLINEAGE_URL": received[0]}
    settings = settings_of(lake, network, server, environment)
    airflow = Airflow(tmp_path_factory.mktemp("airflow"), settings)
    try:
        airflow.start()
        # Before the scheduler, so that nobody else writes: sqlite has room for one.
        airflow.command(
            *("backfill", "create", "--dag-id", DAG, "--max-active-runs", "2"),
            *("--from-date", "2025-01-01", "--to-date", "2025-01-03"),
        )
        # The schedule fires for yesterday at once: a day without rows is a run too.
        airflow.start_scheduler()
        yield airflow
    finally:
        airflow.stop()


def window(day: int) -> dict[str, str]:
    return {
        "interval_start": f"2025-01-{day:02}T00:00:00Z",
        "interval_end": f"2025-01-{day + 1:02}T00:00:00Z",
    }


@pytest.fixture(scope="module")
def backfilled(airflow) -> list[str]:
    """The run ids of the backfill of the lake's three days, in order, once it is done."""

    def runs() -> list[dict]:
        runs = airflow.get(f"/api/v2/dags/{DAG}/dagRuns?run_type=backfill")["dag_runs"]
        mine = [r for r in runs if r["run_type"] == "backfill"]
        return sorted(mine, key=lambda r: r["logical_date"])

    until(lambda: [r["state"] for r in runs()] == ["success"] * 3, 240)
    return [r["dag_run_id"] for r in runs()]


def test_backfill_late_data_rerun_xcom_and_asset(airflow, lake, backfilled):
    ids = backfilled

    # Each day has its own interval, and the XCom is the job's summary.
    for run_id, day in zip(ids, DAYS, strict=True):
        lineage = lake.lineage(run_id)
        assert lineage["interval"]["start"].startswith(f"{day:%Y-%m-%d}T00:00:00")
        summary = airflow.xcom(run_id)
        assert summary["status"] == "committed"
        assert summary["counts"] == lineage["counts"]
        assert (
            summary["lineage"]
            == f"s3://{lake.bucket}/lineage/run_id={encoded(run_id)}/lineage.json"
        )
    counts = [lake.lineage(run_id)["counts"] for run_id in ids]
    assert [c["events_opened"] for c in counts] == [12, 12, 12]
    # The last event of each day closes after midnight, in the next day's run.
    assert [c["events_closed"] for c in counts] == [8, 12, 12]

    # Late data for the first day; its run, cleared, replaces exactly what it wrote.
    before = lake.digests("")
    lake.write(MRDL, DAYS[0], "late", reports(DAYS[0], 2, stores=1, minute=57))
    path = f"/api/v2/dags/{DAG}/dagRuns/{encoded_path(ids[0])}/clear"
    airflow.call("POST", path, {"dry_run": False})
    assert airflow.wait(ids[0])["state"] == "success"
    after = lake.digests("")
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    changed.discard(next(k for k in after if k.endswith("late.parquet")))
    assert changed
    assert all(f"/run_id={encoded(ids[0])}/" in key for key in changed)
    assert lake.lineage(ids[0])["counts"]["events_opened"] > 12

    # The downstream DAG heard of it through the asset.
    def told() -> bool:
        runs = airflow.get("/api/v2/dags/cohorting_news/dagRuns")["dag_runs"]
        done = [r["dag_run_id"] for r in runs if r["state"] == "success"]
        news = [line for r in done for line in airflow.xcom(r, "cohorting_news", "news")]
        return all(any(line.startswith(run_id) for line in news) for run_id in ids)

    until(told, 90)


def test_a_run_without_its_own_interval_is_refused_and_a_given_one_is_honoured(airflow, lake):
    airflow.trigger("nameless", {})
    airflow.trigger("by-params", window(3))
    # Airflow gives this run an interval inferred from the present.
    date = ["--logical-date", "2025-01-05T00:00:00+00:00"]
    airflow.command("dags", "trigger", DAG, "--run-id", "inferred", *date)
    assert airflow.wait("by-params")["state"] == "success"
    assert lake.lineage("by-params")["interval"]["start"].startswith("2025-01-03")
    assert lake.lineage("by-params")["counts"]["events_opened"] == 12
    for run_id, says in (("nameless", "interval"), ("inferred", "inferred from the present")):
        assert airflow.wait(run_id)["state"] == "failed"
        assert airflow.task(run_id)["try_number"] == 1
        assert says in airflow.log(run_id, 1)


def test_exit_65_fails_at_the_first_try_and_shows_the_jobs_own_line(airflow, lake):
    day = datetime(2025, 1, 9, tzinfo=UTC)
    lake.write(MRDL, day, "broken", reports(day, 2).drop_columns(["detected_at"]))
    airflow.trigger("broken", window(9))
    assert airflow.wait("broken")["state"] == "failed"
    assert airflow.task("broken")["try_number"] == 1
    log = airflow.log("broken", 1)
    assert "exit 65 (the input data is at fault)" in log
    assert "detected_at" in log


def test_a_killed_container_is_tried_again_and_leaves_the_bytes_of_an_undisturbed_run(
    airflow, lake
):
    client, killed = docker.from_env(), threading.Event()

    def kill() -> None:
        for event in client.events(decode=True, filters={"label": "job=cohort", "event": "start"}):
            client.containers.get(event["id"]).kill()
            killed.set()
            return

    threading.Thread(target=kill, daemon=True).start()
    time.sleep(1)
    airflow.trigger("killed", window(2))
    assert airflow.wait("killed")["state"] == "success"
    assert killed.is_set()
    assert airflow.task("killed")["try_number"] == 2
    # The same run, undisturbed from the start, leaves the same bytes.
    outputs = ("lineage", "minority_reports_cohorted_log", "minority_event_log")
    left = [lake.digests(f"{log}/run_id=killed") for log in outputs]
    assert all(left)
    for log in outputs:
        lake.storage.delete_dir(f"{lake.bucket}/{log}/run_id=killed")
    airflow.call("POST", f"/api/v2/dags/{DAG}/dagRuns/killed/clear", {"dry_run": False})
    assert airflow.wait("killed")["state"] == "success"
    assert [lake.digests(f"{log}/run_id=killed") for log in outputs] == left


def test_exit_75_is_tried_again(airflow, paused):
    with paused():
        airflow.trigger("patient", window(3))
        until(lambda: (airflow.task("patient")["try_number"] or 0) >= 2, 120)
    assert airflow.wait("patient")["state"] == "success"
    assert "exit 75 (temporary)" in airflow.log("patient", 1)


def test_the_jobs_events_name_the_task_and_the_dag_run_as_airflow_does(airflow, received):
    airflow.trigger("traced", window(3))
    assert airflow.wait("traced")["state"] == "success"
    start = "2025-01-03T00:00:00.000000Z"
    ours = [
        event
        for event in received[1]
        if event["run"]["facets"].get("nominalTime", {}).get("nominalStartTime") == start
    ][-2:]
    assert [event["eventType"] for event in ours] == ["START", "COMPLETE"]
    parent = ours[0]["run"]["facets"]["parent"]
    theirs = [json.loads(line) for line in airflow.events.read_text().splitlines()]
    tasks = {e["run"]["runId"] for e in theirs if e["job"]["name"] == f"{DAG}.cohort"}
    dag_runs = {e["run"]["runId"] for e in theirs if e["job"]["name"] == DAG}
    assert parent["run"]["runId"] in tasks
    assert parent["root"]["run"]["runId"] in dag_runs
    assert parent["job"] == {"namespace": "prod", "name": f"{DAG}.cohort"}
    check_schemas(ours)


def check_schemas(events: list[dict]) -> None:
    """Hold events against the published schemas, where an environment variable says they are."""
    folder = os.environ.get("COHORT_OPENLINEAGE_SCHEMAS")
    if not folder:
        print("the schemas were not checked: COHORT_OPENLINEAGE_SCHEMAS names no folder")
        return
    import jsonschema
    import referencing

    files = [Path(folder, "OpenLineage.json"), *Path(folder, "facets").glob("*.json")]
    schemas = [json.loads(file.read_text()) for file in files]
    resources = [referencing.Resource.from_contents(schema) for schema in schemas]
    registry = referencing.Registry().with_resources((r.id(), r) for r in resources)
    for event in events:
        found = [(event["schemaURL"], event)]
        pending = [event]
        while pending:
            value = pending.pop()
            children = value.values() if isinstance(value, dict) else value
            pending += [child for child in children if isinstance(child, dict | list)]
            if isinstance(value, dict) and "_schemaURL" in value:
                found.append((value["_schemaURL"], value))
        for url, value in found:
            jsonschema.Draft202012Validator({"$ref": url}, registry=registry).validate(value)

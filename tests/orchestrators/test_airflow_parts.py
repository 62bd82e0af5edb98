"""The pure parts of the Airflow DAGs, and whether the DAGs import without a network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from cohort_job import outcome
from cohort_job.request import BadRequestError, Interval, Request, arguments, request_from
from cohort_job.settings import Settings
from printed import ROOT

DAGS = ROOT / "dags" / "airflow"
Given = tuple[datetime | None, datetime | None]
DAY = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
NOW = (datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))


def ask(
    params: Mapping[str, str] | None = None,
    interval: Given = DAY,
    logical_date: datetime | None = DAY[0],
) -> Request:
    return request_from(
        dag_run_id="scheduled__x", params=params or {}, interval=interval, logical_date=logical_date
    )


def test_a_scheduled_run_has_the_interval_of_its_date() -> None:
    durations = {"gap": "PT1H", "max_event_duration": "P2D", "max_lookback": "P3D"}
    assert arguments("s3://b/m.json", ask(durations)) == [
        *("run", "--manifest", "s3://b/m.json", "--run-id", "scheduled__x"),
        *("--interval-start", "2025-01-01T00:00:00.000000Z"),
        *("--interval-end", "2025-01-02T00:00:00.000000Z"),
        *("--gap", "PT1H", "--max-event-duration", "P2D", "--max-lookback", "P3D"),
    ]


def test_params_win_over_the_interval() -> None:
    params = {
        "interval_start": "2025-01-05T00:00:00Z",
        "interval_end": "2025-01-06T02:00:00+02:00",
        "run_id": "other",
    }
    request = ask(params, interval=(None, None), logical_date=None)
    day = Interval(datetime(2025, 1, 5, tzinfo=UTC), datetime(2025, 1, 6, tzinfo=UTC))
    assert (request.run_id, request.interval) == ("other", day)


@pytest.mark.parametrize(("interval", "logical_date"), [(DAY, DAY[0]), ((None, None), None)])
def test_a_run_id_alone_asks_for_a_rerun(interval: Given, logical_date: datetime | None) -> None:
    request = ask({"run_id": "scheduled__y"}, interval, logical_date)
    line = ["rerun", "--manifest", "s3://b/m.json", "--run-id", "scheduled__y"]
    assert arguments("s3://b/m.json", request) == line
    wider = ask({"run_id": "scheduled__y", "gap": "PT2H"}, interval, logical_date)
    assert arguments("s3://b/m.json", wider) == [*line, "--gap", "PT2H"]


@pytest.mark.parametrize("name", ["interval_start", "interval_end"])
def test_half_an_interval_is_refused_with_a_run_id_too(name: str) -> None:
    with pytest.raises(BadRequestError, match="or neither"):
        ask({"run_id": "scheduled__y", name: "2025-01-05T00:00:00Z"})


@pytest.mark.parametrize(
    ("interval", "logical_date", "says"),
    [
        ((DAY[0], DAY[0]), DAY[0], "CronDataIntervalTimetable|inferred"),
        ((None, None), None, "found none"),
        (NOW, DAY[0], "inferred from the present"),
    ],
)
def test_an_unsound_interval_is_refused_with_advice(
    interval: Given, logical_date: datetime | None, says: str
) -> None:
    with pytest.raises(BadRequestError, match=says):
        ask(interval=interval, logical_date=logical_date)


def test_the_summary_is_found_before_a_late_log_line() -> None:
    summary = '{"run_id":"r","status":"committed","lineage":"s3://b/l.json"}'
    assert outcome.summary(["{", summary, '{"level":"WARN"}'])["run_id"] == "r"
    with pytest.raises(ValueError, match="found none"):
        outcome.summary(["cohort: no"])


def test_the_summary_is_readable_in_a_log() -> None:
    counts = {"events_opened": 3, "events_closed": 2, "events_active": 1, "stores": 4}
    result = {
        "status": "committed",
        "interval": {"start": "2025-01-01T00:00:00.000000Z", "end": "2025-01-02T00:00:00.000000Z"},
        "rows": {"minority_event_log": 5},
        "counts": counts,
        "lineage": "s3://b/l.json",
    }
    said = outcome.readable(result)
    assert said[0] == "committed 2025-01-01T00:00:00Z to 2025-01-02T00:00:00Z"
    assert said[1] == "wrote 5 rows of minority_event_log"
    assert said[2].startswith("events: 3 opened, 2 closed, 1 active")


@pytest.mark.parametrize(
    ("code", "retry"), [(2, False), (65, False), (70, False), (75, True), (78, False), (137, True)]
)
def test_only_what_time_can_mend_is_tried_again(code: int, retry: bool) -> None:
    failure = outcome.failure_from_docker(
        f"Docker container failed: {{'Error': None, 'StatusCode': {code}}}",
        [b'{"level":"INFO"}\n', b"cohort: s3://b/x: could not read\n"],
    )
    assert (failure.retry, failure.exit_code) == (retry, code)
    assert str(failure).endswith("s3://b/x: could not read")


def test_a_pod_says_why_it_failed_in_its_termination_log() -> None:
    message = (
        'Pod p returned a failure.\n{"exit_code":65,"error":"no column {store_id}","retry":false}'
    )
    failure = outcome.failure_from_pod(message)
    assert (failure.exit_code, failure.reason, failure.retry) == (65, "no column {store_id}", False)
    assert outcome.failure_from_pod("evicted").retry


@pytest.mark.parametrize(
    ("docker", "kubernetes"),
    [("2g", "2Gi"), ("256m", "256Mi"), ("1Gi", "1Gi"), ("512k", "512Ki"), ("64b", "64")],
)
def test_one_memory_limit_serves_docker_and_kubernetes(docker: str, kubernetes: str) -> None:
    from cohort_job.kubernetes import quantity

    assert quantity(docker) == kubernetes


def test_settings_are_variables() -> None:
    settings = Settings.from_env({"COHORT_MEMORY": "1g", "COHORT_ENVIRONMENT": '{"A":"b"}'})
    assert (settings.memory, settings.environment) == ("1g", {"A": "b"})
    with pytest.raises(ValueError, match="COHORT_BACKEND"):
        Settings.from_env({"COHORT_BACKEND": "nomad"})


@pytest.mark.parametrize("backend", ["docker", "kubernetes", "spark"])
def test_the_dags_import_without_errors(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("COHORT_BACKEND", backend)
    bag = DagBag(str(DAGS))
    assert bag.import_errors == {}
    assert set(bag.dags) == {"cohorting_daily", "cohorting_news"}
    assert bag.dags["cohorting_daily"].task_dict["cohort"].retries == 2

"""The parts of the Dagster assets that need no server."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
from docker.models.containers import Container

from cohort_pipes.docker import WholeLines
from cohort_pipes.job import CohortJob
from cohort_pipes.request import arguments, rerun_arguments
from cohort_pipes.results import materializations, merged
from printed import ROOT

SCHEMAS = ROOT / "schemas"


def test_a_partition_has_one_run_id_whatever_computes_it() -> None:
    window = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
    assert arguments(
        "m.json", "2025-01-01", window, {"gap": None, "max_event_duration": "P2D"}
    ) == [
        *("run", "--manifest", "m.json", "--run-id", "dagster__2025-01-01"),
        *("--interval-start", "2025-01-01T00:00:00.000000Z"),
        *("--interval-end", "2025-01-02T00:00:00.000000Z"),
        *("--max-event-duration", "P2D"),
    ]


def test_a_rerun_needs_nothing_but_the_name_of_the_run() -> None:
    line = ["rerun", "--manifest", "m.json", "--run-id", "by-hand"]
    assert rerun_arguments("m.json", "by-hand", {"gap": None}) == line
    assert rerun_arguments("m.json", "by-hand", {"gap": "PT1H"}) == [*line, "--gap", "PT1H"]


@pytest.mark.parametrize(
    ("run_id", "partition"), [("dagster__2025-01-01", "2025-01-01"), ("by-hand", None)]
)
def test_a_rerun_of_a_partition_is_a_materialization_of_it(
    run_id: str, partition: str | None
) -> None:
    summary = {"run_id": run_id, "status": "replaced", "rows": {"a": 3}, "lineage": "s3://b/l"}
    (event,) = materializations(summary, ["a"])
    assert (event.asset_key, event.partition) == (dg.AssetKey("a"), partition)
    assert event.metadata["dagster/row_count"].value == 3


def test_the_durations_of_a_run_are_options_of_the_job() -> None:
    import definitions

    given = definitions.Rerun(run_id="x", gap="PT1H", max_event_duration="P2D").given()
    assert given == {"gap": "PT1H", "max_event_duration": "P2D", "max_lookback": None}


def test_the_schedule_asks_for_the_day_that_has_just_ended() -> None:
    import definitions

    schedule = definitions.defs.get_schedule_def("cohorting_daily_schedule")
    at = datetime(2025, 1, 3, 2, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=at) as context:
        (request,) = schedule.evaluate_tick(context).run_requests
    assert (schedule.cron_schedule, request.partition_key) == ("0 2 * * *", "2025-01-02")


#: Prints Spark's noise, and what the file beside it says; ends with the code that it names.
SCRIPT = """
import sys
from pathlib import Path
print("WARN SparkContext: noise")
code, _, text = (Path(__file__).parent / "said.txt").read_text().partition("\\n")
print(text)
print("INFO ShutdownHookManager: noise", file=sys.stderr)
assert sys.argv[1:3] == ["run", "--manifest"], sys.argv
sys.exit(int(code))
"""


def on_spark(tmp_path: Path, code: int, text: str) -> tuple[dict[str, Any], list[Any]]:
    """Run a step whose job on Spark says a text and ends with a code."""
    (tmp_path / "job.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "said.txt").write_text(f"{code}\n{text}", encoding="utf-8")
    submit = f"'{sys.executable}' '{tmp_path}/job.py'"
    job = CohortJob(backend="spark", spark_submit=submit, reject_ratio_max=0.1)
    with dg.build_op_context() as context:
        return job.run(cast(Any, context), ["run", "--manifest", "m.json"], [])


def test_a_run_on_spark_materializes_what_its_lineage_says(tmp_path: Path) -> None:
    example = json.loads((SCHEMAS / "lineage.v1.json").read_text(encoding="utf-8"))["examples"][0]
    summary = json.loads((SCHEMAS / "summary.v1.json").read_text(encoding="utf-8"))["examples"][0]
    reports = example["inputs"]["minority_reports_detected_log"]
    reports |= {"rows_read": 4, "rows_rejected": {"missing_store_id": 1}}
    (tmp_path / "lineage.json").write_text(json.dumps(example), encoding="utf-8")
    summary |= {"lineage": f"file://{tmp_path}/lineage.json"}
    found, (lines, events, check) = on_spark(tmp_path, 0, json.dumps(summary))
    assert found == summary
    assert lines.asset_key == dg.AssetKey("minority_reports_cohorted_log")
    assert lines.metadata["dagster/row_count"] == summary["rows"]["minority_reports_cohorted_log"]
    assert events.metadata["events_opened"] == summary["counts"]["events_opened"]
    assert events.data_version.value == example["content_sha256"]
    assert (check.passed, check.metadata["ratio"].value) == (False, 0.25)


@pytest.mark.parametrize(
    ("code", "text", "description", "retries"),
    [
        (65, "cohort: no column store_id", "exit 65: no column store_id", False),
        (75, "cohort: the disk is slow", "exit 75: the disk is slow", True),
        # Spark's own code, of a driver that was never there.
        (70, "", "the job was stopped before it could say why", True),
        (0, "", "expected the job's summary, found none: is the script spark_job.py?", True),
    ],
)
def test_a_run_on_spark_fails_with_the_jobs_own_line(
    tmp_path: Path, code: int, text: str, description: str, retries: bool
) -> None:
    with pytest.raises(dg.Failure) as raised:
        on_spark(tmp_path, code, text)
    assert (raised.value.description, raised.value.allow_retries) == (description, retries)


class Log:
    """A container's log, delivered in pieces as Docker does."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def logs(self, **_: object) -> list[bytes]:
        return [self.text[at : at + 16_384] for at in range(0, len(self.text), 16_384)]


class Handler:
    """Keeps the messages that it gets."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def handle_message(self, message: dict[str, Any]) -> None:
        self.messages.append(message)


def test_a_message_of_200_kb_is_read_whole_from_a_container_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "x" * 200_000
    message = json.dumps({"__dagster_pipes_version": "0.1", "params": {"message": long}})
    handler, reader = Handler(), WholeLines()
    with reader.read_messages(handler) as params:
        assert params["line_bytes_max"] > 200_000
        reader.consume(cast("Container", Log(f"before\n{message}\nafter".encode())))
    assert [m["params"]["message"] for m in handler.messages] == [long]
    assert capsys.readouterr().out.split() == ["before", "after"]


def test_several_partitions_are_one_result_per_asset_and_check() -> None:
    def day(rows: int, passed: bool) -> Sequence[Any]:
        return [
            dg.MaterializeResult(asset_key="a", metadata={"dagster/row_count": rows}),
            dg.AssetCheckResult(asset_key="a", check_name="c", passed=passed),
        ]

    results = list(merged([("d1", day(3, True)), ("d2", day(4, False))]))
    assert [type(result).__name__ for result in results] == [
        "MaterializeResult",
        "AssetCheckResult",
    ]
    assert results[0].metadata["dagster/row_count"] == 7
    assert not results[1].passed
    assert results[1].metadata["failed"].value == "d2"

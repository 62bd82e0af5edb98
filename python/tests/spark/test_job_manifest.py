"""The job on Spark refuses the manifests that the binary refuses, before Spark does anything."""

from __future__ import annotations

import argparse
import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from spark_cluster import BINARY

import cohort_events
from cohort_events import _manifest
from cohort_events._partitions import Partitioning
from cohort_events._places import overlap, resolved, segment
from cohort_events._spark_failures import failure, line
from cohort_events.errors import CohortError, DataError

SCHEMA = "run_manifest.v1.json"
REPORTS, SCORES = "minority_reports_detected_log", "anomaly_classifier_model_prediction_log"
GIVEN: dict[str, Any] = {
    "version": 1,
    "run_id": "r",
    "interval": {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"},
    "inputs": {REPORTS: {"uri": "reports/"}, SCORES: {"uri": "scores/"}},
    "outputs": {
        "minority_reports_cohorted_log": "out/mrch/",
        "minority_event_log": "out/melog/",
        "lineage": "out/lineage/",
    },
}
#: What the tests put into the place of a key; the last one is a key of the manifest itself.
CHANGES: dict[str, dict[str, Any]] = {
    "": {
        "commit": "maybe",
        "gap": "1 hour",
        "gaps": "PT1H",
        "inputs": [],
        "interval": {"start": "2025-01-02T00:00:00Z", "end": "2025-01-01T00:00:00Z"},
        "keep_superseded": None,
        "max_event_duration": "PT30M",
        "max_lookback": "P99999999999999D",
        "max_reject_ratio": 2,
        "run_id": ":" * 240,
        "version": True,
    },
    "inputs": {f"{SCORES}s": {"uri": "x/"}, SCORES: {}, "user_edits": {"uri": "x/"}},
    f"inputs.{REPORTS}": {
        "columns": {"store": "store_id"},
        "partitionning": "date=%F",
        "partitioning": "%Y/%H",
        "uri": "gs://lake/",
    },
    "interval": {"start": "2025-02-30T00:00:00Z", "until": "x"},
    "outputs": {
        "lineage": "out/melog/run/",
        "linage": "out/x/",
        "minority_event_log": "reports/x/",
        "minority_reports_cohorted_log": "out/melog/",
    },
}
TEXTS = {
    "a key twice": '{"version": 1, "version": 1,',
    "no number": '{"max_reject_ratio": NaN,',
    "a comma at the end": '{"gap": "PT1H",,',
    "a comment that goes on": '/* {"gap": "PT1H",',
}


def options(**typed: str) -> argparse.Namespace:
    """Return the command line."""
    names = ("run_id", "interval_start", "interval_end", *_manifest.DEFAULTS)
    return argparse.Namespace(**dict.fromkeys(names) | typed)


def code(text: str, path: Path, **typed: str) -> int:
    """Return the exit code of a manifest, or 0."""
    try:
        uri = f"file://{path}"
        _manifest.manifest(uri, _manifest.read(uri, text.encode()), options(**typed))
    except CohortError as error:
        assert str(path) in str(error)
        return error.exit_code
    return 0


def binary(*arguments: Any) -> int:
    """Return the exit code of the binary."""
    command = [BINARY, "run", "--manifest", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode


def changed(where: str, key: str, value: Any) -> str:
    """Return the manifest with one value changed."""
    given: Any = json.loads(json.dumps(GIVEN))
    place = given
    for step in filter(None, where.split(".")):
        place = place[step]
    place[key] = value
    return json.dumps(given)


def test_the_packages_schema_is_the_projects() -> None:
    ours = Path(cohort_events.__file__).with_name(SCHEMA)
    theirs = Path(__file__).parents[3] / "schemas" / SCHEMA
    assert ours.read_bytes() == theirs.read_bytes()


def test_what_the_binary_refuses_is_refused(tmp_path: Path) -> None:
    whole = json.dumps(GIVEN)
    texts = {name: begin + whole[1:] for name, begin in TEXTS.items()}
    for where, values in CHANGES.items():
        texts |= {f"{where} {key}": changed(where, key, value) for key, value in values.items()}
    path = tmp_path / "m.json"
    for name, text in texts.items():
        path.write_text(text, encoding="utf-8")
        assert (name, code(text, path)) == (name, 78)
        assert (name, binary(path)) == (name, 78)
    # Of a right manifest, the binary misses the reports.
    fine = "\ufeff// A comment.\n" + whole.replace(":", ": /* as // in */", 1)
    path.write_text(fine, encoding="utf-8")
    assert (code(fine, path), binary(path)) == (0, 66)


def test_a_wrong_command_line_is_told_from_a_wrong_manifest(tmp_path: Path) -> None:
    text, uri = json.dumps(GIVEN), f"file://{tmp_path}/m.json"
    for typed in (
        {"gap": "1 hour"},
        {"gap": "P7D"},
        {"run_id": "a/b"},
        {"interval_start": "2026-01-01T00:00:00Z"},
    ):
        with pytest.raises(CohortError) as caught:
            _manifest.manifest(uri, _manifest.read(uri, text.encode()), options(**typed))
        assert (typed, caught.value.exit_code) == (typed, 2)


def test_demo_run_config_names_the_run_last() -> None:
    given = GIVEN | {"demo_run_config": "demo.json"}
    assert _manifest.named_by_demo("file:///lake/m.json", given, options()) is None
    del given["run_id"]
    place = _manifest.named_by_demo("file:///lake/m.json", given, options())
    assert place == "file:///lake/demo.json"
    assert _manifest.named_by_demo("file:///lake/m.json", given, options(run_id="x")) is None
    run_id = _manifest.demo_run_id(place, b'{"run_id": "demo", /* any */ "other": 1}')
    wanted = _manifest.manifest("file:///lake/m.json", given, options(), run_id)
    assert wanted.lineage == "file:///lake/out/lineage/run=demo/lineage.json"
    assert wanted.resolved()["demo_run_config"] == place
    for wrong in (b"[]", b'{"run_id": null}', b'{"run_id": "a/b"}', b"\xff"):
        with pytest.raises(CohortError) as caught:
            _manifest.demo_run_id(place, wrong)
        assert caught.value.exit_code == 78


def test_uris_are_taken_literally() -> None:
    for base, text, expected in (
        ("file:///lake/run/m.json", "../x//y/", "file:///lake/x/y/"),
        ("file:///m.json", "./a%3Ab", "file:///a%3Ab"),
        ("s3://b/conf/m.json", "data/", "s3://b/conf/data/"),
        ("s3://b/m.json", "../data/", "s3://b/data/"),
        ("file:///m.json", "s3://b", "s3://b/"),
    ):
        assert resolved(base, text) == expected
    assert segment("Az09._-:+@=~") == "run=Az09._-%3A%2B%40%3D%7E"
    assert overlap({"r": "file:///o/in/"}, {"x": "file:///o/"}) is None
    assert overlap({"r": "file:///o/run=1/"}, {"x": "file:///o/"}) is not None


def test_partitions_tile_the_calendar() -> None:
    first, end = datetime(2024, 12, 31, 22, 30), datetime(2025, 1, 1, 1)
    for pattern, count, last in (
        ("date=%F/hour=%-H", 3, ["date=2025-01-01", "hour=0"]),
        ("%%m=%Y%m", 2, ["%m=202501"]),
        ("%Y/%j/%H.%M", 150, ["2025", "001", "00.59"]),
        ("y=%Y/", 2, ["y=2025"]),
    ):
        partitioning = Partitioning(pattern)
        starts = list(partitioning.starts(first, end))
        assert (len(starts), [names[0] for names in partitioning.twins(starts[-1])]) == (
            count,
            last,
        )
    day = Partitioning("%F")
    assert day.twins(datetime(1, 1, 1))[0][0] == "0001-01-01"
    assert len(list(day.starts(datetime(9999, 12, 30), datetime.max))) == 2
    assert not day.fits(0, "2025-13-01")


def test_every_failure_is_one_line_of_its_kind() -> None:
    class Py4JJavaError(Exception):
        __module__ = "py4j.protocol"

    broken = "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///x"
    begin = "An error occurred while calling o1.parquet.\n: org.apache.spark.SparkException: "
    stack = "\n\tat org.apache.spark.X.y(X.scala:1)\n"
    raised = "\ncohort_events.errors.DataError: s: a sum does not fit\n"
    for error, exit_code in (
        (Py4JJavaError(f"{begin}[USER_RAISED_EXCEPTION] too many SQLSTATE: P0001{stack}"), 65),
        (Py4JJavaError(f"{begin}Job aborted{raised}{stack}"), 65),
        (Py4JJavaError(f"{begin}No FileSystem for scheme s3{stack}"), 78),
        (Py4JJavaError(f"{begin}org.apache.hadoop.security.AccessControlException{stack}"), 77),
        (Py4JJavaError(f"{begin}Connection reset{stack}"), 75),
        (Py4JJavaError(f"{begin}{broken}/AWS-export/Sdk Timeout/SocketException{stack}"), 65),
        (Py4JJavaError(f"{begin}{broken}/a/Permission denied/No space left/b{stack}"), 65),
        (Py4JJavaError(f"{begin}{broken}/a{stack}Caused by: java.net.SocketException: x"), 75),
        (Py4JJavaError(f"{begin}{broken}/a{stack}Caused by: x.SdkClientException: x"), 75),
        (Py4JJavaError(f"{begin}lost{stack}Caused by: java.lang.ArithmeticException: x"), 65),
        (PermissionError(13, "denied", "/x"), 77),
        (NotADirectoryError(20, "no folder", "/x"), 78),
        (FileNotFoundError(2, "gone", "/x"), 75),
        (KeyError("x"), 70),
        (DataError("two\nlines\x1b"), 65),
    ):
        told = failure(error)
        assert (str(error), told.exit_code) == (str(error), exit_code)
        assert line(told).startswith("cohort: ") and line(told).isprintable()

"""Dagster Pipes and result files, tried without Dagster or Docker on a hand-made context."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import zlib
from pathlib import Path

import pytest
from pyarrow import fs

from conftest import BINARY, Json
from lake import Lake, fill
from printed import PATIENCE_S

KEYS = ["minority_reports_cohorted_log", "minority_event_log"]


def packed(value: Json) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lake = Lake(fs.LocalFileSystem(), str(tmp_path / "lake"))
    fill(lake)
    return tmp_path


def cohort(
    folder: Path, messages: Json, *arguments: str, **extras: object
) -> subprocess.CompletedProcess[str]:
    context = {"data": {"asset_keys": KEYS, "extras": extras}}
    env = {
        **os.environ,
        "DAGSTER_PIPES_CONTEXT": packed(context),
        "DAGSTER_PIPES_MESSAGES": packed(messages),
    }
    manifest = str(folder / "lake" / "manifests" / "cohorting.json")
    command = [BINARY, "run", "--manifest", manifest, "--run-id", "raw", *arguments]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def messages(text: str) -> list[Json]:
    lines = [json.loads(line) for line in text.splitlines() if "__dagster_pipes_version" in line]
    assert all(line["__dagster_pipes_version"] == "0.1" for line in lines)
    return lines


def test_a_run_reports_through_a_file(folder: Path) -> None:
    file = folder / "messages"
    done = cohort(folder, {"path": str(file)}, checks=["rejects_under_limit"])
    assert done.returncode == 0, done.stderr
    said = messages(file.read_text())
    assert [message["method"] for message in said] == [
        *("opened", "log", "log", "report_custom_message"),
        *("report_asset_materialization", "report_asset_materialization"),
        *("report_asset_check", "closed"),
    ]
    assert said[3]["params"]["payload"] == json.loads(done.stdout)
    assert [message["params"]["asset_key"] for message in said[4:6]] == KEYS


def test_a_container_log_gets_lines_that_docker_does_not_cut(folder: Path) -> None:
    done = cohort(folder, {"stdio": "stderr"}, top_events=2_000)
    assert done.returncode == 0
    assert max(map(len, done.stderr.splitlines())) < 16_384
    assert messages(done.stderr)[-1]["method"] == "closed"
    # Stdout holds the summary and nothing else.
    assert json.loads(done.stdout)["status"] == "committed"


def test_a_failure_closes_with_its_reason_and_leaves_it_in_the_result_file(folder: Path) -> None:
    result = folder / "result.json"
    late = ["--interval-start", "2025-01-02T00:00:00Z", "--interval-end", "2025-01-01T00:00:00Z"]
    done = cohort(folder, {"path": str(folder / "m")}, "--result-file", str(result), *late)
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[-1]
    closed = messages((folder / "m").read_text())[-1]
    assert closed["method"] == "closed"
    reason = closed["params"]["exception"]["message"].removesuffix(" (exit 2)")
    assert line == f"cohort: {reason}"
    failure = json.loads(result.read_text())
    assert (failure["exit_code"], failure["retry"], failure["error"]) == (2, False, reason)


def test_the_result_file_is_the_summary(folder: Path) -> None:
    result = folder / "result.json"
    done = cohort(folder, {"path": str(folder / "m")}, "--result-file", str(result))
    assert result.read_text() == done.stdout

"""The Compose file, tried by the commands at its head."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from conftest import free_port
from printed import ROOT, shell

FILE = ROOT / "docker" / "compose.yaml"
OLD, NEW = "docker-compose ", "docker compose "
Command = Callable[[], subprocess.CompletedProcess[str]]


def compose() -> str | None:
    """The command of the Compose that is installed here, the old one or the plugin."""
    if shutil.which("docker-compose"):
        return OLD
    found = shell("docker compose version", dict(os.environ), ROOT)
    return NEW if found.returncode == 0 else None


@pytest.fixture
def commands() -> Iterator[list[Command]]:
    """The file's own commands, run, show and down, for the Compose that is installed here."""
    installed = compose()
    if installed is None:
        pytest.skip("expected docker-compose or docker compose, found neither: install one")
    text = FILE.read_text().replace("\\\n#  ", "")
    head = re.findall(r"^#   (\S.*)", text, flags=re.MULTILINE)
    mine = [line.replace(OLD, installed) for line in head if line.startswith(OLD)]
    assert len(mine) == 3
    env = {**os.environ, "COHORT_S3_PORT": str(free_port())}
    yield [partial(shell, command, env, ROOT) for command in mine]
    shell(mine[-1], env, ROOT)


def test_compose_runs_the_job_on_the_sample_and_a_second_time_finds_it_done(
    commands: list[Command],
) -> None:
    run, show, down = commands
    first = run()
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout.splitlines()[-1])
    assert (summary["status"], summary["run_id"]) == ("committed", "demo__2025-01-01")
    assert summary["counts"]["events_opened"] > 10
    again = run()
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["status"] == "unchanged"
    shown = show()
    assert shown.returncode == 0, shown.stderr
    # Events that an earlier day opened and this one closed are shown too.
    count = re.search(r"of (\d+) events", shown.stdout)
    assert count, shown.stdout
    assert int(count[1]) >= summary["counts"]["events_opened"]
    assert down().returncode == 0

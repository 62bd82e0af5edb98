"""Checks that the README prints no command that no test runs."""

from __future__ import annotations

import re
from pathlib import Path

from printed import ROOT, commands

#: What run.sh runs, and what only prepares the next line.
ELSEWHERE = {
    "docker/build.sh": "run.sh",
    "pip install -r dags/dagster/requirements.txt": "run.sh",
    "export ": "exported() in conftest.py",
    "cd dags/dagster": "the folder in which test_dagster.py runs its commands",
    "docker build -f docker/Dockerfile": "not run here: it pulls an image",
}


def test_every_command_of_the_readme_is_run_by_a_test_as_it_is_printed() -> None:
    tests = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("*.py")))
    run = tuple(re.findall(r'printed\("([^"]+)"', tests))
    left = [c for c in commands() if not c.startswith((*run, *ELSEWHERE))]
    assert left == []


def test_the_script_installs_and_builds_as_the_readme_prints() -> None:
    script = (ROOT / "tests" / "orchestrators" / "run.sh").read_text()
    assert "docker/build.sh; fi" in script
    assert "environment dagster-venv dags/dagster/requirements.txt" in script

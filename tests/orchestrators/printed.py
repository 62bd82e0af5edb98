"""The commands that the documentation prints, so that tests run exactly those."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: When a test gives up on what hangs. No test depends on how fast anything is.
PATIENCE_S = 900


def commands(heading: str = "## Running under Airflow and Dagster") -> list[str]:
    """The commands below a heading of the README, each on one line."""
    level = heading.partition(" ")[0]
    below = (ROOT / "README.md").read_text().split(f"\n{heading}\n")[1]
    below = re.split(rf"\n#{{1,{len(level)}}} ", below)[0]
    lines = "".join(re.findall(r"```sh\n(.*?)```", below, flags=re.DOTALL))
    # A remark follows two spaces.
    whole = re.sub(r"  +# .*", "", lines.replace("\\\n", " ")).splitlines()
    return [" ".join(line.split()) for line in whole if line.strip()]


def printed(begins: str) -> str:
    """The only command of the README that begins like this."""
    found = [command for command in commands() if command.startswith(begins)]
    assert len(found) == 1, f"{begins}: expected one command in README.md, found {found}"
    return found[0]


def exported(heading: str) -> dict[str, str]:
    """The variables that the README sets below a heading, as a shell understands them."""
    lines = [command for command in commands(heading) if command.startswith("export ")]
    assert lines, f"{heading}: expected variables in README.md, found none"
    done = shell("; ".join([*lines, "env -0"]), {"PATH": "/usr/bin:/bin"}, ROOT)
    pairs = (entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    return {name: value for name, value in pairs if name.startswith("COHORT_")}


def shell(command: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody who has copied it would."""
    return subprocess.run(
        ["bash", "-c", command],
        env=env,
        cwd=cwd,
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )

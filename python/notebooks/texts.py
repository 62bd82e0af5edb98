"""Compares the texts of a notebook in the repository with those of one that was just run.

    python texts.py KEPT RUN

Pictures may differ from one version of a library to the next; texts may not. Outside of CI, KEPT is
replaced by RUN.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any


def tidy(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook without what differs from machine to machine and from run to run."""
    notebook["metadata"] = {
        "kernelspec": notebook["metadata"]["kernelspec"],
        "language_info": {"name": "python"},
    }
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        for output in cell.get("outputs", []):
            # Every text is there as plain text too.
            output.get("data", {}).pop("text/html", None)
    return notebook


def texts(notebook: dict[str, Any]) -> list[str]:
    """Return the lines of all cells and their outputs, without pictures."""
    lines: list[str] = []
    for cell in notebook["cells"]:
        lines += cell["source"]
        for output in cell.get("outputs", []):
            lines += output.get("text", []) or output.get("data", {}).get("text/plain", [])
    return [line.rstrip("\n") for line in lines]


def main(kept: Path, run: Path) -> int:
    """Compare, or replace."""
    known, found = (tidy(json.loads(path.read_text(encoding="utf-8"))) for path in (kept, run))
    if not os.environ.get("CI"):
        text = json.dumps(found, indent=1, ensure_ascii=False)
        kept.write_text(f"{text}\n", encoding="utf-8")
        return 0
    names = (str(kept), str(run))
    differing = list(difflib.unified_diff(texts(known), texts(found), *names, lineterm=""))
    print("\n".join(differing) or f"{run}: as in the repository")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))

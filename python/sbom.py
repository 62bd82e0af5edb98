"""Prints what the package's library is made of, as CycloneDX, without paths and times.

    python sbom.py

maturin writes one that holds both, so that no two builds would be equal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
TARGET = "x86_64-unknown-linux-gnu"


def crates() -> list[tuple[str, str, str]]:
    """Return name, version and licence of every crate that is linked in, in order."""
    command = [os.environ.get("CARGO", "cargo"), "tree", "--locked", "--target", TARGET]
    options = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}|{l}"]
    done = subprocess.run(
        [*command, *options], stdout=subprocess.PIPE, text=True, check=True, cwd=FOLDER
    )
    found = set()
    for line in filter(None, done.stdout.splitlines()):
        package, licence = line.removesuffix(" (*)").split("|")
        name, version = package.split()[:2]
        found.add((name, version.removeprefix("v"), licence))
    return sorted(found)


def main() -> None:
    """Print the list as one JSON document."""
    own = "cohort-events"
    components = [
        {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:cargo/{name}@{version}",
            "licenses": [{"expression": licence.replace("/", " OR ")}],
        }
        for name, version, licence in crates()
    ]
    package = next(component for component in components if component["name"] == own)
    json.dump(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": package},
            "components": [component for component in components if component is not package],
        },
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()

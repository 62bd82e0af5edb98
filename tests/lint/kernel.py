"""Checks that the kernel stays a computation: its bans and its dependencies.

    python kernel.py

Clippy reads only the nearest clippy.toml. That of core/ must therefore repeat every ban and every
setting of the root's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Beginnings of the names of crates that do I/O, or that wait for it. Two that reach outside come
#: with Arrow and are let in, since the kernel never calls them: `iana-time-zone`, with which
#: `chrono` would ask for the local time zone, and `getrandom`, which seeds the hashes of `ahash`.
IMPURE = (
    "async",
    "aws",
    "futures",
    "hyper",
    "mio",
    "object_store",
    "parquet",
    "reqwest",
    "rustix",
    "rustls",
    "socket2",
    "tokio",
)


def banned(entries: list[dict[str, str]]) -> set[str]:
    """Return what a list of bans is about, without the reasons."""
    return {entry["path"] for entry in entries}


def missing_bans(root: dict[str, Any], kernel: dict[str, Any]) -> Iterator[str]:
    """Yield the bans and settings of the root's clippy.toml that the kernel's does not repeat."""
    for key, value in root.items():
        if key.startswith("disallowed-"):
            for path in sorted(banned(value) - banned(kernel.get(key, []))):
                yield f"core/clippy.toml: expected {path} under {key}, as in clippy.toml: add it"
        elif kernel.get(key) != value:
            yield f"core/clippy.toml: expected {key} = {value}, as in clippy.toml: set it"


def impure(names: list[str]) -> Iterator[str]:
    """Yield a message for each crate that does I/O."""
    for name in sorted(set(names)):
        if name.startswith(IMPURE):
            yield f"core/Cargo.toml: expected crates that only compute, found {name}: drop it"


def crates() -> list[str]:
    """Return the names of the kernel's dependencies, direct or not, and its own."""
    command = [os.environ.get("CARGO", "cargo"), "tree", "--locked", "--package", "cohort-core"]
    options = ["--edges", "normal", "--prefix", "none", "--format", "{p}"]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines() if line]


def main() -> None:
    """Print every fault, and exit with 1 if there is any."""
    root = tomllib.loads(Path("clippy.toml").read_text(encoding="utf-8"))
    kernel = tomllib.loads(Path("core/clippy.toml").read_text(encoding="utf-8"))
    names = crates()
    # An empty tree would be pure, too.
    if "cohort-core" not in names:
        sys.exit("cargo tree: expected cohort-core in its own tree, found it missing")
    faults = [*missing_bans(root, kernel), *impure(names)]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()

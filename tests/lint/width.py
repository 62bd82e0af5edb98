"""Checks that no line of a tracked source file is longer than 100 columns.

    python width.py

Markdown's tables and lines with a URL cannot be wrapped and are left out. So are data, lock files
and golden cases: only the kinds of file below are read.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WIDTH = 100
SUFFIXES = {
    ".css",
    ".ini",
    ".js",
    ".md",
    ".py",
    ".pyi",
    ".rs",
    ".sh",
    ".sql",
    ".toml",
    ".yaml",
}
#: What a line of Rust, Python or shell begins with before the text of its comment.
MARKERS = ("//!", "///", "//", "#")


def sources() -> Iterator[Path]:
    """Yield the tracked source files; those without a suffix are scripts, recipes and the like."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(name)
        # A tracked file may have been removed from the work tree.
        if path.is_file() and (path.suffix in SUFFIXES or not path.suffix):
            yield path


def can_be_wrapped(line: str) -> bool:
    """Return whether a line is neither a row of a table nor has a URL in it."""
    text = line.strip()
    for marker in MARKERS:
        if text.startswith(marker):
            text = text.removeprefix(marker).strip()
            break
    return not text.startswith("|") and "://" not in text


def main() -> None:
    """Print every line that is too long, and exit with 1 if there is any."""
    too_long = [
        f"{path}:{number}: expected at most {WIDTH} columns, found {len(line)}: wrap the line"
        for path in sources()
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > WIDTH and can_be_wrapped(line)
    ]
    print("\n".join(too_long), file=sys.stderr, end="\n" if too_long else "")
    sys.exit(1 if too_long else 0)


if __name__ == "__main__":
    main()

"""Checks that files and functions are short enough to be read in one go.

    python lengths.py

A file has at most 400 lines with its tests, a function at most 70 with its comments. Rust is
formatted before this runs, so a function ends at the first closing brace of its own indentation.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
SUFFIXES = {".css", ".js", ".py", ".pyi", ".rs", ".sh", ".sql"}
RUST_FUNCTION = re.compile(
    r'^(?P<indent> *)(?:pub(?:\([^)]*\))? )?(?:(?:const|async|unsafe|extern(?: "[^"]*")?) )*'
    r"fn (?P<name>\w+)"
)


def sources() -> Iterator[Path]:
    """Yield the tracked files of code."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = Path(name)
        # A tracked file may have been removed from the work tree.
        if path.is_file() and path.suffix in SUFFIXES:
            yield path


def rust_functions(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each function that has a body, its first line, and how many it has."""
    for first, line in enumerate(lines):
        found = RUST_FUNCTION.match(line)
        # What a trait only declares ends with a semicolon before any body begins.
        if not found or not begins_body(lines[first:]):
            continue
        last = lines.index(f"{found['indent']}}}", first)
        yield found["name"], first + 1, last - first + 1


def begins_body(lines: list[str]) -> bool:
    """Return whether a signature goes on into a body of several lines."""
    if lines[0].endswith("}"):
        return False
    return next(line for line in lines if line.endswith(("{", ";"))).endswith("{")


def python_functions(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each function, its first line, and how many it has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def faults(path: Path) -> Iterator[str]:
    """Yield a message for the file if it is too long, and for each such function."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield f"{path}: expected at most {FILE_LINES_MAX} lines, found {len(lines)}: split the file"
    functions: Iterator[tuple[str, int, int]] = iter(())
    if path.suffix == ".rs":
        functions = rust_functions(lines)
    elif path.suffix == ".py":
        functions = python_functions(source)
    for name, line, count in functions:
        if count > FUNCTION_LINES_MAX:
            yield (
                f"{path}:{line}: expected at most {FUNCTION_LINES_MAX} lines in {name}, found"
                f" {count}: split the function"
            )


def main() -> None:
    """Print everything that is too long, and exit with 1 if there is anything."""
    too_long = [fault for path in sources() for fault in faults(path)]
    print("\n".join(too_long), file=sys.stderr, end="\n" if too_long else "")
    sys.exit(1 if too_long else 0)


if __name__ == "__main__":
    main()
